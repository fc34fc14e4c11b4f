import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CodecName } from '../../../src/core/compression/codec.ts'
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
import { collect, reusedChunks, textBytes } from './samples.ts'

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

describe('encoding', () => {
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
