import type { Bookmarks, QueryHow } from '../../core/ports/database.ts'
import type { D1QueriesLike } from './database.ts'

/** https://developers.cloudflare.com/d1/worker-api/d1-database/#withsession — what is used of it. */
export interface D1SessionLike extends D1QueriesLike {
  /** Of the newest answer; null before the first, and where D1 tells none. */
  getBookmark(): string | null
}

export interface D1Replicas {
  /** How old an answer may be that need not be of the present. At least so often the primary is asked instead. */
  readonly renewMs: number
  readonly monotonic: () => number
}

export interface D1Sessions {
  /** Runs `call` on a session whose answer is of the present, or, if it `mayLag`, at most `renewMs` old when it is asked for. */
  run<T>({ mayLag }: QueryHow, call: (queries: D1QueriesLike) => Promise<T>): Promise<T>
  readonly bookmarks: Bookmarks
}

const firstPrimary = 'first-primary'

/**
 * Which copy of a D1 database answers: https://developers.cloudflare.com/d1/best-practices/read-replication/
 *
 * A copy may be behind by any time; it answers a session only once it has what the session's bookmark stands for (or the primary
 * answers in its place). The primary's answer to a question that was asked at a time has a bookmark of that time or later. So
 * whoever begins at the newest bookmark that is known sees all that this process was told of, and nothing that is older than the
 * last question that the primary has answered. Every call has a session of its own: what one request does to a session, another one
 * must not wait for.
 *
 * Bookmarks from outside never reach D1, which might wait for one that never comes: they only make the primary be asked.
 */
export function createD1Sessions(
  d1: { withSession(constraint: string): D1SessionLike },
  { renewMs, monotonic }: D1Replicas,
): D1Sessions {
  /** Of D1's own answers. */
  let newest: string | undefined
  /** The newest one from outside. */
  let told: string | undefined
  /** When the latest question was asked that the primary has answered. */
  let primaryAskedMs = Number.NEGATIVE_INFINITY

  function constraintOf({ mayLag = false }: QueryHow): string {
    if (!mayLag || newest === undefined || (told !== undefined && told > newest)) return firstPrimary
    const ageMs = monotonic() - primaryAskedMs
    // A clock that went back says nothing.
    return ageMs >= 0 && ageMs < renewMs ? newest : firstPrimary
  }

  function learn(bookmark: string | null, primaryAsked: number | undefined): void {
    if (bookmark === null) {
      // Nobody knows now what is new: the primary is asked until it says.
      newest = undefined
      return
    }
    if (newest === undefined || bookmark > newest) newest = bookmark
    if (primaryAsked === undefined) return
    if (primaryAsked > primaryAskedMs || primaryAskedMs > monotonic()) primaryAskedMs = primaryAsked
  }

  return {
    async run(how, call) {
      const askedMs = monotonic()
      const constraint = constraintOf(how)
      const session = d1.withSession(constraint)
      try {
        const answer = await call(session)
        learn(session.getBookmark(), constraint === firstPrimary ? askedMs : undefined)
        return answer
      } catch (error) {
        // What was written may be there or not, and a copy may be in trouble: the primary knows.
        primaryAskedMs = Number.NEGATIVE_INFINITY
        throw error
      }
    },

    bookmarks: {
      latest: () => newest,
      atLeast(bookmark) {
        if (told !== undefined && bookmark <= told) return false
        told = bookmark
        return true
      },
    },
  }
}
