import { describe, expect, test } from 'vitest'
import { analyzeSample, type Measurement, type Sample } from '../../../src/core/compression/analyze.ts'
import type { CodecName } from '../../../src/core/compression/codec.ts'
import { codecs } from '../../../src/core/compression/codecs.ts'
import { encodeFrames } from '../../../src/core/compression/encode.ts'
import { encodeWhole } from '../../../src/core/compression/encode-whole.ts'
import { defaultPolicy } from '../../../src/core/compression/policy.ts'
import { systemClock } from '../../../src/core/ports/clock.ts'
import { collect, randomBytes, reusedChunks, textBytes } from './samples.ts'

const all = new Set(Object.keys(codecs) as CodecName[])
const mebibyte = 1024 ** 2

const analyze = (bytes: Uint8Array, of: Partial<Sample> = {}) =>
  analyzeSample(bytes, {
    key: 'a.log',
    contentType: 'text/plain',
    available: all,
    policy: defaultPolicy,
    compressBytesMax: Number.POSITIVE_INFINITY,
    clock: systemClock,
    ...of,
  })

const storedBytesOf = ({ result }: Measurement) => (typeof result === 'string' ? result : result.storedBytes)

describe('the analysis of a sample', () => {
  test('measures every codec at each of its levels, once, as it would be stored', async () => {
    const bytes = textBytes(30_000)
    const { measurements } = await analyze(bytes)
    expect(measurements.map(({ codec, level, strength }) => `${codec}-${level} ${strength}`)).toEqual([
      'zstd-1 fast',
      'zstd-3 ratio',
      'zstd-19 strong',
      'gzip-1 fast',
      'gzip-6 ratio',
      'gzip-9 strong',
      'brotli-4 fast',
      'brotli-5 ratio',
      'brotli-11 strong',
      'deflate-1 fast',
      'deflate-6 ratio',
      'deflate-9 strong',
      'lz4-1 fast',
    ])
    for (const measurement of measurements) {
      const { codec, level } = measurement
      const blob = await encodeWhole(bytes, { codec: codecs[codec], level, frameBytes: bytes.length })
      expect(storedBytesOf(measurement), codec).toBe(blob.bytes.length)
    }
    const codings = new Map(measurements.map(({ codec, contentCoding }) => [codec, contentCoding]))
    expect(Object.fromEntries(codings)).toEqual({
      zstd: 'zstd',
      gzip: 'gzip',
      brotli: 'br',
      deflate: 'deflate',
      lz4: undefined,
    })
  })

  test('of a long one in frames, without strong levels, and without what takes one frame only', async () => {
    const bytes = textBytes(2 * mebibyte + 5)
    const { measurements } = await analyze(bytes)
    for (const measurement of measurements) {
      const { codec, level, strength } = measurement
      const expected = codec === 'brotli' ? 'one_frame' : strength === 'strong' ? 'slow' : undefined
      const options = { codec: codecs[codec], level, frameBytes: mebibyte, parallel: 1 }
      const blob =
        expected ?? (await collect(encodeFrames(reusedChunks(bytes, 100_000), options).body)).length
      expect(storedBytesOf(measurement), `${codec}-${level}`).toBe(blob)
    }
  })

  test.each([0, 1])('of %d bytes is one, too', async (sizeBytes) => {
    const analysis = await analyze(new Uint8Array(sizeBytes))
    expect(analysis).toMatchObject({ sizeBytes, verdict: { codec: 'identity', reason: 'small' } })
    expect(analysis.measurements).toHaveLength(13)
    // What is stored as it is has no index; what is compressed has.
    for (const measurement of analysis.measurements) expect(storedBytesOf(measurement)).toBeGreaterThan(40)
  })

  test('R21: says what an upload would be stored as, and why', async () => {
    const verdict = async (bytes: Uint8Array, of: Partial<Sample> = {}) => (await analyze(bytes, of)).verdict
    expect(await verdict(textBytes(20_000))).toMatchObject({ codec: 'brotli', reason: 'compressed' })
    expect(await verdict(randomBytes(20_000))).toMatchObject({ codec: 'identity', reason: 'no_gain' })
    expect(await verdict(textBytes(20_000), { contentType: 'IMAGE/png; q=1' })).toMatchObject({
      reason: 'type',
    })
    const policy = { ...defaultPolicy, mode: 'off' as const }
    expect(await verdict(textBytes(20_000), { policy })).toMatchObject({ reason: 'off' })
    expect(await verdict(textBytes(20_000), { compressBytesMax: 10_000 })).toMatchObject({ reason: 'large' })
  })

  test('tells text, media type and a known format', async () => {
    expect(await analyze(textBytes(2000), { contentType: 'Text/CSV; charset=utf-8' })).toMatchObject({
      text: true,
      mediaType: 'text/csv',
      format: undefined,
    })
    const gzip = Uint8Array.of(0x1f, 0x8b, 8, ...randomBytes(2000))
    expect(await analyze(gzip, { contentType: 'a/b' })).toMatchObject({ text: false, format: 'gzip' })
  })

  test('R23: a codec that does not work here is not tried', async () => {
    const { measurements } = await analyze(textBytes(2000), { available: new Set(['gzip']) })
    expect(new Set(measurements.map(({ codec }) => codec))).toEqual(new Set(['gzip']))
  })

  test('times come from the clock that never goes back', async () => {
    let ms = 0
    const clock = { monotonic: () => (ms += 10) }
    const { measurements } = await analyze(textBytes(2000), { clock })
    for (const { result } of measurements) expect(result).toMatchObject({ compressMs: 10, decompressMs: 10 })
  })
})
