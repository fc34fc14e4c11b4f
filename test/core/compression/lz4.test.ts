import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compressBlock, decompressBlock } from '../../../src/core/compression/lz4-block.ts'
import { lz4 } from '../../../src/core/compression/lz4.ts'
import { randomBytes, textBytes } from './samples.ts'

const blockBytesMax = 4 * 1024 ** 2

/** XXH32 of fewer than 16 bytes, seed 0: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */
function xxh32(bytes: Uint8Array): number {
  let hash = (374761393 + bytes.length) >>> 0
  for (const byte of bytes) {
    hash = (hash + Math.imul(byte, 374761393)) >>> 0
    hash = Math.imul((hash << 11) | (hash >>> 21), 2654435761)
  }
  hash = Math.imul(hash ^ (hash >>> 15), 2246822519)
  hash = Math.imul(hash ^ (hash >>> 13), 3266489917)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A block with its size before it. */
function block(bytes: readonly number[] | Uint8Array, flag = 0): number[] {
  const size = (flag + bytes.length) >>> 0
  return [size & 0xff, (size >>> 8) & 0xff, (size >>> 16) & 0xff, size >>> 24, ...bytes]
}
const plainFlag = 0x8000_0000

describe('the head of a stream', () => {
  test('is that of the format, with the checksum of its descriptor', () => {
    expect([xxh32(new Uint8Array(0)), xxh32(Uint8Array.of(0x61))]).toEqual([0x02cc5d05, 0x550d7456])
    const { head, tail } = { ...lz4.createEnvelope() }
    const descriptor = head.subarray(4, 6)
    expect([...head]).toEqual([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, (xxh32(descriptor) >>> 8) & 0xff])
    expect([...tail()]).toEqual([0, 0, 0, 0])
  })
})

describe('a frame', () => {
  test('of bytes that cannot be made smaller is kept as it is', async () => {
    const plain = randomBytes(1000)
    expect([...(await lz4.compressFrame(plain, 1))]).toEqual(block(plain, plainFlag))
  })

  test.each([-1, 0, 1])('of a block of 4 MiB and %i bytes comes back', async (more) => {
    for (const plain of [textBytes(blockBytesMax + more), randomBytes(blockBytesMax + more)]) {
      const stored = await lz4.compressFrame(plain, 1)
      const sizes = blockSizes(stored)
      expect(sizes).toHaveLength(more > 0 ? 2 : 1)
      expect(Math.max(...sizes)).toBeLessThanOrEqual(blockBytesMax)
      expect(stored.length).toBeLessThanOrEqual(plain.length + 4 * sizes.length)
      expect(Buffer.compare(await lz4.decompressFrame(stored, plain.length), plain)).toBe(0)
    }
  })

  test('of 16 MiB, part of it not made smaller, comes back', async () => {
    const plain = textBytes(4 * blockBytesMax)
    plain.set(randomBytes(blockBytesMax), blockBytesMax)
    const stored = await lz4.compressFrame(plain, 1)
    expect(blockSizes(stored)).toHaveLength(4)
    expect(Buffer.compare(await lz4.decompressFrame(stored, plain.length), plain)).toBe(0)
    await expect(lz4.decompressFrame(stored, 3 * blockBytesMax)).rejects.toThrow()
    await expect(lz4.decompressFrame(stored, plain.length + 1)).rejects.toThrow()
  })

  /** Each would come out as five bytes `a`, were it taken. */
  const aaaaa = [0x50, 0x61, 0x61, 0x61, 0x61, 0x61]
  test.each<[string, number[]]>([
    ['with an end mark before its blocks', [...block([]), ...block(aaaaa)]],
    ['with an end mark behind them', [...block(aaaaa), ...block([])]],
    ['with an empty block behind them', [...block(aaaaa), ...block([0])]],
    [
      'in two blocks where one holds it',
      [...block(aaaaa.slice(1, 3), plainFlag), ...block([0x30, 97, 97, 97])],
    ],
    ['kept as it is, with a byte less', block(aaaaa.slice(2), plainFlag)],
    ['kept as it is, with a byte more', block(aaaaa, plainFlag)],
    ['whose size is beyond its end', [7, ...block(aaaaa).slice(1)]],
    ['whose size is the largest', [0xff, 0xff, 0xff, 0xff, ...aaaaa]],
    ['with a byte behind it', [...block(aaaaa), 0]],
    ['that ends with a match', block([0x10, 0x61, 1, 0])],
    ['with a match of nothing', block([0x10, 0x61, 0, 0, 0])],
    ['with a match before its beginning', block([0x10, 0x61, 2, 0, 0])],
    ['with a match beyond its end', block([0x11, 0x61, 1, 0, 0])],
    ['with a length that never ends', block([0xf0, 0xff, 0xff, 0xff])],
    ['that says that a match follows its last literals', block([0x51, ...aaaaa.slice(1)])],
  ])('%s is refused (R24, R25)', async (_what, stored) => {
    expect(await lz4.decompressFrame(Uint8Array.from(block(aaaaa)), 5)).toEqual(new Uint8Array(5).fill(97))
    await expect(lz4.decompressFrame(Uint8Array.from(stored), 5)).rejects.toThrow()
  })
})

describe('a block', () => {
  test('holds what went in, whatever it is made of, and nothing is written beside it', () => {
    // Few letters and repeated pieces, so that matches of all kinds come about: near, far, overlapping, at the end.
    const pieces = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.array(fc.integer({ min: 97, max: 99 }), { maxLength: 30 }).map((bytes) => Uint8Array.from(bytes)),
        fc
          .tuple(fc.integer({ min: 0, max: 255 }), fc.nat(700))
          .map(([byte, n]) => new Uint8Array(n).fill(byte)),
        fc.nat(70_000).map((size) => textBytes(size)),
      ),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(pieces, fc.nat(9), (parts, start) => {
        const plain = new Uint8Array(Buffer.concat(parts))
        const out = new Uint8Array(start + plain.length + 5).fill(0xaa)
        const end = compressBlock(plain, out, start)
        expect(out.subarray(0, start).every((byte) => byte === 0xaa)).toBe(true)
        expect(out.subarray(start + plain.length).every((byte) => byte === 0xaa)).toBe(true)
        if (end === undefined) return
        expect(end - start).toBeLessThan(plain.length)
        expect(endsAsItMust(out.subarray(start, end), plain.length)).toBe(true)
        const back = new Uint8Array(plain.length)
        decompressBlock(out.subarray(start, end), back)
        expect(Buffer.compare(back, plain)).toBe(0)
      }),
      { seed: 4, numRuns: 500 },
    )
  })

  test('that comes out too long is given up before it needs more room than it has', () => {
    // 270 literals and a match of four take 275 bytes.
    const plain = Buffer.concat(
      Array.from({ length: 300 }, (_, i) => [randomBytes(270, 3 + 2 * i), Buffer.from('abcd')]).flat(),
    )
    const out = new Uint8Array(plain.length + 1000).fill(0xaa)
    expect(compressBlock(plain, out, 0)).toBeUndefined()
    expect(out.subarray(plain.length).every((byte) => byte === 0xaa)).toBe(true)
  })

  test('that is garbage is refused, or fills what it is given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(200), (bytes, sizeBytes) => {
        const memory = new Uint8Array(sizeBytes + 10).fill(0xaa)
        try {
          decompressBlock(bytes, memory.subarray(0, sizeBytes))
        } catch (error) {
          expect(error).not.toBeInstanceOf(RangeError)
        }
        expect(memory.subarray(sizeBytes).every((byte) => byte === 0xaa)).toBe(true)
      }),
      { seed: 5, numRuns: 2000 },
    )
  })
})

/** The format's end: the last match begins twelve bytes before it or earlier, and five literals follow. */
function endsAsItMust(bytes: Uint8Array, plainBytes: number): boolean {
  let made = 0
  let lastMatch = Number.NEGATIVE_INFINITY
  for (let at = 0; ;) {
    const token = bytes[at++] as number
    const lengthOf = (nibble: number) => {
      let length = nibble
      if (nibble === 15)
        do length += bytes[at] as number
        while (bytes[at++] === 255)
      return length
    }
    const literals = lengthOf(token >>> 4)
    at += literals
    made += literals
    if (at >= bytes.length) return literals >= 5 && lastMatch <= plainBytes - 12
    lastMatch = made
    at += 2
    made += lengthOf(token & 15) + 4
  }
}

function blockSizes(stored: Uint8Array): number[] {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength)
  const sizes: number[] = []
  for (let at = 0; at < stored.length;) {
    const size = view.getUint32(at, true) & 0x7fff_ffff
    sizes.push(size)
    at += 4 + size
  }
  return sizes
}
