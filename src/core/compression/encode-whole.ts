import { crc32 } from 'node:zlib'
import { concatBytes } from '../bytes.ts'
import type { EncodeOptions } from './encode.ts'
import { type FrameIndex, serializeIndex } from './frame-index.ts'

/** A blob that is all there: the stream of the codec, and its index behind it. */
export interface WholeBlob {
  readonly bytes: Uint8Array
  readonly index: FrameIndex
}

/** Compresses a body of one frame. Whoever finds the blob too large can throw it away. */
export async function encodeWhole(
  plain: Uint8Array,
  { codec, level, frameBytes }: Omit<EncodeOptions, 'parallel'>,
): Promise<WholeBlob> {
  const envelope = codec.createEnvelope()
  envelope.update(plain)
  const frame = await codec.compressFrame(plain, level)
  const tail = envelope.tail()
  const index: FrameIndex = {
    codec: codec.name,
    frameBytes,
    sizeBytes: plain.length,
    headBytes: envelope.head.length,
    tailBytes: tail.length,
    frameLengths: Uint32Array.of(frame.length),
    frameChecksums: Uint32Array.of(crc32(plain)),
  }
  return { bytes: concatBytes([envelope.head, frame, tail, serializeIndex(index)]), index }
}
