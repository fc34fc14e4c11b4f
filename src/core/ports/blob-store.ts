/**
 * Bytes under an id. A blob is written once, whole, and never changes; which file it belongs to is
 * the database's business. Ids are made by {@link IdSource}: 26 characters of Crockford base32,
 * ordered by time, so they are safe as file names and object keys on every adapter.
 *
 * Failures are {@link CuttyError}: `storage_full` where there is no room (nothing is stored then),
 * `content_damaged` where a blob is shorter than the range that is asked for, and `storage_unavailable` for anything else the
 * store cannot do, with the reason as `cause`.
 */
export interface BlobStore {
  readonly capabilities: BlobStoreCapabilities

  /**
   * Stores the bytes of `body` under `id`. When the promise resolves they are durable: they survive
   * the loss of the process and, where the adapter says so, of power.
   *
   * If `body` throws, or yields another number of bytes than `sizeBytes` promises
   * (`body_size_mismatch`), nothing is stored under `id` and the error is passed on as it is. Chunks may be kept until
   * the promise settles: their memory must not be used again meanwhile, so chunks of `get` have to be copied first.
   * `sizeBytes` may be left out when the length is not known beforehand. An id is put once only.
   */
  put(id: string, body: AsyncIterable<Uint8Array>, sizeBytes?: number): Promise<{ sizeBytes: number }>

  /**
   * The bytes of a blob, or `undefined` when there is none. `range` must lie inside the blob, which
   * the caller knows from its row. The source is opened before the promise resolves, so a blob
   * that is deleted while it is being read can still be read to its end.
   *
   * A range that does not lie inside the blob is `content_damaged`, and so are bytes that end before they should: row and
   * blob disagree then, which is no outage. Without a range, all that is there is given, however much that is.
   *
   * A chunk belongs to the reader until it asks for the next one: adapters may use the memory again.
   * A reader that stops early must call the iterator's `return` (as `for await … break` does), which
   * frees what is open. Fewer bytes than asked for is an error, never a short end.
   */
  get(id: string, range?: ByteRange): Promise<AsyncIterable<Uint8Array> | undefined>

  /** Removes blobs. Ids that do not exist are ignored. */
  delete(ids: readonly string[]): Promise<void>

  /**
   * Ids in ascending order, those after `after` only; at most `limit` of them. A page shorter than
   * `limit` does not mean the end: `next` is `undefined` at the end and only there. Ids that are
   * removed between pages, `after` among them, disturb nothing.
   */
  list(options?: { after?: string; limit?: number }): Promise<BlobPage>

  /** Resolves when the store can be reached; rejects with `storage_unavailable` when not. */
  ping(): Promise<void>
}

export interface BlobStoreCapabilities {
  /** When false, a blob may be lost with the process: for tests only. */
  readonly durable: boolean
  /** When false, other processes do not see what this one stores. */
  readonly shared: boolean
}

export interface BlobPage {
  readonly ids: readonly string[]
  readonly next: string | undefined
}

/** Bytes from `start` to `end`, both included, as HTTP counts them; `0 <= start <= end < size`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}
