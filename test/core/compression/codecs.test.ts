import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Codec } from '../../../src/core/compression/codec.ts'
import { codecs } from '../../../src/core/compression/codecs.ts'
import { decodeFrame, decodeFrames } from '../../../src/core/compression/decode.ts'
import { encodeFrames } from '../../../src/core/compression/encode.ts'
import { locateRange, streamBytes } from '../../../src/core/compression/frame-index.ts'
import { selfTestCodecs } from '../../../src/core/compression/self-test.ts'
import { collect, randomBytes, reusedChunks, textBytes } from './samples.ts'

const frameBytes = 64 * 1024
const { working, broken } = await selfTestCodecs()
const names = [...working]

test('every codec passes its self-test, in either runtime (R23)', () => {
  expect([...broken]).toEqual([])
  expect([...working, ...broken.keys()].toSorted()).toEqual(Object.keys(codecs).toSorted())
})

/** A decoder that knows nothing of frames; zstd's is given one after the other, since some read only the first (R14). */
function decodeWhole(codec: Codec, stream: Uint8Array, frames: Uint32Array): Uint8Array | undefined {
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
    const whole =
      plain.length === 0 && index.headBytes === 0 ? undefined : decodeWhole(codec, stream, index.frameLengths)
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

  test('never gives wrong bytes for a damaged frame (R25)', async () => {
    const plain = textBytes(3000)
    const { stored, index } = await encode(codec, plain)
    const { start, end } = locateRange(index, { start: 0, end: plain.length - 1 }).stored
    const frame = stored.subarray(start, end + 1)
    for (let at = 0; at < frame.length; at++) {
      const damaged = new Uint8Array(frame)
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8))
      const outcome = await decodeFrame(damaged, index, 0).catch((error: unknown) => error)
      // A bit that means nothing may flip; what comes out is then still right.
      if (outcome instanceof Uint8Array) expect(Buffer.compare(outcome, plain)).toBe(0)
      else expect(outcome).toMatchObject({ code: 'content_damaged' })
    }
    for (let length = 0; length < frame.length; length += 1 + Math.floor(frame.length / 50)) {
      const outcome = await decodeFrame(frame.subarray(0, length), index, 0).catch((error: unknown) => error)
      if (outcome instanceof Uint8Array) expect(Buffer.compare(outcome, plain)).toBe(0)
      else expect(outcome).toMatchObject({ code: 'content_damaged' })
    }
  })
})

test('64 MiB go through in many frames and come back', async () => {
  const plain = new Uint8Array(64 * 1024 ** 2)
  const text = textBytes(1024 ** 2)
  for (let at = 0; at < plain.length; at += text.length) plain.set(text, at)
  const { stored, index } = await encode(codecs[working.has('zstd') ? 'zstd' : 'gzip'], plain, 1024 ** 2)
  const located = locateRange(index, { start: 0, end: plain.length - 1 })
  const source = reusedChunks(stored.subarray(located.stored.start, located.stored.end + 1), 500_000)
  expect(Buffer.compare(await collect(decodeFrames(source, located, index)), plain)).toBe(0)
})
