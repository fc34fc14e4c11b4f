import {
  constants,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
  type ZstdOptions,
} from 'node:zlib'
import { type Codec, noEnvelope } from './codec.ts'
import { callZlib, exactly, outputOf, roomFor, type ZlibCall } from './zlib-call.ts'

const compress: ZlibCall<ZstdOptions> = { synchronous: zstdCompressSync, onPool: zstdCompress }
const decompress: ZlibCall<ZstdOptions> = { synchronous: zstdDecompressSync, onPool: zstdDecompress }

/** The window that the web allows (RFC 9659), and that the strong levels would go beyond. */
const windowLogMax = 23

/** zstd (RFC 8878): each frame is one of its own, with its size; several follow one another (§3). */
export const zstd: Codec = Object.freeze({
  name: 'zstd',
  contentCoding: 'zstd',
  severalFrames: true,
  levels: Object.freeze({ min: 1, max: 19, fast: 1, ratio: 3, strong: 19 }),

  async compressFrame(plain: Uint8Array, level: number) {
    return callZlib(compress, plain, {
      params: {
        [constants.ZSTD_c_compressionLevel]: level,
        [constants.ZSTD_c_contentSizeFlag]: 1,
      },
      ...roomFor(plain.length),
    })
  },

  async decompressFrame(stored: Uint8Array, plainBytes: number) {
    const options = {
      ...outputOf(plainBytes),
      params: { [constants.ZSTD_d_windowLogMax]: windowLogMax },
    }
    return exactly(await callZlib(decompress, stored, options), plainBytes)
  },

  createEnvelope: () => noEnvelope,
})
