import { Buffer } from 'node:buffer'
import { releaseBytes } from '../bytes.ts'

/** Below this a fast call on this thread is done before one on the pool has begun: 114 µs against 456. */
export const synchronousBytesMax = 64 * 1024
/** The same of a level at some 60 MB/s. Stronger ones, at 1 MB/s, would hold up every request for as long as they take. */
export const synchronousBytesOfRatio = 16 * 1024

/** The streams of `node:zlib`, as far as they are used here. */
export interface ZlibStream {
  /** Bytes of the input that were used: fewer than were given, where the coded bytes end before. */
  readonly bytesWritten: number
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  end(input: Uint8Array): unknown
  destroy(): unknown
}

/**
 * A call of `node:zlib` and the stream that does the same: `deflateRawSync` and `createDeflateRaw`. The stream works on the
 * pool where there is one, as the call with a callback does; but workerd's calls for zstd ignore `chunkSize`, and fail where
 * more than 48 KiB come out (builds of October 2026), and its streams do not.
 */
export interface ZlibPair<Options> {
  /** `undefined` where it does not work: the stream does all then. With `info` it returns the engine too. */
  readonly synchronous: ((bytes: Uint8Array, options: Options) => unknown) | undefined
  readonly stream: (options: Options) => ZlibStream
}

interface Output {
  readonly bytes: Uint8Array
  readonly usedBytes: number
}

/**
 * All that comes out for `plain`, in one chunk: no codec makes it a hundredth longer. On this thread up to
 * `synchronousUpTo` bytes.
 */
export async function compressZlib<Options>(
  pair: ZlibPair<Options>,
  plain: Uint8Array,
  { synchronousUpTo, ...options }: Options & { synchronousUpTo: number },
): Promise<Uint8Array> {
  const chunkSize = plain.length + Math.ceil(plain.length / 100) + 1024
  const inOneChunk = { ...options, chunkSize } as unknown as Options
  if (pair.synchronous && plain.length <= synchronousUpTo) {
    return pair.synchronous(plain, inOneChunk) as Uint8Array
  }
  const { bytes } = await runStream(pair.stream(inOneChunk), plain, Number.POSITIVE_INFINITY)
  if (bytes.length > chunkSize / 2) return bytes
  // There was room for all that could have come out.
  const exact = new Uint8Array(bytes)
  releaseBytes(bytes)
  return exact
}

/**
 * Exactly `plainBytes` out of all of `stored`, or an error: a decoder drops what follows the end of its input, and tells
 * only how far it came (R25). Has a byte of room to tell that there is more, and stops there (R24).
 */
export async function decompressZlib<Options>(
  pair: ZlibPair<Options>,
  stored: Uint8Array,
  plainBytes: number,
  options: Options,
): Promise<Uint8Array> {
  const chunkSize = Math.max(64, plainBytes + 1)
  const { bytes, usedBytes } =
    pair.synchronous && Math.max(stored.length, plainBytes) <= synchronousBytesMax
      ? runCall(pair.synchronous, stored, {
          ...options,
          chunkSize,
          maxOutputLength: Math.max(1, plainBytes),
          info: true,
        })
      : await runStream(pair.stream({ ...options, chunkSize }), stored, plainBytes)
  if (usedBytes !== stored.length) throw new Error(`the frame ends ${stored.length - usedBytes} bytes early`)
  if (bytes.length !== plainBytes) throw new Error(`the frame holds ${bytes.length} bytes, not ${plainBytes}`)
  return bytes
}

function runCall<Options>(
  call: (bytes: Uint8Array, options: Options) => unknown,
  stored: Uint8Array,
  options: Options,
): Output {
  const result = call(stored, options) as { buffer: Uint8Array; engine: { bytesWritten: number } }
  return { bytes: result.buffer, usedBytes: result.engine.bytesWritten }
}

function runStream(stream: ZlibStream, input: Uint8Array, outputBytesMax: number): Promise<Output> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let outputBytes = 0
    stream.on('data', (chunk) => {
      outputBytes += chunk.length
      if (outputBytes > outputBytesMax) {
        stream.destroy()
        reject(new Error(`the frame holds more than ${outputBytesMax} bytes`))
      } else {
        chunks.push(chunk)
      }
    })
    stream.on('error', reject)
    stream.on('end', () => {
      const bytes = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)
      resolve({ bytes, usedBytes: stream.bytesWritten })
    })
    stream.end(input)
  })
}
