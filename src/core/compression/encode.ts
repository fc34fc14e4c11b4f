import { crc32 } from 'node:zlib'
import type { Codec } from './codec.ts'
import { type FrameIndex, serializeIndex } from './frame-index.ts'

export interface EncodeOptions {
  readonly codec: Codec
  readonly level: number
  readonly frameBytes: number
  /** Frames that may be compressed at one time; so many and two more are in memory. */
  readonly parallel: number
}

export interface EncodedBody {
  /** The blob: the stream of the codec, then the index. */
  readonly body: AsyncIterable<Uint8Array>
  /** Complete once `body` has been read to its end. */
  result(): { readonly index: FrameIndex; readonly storedBytes: number }
}

/** Compresses a body while it arrives. Chunks of `plain` are copied: their memory may be used again. */
export function encodeFrames(plain: AsyncIterable<Uint8Array>, options: EncodeOptions): EncodedBody {
  const { codec, level, frameBytes, parallel } = options
  const envelope = codec.createEnvelope()
  const lengths: number[] = []
  const checksums: number[] = []
  let sizeBytes = 0
  let storedBytes = 0
  let index: FrameIndex | undefined

  const emit = (bytes: Uint8Array) => {
    storedBytes += bytes.length
    return bytes
  }
  const begin = (frame: Uint8Array): Promise<Uint8Array> => {
    envelope.update(frame)
    checksums.push(crc32(frame))
    sizeBytes += frame.length
    const compressing = codec.compressFrame(frame, level)
    // Whoever awaits it may come later, or, after another failure, not at all.
    compressing.catch(() => {})
    return compressing
  }

  async function* encode(): AsyncGenerator<Uint8Array> {
    if (envelope.head.length > 0) yield emit(envelope.head)
    const working: Promise<Uint8Array>[] = []
    const finish = async () => {
      const stored = await (working.shift() as Promise<Uint8Array>)
      lengths.push(stored.length)
      return emit(stored)
    }
    for await (const frame of cutFrames(plain, frameBytes)) {
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

async function* cutFrames(plain: AsyncIterable<Uint8Array>, frameBytes: number): AsyncGenerator<Uint8Array> {
  let frame = new Uint8Array(frameBytes)
  let filled = 0
  for await (const chunk of plain) {
    for (let taken = 0; taken < chunk.length;) {
      const part = chunk.subarray(taken, taken + frameBytes - filled)
      frame.set(part, filled)
      filled += part.length
      taken += part.length
      if (filled < frameBytes) continue
      yield frame
      frame = new Uint8Array(frameBytes)
      filled = 0
    }
  }
  if (filled > 0) yield frame.subarray(0, filled)
}
