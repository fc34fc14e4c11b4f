/**
 * What happens, told once by the part that did it. Logs, counters, exporters and alerts are listeners.
 * An observer returns at once and never throws; nothing waits for it.
 */
export type Observer = (event: Event) => void

export type Event =
  | RequestEvent
  | FailureEvent
  | SecurityEvent
  | DamageEvent
  | StorageEvent
  | CacheTierEvent
  | SlowStatementEvent
  | LifecycleEvent

/** One HTTP request that was answered or broken off. Emitted when the last byte was handed over. */
export interface RequestEvent {
  readonly type: 'request'
  readonly requestId: string
  readonly method: string
  /** The route's template, such as `/api/v1/buckets/{bucket}`: bounded, so it may label a metric. */
  readonly route: string
  /** The path as received, without the query, which may hold signatures (R43). */
  readonly path: string
  /** The name in the request, if there is one; nobody has looked whether there is such a bucket. */
  readonly bucket: string | undefined
  readonly status: number
  /** Of the content, as far as it was taken. */
  readonly bytesReceived: number
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

/** Somebody tried what they may not. Holds neither a secret nor a signature (R43). */
export interface SecurityEvent {
  readonly type: 'security'
  readonly kind:
    /** No active key has this id. */
    | 'unknown_key'
    /** A request's signature is another than its key makes. */
    | 'signature_mismatch'
    /** A header that means something was added to what was signed (R40). */
    | 'unsigned_header'
    | 'clock_skewed'
    /** Of signed URLs and forms: not made with the key, or changed since. */
    | 'url_forged'
    | 'url_expired'
    | 'url_not_yet_valid'
    | 'url_revoked'
    /** Used more often than it may be. */
    | 'url_replayed'
    /** Used for something else than it was made for. */
    | 'url_wrong_scope'
  readonly requestId: string
  readonly accessKeyId: string | undefined
  /** Without its query. */
  readonly path: string
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

/** A statement that took longer than it may. Parameters are not told: they name people's files. */
export interface SlowStatementEvent {
  readonly type: 'slow_statement'
  readonly statement: string
  readonly durationMs: number
  readonly rowsRead: number
  readonly rowsWritten: number
  /** Of this statement, since the last event: not each is told by one of its own. */
  readonly times: number
  /** `undefined` where the database did not say. */
  readonly plan: readonly string[] | undefined
}

export interface LifecycleEvent {
  readonly type: 'lifecycle'
  readonly message: string
  readonly details?: Readonly<Record<string, string | number | boolean>>
}
