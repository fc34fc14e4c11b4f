import { authorizeUser, type Caller } from '../accounts/caller.ts'
import { lifetimes } from '../cache/lifetimes.ts'
import type { QueryCache } from '../cache/query-cache.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { limits } from '../limits.ts'
import { bind, DatabaseError } from '../ports/database.ts'
import { revokeLinksOfAccessKey, revokeLinksOfUser } from '../statements/accounts.ts'
import { deleteExpiredSignedUrls, findSignedUrl, revokeSignedUrl } from '../statements/signed-urls.ts'
import { checkLinkId } from './caps.ts'

/** Of links that say who they are; of most, nothing is known. */
export function signedUrlsOf(rows: QueryCache): Core['signedUrls'] {
  return rows.namespace({
    statement: findSignedUrl,
    make: ([row]) => row,
    dependsOn: (_row, { userId, id }, on) => [on('signed_urls', [userId, id])],
    lifetime: lifetimes.link,
  })
}

/** Whether the link was revoked by its id: at once in the process that did it, elsewhere within the lifetime of such a row. */
export async function isLinkRevoked(core: Core, link: { userId: string; id: string }): Promise<boolean> {
  const row = await core.signedUrls.read(link)
  return row !== undefined && row.revokedAtMs !== null
}

/**
 * Revokes the user's links and forms of that id, whether they exist or not: what was signed is nowhere written down. The row
 * stays for as long as one that is made by now can count.
 */
export async function revokeLink(
  core: Core,
  caller: Caller,
  link: { userId: string; id: string },
): Promise<void> {
  authorizeUser(caller, link.userId)
  const nowMs = core.clock.now()
  const values = {
    userId: link.userId,
    id: checkLinkId(link.id),
    // Of whichever key.
    accessKeyId: '',
    expiresAtMs: nowMs + limits.linkSecondsMax * 1000,
    nowMs,
  }
  await core.database.batch([bind(revokeSignedUrl, values)]).catch((error: unknown) => {
    if (error instanceof DatabaseError && error.kind === 'foreign_key') {
      throw new CuttyError('user_not_found', undefined, { cause: error })
    }
    throw error
  })
}

/**
 * Revokes what a key, or every key of a user, has signed up to now; the keys themselves go on. Returns the time from which on
 * new links count: the next full second, since signatures know no smaller part of time, or the one after the last revocation,
 * for which links may have been made already.
 */
export async function revokeLinksOf(
  core: Core,
  caller: Caller,
  of: { userId: string; accessKeyId?: string },
): Promise<number> {
  const { userId, accessKeyId: id } = of
  authorizeUser(caller, userId)
  const beforeMs = nextSecond(core.clock.now())
  const [result] = await core.database.batch([
    id === undefined
      ? bind(revokeLinksOfUser, { userId, beforeMs })
      : bind(revokeLinksOfAccessKey, { userId, id, beforeMs }),
  ])
  const [row] = (result?.rows ?? []) as { beforeMs: number }[]
  if (!row) {
    throw id === undefined
      ? new CuttyError('user_not_found')
      : new CuttyError('key_not_found', 'This user has no such access key.')
  }
  return row.beforeMs
}

/** The first whole second after that. */
export function nextSecond(ms: number): number {
  return (Math.floor(ms / 1000) + 1) * 1000
}

/** Clocks of several processes differ: what one finds expired, another may still take. */
const graceMs = 3_600_000

/** Forgets what links of the past were. Returns how many. */
export async function removeExpiredLinks(core: Core): Promise<number> {
  let removed = 0
  for (;;) {
    const beforeMs = core.clock.now() - graceMs
    const statement = bind(deleteExpiredSignedUrls, { beforeMs, limit: limits.collectBatchMax })
    const [result] = await core.database.batch([statement])
    const changes = result?.changes ?? 0
    removed += changes
    if (changes < limits.collectBatchMax) return removed
  }
}
