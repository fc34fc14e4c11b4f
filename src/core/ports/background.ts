/** Work that outlives the response. */
export interface Background {
  /**
   * Goes on with `work` after the response is sent. The runtime is kept alive for it: by `waitUntil` on
   * Workers, by shutdown waiting for it on a server. A rejection is reported, and never thrown at anybody.
   */
  run(name: string, work: () => Promise<void>): void
}
