import { crc32 } from 'node:zlib'
import { CuttyError } from '../errors.ts'
import type { ByteRange } from '../ports/blob-store.ts'
import type { CodecName } from './codec.ts'
import { codecs } from './codecs.ts'
import { framesMax } from './policy.ts'

/**
 * Where the frames of a blob are. Stands behind the stream in the blob, so that a blob can be read without its row, and
 * in the row, so that a read takes one look less. The bytes are described in `docs/formats/blob.md`.
 */
export interface FrameIndex {
  readonly codec: CodecName
  /** Plaintext of every frame but the last, which may be shorter. */
  readonly frameBytes: number
  readonly sizeBytes: number
  /** Of the envelope: what stands before the first frame and behind the last. */
  readonly headBytes: number
  readonly tailBytes: number
  /** Stored length of each frame. */
  readonly frameLengths: Uint32Array
  /** CRC-32 of each frame's plaintext: damage is told by it whatever the codec checks by itself. */
  readonly frameChecksums: Uint32Array
}

const magic = 0x58495443 // "CTIX", little-endian
const version = 1
const headerBytes = 32
const footerBytes = 8
/** In the order of their numbers in the format: names are added at the end, and never moved. */
const codecNumbers: readonly CodecName[] = ['zstd', 'gzip', 'brotli', 'deflate', 'lz4']

/** Larger frames would make a small range dear; smaller ones make the index large. */
export const frameBytesMin = 4096
export const frameBytesMax = 16 * 1024 ** 2

/** Length of the stream of the coding, without the index behind it. */
export function streamBytes(index: FrameIndex): number {
  return index.headBytes + index.frameLengths.reduce((sum, length) => sum + length, 0) + index.tailBytes
}

export function indexBytes(frames: number): number {
  return headerBytes + frames * 8 + footerBytes
}

export function serializeIndex(index: FrameIndex): Uint8Array {
  const frames = index.frameLengths.length
  const bytes = new Uint8Array(indexBytes(frames))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, true)
  view.setUint8(4, version)
  // Byte 5 is for flags, byte 7 for nothing yet.
  view.setUint8(6, codecNumbers.indexOf(index.codec))
  view.setUint32(8, index.frameBytes, true)
  view.setUint32(12, frames, true)
  view.setBigUint64(16, BigInt(index.sizeBytes), true)
  view.setUint32(24, index.headBytes, true)
  view.setUint32(28, index.tailBytes, true)
  for (let i = 0; i < frames; i++) {
    view.setUint32(headerBytes + i * 8, index.frameLengths[i] as number, true)
    view.setUint32(headerBytes + i * 8 + 4, index.frameChecksums[i] as number, true)
  }
  const end = bytes.length - footerBytes
  view.setUint32(end, crc32(bytes.subarray(0, end)), true)
  view.setUint32(end + 4, bytes.length, true)
  return bytes
}

/**
 * Reads an index and holds it against the row that it belongs to (R19). Throws `content_damaged` for what is not one, and
 * says so when it is of a version that this release does not know.
 */
export function parseIndex(
  bytes: Uint8Array,
  expected: { sizeBytes: number; storedBytes: number },
): FrameIndex {
  const fail = (why: string): never => {
    throw new CuttyError('content_damaged', undefined, { cause: new Error(`frame index: ${why}`) })
  }
  if (bytes.length < headerBytes + footerBytes) fail(`${bytes.length} bytes are too few`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const uint32 = (at: number) => view.getUint32(at, true)
  if (uint32(0) !== magic) fail('no magic')
  if (view.getUint8(4) !== version) fail(`version ${view.getUint8(4)}; this release reads version ${version}`)
  if (view.getUint8(5) !== 0 || view.getUint8(7) !== 0) fail('unknown flags')
  const end = bytes.length - footerBytes
  if (crc32(bytes.subarray(0, end)) !== uint32(end)) fail('wrong checksum')
  if (uint32(end + 4) !== bytes.length) fail('wrong length')

  const frames = uint32(12)
  if (frames > framesMax) fail(`${frames} frames are too many`)
  if (indexBytes(frames) !== bytes.length) fail('wrong number of frames')
  const codec = codecNumbers[view.getUint8(6)] ?? fail(`unknown codec ${view.getUint8(6)}`)
  const index: FrameIndex = {
    codec,
    frameBytes: uint32(8),
    sizeBytes: Number(view.getBigUint64(16, true)),
    headBytes: uint32(24),
    tailBytes: uint32(28),
    frameLengths: Uint32Array.from({ length: frames }, (_, i) => uint32(headerBytes + i * 8)),
    frameChecksums: Uint32Array.from({ length: frames }, (_, i) => uint32(headerBytes + i * 8 + 4)),
  }
  if (index.frameBytes < frameBytesMin || index.frameBytes > frameBytesMax) fail('impossible frame size')
  if (frames !== Math.ceil(index.sizeBytes / index.frameBytes)) fail('frames and size disagree')
  if (frames > 1 && !codecs[codec].severalFrames) fail(`several frames of ${codec}`)
  if (index.sizeBytes !== expected.sizeBytes) fail('another size than the row’s')
  if (streamBytes(index) + bytes.length !== expected.storedBytes) fail('another stored size than the row’s')
  return index
}

export interface LocatedRange {
  readonly firstFrame: number
  readonly lastFrame: number
  /** Where those frames are in the blob. */
  readonly stored: ByteRange
  /** Plaintext of the first frame before the range. */
  readonly skipBytes: number
  readonly takeBytes: number
}

/** The frames that a range of the plaintext touches. The range must lie inside the file, which must not be empty. */
export function locateRange(index: FrameIndex, range: ByteRange): LocatedRange {
  const firstFrame = Math.floor(range.start / index.frameBytes)
  const lastFrame = Math.floor(range.end / index.frameBytes)
  let start = index.headBytes
  for (let i = 0; i < firstFrame; i++) start += index.frameLengths[i] as number
  let end = start - 1
  for (let i = firstFrame; i <= lastFrame; i++) end += index.frameLengths[i] as number
  return {
    firstFrame,
    lastFrame,
    stored: { start, end },
    skipBytes: range.start - firstFrame * index.frameBytes,
    takeBytes: range.end - range.start + 1,
  }
}

/** How much plaintext a frame holds. */
export function plainBytesOf(index: FrameIndex, frame: number): number {
  return Math.min(index.frameBytes, index.sizeBytes - frame * index.frameBytes)
}
