/** Below this a call on this thread is done before one on the pool has begun: 114 µs against 456. */
const synchronousBytesMax = 64 * 1024

type Callback = (error: Error | null, result: Uint8Array) => void

/** One of the pairs of `node:zlib`: `deflateRaw` and `deflateRawSync`. */
export interface ZlibCall<Options> {
  readonly synchronous: (bytes: Uint8Array, options: Options) => Uint8Array
  readonly onPool: (bytes: Uint8Array, options: Options, callback: Callback) => void
}

/** Runs a one-shot call of zlib where it is done soonest. */
export async function callZlib<Options>(
  call: ZlibCall<Options>,
  bytes: Uint8Array,
  options: Options,
): Promise<Uint8Array> {
  if (bytes.length <= synchronousBytesMax) return call.synchronous(bytes, options)
  return new Promise((resolve, reject) => {
    call.onPool(bytes, options, (error, result) => (error ? reject(error) : resolve(result)))
  })
}

/**
 * Options of a decoder whose output is known to have `plainBytes`: all of it in one chunk, with a byte of room to tell that
 * there is more, and a bound on what a frame that lies can take (R24). The bound is twice what is needed because workerd
 * doubles its buffer before it looks, and holds the bound against that (builds of October 2026).
 */
export function outputOf(plainBytes: number): { chunkSize: number; maxOutputLength: number } {
  return { chunkSize: Math.max(64, plainBytes + 1), maxOutputLength: 2 * plainBytes + 65_536 }
}

/** One chunk for whatever a frame is compressed to: no codec makes it a hundredth longer. */
export function roomFor(plainBytes: number): { chunkSize: number } {
  return { chunkSize: plainBytes + Math.ceil(plainBytes / 100) + 1024 }
}

/** Throws unless a decoder gave what the frame is known to hold. */
export function exactly(plain: Uint8Array, plainBytes: number): Uint8Array {
  if (plain.length === plainBytes) return plain
  throw new Error(`the frame holds ${plain.length} bytes, not ${plainBytes}`)
}
