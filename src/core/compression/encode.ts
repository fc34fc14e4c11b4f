import { crc32 } from 'node:zlib'
import { CuttyError } from '../errors.ts'
import type { Codec } from './codec.ts'
import { type FrameIndex, serializeIndex } from './frame-index.ts'
import { framesMax } from './policy.ts'

export interface EncodeOptions {
  readonly codec: Codec
  readonly level: number
  readonly frameBytes: number
  /** Frames that may be compressed at one time: so many are in memory, and the one that arrives. */
  readonly parallel: number
}

export interface EncodedBody {
  /** The blob: the stream of the codec, then the index. */
  readonly body: AsyncIterable<Uint8Array>
  /** Complete once `body` has been read to its end. */
  result(): { readonly index: FrameIndex; readonly storedBytes: number }
}

const nothing = new Uint8Array(0)

interface Working {
  readonly plain: Uint8Array
  readonly stored: Promise<Uint8Array>
}

/**
 * Compresses a body while it arrives. Chunks of `plain` are copied: their memory may be used again. Reading `body` throws
 * `too_large` when there are more frames than a blob may have, which a body of unknown length can come to.
 */
export function encodeFrames(plain: AsyncIterable<Uint8Array>, options: EncodeOptions): EncodedBody {
  const { codec, level, frameBytes, parallel } = options
  const envelope = codec.createEnvelope()
  const most = codec.severalFrames ? framesMax : 1
  const lengths: number[] = []
  const checksums: number[] = []
  let sizeBytes = 0
  let storedBytes = 0
  let index: FrameIndex | undefined

  const emit = (bytes: Uint8Array) => {
    storedBytes += bytes.length
    return bytes
  }
  const begin = (plainFrame: Uint8Array): Working => {
    if (checksums.length === most) throw new CuttyError('too_large')
    envelope.update(plainFrame)
    checksums.push(crc32(plainFrame))
    sizeBytes += plainFrame.length
    const stored = codec.compressFrame(plainFrame, level)
    // Whoever awaits it may come later, or, after another failure, not at all.
    stored.catch(() => {})
    return { plain: plainFrame, stored }
  }

  async function* encode(): AsyncGenerator<Uint8Array> {
    if (envelope.head.length > 0) yield emit(envelope.head)
    const working: Working[] = []
    const free: Uint8Array[] = []
    const finish = async () => {
      const oldest = working.shift() as Working
      const stored = await oldest.stored
      free.push(oldest.plain)
      lengths.push(stored.length)
      return emit(stored)
    }
    for await (const frame of cutFrames(plain, frameBytes, free)) {
      if (working.length === parallel) yield await finish()
      working.push(begin(frame))
    }
    while (working.length > 0) yield await finish()
    const tail = envelope.tail()
    if (tail.length > 0) yield emit(tail)
    index = {
      codec: codec.name,
      frameBytes,
      sizeBytes,
      headBytes: envelope.head.length,
      tailBytes: tail.length,
      frameLengths: Uint32Array.from(lengths),
      frameChecksums: Uint32Array.from(checksums),
    }
    yield emit(serializeIndex(index))
  }

  return {
    body: encode(),
    result() {
      if (!index) throw new Error('the body has not been read to its end')
      return { index, storedBytes }
    },
  }
}

/**
 * Takes memory for a frame from `free`, where the caller puts what it is done with. Where there is none, memory grows with
 * what arrives: a small body takes little, however large a frame may be.
 */
async function* cutFrames(
  plain: AsyncIterable<Uint8Array>,
  frameBytes: number,
  free: Uint8Array[],
): AsyncGenerator<Uint8Array> {
  let frame = free.pop() ?? nothing
  let filled = 0
  for await (const chunk of plain) {
    for (let taken = 0; taken < chunk.length;) {
      const part = chunk.subarray(taken, taken + frameBytes - filled)
      if (filled + part.length > frame.length) {
        const grown = new Uint8Array(Math.min(frameBytes, Math.max(2 * frame.length, filled + part.length)))
        grown.set(frame.subarray(0, filled))
        frame = grown
      }
      frame.set(part, filled)
      filled += part.length
      taken += part.length
      if (filled < frameBytes) continue
      yield frame
      frame = free.pop() ?? nothing
      filled = 0
    }
  }
  if (filled > 0) yield frame.subarray(0, filled)
}
