/**
 * How long what was read from the database may be used where other processes write to it too. Where this process alone writes,
 * none of these applies: what is kept is exact, and goes with the write that changes it. `docs/guides/caching.md` has this table.
 */
export interface Lifetime {
  /** Used without asking. Up to a tenth less, by chance, so that what was read together is not asked for together again (R36). */
  readonly freshMs: number
  /** After that, used once more for each who asks while it is asked for in the background (RFC 5861). */
  readonly staleWhileRevalidateMs: number
  /** Used, counted from when it was read, if the database cannot be reached; never in place of an answer (R33). */
  readonly staleIfErrorMs: number
  /** Instead of the first, where nothing was found (R35); with zero, that is not kept. */
  readonly absentMs: number
}

export const lifetimes = Object.freeze({
  /** Which bytes a name stands for, and who may read them: at most 5 s late, so long as the database answers. */
  pointer: { freshMs: 2000, staleWhileRevalidateMs: 3000, staleIfErrorMs: 60_000, absentMs: 1000 },
  /** Pages of names. */
  listing: { freshMs: 2000, staleWhileRevalidateMs: 3000, staleIfErrorMs: 60_000, absentMs: 1000 },
  /** Sums for people to look at: at most 30 s late. */
  totals: { freshMs: 10_000, staleWhileRevalidateMs: 20_000, staleIfErrorMs: 300_000, absentMs: 1000 },
  /** A key that was revoked ends everywhere within 2 s. Whether a key is valid is never guessed. */
  credential: { freshMs: 2000, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, absentMs: 0 },
  /** A link that was revoked by its id, likewise. Of most links there is nothing to find. */
  link: { freshMs: 2000, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, absentMs: 2000 },
} satisfies Record<string, Lifetime>)
