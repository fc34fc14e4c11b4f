import {
  brotliCompressSync,
  brotliDecompressSync,
  type BrotliOptions,
  constants,
  createBrotliCompress,
  createBrotliDecompress,
} from 'node:zlib'
import { type Codec, createBareEnvelope } from './codec.ts'
import { compressZlib, decompressZlib, synchronousBytesOfRatio, type ZlibPair } from './zlib-call.ts'

const compress: ZlibPair<BrotliOptions> = { synchronous: brotliCompressSync, stream: createBrotliCompress }
const decompress: ZlibPair<BrotliOptions> = {
  synchronous: brotliDecompressSync,
  stream: createBrotliDecompress,
}

/** From 10 to 22; a window has 16 bytes less than its power of two. RFC 7932 §9.1. */
function windowLogFor(bytes: number): number {
  return Math.min(22, Math.max(10, Math.ceil(Math.log2(bytes + 16))))
}

/** A window of 64 KiB (one zero bit); the last block, empty (two ones): RFC 7932 §9. */
const emptyStream = Uint8Array.of(0b110)

/** Brotli (RFC 7932): streams cannot be put one behind the other, so it is for blobs of one frame. */
export const brotli: Codec = Object.freeze({
  name: 'brotli',
  contentCoding: 'br',
  severalFrames: false,
  levels: Object.freeze({ min: 0, max: 11, fast: 4, ratio: 5, strong: 11 }),

  async compressFrame(plain: Uint8Array, level: number) {
    return compressZlib(compress, plain, {
      synchronousUpTo: level <= 5 ? synchronousBytesOfRatio : 0,
      params: {
        [constants.BROTLI_PARAM_QUALITY]: level,
        [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
        // More than there is to look back at would only take memory: 4 MiB by itself.
        [constants.BROTLI_PARAM_LGWIN]: windowLogFor(plain.length),
      },
    })
  },

  async decompressFrame(stored: Uint8Array, plainBytes: number) {
    return decompressZlib(decompress, stored, plainBytes, {})
  },

  createEnvelope: () => createBareEnvelope(emptyStream),
})
