/** How one request came by what it answered: for `Cache-Status` and `Server-Timing`. Filled in on the way. */
export interface Trace {
  /** Bucket and file, from the cache of rows or the database. */
  readonly rows: Found
  /** Bytes of the file, from a tier or the source. */
  readonly bytes: Found
}

export interface Found {
  /** A tier's name, or `source`; `undefined` where nothing was looked up. */
  tier?: string | undefined
  /** Another request had asked for it already, and this one waited with it. */
  collapsed?: boolean
  /** Used though it was no longer fresh. */
  stale?: boolean
  /** What that took, where it was no hit in memory. */
  ms?: number
}

export function createTrace(): Trace {
  return { rows: { tier: undefined }, bytes: { tier: undefined } }
}
