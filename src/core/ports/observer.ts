/**
 * What happens, told once by the part that did it. Logs, counters, exporters and alerts are listeners.
 * An observer returns at once and never throws; nothing waits for it.
 */
export type Observer = (event: Event) => void

export type Event = RequestEvent | FailureEvent | DamageEvent | StorageEvent | CacheTierEvent | LifecycleEvent

/** One HTTP request that was answered or broken off. Emitted when the last byte was handed over. */
export interface RequestEvent {
  readonly type: 'request'
  readonly requestId: string
  readonly method: string
  /** The route's template, such as `/api/v1/buckets/{bucket}`: bounded, so it may label a metric. */
  readonly route: string
  /** The path as received, without the query, which may hold signatures (R43). */
  readonly path: string
  readonly status: number
  readonly bytesSent: number
  readonly durationMs: number
  /** Who asked; `undefined` for the public. */
  readonly userId: string | undefined
  /** The stable code of the error that was answered, if it was one. */
  readonly errorCode: string | undefined
  /** True when the client or the source went away before the whole body was sent. */
  readonly aborted: boolean
}

/** Something that is ours to mend: an error with its whole cause, which no response ever shows. */
export interface FailureEvent {
  readonly type: 'failure'
  readonly requestId: string | undefined
  /** What was being done. */
  readonly during: string
  readonly error: unknown
}

/** Stored bytes that are gone, or are not what was stored. Told at every read that meets them. */
export interface DamageEvent {
  readonly type: 'damage'
  readonly blobId: string
  readonly what: string
}

/** The keeper's work: blobs removed because nothing points at them. */
export interface StorageEvent {
  readonly type: 'storage'
  readonly action: 'collected' | 'orphans_removed'
  readonly blobs: number
}

/** A tier of the cache that does not work as it should, or does again. Requests are answered without it. */
export interface CacheTierEvent {
  readonly type: 'cache_tier'
  readonly tier: string
  /**
   * `failed`: a call threw; `timed_out`: it was not there in time; `opened`: so many in a row that the tier is left alone for
   * `durationMs`; `closed`: it works again; `damaged`: an entry was not what was set.
   */
  readonly action: 'failed' | 'timed_out' | 'opened' | 'closed' | 'damaged'
  readonly during?: 'get' | 'set' | 'delete' | 'clear'
  /** Of the call, or of the pause. */
  readonly durationMs?: number
  readonly error?: unknown
}

export interface LifecycleEvent {
  readonly type: 'lifecycle'
  readonly message: string
  readonly details?: Readonly<Record<string, string | number | boolean>>
}
