import { Buffer } from 'node:buffer'
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { CuttyError } from './errors.ts'
import type { Bookmarks } from './ports/database.ts'

/**
 * Bookmarks of the database in the hands of clients, who carry them from one process to another. Signed: one that somebody made up
 * could be later than all that there will ever be, and keep a process from its nearest copy, and from all that it remembers.
 */
export interface SignedBookmarks {
  /** Printable ASCII without spaces, ordered by its bytes as the database is by time. */
  latest(): string | undefined
  /**
   * From now on this process reads nothing that is older. Throws `invalid_request` for what no process with this master key has
   * signed: who sends a bookmark relies on it, and would never know that it was passed over.
   */
  atLeast(signed: string): void
}

/** Of 256 bits half: nobody can try many. */
const macBytes = 16
/** D1's have 67. */
const signedCharsMax = 512

export function createSignedBookmarks(options: {
  bookmarks: Bookmarks
  masterKey: Uint8Array
}): SignedBookmarks {
  const { bookmarks, masterKey } = options
  const key = new Uint8Array(hkdfSync('sha256', masterKey, '', 'cutty database bookmarks v1', 32))
  const macOf = (bookmark: string) =>
    createHmac('sha256', key).update(bookmark).digest().subarray(0, macBytes)
  /** The same for all who wrote at one time. */
  let last = { bookmark: '', signed: '' }

  return {
    latest() {
      const bookmark = bookmarks.latest()
      if (bookmark === undefined) return undefined
      if (bookmark !== last.bookmark)
        last = { bookmark, signed: `${bookmark}.${macOf(bookmark).toString('base64url')}` }
      return last.signed
    },
    atLeast(signed) {
      const end = signed.lastIndexOf('.')
      const bookmark = signed.slice(0, Math.max(0, end))
      const mac = Buffer.from(signed.slice(end + 1), 'base64url')
      const isOurs =
        end > 0 &&
        signed.length <= signedCharsMax &&
        mac.length === macBytes &&
        timingSafeEqual(mac, macOf(bookmark))
      if (!isOurs) {
        throw new CuttyError('invalid_request', 'Cutty-Bookmark is not one that was given out here.')
      }
      bookmarks.atLeast(bookmark)
    },
  }
}
