/** A prepared request and what its answer must be. One per connection at a time: PUT writes into it. */
export interface Request {
  readonly bytes: Buffer
  readonly status: number
  /** The body expected; `undefined` when any will do. */
  readonly body: Buffer | undefined
  readonly sentBytes: number
}

export interface RequestSource {
  /** The next request for connection number `slot`. */
  next(slot: number): Request
  readonly nextNumber: number
}
