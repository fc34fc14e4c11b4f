import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CodecName } from '../../../src/core/compression/codec.ts'
import { codecs } from '../../../src/core/compression/codecs.ts'
import { sniffedCompressed } from '../../../src/core/compression/formats.ts'
import { defaultPolicy, frameBytesDefault, framesMax } from '../../../src/core/compression/policy.ts'
import { selfTestCodecs } from '../../../src/core/compression/self-test.ts'
import {
  type Candidate,
  chooseCoding,
  frameBytesFor,
  spreadSample,
} from '../../../src/core/compression/verdict.ts'
import { randomBytes, textBytes } from './samples.ts'

const { working } = await selfTestCodecs()
const best = working.has('zstd') ? 'zstd' : 'gzip'

const verdictOf = async (head: Uint8Array, more: Partial<Candidate> = {}) =>
  (await codingOf(head, more)).verdict

const codingOf = (head: Uint8Array, more: Partial<Candidate> = {}) =>
  chooseCoding({
    contentType: 'application/octet-stream',
    key: 'file',
    clientEncoded: false,
    head,
    whole: true,
    sizeBytes: head.length,
    available: working,
    compressBytesMax: Number.POSITIVE_INFINITY,
    policy: defaultPolicy,
    ...more,
  })

describe('what is kept as it is', () => {
  const text = textBytes(20_000)

  test.each<[string, string, Uint8Array, Partial<Candidate>]>([
    ['nothing', 'small', new Uint8Array(0), {}],
    ['nothing, even if small bodies are wanted', 'small', new Uint8Array(0), withPolicy({ minimumBytes: 0 })],
    ['a body below the minimum', 'small', text.subarray(0, 255), {}],
    ['a body that the client encoded (R16)', 'encoded', text, { clientEncoded: true }],
    [
      'a body that the client encoded, though a codec is named (R16)',
      'encoded',
      text,
      { clientEncoded: true, ...withPolicy({ mode: 'gzip' }) },
    ],
    ['anything, when the policy is off', 'off', text, withPolicy({ mode: 'off' })],
    [
      'a type on the list',
      'type',
      text,
      { contentType: 'Text/CSV; header=present', ...withPolicy({ denyTypes: ['text/csv'] }) },
    ],
    [
      'a family of types on the list',
      'type',
      text,
      { contentType: 'text/csv', ...withPolicy({ denyTypes: ['text/*'] }) },
    ],
    ['a compressed type', 'type', text, { contentType: 'image/PNG' }],
    [
      'an office document',
      'type',
      text,
      { contentType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet' },
    ],
    ['a name that says so, without a type', 'name', text, { key: 'a/b.tar.BR' }],
    ['random bytes (R21)', 'no_gain', randomBytes(50_000), {}],
    ['random bytes, though a codec is named', 'no_gain', randomBytes(50_000), withPolicy({ mode: 'gzip' })],
    ['anything without a codec', 'unavailable', text, { available: new Set<CodecName>() }],
    ['more than an index can describe', 'large', text, { whole: false, sizeBytes: 5 * 1024 ** 4 }],
  ])('%s: %s', async (_what, reason, head, more) => {
    expect(await verdictOf(head, more)).toMatchObject({
      codec: 'identity',
      level: 0,
      frameBytes: 0,
      reason,
    })
  })

  test('says how little was gained', async () => {
    const { gain } = await verdictOf(randomBytes(50_000))
    expect(gain).toBeLessThan(0.01)
    expect((await verdictOf(text, { contentType: 'image/png' })).gain).toBeUndefined()
  })

  test.each<[string, number[]]>([
    ['png', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
    ['isobmff', [0, 0, 0, 0x20, ...Buffer.from('ftypmp42')]],
    ['gzip', [0x1f, 0x8b, 8, 0]],
    ['zip', [...Buffer.from('PK'), 3, 4]],
    ['woff2', [...Buffer.from('wOF2')]],
    ['pdf', [...Buffer.from('%PDF-1.7')]],
    ['bzip2', [...Buffer.from('BZh91AY&SY')]],
    ['mp3', [...Buffer.from('ID3'), 4, 0]],
    ['webp', [...Buffer.from('RIFF'), 1, 2, 3, 4, ...Buffer.from('WEBPVP8L')]],
  ])('what begins as %s', async (name, start) => {
    const head = textBytes(20_000)
    head.set(start)
    expect(sniffedCompressed(head)).toBe(name)
    expect(await verdictOf(head)).toMatchObject({ codec: 'identity', reason: 'format', gain: undefined })
    expect(await verdictOf(head, withPolicy({ mode: 'gzip' }))).toMatchObject({ codec: 'gzip' })
    for (const length of [0, 1, 2]) expect(sniffedCompressed(head.subarray(0, length))).toBeUndefined()
  })

  test('TypeScript is not video, whatever libraries call it', async () => {
    const verdict = await verdictOf(textBytes(20_000), { contentType: 'video/mp2t', key: 'a.ts' })
    expect(verdict.reason).toBe('compressed')
  })
})

describe('what is compressed', () => {
  test('small bodies take brotli, in one frame of their size', async () => {
    expect(await verdictOf(textBytes(50_000), { contentType: 'text/plain' })).toMatchObject({
      codec: 'brotli',
      frameBytes: 50_000,
      reason: 'compressed',
    })
    expect(await verdictOf(textBytes(2000), { contentType: 'text/plain' })).toMatchObject({
      frameBytes: 4096,
    })
  })

  test('larger text is known by its type or by what it begins with', async () => {
    const part = { whole: false, sizeBytes: 20_000_000 }
    const text = await verdictOf(textBytes(frameBytesDefault), part)
    const named = await verdictOf(new Uint8Array(frameBytesDefault), { ...part, contentType: 'text/csv' })
    const other = await verdictOf(new Uint8Array(frameBytesDefault), part)
    expect(named.level).toBe(text.level)
    expect(other.level).toBeGreaterThan(text.level)
  })

  test('larger, unknown and partial bodies take the codec of many frames', async () => {
    const head = textBytes(frameBytesDefault)
    expect(await verdictOf(head)).toMatchObject({ codec: best, frameBytes: frameBytesDefault })
    const part = { whole: false, contentType: 'text/plain' }
    for (const sizeBytes of [undefined, 100_000, 200_000_000]) {
      expect((await verdictOf(head, { ...part, sizeBytes })).codec).toBe(best)
    }
    const noText = new Uint8Array(frameBytesDefault)
    const { level } = await verdictOf(noText, { whole: false, sizeBytes: 2_000_000 })
    const large = await verdictOf(noText, { whole: false, sizeBytes: 200_000_000 })
    const unknown = await verdictOf(noText, { whole: false, sizeBytes: undefined })
    expect(large.level).toBeLessThan(level)
    expect(unknown.level).toBe(large.level)
  })

  test('a codec by name is taken, at its level, held to its bounds', async () => {
    const text = textBytes(50_000)
    expect(await verdictOf(text, withPolicy({ mode: 'lz4' }))).toMatchObject({ codec: 'lz4', level: 1 })
    expect(await verdictOf(text, withPolicy({ mode: 'gzip', level: 4 }))).toMatchObject({ level: 4 })
    expect(await verdictOf(text, withPolicy({ mode: 'gzip', level: 99 }))).toMatchObject({ level: 9 })
    expect(await verdictOf(text, withPolicy({ mode: 'gzip', level: -3 }))).toMatchObject({ level: 1 })
  })

  test('brotli by name gives way where a body needs several frames', async () => {
    const verdict = await verdictOf(textBytes(frameBytesDefault), {
      whole: false,
      sizeBytes: 3_000_000,
      ...withPolicy({ mode: 'brotli' }),
    })
    expect(verdict.codec).toBe(best)
  })

  test('a codec out of service gives way (R23)', async () => {
    const verdict = await verdictOf(textBytes(50_000), {
      available: new Set<CodecName>(['gzip']),
      ...withPolicy({ mode: 'zstd' }),
    })
    expect(verdict).toMatchObject({ codec: 'gzip', reason: 'compressed' })
  })
})

describe('samples', () => {
  test('see what a prefix does not show (R22)', async () => {
    const header = textBytes(20_000)
    const misleading = Buffer.concat([header, randomBytes(1_000_000)])
    expect((await verdictOf(misleading, withPolicy({ minimumGain: 0.3 }))).reason).toBe('no_gain')
    const noisyStart = Buffer.concat([randomBytes(20_000), textBytes(1_000_000)])
    expect((await verdictOf(noisyStart)).reason).toBe('compressed')
  })

  test('reach from the first byte to the last, and never beyond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_000_000 }), (length) => {
        const head = new Uint8Array(length)
        if (length > 0) {
          head[0] = 1
          head[length - 1] = 2
        }
        const sample = spreadSample(head)
        expect(sample.length).toBe(Math.min(length, 65_536))
        if (length > 1) expect([sample[0], sample.at(-1)]).toEqual([1, 2])
      }),
      { seed: 5, numRuns: 50 },
    )
  })

  test('tell about what frames will gain', async () => {
    const text = textBytes(200_000)
    const { gain, ...verdict } = await verdictOf(text)
    if (verdict.codec === 'identity') throw new Error('is not compressed')
    const stored = await codecs[verdict.codec].compressFrame(text, verdict.level)
    expect(Math.abs(1 - stored.length / text.length - (gain as number))).toBeLessThan(0.15)
  })
})

describe('frames', () => {
  test('are never more than an index holds, nor larger than need be', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16 * 1024 ** 2 * framesMax }), fc.boolean(), (size, whole) => {
        const frameBytes = frameBytesFor(size, whole && size <= frameBytesDefault) as number
        expect(Math.ceil(size / frameBytes)).toBeLessThanOrEqual(framesMax)
        if (frameBytes > frameBytesDefault) expect(size / (frameBytes / 2)).toBeGreaterThan(framesMax)
      }),
      { seed: 11, numRuns: 500 },
    )
  })
})

function withPolicy(policy: Partial<Candidate['policy']>): Partial<Candidate> {
  return { policy: { ...defaultPolicy, ...policy } }
}
