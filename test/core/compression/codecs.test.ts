import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Codec } from '../../../src/core/compression/codec.ts'
import { codecs } from '../../../src/core/compression/codecs.ts'
import { decodeFrame, decodeFrames } from '../../../src/core/compression/decode.ts'
import { encodeFrames } from '../../../src/core/compression/encode.ts'
import {
  frameBytesMax,
  locateRange,
  parseIndex,
  streamBytes,
} from '../../../src/core/compression/frame-index.ts'
import { selfTestCodecs } from '../../../src/core/compression/self-test.ts'
import { CuttyError } from '../../../src/core/errors.ts'
import { collect, randomBytes, reusedChunks, textBytes } from './samples.ts'

const frameBytes = 64 * 1024
const mebibyte = 1024 ** 2
const { working, broken } = await selfTestCodecs()
const names = [...working]

test('every codec passes its self-test, in either runtime (R23)', () => {
  expect([...broken]).toEqual([])
  expect([...working, ...broken.keys()].toSorted()).toEqual(Object.keys(codecs).toSorted())
})

/**
 * A decoder that knows nothing of frames; zstd's is given one after the other, since some read only the first (R14). None
 * for lz4 is in both runtimes: `compression-tools.test.ts` has those that are not.
 */
function decodeWhole(codec: Codec, stream: Uint8Array, frames: Iterable<number>): Uint8Array | undefined {
  if (codec.name === 'gzip') return gunzipSync(stream)
  if (codec.name === 'deflate') return inflateSync(stream)
  if (codec.name === 'brotli') return brotliDecompressSync(stream)
  if (codec.name !== 'zstd') return undefined
  let at = 0
  return Buffer.concat(
    Array.from(frames, (length) => zstdDecompressSync(stream.subarray(at, (at += length)))),
  )
}

async function encode(codec: Codec, plain: Uint8Array, size = frameBytes) {
  const encoded = encodeFrames(reusedChunks(plain, 10_000), {
    codec,
    level: codec.levels.fast,
    frameBytes: codec.severalFrames ? size : Math.max(size, 4 * 1024 ** 2),
    parallel: 2,
  })
  const stored = await collect(encoded.body)
  return { stored, ...encoded.result() }
}

const contents: [string, Uint8Array][] = [
  ['nothing', new Uint8Array(0)],
  ['one byte', new Uint8Array([7])],
  ['a byte less than a frame', textBytes(frameBytes - 1)],
  ['a frame', textBytes(frameBytes)],
  ['a byte more than a frame', textBytes(frameBytes + 1)],
  ['what cannot be made smaller', randomBytes(300_000)],
  ['zeros', new Uint8Array(1_000_000)],
  ['text', textBytes(1_000_000)],
  ['twelve bytes', textBytes(12)],
  ['thirteen bytes', textBytes(13)],
]

describe.each(names)('%s', (name) => {
  const codec = codecs[name]

  test.each(contents)('gives back %s, and so does another decoder', async (_what, plain) => {
    const { stored, index, storedBytes } = await encode(codec, plain)
    expect(stored.length).toBe(storedBytes)
    const stream = stored.subarray(0, streamBytes(index))
    if (plain.length > 0) {
      const located = locateRange(index, { start: 0, end: plain.length - 1 })
      const source = reusedChunks(stored.subarray(located.stored.start, located.stored.end + 1), 5000)
      expect(Buffer.compare(await collect(decodeFrames(source, located, index)), plain)).toBe(0)
    }
    const whole = decodeWhole(codec, stream, plain.length === 0 ? [stream.length] : index.frameLengths)
    if (whole) expect(Buffer.compare(whole, plain)).toBe(0)
  })

  test.each([codec.levels.fast, codec.levels.ratio])('makes text smaller at level %i', async (level) => {
    const plain = textBytes(frameBytes)
    const stored = await codec.compressFrame(plain, level)
    expect(stored.length).toBeLessThan(plain.length / 2)
    expect(Buffer.compare(await codec.decompressFrame(stored, plain.length), plain)).toBe(0)
  })

  test('refuses a frame that holds more or less than it should (R24)', async () => {
    const stored = await codec.compressFrame(new Uint8Array(500_000), codec.levels.fast)
    await expect(codec.decompressFrame(stored, 499_999)).rejects.toThrow()
    await expect(codec.decompressFrame(stored, 1000)).rejects.toThrow()
    await expect(codec.decompressFrame(stored, 500_001)).rejects.toThrow()
  })

  test.each([3000, 300_000])(
    'refuses a frame of %i bytes that is cut short or followed by anything (R25)',
    async (size) => {
      const stored = await codec.compressFrame(textBytes(size), codec.levels.fast)
      for (const cut of [1, 2, 3, 4, 5, 6, stored.length >> 1, stored.length]) {
        await expect(codec.decompressFrame(stored.subarray(0, stored.length - cut), size)).rejects.toThrow()
      }
      const skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]
      const empty = await codec.compressFrame(new Uint8Array(0), codec.levels.fast)
      for (const more of [[0], [1, 2, 3], [3, 0], [0, 0, 0xff, 0xff], skippable, stored, empty]) {
        const followed = new Uint8Array([...stored, ...more])
        // An empty deflate block more, and a flush of its own, are the same stream with the same content.
        if (more === empty && (codec.name === 'gzip' || codec.name === 'deflate')) continue
        await expect(codec.decompressFrame(followed, size)).rejects.toThrow()
      }
    },
  )

  const smallFrames: [string, Uint8Array][] = [
    ['text', textBytes(3000)],
    ['what cannot be made smaller', randomBytes(300)],
    ['zeros', new Uint8Array(5000)],
    ['one byte', new Uint8Array([7])],
  ]

  test.each(smallFrames)('refuses a frame of %s cut short at every byte (R25)', async (_what, plain) => {
    const { stored, index } = await encode(codec, plain)
    const { start, end } = locateRange(index, { start: 0, end: plain.length - 1 }).stored
    const frame = stored.subarray(start, end + 1)
    for (let length = 0; length < frame.length; length++) {
      const cut = frame.subarray(0, length)
      await expect(codec.decompressFrame(cut, plain.length)).rejects.toThrow()
      await expect(decodeFrame(cut, index, 0)).rejects.toMatchObject({ code: 'content_damaged' })
    }
    expect(Buffer.compare(await decodeFrame(frame, index, 0), plain)).toBe(0)
  })

  test.each(smallFrames)('never gives wrong bytes for %s with a bit flipped (R25)', async (_what, plain) => {
    const { stored, index } = await encode(codec, plain)
    const { start, end } = locateRange(index, { start: 0, end: plain.length - 1 }).stored
    const damaged = new Uint8Array(stored.subarray(start, end + 1))
    for (let bit = 0; bit < damaged.length * 8; bit++) {
      const mask = 1 << (bit & 7)
      damaged[bit >>> 3]! ^= mask
      const outcome = await decodeFrame(damaged, index, 0).catch((error: unknown) => error)
      damaged[bit >>> 3]! ^= mask
      // A bit that means nothing may flip; what comes out is then still right.
      if (outcome instanceof Uint8Array) {
        if (Buffer.compare(outcome, plain) !== 0) expect.fail(`bit ${bit} gave wrong bytes`)
      } else if (!(outcome instanceof CuttyError && outcome.code === 'content_damaged')) throw outcome
    }
  })

  test('never crashes, nor gives wrong bytes, for garbage of any kind (R24, R25)', async () => {
    const plain = textBytes(3000)
    const { index } = await encode(codec, plain)
    const whole = await codec.compressFrame(plain, codec.levels.fast)
    // Garbage, and frames with garbage somewhere in them, which come further.
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.nat(whole.length), fc.uint8Array({ minLength: 1, maxLength: 20 })).map(([at, bytes]) => {
        const damaged = new Uint8Array(Math.max(whole.length, at + bytes.length))
        damaged.set(whole)
        damaged.set(bytes, at)
        return damaged
      }),
    )
    await fc.assert(
      fc.asyncProperty(garbage, async (bytes) => {
        const outcome = await decodeFrame(bytes, index, 0).catch((error: unknown) => error)
        if (outcome instanceof Uint8Array) expect(Buffer.compare(outcome, plain)).toBe(0)
        else expect(outcome).toMatchObject({ code: 'content_damaged' })
      }),
      { seed: 25, numRuns: 300 },
    )
  })

  test.each([0, 1, 1000, 300_000])(
    'lets the memory of a frame of %i bytes be used again once it is compressed',
    async (size) => {
      for (const content of [textBytes(size), randomBytes(size)]) {
        const plain = new Uint8Array(content)
        const stored = await codec.compressFrame(plain, codec.levels.fast)
        expect(stored.buffer).not.toBe(plain.buffer)
        plain.fill(0xff)
        expect(Buffer.compare(await codec.decompressFrame(stored, size), content)).toBe(0)
      }
    },
  )

  test('64 MiB, or the most that it holds, go through and come back', async () => {
    const text = textBytes(mebibyte)
    const mebibytes = codec.severalFrames ? 64 : frameBytesMax / mebibyte
    async function* plain() {
      for (let i = 0; i < mebibytes; i++) yield text
    }
    const encoded = encodeFrames(plain(), {
      codec,
      level: codec.levels.fast,
      frameBytes: codec.severalFrames ? mebibyte : frameBytesMax,
      parallel: 2,
    })
    const stored = await collect(encoded.body)
    const { index, storedBytes } = encoded.result()
    const sizeBytes = mebibytes * mebibyte
    expect(parseIndex(stored.subarray(streamBytes(index)), { sizeBytes, storedBytes })).toEqual(index)

    const located = locateRange(index, { start: 0, end: sizeBytes - 1 })
    const source = reusedChunks(stored.subarray(located.stored.start, located.stored.end + 1), 500_000)
    let at = 0
    for await (const chunk of decodeFrames(source, located, index)) {
      for (let taken = 0; taken < chunk.length; taken += mebibyte) {
        if (Buffer.compare(chunk.subarray(taken, taken + mebibyte), text) !== 0)
          expect.fail(`at ${at + taken}`)
      }
      at += chunk.length
    }
    expect(at).toBe(sizeBytes)
  })
})
