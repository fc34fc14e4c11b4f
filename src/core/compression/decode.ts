import { crc32 } from 'node:zlib'
import { releaseBytes } from '../bytes.ts'
import { CuttyError } from '../errors.ts'
import { codecs } from './codecs.ts'
import { type FrameIndex, type LocatedRange, plainBytesOf } from './frame-index.ts'

/** The plaintext of one frame. Throws `content_damaged` unless it is exactly what was stored (R25). */
export async function decodeFrame(stored: Uint8Array, index: FrameIndex, frame: number): Promise<Uint8Array> {
  let plain: Uint8Array
  try {
    plain = await codecs[index.codec].decompressFrame(stored, plainBytesOf(index, frame))
  } catch (cause) {
    throw damaged(frame, cause)
  }
  if (crc32(plain) !== index.frameChecksums[frame]) throw damaged(frame, new Error('wrong checksum'))
  return plain
}

function damaged(frame: number, cause: unknown): CuttyError {
  return new CuttyError('content_damaged', undefined, { cause: new Error(`frame ${frame}`, { cause }) })
}

/**
 * The plaintext of a range, from the stored bytes of the frames that it touches. One frame is decoded ahead of the one
 * that is read; a chunk is the reader's until it asks for the next one. Ending early ends the source.
 */
export async function* decodeFrames(
  stored: AsyncIterable<Uint8Array>,
  located: LocatedRange,
  index: FrameIndex,
): AsyncGenerator<Uint8Array> {
  let { skipBytes: skip, takeBytes: left } = located
  let ahead: Promise<Uint8Array> | undefined
  const take = (plain: Uint8Array) => {
    const part = plain.subarray(skip, skip + left)
    skip = 0
    left -= part.length
    return part
  }
  for await (const { bytes, frame } of splitFrames(stored, located, index)) {
    const decoding = decodeFrame(bytes, index, frame)
    decoding.catch(() => {})
    if (ahead) {
      const plain = await ahead
      yield take(plain)
      releaseBytes(plain)
    }
    ahead = decoding
  }
  if (ahead) yield take(await ahead)
}

/** The stored frames as they are, each once its plaintext has been found to be right. One is decoded ahead. */
export async function* checkFrames(
  stored: AsyncIterable<Uint8Array>,
  located: LocatedRange,
  index: FrameIndex,
): AsyncGenerator<Uint8Array> {
  let ahead: Promise<Uint8Array> | undefined
  for await (const { bytes, frame } of splitFrames(stored, located, index)) {
    const checking = decodeFrame(bytes, index, frame).then(() => bytes)
    checking.catch(() => {})
    if (ahead) yield await ahead
    ahead = checking
  }
  if (ahead) yield await ahead
}

/** Cuts chunks of any size into the stored frames. */
async function* splitFrames(
  stored: AsyncIterable<Uint8Array>,
  { firstFrame, lastFrame }: LocatedRange,
  index: FrameIndex,
): AsyncGenerator<{ bytes: Uint8Array; frame: number }> {
  let frame = firstFrame
  let bytes = new Uint8Array(index.frameLengths[frame] as number)
  let filled = 0
  for await (const chunk of stored) {
    for (let taken = 0; taken < chunk.length;) {
      if (frame > lastFrame) throw damaged(frame, new Error('more is stored than the index says'))
      const part = chunk.subarray(taken, taken + bytes.length - filled)
      bytes.set(part, filled)
      filled += part.length
      taken += part.length
      if (filled < bytes.length) continue
      yield { bytes, frame }
      frame++
      bytes = new Uint8Array(index.frameLengths[frame] ?? 0)
      filled = 0
    }
  }
  if (frame <= lastFrame) throw damaged(frame, new Error('the stored bytes end early'))
}
