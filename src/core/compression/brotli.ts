import {
  brotliCompress,
  brotliCompressSync,
  brotliDecompress,
  brotliDecompressSync,
  type BrotliOptions,
  constants,
} from 'node:zlib'
import { type Codec, noEnvelope } from './codec.ts'
import { callZlib, exactly, outputOf, roomFor, type ZlibCall } from './zlib-call.ts'

const compress: ZlibCall<BrotliOptions> = { synchronous: brotliCompressSync, onPool: brotliCompress }
const decompress: ZlibCall<BrotliOptions> = { synchronous: brotliDecompressSync, onPool: brotliDecompress }

/** Brotli (RFC 7932): streams cannot be put one behind the other, so it is for blobs of one frame. */
export const brotli: Codec = Object.freeze({
  name: 'brotli',
  contentCoding: 'br',
  severalFrames: false,
  levels: Object.freeze({ min: 0, max: 11, fast: 4, ratio: 5, strong: 11 }),

  async compressFrame(plain: Uint8Array, level: number) {
    return callZlib(compress, plain, {
      params: { [constants.BROTLI_PARAM_QUALITY]: level, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
      ...roomFor(plain.length),
    })
  },

  async decompressFrame(stored: Uint8Array, plainBytes: number) {
    const options = outputOf(plainBytes)
    return exactly(await callZlib(decompress, stored, options), plainBytes)
  },

  createEnvelope: () => noEnvelope,
})
