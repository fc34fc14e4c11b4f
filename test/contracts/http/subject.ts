/** What the HTTP contract runs against: the whole application, however its requests get there. */
export interface HttpSubject {
  readonly fetch: HttpFetch
  /** An administrator's key. */
  readonly admin: HttpCredentials
  /** How many writers the races have; 50 where nothing is said. Fewer where a statement takes milliseconds. */
  readonly racers?: number
  /** Does what jobs there are; absent where they are done by themselves. */
  readonly runJobs?: () => Promise<void>
  stop(): Promise<void>
}

/**
 * `target` is path and query as they stand in the request line. Header values carry bytes as Latin-1 characters,
 * as HTTP does. Resolves when the whole answer has arrived.
 */
export type HttpFetch = (target: string, init?: HttpInit) => Promise<HttpAnswer>

export interface HttpInit {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Chunks have no declared length. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case; several fields of one name are joined with `, `. */
  readonly headers: ReadonlyMap<string, string>
  readonly bytes: Uint8Array
}

export interface HttpCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}
