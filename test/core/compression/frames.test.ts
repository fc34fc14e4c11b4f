import { crc32 } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Codec, CodecName } from '../../../src/core/compression/codec.ts'
import { codecs } from '../../../src/core/compression/codecs.ts'
import { decodeFrames } from '../../../src/core/compression/decode.ts'
import { encodeFrames } from '../../../src/core/compression/encode.ts'
import {
  indexBytes,
  locateRange,
  parseIndex,
  serializeIndex,
  streamBytes,
} from '../../../src/core/compression/frame-index.ts'
import { framesMax } from '../../../src/core/compression/policy.ts'
import { collect, randomBytes, reusedChunks, textBytes } from './samples.ts'

const frameBytes = 4096

async function encode(plain: Uint8Array, codec: CodecName = 'zstd') {
  const options = { codec: codecs[codec], level: 1, frameBytes, parallel: 3 }
  const encoded = encodeFrames(reusedChunks(plain, 1000), options)
  const stored = await collect(encoded.body)
  return { stored, ...encoded.result() }
}

describe('ranges', () => {
  test.each(['zstd', 'gzip', 'deflate', 'lz4'] as const)(
    'of %s are what slicing gives, from the frames they touch alone (R7)',
    async (codec) => {
      const plain = textBytes(50_000)
      const { stored, index } = await encode(plain, codec)
      await fc.assert(
        fc.asyncProperty(
          fc.nat(plain.length - 1),
          fc.nat(plain.length - 1),
          fc.integer({ min: 1, max: 9000 }),
          async (a, b, chunkBytes) => {
            const range = { start: Math.min(a, b), end: Math.max(a, b) }
            const located = locateRange(index, range)
            const frames = located.lastFrame - located.firstFrame + 1
            expect(frames).toBeLessThanOrEqual(Math.ceil((range.end - range.start + 1) / frameBytes) + 1)
            const source = reusedChunks(
              stored.subarray(located.stored.start, located.stored.end + 1),
              chunkBytes,
            )
            const read = await collect(decodeFrames(source, located, index))
            expect(Buffer.compare(read, plain.subarray(range.start, range.end + 1))).toBe(0)
          },
        ),
        { seed: 42, numRuns: 100 },
      )
    },
  )

  test('that are left early end the source', async () => {
    const { stored, index } = await encode(textBytes(50_000))
    const located = locateRange(index, { start: 0, end: 49_999 })
    let ended = false
    async function* source() {
      try {
        yield* reusedChunks(stored, 100)
      } finally {
        ended = true
      }
    }
    for await (const _ of decodeFrames(source(), located, index)) break
    expect(ended).toBe(true)
  })

  test.each([
    ['fewer', -1],
    ['more', 1],
  ])('with %s stored bytes than the index says are damage (R25)', async (_what, by) => {
    const { stored, index } = await encode(textBytes(20_000))
    const located = locateRange(index, { start: 0, end: 19_999 })
    const source = reusedChunks(stored.subarray(located.stored.start, located.stored.end + 1 + by), 700)
    await expect(collect(decodeFrames(source, located, index))).rejects.toMatchObject({
      code: 'content_damaged',
    })
  })
})

describe('the index', () => {
  test('stands behind the stream, and small beside it', async () => {
    const plain = textBytes(400 * frameBytes)
    const { stored, index, storedBytes } = await encode(plain)
    const behind = stored.subarray(streamBytes(index))
    expect(parseIndex(behind, { sizeBytes: plain.length, storedBytes })).toEqual(index)
    expect(behind.length).toBe(indexBytes(400))
    expect(behind.length).toBe(3240)
  })

  test('is refused when any byte of it is another, or it does not fit its row (R19)', async () => {
    const plain = textBytes(30_000)
    const { index, storedBytes } = await encode(plain)
    const bytes = serializeIndex(index)
    const row = { sizeBytes: plain.length, storedBytes }
    expect(parseIndex(bytes, row)).toEqual(index)
    const damaged = expect.objectContaining({ code: 'content_damaged' })
    for (let at = 0; at < bytes.length; at++) {
      const other = new Uint8Array(bytes)
      other[at] = (other[at] as number) ^ 0x10
      expect(() => parseIndex(other, row)).toThrow(damaged)
      expect(() => parseIndex(bytes.subarray(0, at), row)).toThrow(damaged)
    }
    expect(() => parseIndex(bytes, { ...row, sizeBytes: row.sizeBytes + 1 })).toThrow(damaged)
    expect(() => parseIndex(bytes, { ...row, storedBytes: row.storedBytes - 1 })).toThrow(damaged)
  })

  test('of nonsense is refused and never crashes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => parseIndex(bytes, { sizeBytes: 1, storedBytes: 1 })).toThrow()
      }),
      { seed: 7, numRuns: 500 },
    )
  })

  test('of a newer version says so', async () => {
    const { index, storedBytes } = await encode(textBytes(5000))
    const bytes = serializeIndex(index)
    bytes[4] = 2
    let cause: unknown
    try {
      parseIndex(bytes, { sizeBytes: 5000, storedBytes })
    } catch (error) {
      cause = (error as Error).cause
    }
    expect(String(cause)).toContain('version 2; this release reads version 1')
  })
})

/** As short as a frame can be: for what is about their number. */
const firstByteOnly: Codec = { ...codecs.lz4, compressFrame: async (plain) => plain.slice(0, 1) }

describe('the number of frames', () => {
  const framesOf = (frames: number, behind = 0) => {
    const frame = new Uint8Array(frameBytes)
    async function* plain() {
      for (let i = 0; i < frames; i++) yield frame
      if (behind > 0) yield frame.subarray(0, behind)
    }
    return encodeFrames(plain(), { codec: firstByteOnly, level: 1, frameBytes, parallel: 2 })
  }

  test('may reach its limit, in a body of unknown length too', async () => {
    const encoded = framesOf(framesMax)
    let indexChunk = new Uint8Array(0) as Uint8Array
    for await (const chunk of encoded.body) indexChunk = chunk
    const { index, storedBytes } = encoded.result()
    expect(index.frameLengths).toHaveLength(framesMax)
    expect(parseIndex(indexChunk, { sizeBytes: framesMax * frameBytes, storedBytes })).toEqual(index)
  })

  test('may not go beyond it by a byte', async () => {
    const encoded = framesOf(framesMax, 1)
    const read = async () => {
      for await (const _ of encoded.body);
    }
    await expect(read()).rejects.toMatchObject({ code: 'too_large' })
    expect(() => encoded.result()).toThrow('end')
  })

  test('is one where the codec can have no more', async () => {
    const options = { codec: codecs.brotli, level: 4, frameBytes, parallel: 2 }
    const oneFrame = encodeFrames(reusedChunks(textBytes(frameBytes), 100), options)
    await collect(oneFrame.body)
    expect(oneFrame.result().index.frameLengths).toHaveLength(1)
    const larger = encodeFrames(reusedChunks(textBytes(frameBytes + 1), 100), options)
    await expect(collect(larger.body)).rejects.toMatchObject({ code: 'too_large' })
  })

  test('of an index is refused beyond the limit, though everything else fits', () => {
    const frames = framesMax + 1
    const sizeBytes = frames * frameBytes
    const bytes = serializeIndex({
      codec: 'zstd',
      frameBytes,
      sizeBytes,
      headBytes: 0,
      tailBytes: 0,
      frameLengths: new Uint32Array(frames).fill(20),
      frameChecksums: new Uint32Array(frames),
    })
    let error: unknown
    try {
      parseIndex(bytes, { sizeBytes, storedBytes: frames * 20 + bytes.length })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'content_damaged' })
    expect(String((error as Error).cause)).toContain('131073 frames are too many')
  })
})

describe('memory', () => {
  /** Notes where each frame lies, and takes its time: the last that began is done first. */
  function noteMemory(parallel: number) {
    const memory = new Set<ArrayBufferLike>()
    let compressing = 0
    let most = 0
    const waiting: (() => void)[] = []
    const codec: Codec = {
      ...codecs.lz4,
      async compressFrame(plain, level) {
        memory.add(plain.buffer)
        const checksum = crc32(plain)
        most = Math.max(most, ++compressing)
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
          if (waiting.length === parallel) while (waiting.length > 0) waiting.pop()?.()
        })
        // Whoever wrote into it meanwhile has used it too early.
        expect(crc32(plain)).toBe(checksum)
        compressing--
        return codecs.lz4.compressFrame(plain, level)
      },
    }
    return { codec, memory, most: () => most }
  }

  test.each([1, 2, 3, 8])('of frames is used again: %i at a time, and one', async (parallel) => {
    const plain = randomBytes(parallel * 12 * frameBytes)
    const { codec, memory, most } = noteMemory(parallel)
    const encoded = encodeFrames(reusedChunks(plain, 1000), { codec, level: 1, frameBytes, parallel })
    const stored = await collect(encoded.body)
    const { index } = encoded.result()
    expect(most()).toBe(parallel)
    expect(memory.size).toBe(parallel + 1)
    for (const buffer of memory) expect(buffer.byteLength).toBe(frameBytes)
    const located = locateRange(index, { start: 0, end: plain.length - 1 })
    const source = reusedChunks(stored.subarray(located.stored.start, located.stored.end + 1), 5000)
    const read = await collect(decodeFrames(source, located, index))
    expect(Buffer.compare(read, plain)).toBe(0)
  })

  test.each([
    [1, 1],
    [10_000, 100],
    [10_000, 65_536],
    [100_000, 4096],
  ])('for a body of %i bytes, in chunks of %i, is not a whole large frame', async (sizeBytes, chunkBytes) => {
    const { codec, memory } = noteMemory(1)
    const options = { codec, level: 1, frameBytes: 16 * 1024 ** 2, parallel: 4 }
    await collect(encodeFrames(reusedChunks(textBytes(sizeBytes), chunkBytes), options).body)
    expect([...memory].map(({ byteLength }) => byteLength < 2 * sizeBytes + 1)).toEqual([true])
  })
})

describe('encoding', () => {
  test('gives the same blob whatever chunks the body comes in', async () => {
    const plain = textBytes(3 * frameBytes + 5)
    const options = { codec: codecs.gzip, level: 1, frameBytes, parallel: 2 }
    const expected = await collect(encodeFrames(reusedChunks(plain, plain.length), options).body)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(2 * frameBytes), { minLength: 1, maxLength: 20 }), async (sizes) => {
        async function* chunks() {
          let at = 0
          for (const size of sizes) yield plain.subarray(at, (at += size))
          yield plain.subarray(Math.min(at, plain.length))
        }
        const blob = await collect(encodeFrames(chunks(), options).body)
        expect(Buffer.compare(blob, expected)).toBe(0)
      }),
      { seed: 11, numRuns: 100 },
    )
  })

  test('holds no more frames than it works on, and two', async () => {
    let taken = 0
    let given = 0
    let most = 0
    async function* plain() {
      const frame = textBytes(frameBytes)
      for (let i = 0; i < 200; i++) {
        taken++
        most = Math.max(most, taken - given)
        yield frame
      }
    }
    const encoded = encodeFrames(plain(), { codec: codecs.zstd, level: 1, frameBytes, parallel: 3 })
    for await (const _ of encoded.body) given++
    expect(most).toBeLessThanOrEqual(5)
    expect(encoded.result().index.frameLengths).toHaveLength(200)
  })

  test('passes on the error of a body, and has no result', async () => {
    const failure = new Error('gone')
    async function* plain() {
      yield textBytes(10_000)
      throw failure
    }
    const encoded = encodeFrames(plain(), { codec: codecs.gzip, level: 6, frameBytes, parallel: 2 })
    await expect(collect(encoded.body)).rejects.toBe(failure)
    expect(() => encoded.result()).toThrow('end')
  })
})
