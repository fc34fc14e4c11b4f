import {
  constants,
  createZstdCompress,
  createZstdDecompress,
  zstdCompressSync,
  zstdDecompressSync,
  type ZstdOptions,
} from 'node:zlib'
import { type Codec, createBareEnvelope } from './codec.ts'
import {
  compressZlib,
  decompressZlib,
  synchronousBytesMax,
  synchronousBytesOfRatio,
  type ZlibPair,
} from './zlib-call.ts'

let compress: ZlibPair<ZstdOptions> | undefined
const decompress: ZlibPair<ZstdOptions> = { synchronous: zstdDecompressSync, stream: createZstdDecompress }

/** The window that the web allows (RFC 9659), and that levels above 19 would go beyond. */
const windowLogMax = 23

/** One segment, size 0, checksum; an empty last block. */
const emptyFrame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x24, 0, 1, 0, 0, 0x99, 0xe9, 0xd8, 0x51)

/** zstd (RFC 8878): each frame is one of its own, with its size and checksum; several follow one another (§3). */
export const zstd: Codec = Object.freeze({
  name: 'zstd',
  contentCoding: 'zstd',
  severalFrames: true,
  levels: Object.freeze({ min: 1, max: 19, fast: 1, ratio: 3, strong: 19 }),

  async compressFrame(plain: Uint8Array, level: number) {
    compress ??= { synchronous: isCallWhole() ? zstdCompressSync : undefined, stream: createZstdCompress }
    return compressZlib(compress, plain, {
      // Streams do not know the size otherwise, and leave it out.
      pledgedSrcSize: plain.length,
      synchronousUpTo: level <= 3 ? synchronousBytesMax : level <= 6 ? synchronousBytesOfRatio : 0,
      params: {
        [constants.ZSTD_c_compressionLevel]: level,
        [constants.ZSTD_c_contentSizeFlag]: 1,
        [constants.ZSTD_c_checksumFlag]: 1,
      },
    })
  },

  async decompressFrame(stored: Uint8Array, plainBytes: number) {
    // Node goes on with what follows the frame, workerd drops it: neither says where it ended.
    const end = walkFrame(new DataView(stored.buffer, stored.byteOffset, stored.byteLength), plainBytes)
    if (end !== stored.length) throw new Error(`the frame has ${end} bytes, not ${stored.length}`)
    return decompressZlib(decompress, stored, plainBytes, {
      params: { [constants.ZSTD_d_windowLogMax]: windowLogMax },
    })
  },

  createEnvelope: () => createBareEnvelope(emptyFrame),
})

/** Whether the call gives back all that comes out: see ZlibPair. Bytes that cannot be made smaller show it. */
function isCallWhole(): boolean {
  const probe = crypto.getRandomValues(new Uint8Array(synchronousBytesMax))
  try {
    const stored = zstdCompressSync(probe, { chunkSize: 2 * probe.length })
    return zstdDecompressSync(stored).length === probe.length
  } catch {
    return false
  }
}

/** Length of the frame; RangeError where there is none, or another than ours, or `view` ends before it. */
function walkFrame(view: DataView, plainBytes: number): number {
  if (view.getUint32(0, true) !== 0xfd2fb528) throw new RangeError('it has another magic')
  const descriptor = view.getUint8(4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  // Reserved bit, dictionary id.
  if (descriptor & 0x0b) throw new RangeError('it needs what is never written')
  let offset = 5
  let windowBytes = plainBytes
  if (!isSingleSegment) {
    const byte = view.getUint8(offset++)
    const base = 2 ** (10 + (byte >>> 3))
    windowBytes = base + (base / 8) * (byte & 7)
  }
  if (windowBytes > 2 ** windowLogMax) throw new RangeError(`its window has ${windowBytes} bytes`)

  const sizeFlag = descriptor >>> 6
  let contentBytes: number
  if (sizeFlag === 0) {
    if (!isSingleSegment) throw new RangeError('it has no content size')
    contentBytes = view.getUint8(offset)
  } else if (sizeFlag === 1) contentBytes = view.getUint16(offset, true) + 256
  else if (sizeFlag === 2) contentBytes = view.getUint32(offset, true)
  else contentBytes = Number(view.getBigUint64(offset, true))
  offset += 2 ** sizeFlag
  if (contentBytes !== plainBytes) throw new RangeError(`it holds ${contentBytes} bytes`)

  for (let isLast = false; !isLast;) {
    const header = view.getUint16(offset, true) | (view.getUint8(offset + 2) << 16)
    isLast = (header & 1) === 1
    const type = (header >>> 1) & 3
    if (type === 3) throw new RangeError('it has a block of a reserved type')
    // A block of one repeated byte holds that byte, whatever its size.
    offset += 3 + (type === 1 ? 1 : header >>> 3)
  }
  return offset + (descriptor & 4 ? 4 : 0)
}
