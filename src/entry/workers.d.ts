/** What the Workers runtime has and Node's types do not know. https://developers.cloudflare.com/workers/runtime-apis/ */
declare module 'cloudflare:workers' {
  export function waitUntil(promise: Promise<unknown>): void
}

/** Node has only the browser's, which is none of its globals. */
declare const caches: { open(name: string): Promise<unknown> }

declare class FixedLengthStream {
  constructor(sizeBytes: number)
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

interface WorkersByobReader extends ReadableStreamBYOBReader {
  /** Resolves when at least `bytesMin` have arrived, or the stream ended. */
  readAtLeast(
    bytesMin: number,
    view: Uint8Array<ArrayBuffer>,
  ): Promise<{ done: boolean; value: Uint8Array | undefined }>
}
