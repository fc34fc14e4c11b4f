import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CodecName } from '../../src/core/compression/codec.ts'
import { codecs } from '../../src/core/compression/codecs.ts'
import { indexBytes, parseIndex } from '../../src/core/compression/frame-index.ts'
import {
  type CompressionPolicy,
  defaultPolicy,
  frameBytesDefault,
} from '../../src/core/compression/policy.ts'
import { codedBytes } from '../../src/core/files/blob.ts'
import type { DigestName } from '../../src/core/files/body.ts'
import { copyFile, renameFile } from '../../src/core/files/change.ts'
import type { BlobRef, FileRecord } from '../../src/core/files/file.ts'
import { readCoded, readContent } from '../../src/core/files/read.ts'
import { randomBytes, textBytes } from './compression/samples.ts'
import { bucket, bytesOf, decoders, openStoredFiles, type StoredFiles } from './stored-files.ts'

const kibibyte = 1024
const mebibyte = 1024 ** 2

const text = textBytes(6 * mebibyte)
const noise = randomBytes(6 * mebibyte)
const zeros = new Uint8Array(6 * mebibyte)
/** Frames of every kind in one body. */
const mixed = new Uint8Array(6 * mebibyte)
for (let at = 0; at < mixed.length; at += 300_000) {
  const source = [text, noise, zeros][(at / 300_000) % 3] as Uint8Array
  mixed.set(source.subarray(at, at + 300_000), at)
}
const bodies = { text, noise, zeros, mixed }

const around = (size: number) => [size - 1, size, size + 1]
const sizes = [
  0,
  1,
  2,
  100,
  ...around(defaultPolicy.minimumBytes),
  1024,
  5000,
  ...[4, 16, 64, 128].flatMap((size) => around(size * kibibyte)),
  ...[1, 2].flatMap((size) => around(size * mebibyte)),
  1_500_000,
  3_333_333,
  5 * mebibyte + 17,
]

const codecNames = Object.keys(codecs) as CodecName[]

interface Case {
  readonly kind: keyof typeof bodies
  readonly sizeBytes: number
  readonly chunkBytes: number
  readonly declared: 'none' | 'right' | 'less' | 'more'
  readonly digest: 'none' | 'right' | 'wrong'
  readonly policy: Partial<CompressionPolicy>
  readonly contentType: string
  readonly clientEncoded: boolean
  readonly cached: boolean
  readonly shares: readonly (readonly [number, number])[]
}

const policies: fc.Arbitrary<Partial<CompressionPolicy>> = fc.record(
  {
    mode: fc.constantFrom<CompressionPolicy['mode']>('auto', 'auto', 'off', ...codecNames),
    level: fc.constantFrom(0, 1, 5, 7),
    minimumGain: fc.constantFrom(0, 0.1, 0.5, 1),
    minimumBytes: fc.constantFrom(0, 1024, 20_000),
    denyTypes: fc.constantFrom<string[]>([], ['text/*'], ['application/x-other'], ['TEXT/plain']),
  },
  { requiredKeys: ['mode'] },
)

const often = <T>(usual: T, ...others: T[]) =>
  fc.oneof({ arbitrary: fc.constant(usual), weight: 4 }, fc.constantFrom(...others))

const cases: fc.Arbitrary<Case> = fc.record({
  kind: fc.constantFrom<keyof typeof bodies>('text', 'text', 'noise', 'zeros', 'mixed'),
  sizeBytes: fc.constantFrom(...sizes),
  chunkBytes: fc.constantFrom(1, 7, 4093, 65_536, 1_000_003, 8 * mebibyte),
  declared: often<Case['declared']>('right', 'none', 'none', 'less', 'more'),
  digest: often<Case['digest']>('none', 'right', 'wrong'),
  policy: policies,
  contentType: fc.constantFrom('text/plain', 'Text/Plain; charset=utf-8', 'application/octet-stream'),
  clientEncoded: often(false, true),
  cached: fc.boolean(),
  shares: fc.array(
    fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
    {
      maxLength: 3,
    },
  ),
})

const bodyOf = ({ kind, sizeBytes }: Case) => bodies[kind].subarray(0, sizeBytes)

function declaredBytes({ declared, sizeBytes }: Case): number | undefined {
  if (declared === 'none') return undefined
  return sizeBytes + (declared === 'more' ? 1 : declared === 'less' ? -1 : 0)
}

function digestsOf(wanted: Case['digest'], body: Uint8Array): Map<DigestName, Uint8Array> {
  if (wanted === 'none') return new Map()
  const digest = (name: string) => createHash(name).update(body).digest()
  const wrong = Buffer.alloc(16)
  return new Map([
    ['sha-512', digest('sha512')],
    ['md5', wanted === 'right' ? digest('md5') : wrong],
  ])
}

/** What the put must be refused for; a length comes before a digest. */
function refusalOf(put: Case): string | undefined {
  if (declaredBytes(put) === -1) return undefined
  if (put.declared === 'less' || put.declared === 'more') return 'body_size_mismatch'
  return put.digest === 'wrong' ? 'digest_mismatch' : undefined
}

/** Reasons that follow from the rules alone, without a measurement. */
function expectedReason(put: Case): string | undefined {
  const policy = { ...defaultPolicy, ...put.policy }
  const known = put.sizeBytes <= mebibyte || put.declared === 'right'
  if (put.clientEncoded) return 'encoded'
  if (policy.mode === 'off') return 'off'
  if (put.sizeBytes === 0 || (known && put.sizeBytes < policy.minimumBytes)) return 'small'
  const isText = put.contentType.toLowerCase().startsWith('text/plain')
  if (isText && policy.denyTypes.some((type) => /^text/i.test(type))) return 'type'
  if (policy.minimumGain === 1 || put.kind === 'noise') return 'no_gain'
  const compresses = put.kind === 'zeros' || (put.kind === 'text' && policy.minimumGain <= 0.1)
  return compresses && put.sizeBytes >= 1023 ? 'compressed' : undefined
}

interface BlobRow {
  location: string
  codec: string
  level: number
  reason: string
  gain: number | null
  frame_bytes: number
  size_bytes: number
  stored_bytes: number
  sha256: Uint8Array
  frame_index: Uint8Array | null
}

const rowOf = (files: StoredFiles, { id }: BlobRef) =>
  files.sql<BlobRow>('SELECT * FROM blobs WHERE id = ?', id)[0] as BlobRow

/** R20: the row says of the stored bytes what they are. */
async function checkRecord(files: StoredFiles, { blob }: FileRecord, put: Case): Promise<void> {
  const body = bodyOf(put)
  const stored = await files.storedBytes(blob)
  const row = rowOf(files, blob)
  const inline = stored.length <= 16 * kibibyte && (blob.codec === 'identity' || body.length <= mebibyte)
  expect(row).toMatchObject({
    location: inline ? 'row' : 'store',
    codec: blob.codec,
    level: blob.level,
    reason: blob.reason,
    gain: blob.gain ?? null,
    frame_bytes: blob.frameBytes,
    size_bytes: body.length,
    stored_bytes: stored.length,
  })
  expect(Buffer.from(row.sha256).toString('hex')).toBe(createHash('sha256').update(body).digest('hex'))
  const reason = expectedReason(put)
  if (reason !== undefined) expect(blob.reason).toBe(reason)

  if (blob.codec === 'identity') {
    expect(blob).toMatchObject({ level: 0, frameBytes: 0, storedBytes: body.length })
    expect(blob.reason).not.toBe('compressed')
    expect(row.frame_index).toBeNull()
    return expect(Buffer.compare(stored, body)).toBe(0)
  }
  const frames = Math.ceil(body.length / blob.frameBytes)
  const index = row.frame_index as Uint8Array
  expect(Buffer.compare(stored.subarray(stored.length - indexBytes(frames)), index)).toBe(0)
  expect(parseIndex(index, blob)).toMatchObject({ codec: blob.codec, frameBytes: blob.frameBytes })
  expect(blob.reason).toBe('compressed')
  expect(blob.gain).toBeGreaterThanOrEqual(put.policy.minimumGain ?? defaultPolicy.minimumGain)
  if (frames === 1) expect(blob.gain).toBeCloseTo(1 - stored.length / body.length, 12)
  else expect(blob.frameBytes).toBe(frameBytesDefault)
  checkChoice(blob, put, frames)
}

function checkChoice(blob: BlobRef, { policy }: Case, frames: number): void {
  if (policy.mode === 'auto' || (policy.mode === 'brotli' && frames > 1)) {
    return expect(['zstd', 'brotli', 'gzip']).toContain(blob.codec)
  }
  const { min, max, ratio } = codecs[policy.mode as CodecName].levels
  expect(blob.codec).toBe(policy.mode)
  expect(blob.level).toBe(Math.min(max, Math.max(min, policy.level ?? ratio)))
}

/** Whole, in ranges, and as the stream of its coding: the bytes that were put. */
async function checkReads(files: StoredFiles, file: FileRecord, put: Case): Promise<void> {
  const { core } = files
  const body = bodyOf(put)
  for (let times = 0; times < 2; times++) {
    expect(Buffer.compare(await bytesOf(await readContent(core, file)), body)).toBe(0)
  }
  if (file.blob.codec !== 'identity') {
    const coded = await bytesOf(await readCoded(core, file))
    expect(coded.length).toBe(codedBytes(file.blob))
    expect(Buffer.compare(decoders[file.blob.codec](coded), body)).toBe(0)
  }
  if (body.length === 0) return
  const last = body.length - 1
  const borders = [0, 1, last, Math.min(last, mebibyte - 1), Math.min(last, mebibyte)]
  const pairs = [
    ...put.shares.map(([a, b]) => [Math.floor(a * last), Math.floor(b * last)] as const),
    ...borders.map((at) => [Math.min(at, last), Math.min(at + 1, last)] as const),
  ]
  for (const [a, b] of pairs) {
    const range = { start: Math.min(a, b), end: Math.max(a, b) }
    const got = await bytesOf(await readContent(core, file, range))
    expect(Buffer.compare(got, body.subarray(range.start, range.end + 1)), JSON.stringify(range)).toBe(0)
  }
}

describe('what is put is what is read', () => {
  let withCache: StoredFiles
  let without: StoredFiles
  beforeAll(async () => {
    withCache = await openStoredFiles()
    without = await openStoredFiles({ cacheBytes: 0 })
  })
  afterAll(async () => {
    await withCache.close()
    await without.close()
  })

  test('whole, in ranges and coded, whatever the body, its chunks, its policy (R7, R14, R20, R21)', async () => {
    const present = new Map<StoredFiles, Uint8Array>()
    const check = async (put: Case) => {
      const files = put.cached ? withCache : without
      const body = bodyOf(put)
      // A byte at a time only where that does not take all day.
      const chunkBytes = body.length > 70_000 ? Math.max(4093, put.chunkBytes) : put.chunkBytes
      const before = (await files.core.blobs.list()).ids
      const putting = files.put('f', body, {
        chunkBytes,
        sizeBytes: declaredBytes(put),
        digests: digestsOf(put.digest, body),
        compression: put.policy,
        contentType: put.contentType,
        headers: put.clientEncoded ? { contentEncoding: 'gzip' } : {},
      })
      const refusal = refusalOf(put)
      if (refusal === undefined && declaredBytes(put) !== -1) {
        const file = await putting
        present.set(files, body)
        expect(await files.find('f')).toEqual(file)
        await checkRecord(files, file, put)
        return checkReads(files, file, put)
      }
      await expect(putting).rejects.toMatchObject({ code: refusal ?? 'body_size_mismatch' })
      await files.settled()
      expect((await files.core.blobs.list()).ids).toEqual(before)
      expect(await readdir(join(files.folder, 'tmp'))).toEqual([])
      const old = present.get(files)
      if (old) expect(Buffer.compare(await files.read('f'), old)).toBe(0)
      else await expect(files.find('f')).rejects.toMatchObject({ code: 'file_not_found' })
    }
    await fc.assert(fc.asyncProperty(cases, check), { seed: 20261121, numRuns: 200 })
  })

  test.each(codecNames)('%s at its lowest and its highest level', async (mode) => {
    const body = text.subarray(0, 70_000)
    for (const level of [0, 22]) {
      const file = await without.put('levels', body, { compression: { mode, level } })
      const { min, max } = codecs[mode].levels
      expect(file.blob).toMatchObject({ codec: mode, level: level === 0 ? min : max, reason: 'compressed' })
      expect(Buffer.compare(await without.read('levels'), body)).toBe(0)
    }
  })

  test('copies and renames carry the record of their bytes, and none is compressed twice (R20, R21)', async () => {
    const body = text.subarray(0, 2 * mebibyte + 5)
    const { blob } = await without.put('source', body, { compression: { mode: 'gzip', level: 9 } })
    const before = (await without.core.blobs.list()).ids
    const move = (from: string, to: string) => ({
      source: { bucket, key: from },
      destination: { bucket, key: to },
    })
    const copied = await copyFile(without.core, without.admin, move('source', 'copy'))
    const renamed = await renameFile(without.core, without.admin, move('copy', 'renamed'))
    for (const file of [copied, renamed, await without.find('source'), await without.find('renamed')]) {
      expect(file.blob).toEqual(blob)
    }
    expect(Buffer.compare(await without.read('renamed'), body)).toBe(0)
    expect((await without.core.blobs.list()).ids).toEqual(before)
  })

  test('an index that is too long for the pointer is read from the row, once where there is a cache', async () => {
    const body = new Uint8Array(130 * mebibyte)
    body.set(text, 124 * mebibyte)
    for (const files of [withCache, without]) {
      const { blob } = await files.put('long', body, { compression: { mode: 'zstd', level: 1 } })
      expect(blob.frameIndex).toBeUndefined()
      expect(rowOf(files, blob).frame_index).toHaveLength(indexBytes(130))
      for (const start of [0, 124 * mebibyte - 1, 129 * mebibyte + 7]) {
        const end = Math.min(body.length - 1, start + 3000)
        expect(Buffer.compare(await files.read('long', { start, end }), body.subarray(start, end + 1))).toBe(
          0,
        )
      }
      const coded = await bytesOf(await readCoded(files.core, await files.find('long')))
      expect(coded.length).toBe(codedBytes(blob))
      expect(Buffer.compare(decoders.zstd(coded), body)).toBe(0)
    }
  })
})
