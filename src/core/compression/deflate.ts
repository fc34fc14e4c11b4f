import { Buffer } from 'node:buffer'
import {
  constants,
  crc32,
  createDeflateRaw,
  createInflateRaw,
  deflateRawSync,
  inflateRawSync,
  type ZlibOptions,
} from 'node:zlib'
import type { Codec, Envelope } from './codec.ts'
import { compressZlib, decompressZlib, synchronousBytesOfRatio, type ZlibPair } from './zlib-call.ts'

/**
 * gzip (RFC 1952) and zlib (RFC 1950, what HTTP calls `deflate`). Each frame is DEFLATE with a fresh state, ended by a
 * full flush: byte-aligned, not final, referring to nothing before it. So frames can be made in parallel and read alone,
 * and all of them, with an empty final block, are one member: many clients stop after the first of several.
 */
const compress: ZlibPair<ZlibOptions> = { synchronous: deflateRawSync, stream: createDeflateRaw }
const decompress: ZlibPair<ZlibOptions> = { synchronous: inflateRawSync, stream: createInflateRaw }

/** A last block with nothing in it, in fixed Huffman codes. */
const finalBlock = Uint8Array.of(0x03, 0x00)

/** A full flush is an empty stored block, whose length, and that again with its bits turned, end on a byte. */
const flushEnd = Buffer.of(0x00, 0x00, 0xff, 0xff)

const levels = Object.freeze({ min: 1, max: 9, fast: 1, ratio: 6, strong: 9 })

async function compressFrame(plain: Uint8Array, level: number): Promise<Uint8Array> {
  return compressZlib(compress, plain, {
    level,
    finishFlush: constants.Z_FULL_FLUSH,
    synchronousUpTo: level <= 6 ? synchronousBytesOfRatio : 0,
  })
}

async function decompressFrame(stored: Uint8Array, plainBytes: number): Promise<Uint8Array> {
  // Without its flush a frame may decode, but the stream is broken behind it.
  if (stored.length < 5 || !flushEnd.equals(stored.subarray(-4))) throw new Error('the frame ends early')
  return decompressZlib(decompress, Buffer.concat([stored, finalBlock]), plainBytes, {})
}

export const gzip: Codec = Object.freeze({
  name: 'gzip',
  contentCoding: 'gzip',
  severalFrames: true,
  levels,
  compressFrame,
  decompressFrame,
  createEnvelope(): Envelope {
    let checksum = 0
    let sizeBytes = 0
    return {
      // No name, no time; 255: the operating system is nobody's business.
      head: new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]),
      update(plain) {
        checksum = crc32(plain, checksum)
        sizeBytes += plain.length
      },
      tail() {
        const tail = new Uint8Array(10)
        tail.set(finalBlock)
        const view = new DataView(tail.buffer)
        view.setUint32(2, checksum, true)
        view.setUint32(6, sizeBytes % 2 ** 32, true)
        return tail
      },
    }
  },
})

export const deflate: Codec = Object.freeze({
  name: 'deflate',
  contentCoding: 'deflate',
  severalFrames: true,
  levels,
  compressFrame,
  decompressFrame,
  createEnvelope(): Envelope {
    let checksum = 1
    return {
      // DEFLATE with a window of 32 KiB; the two bytes are a multiple of 31.
      head: new Uint8Array([0x78, 0x9c]),
      update(plain) {
        checksum = adler32(plain, checksum)
      },
      tail() {
        const tail = new Uint8Array(6)
        tail.set(finalBlock)
        new DataView(tail.buffer).setUint32(2, checksum)
        return tail
      },
    }
  },
})

/** RFC 1950 §9. Sums are reduced as seldom as 32 bits allow: 5,552 bytes. */
function adler32(bytes: Uint8Array, start: number): number {
  let a = start & 0xffff
  let b = start >>> 16
  for (let i = 0; i < bytes.length;) {
    for (const end = Math.min(i + 5552, bytes.length); i < end; i++) {
      a += bytes[i] as number
      b += a
    }
    a %= 65521
    b %= 65521
  }
  return ((b << 16) | a) >>> 0
}
