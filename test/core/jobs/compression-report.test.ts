import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createUser } from '../../../src/core/accounts/users.ts'
import { codecs } from '../../../src/core/compression/codecs.ts'
import { encodeWhole } from '../../../src/core/compression/encode-whole.ts'
import { estimateMoney, listPrices } from '../../../src/core/compression/prices.ts'
import type { CompressionPolicy } from '../../../src/core/compression/policy.ts'
import type { CodecName } from '../../../src/core/compression/codec.ts'
import { createBucket } from '../../../src/core/files/buckets.ts'
import type { StoredHeaders } from '../../../src/core/files/file.ts'
import { putFile } from '../../../src/core/files/put.ts'
import {
  compressionReport,
  type CompressionReportParams,
  type CompressionReportState,
} from '../../../src/core/jobs/compression-report.ts'
import type { CompressionReport } from '../../../src/core/jobs/compression-result.ts'
import { JobInterrupted } from '../../../src/core/jobs/job.ts'
import { recompress } from '../../../src/core/jobs/recompress.ts'
import { randomBytes, textBytes } from '../compression/samples.ts'
import { openTestCore, type TestCore } from '../test-core.ts'

let opened: TestCore
beforeEach(async () => {
  opened = await openTestCore()
  await makeBucket('pages')
})
afterEach(() => opened.close())

const makeBucket = (name: string, compression?: Partial<CompressionPolicy>) =>
  createBucket(opened.core, opened.admin, { name, visibility: 'private', compression })

async function* once(bytes: Uint8Array) {
  yield bytes
}

interface Put {
  readonly bucket?: string
  readonly type?: string
  readonly headers?: StoredHeaders
  readonly compression?: Partial<CompressionPolicy>
}

const put = async (key: string, bytes: Uint8Array, of: Put = {}) => {
  const { bucket = 'pages', type = 'text/plain', headers = {}, compression = { mode: 'off' } } = of
  const { file } = await putFile(opened.core, opened.admin, {
    bucket,
    key,
    compression,
    body: once(bytes),
    describe: () => ({
      contentType: type,
      headers,
      metadata: {},
      tags: {},
    }),
  })
  return file
}

interface Ran {
  readonly report: CompressionReport
  readonly steps: number
  readonly moved: number
  readonly state: CompressionReportState
}

/** As a runner does it: what is known between two steps is JSON. */
async function run(params: CompressionReportParams = {}): Promise<Ran> {
  const { core } = opened
  let moved = 0
  const context = {
    async moved(bytes: number) {
      moved += bytes
    },
  }
  let state = await compressionReport.begin(core, params)
  for (let steps = 1; ; steps++) {
    state = JSON.parse(JSON.stringify(state)) as CompressionReportState
    const step = await compressionReport.step(core, params, state, context)
    moved += step.bytesMoved
    state = step.state
    if (!step.done) continue
    const report = JSON.parse(JSON.stringify(compressionReport.result(params, state))) as CompressionReport
    return { report, steps, moved, state }
  }
}

const codedBytes = async (plain: Uint8Array, name: CodecName, level: number) =>
  (await encodeWhole(plain, { codec: codecs[name], level, frameBytes: plain.length })).bytes.length

/** The database's version is another one, for this connection, after any other has committed. */
const everything = async (connection: DatabaseSync) => ({
  version: connection.prepare('PRAGMA data_version').get(),
  blobs: (await opened.core.blobs.list()).ids,
})

describe('the compression report', () => {
  test('of nothing is nothing', async () => {
    const { report, state } = await run()
    expect(report.totals).toEqual({
      files: 0,
      logicalBytes: 0,
      storedBytes: 0,
      estimatedBytes: 0,
      savedBytes: 0,
    })
    expect(report).toMatchObject({ byType: [], recommended: [] })
    expect(report.money).toMatchObject({ ...listPrices, savedUsdPerMonth: 0, operationsUsd: 0 })
    expect(compressionReport.progress(state)).toEqual({ files: 0, bytes: 0, filesTotal: 0, bytesTotal: 0 })
  })

  test('is exact for files of one frame, and writes nothing', async () => {
    const [small, large] = [textBytes(20_000), textBytes(180_000)]
    await put('small', small)
    await put('large', large)
    using connection = new DatabaseSync(join(opened.folder, 'cutty.db'), { readOnly: true })
    const before = await everything(connection)
    const { report, moved } = await run()
    expect(await everything(connection)).toEqual(before)

    expect(report.totals).toMatchObject({ files: 2, logicalBytes: 200_000, storedBytes: 200_000 })
    const sum = async (name: CodecName, level: number) =>
      (await codedBytes(small, name, level)) + (await codedBytes(large, name, level))
    for (const [codec, level] of [
      ['zstd', 3],
      ['zstd', 19],
      ['brotli', 5],
      ['brotli', 11],
      ['gzip', 6],
      ['lz4', 1],
    ] as const) {
      const way = report.byCodec.find((each) => each.codec === codec && each.level === level)
      expect(way?.estimatedBytes, `${codec}-${level}`).toBe(await sum(codec, level))
      expect(way?.savedBytes).toBe(200_000 - (way?.estimatedBytes as number))
      expect(report.byType[0]?.codecs[`${codec}-${level}`]).toBeCloseTo(
        (await sum(codec, level)) / 200_000,
        3,
      )
    }
    expect(report.totals.estimatedBytes).toBe(await sum('brotli', 11))
    expect(report.byType).toHaveLength(1)
    expect(report.byType[0]).toMatchObject({
      mediaType: 'text/plain',
      files: 2,
      measuredFiles: 2,
      skipped: {},
      best: {
        codec: 'brotli',
        level: 11,
      },
    })
    expect(report.recommended).toMatchObject([{ bucket: null, compression: { mode: 'auto' } }])
    expect(moved).toBe(200_000)
  })

  test('R22: a longer file is sampled to its end, a MiB at most', async () => {
    // Its first MiB cannot be compressed; that it is a quarter only, its end shows.
    const bytes = new Uint8Array(4 * 1024 ** 2)
    bytes.set(randomBytes(1024 ** 2))
    bytes.set(textBytes(3 * 1024 ** 2), 1024 ** 2)
    await put('mixed.bin', bytes, { type: 'application/octet-stream' })
    const { report, moved } = await run()
    expect(moved).toBe(1024 ** 2)
    const share = report.totals.estimatedBytes / bytes.length
    expect(share).toBeGreaterThan(0.25)
    expect(share).toBeLessThan(0.5)
    // Brotli cannot hold it: with that alone, it stays as it is.
    expect(report.byCodec.find(({ codec }) => codec === 'brotli')).toMatchObject({ savedBytes: 0 })
    expect(report.byType[0]?.codecs['brotli-5']).toBeUndefined()
  })

  test('the estimate of a long file is near what it comes to', async () => {
    const file = await put('long.log', textBytes(6 * 1024 ** 2), { compression: { mode: 'zstd', level: 3 } })
    await put('long-off.log', textBytes(6 * 1024 ** 2))
    const { report } = await run()
    const zstd3 = report.byCodec.find(({ codec, level }) => codec === 'zstd' && level === 3)
    const actual = 2 * file.blob.storedBytes
    // The first is stored so already: it neither gains nor loses.
    expect(Math.abs((zstd3?.estimatedBytes as number) - actual) / actual).toBeLessThan(0.05)
  })

  test('R16, R21: what is known to be compressed, or a client’s coding, is not read', async () => {
    const bytes = textBytes(5000)
    await put('photo', bytes, { type: 'image/jpeg' })
    await put('coded', bytes, { headers: { contentEncoding: 'gzip' } })
    await put('archive.zip', bytes, { type: 'application/octet-stream' })
    await put('tiny', bytes.subarray(0, 100))
    await put('empty', new Uint8Array(0))
    await put('random', randomBytes(5000), { type: 'application/x-own', compression: {} })
    await put('best', bytes, { compression: { mode: 'brotli', level: 11 } })
    const { report, moved } = await run()
    expect(moved).toBe(0)
    expect(report.totals.savedBytes).toBe(0)
    expect(Object.fromEntries(report.byType.map(({ mediaType, skipped }) => [mediaType, skipped]))).toEqual({
      'image/jpeg': { type: 1 },
      'application/octet-stream': { name: 1 },
      'application/x-own': { no_gain: 1 },
      'text/plain': { encoded: 1, small: 2, strong: 1 },
    })
    expect(report.recommended[0]?.reason).toContain('Less than 1 %')
  })

  test('a format that only its first bytes show is not measured either', async () => {
    const bytes = textBytes(3 * 1024 ** 2)
    bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
    await put('drawing', bytes, { type: 'application/x-own' })
    const { report, moved } = await run()
    expect(moved).toBe(128 * 1024)
    expect(report.totals.savedBytes).toBe(0)
    expect(report.byType[0]).toMatchObject({ best: null, codecs: {} })
  })

  test('a policy’s least gain and denied types hold, its mode does not', async () => {
    await makeBucket('strict', { mode: 'off', minimumGain: 0.99, denyTypes: ['text/css'] })
    await put('a', textBytes(20_000), { bucket: 'strict' })
    await put('b', textBytes(20_000), { bucket: 'strict', type: 'text/css' })
    await makeBucket('off', { mode: 'off' })
    await put('a', textBytes(20_000), { bucket: 'off' })
    expect((await run({ bucket: 'strict' })).report.totals).toMatchObject({ files: 2, savedBytes: 0 })
    const { report } = await run({ bucket: 'off' })
    expect(report.totals.savedBytes).toBeGreaterThan(10_000)
    expect(report.recommended[0]?.bucket).toBe('off')
  })

  test('what it says of small files is what the job comes to, whatever the policies are', async () => {
    await makeBucket('level', { mode: 'zstd', level: 9 })
    const compression = { mode: 'zstd', level: 1 } as const
    for (const bucket of ['pages', 'level']) {
      await put('text', textBytes(90_000), { bucket, compression })
      await put('lines', textBytes(3000), { bucket, compression, type: 'application/octet-stream' })
      await put('random', randomBytes(3000), { bucket, compression, type: 'application/octet-stream' })
    }
    const { report } = await run()
    const { core } = opened
    let step = { state: await recompress.begin(core, {}), done: false }
    while (!step.done) step = await recompress.step(core, {}, step.state, { moved: async () => {} })
    expect(report.totals.estimatedBytes).toBe((await run()).report.totals.storedBytes)
    expect(report.totals.savedBytes).toBeGreaterThan(1000)
  })

  test('goes over the buckets of one user, one bucket, or a prefix of it', async () => {
    const { core, admin } = opened
    const user = await createUser(core, admin, { name: 'Bob', email: 'bob@example.org', role: 'user' })
    await createBucket(core, { role: 'user', userId: user.id }, { name: 'bobs', visibility: 'private' })
    for (const key of ['a/1', 'a/ü', 'a0', 'b/\u{10ffff}']) await put(key, textBytes(2000))
    await put('x', textBytes(2000), { bucket: 'bobs' })
    const files = async (params: CompressionReportParams) => (await run(params)).report.totals.files
    expect(await files({})).toBe(5)
    expect(await files({ ownerId: user.id })).toBe(1)
    expect(await files({ bucket: 'pages', ownerId: user.id })).toBe(0)
    expect(await files({ bucket: 'pages' })).toBe(4)
    expect(await files({ bucket: 'pages', prefix: 'a/' })).toBe(2)
    expect(await files({ bucket: 'pages', prefix: 'c' })).toBe(0)
    expect(await files({ bucket: 'gone' })).toBe(0)
  })

  test('many files are measured in part, evenly, and in steps', async () => {
    // The second half of the keys has other content than the first: a beginning alone would mislead.
    const bytes = [randomBytes(1100), textBytes(1100)] as const
    for (let i = 0; i < 900; i++) {
      const key = String(i).padStart(4, '0')
      await put(key, bytes[i < 450 ? 0 : 1])
    }
    const { report, steps, state } = await run()
    const [text] = report.byType
    expect(text?.files).toBe(900)
    expect(text?.measuredFiles).toBeGreaterThanOrEqual(200)
    expect(text?.measuredFiles).toBeLessThanOrEqual(500)
    expect(steps).toBeGreaterThan(4)
    const each = await codedBytes(bytes[1], 'brotli', 5)
    const expected = 450 * 1100 + 450 * each
    const way = report.byCodec.find(({ codec, level }) => codec === 'brotli' && level === 5)
    expect(Math.abs((way?.estimatedBytes as number) - expected) / expected).toBeLessThan(0.03)
    expect(state.progress).toEqual({ files: 900, bytes: 990_000, filesTotal: 900, bytesTotal: 990_000 })
  })

  test('types beyond what a report tells apart are counted together', async () => {
    for (let i = 0; i < 105; i++) await put(`f${i}`, textBytes(10), { type: `text/x-${i}` })
    const { report } = await run()
    expect(report.byType).toHaveLength(101)
    expect(report.byType.find(({ mediaType }) => mediaType === '*')?.files).toBe(5)
    expect(report.totals.files).toBe(105)
  })

  test('a damaged file is counted as such, and the others go on', async () => {
    const file = await put('gone', textBytes(50_000))
    await put('here', textBytes(50_000))
    await opened.core.blobs.delete([file.blob.id])
    const { report } = await run()
    expect(report.byType[0]).toMatchObject({ files: 2, measuredFiles: 1, skipped: { damaged: 1 } })
  })

  test('is broken off by whoever runs it, and then nothing of the step is kept', async () => {
    await put('a', textBytes(50_000))
    const state = await compressionReport.begin(opened.core, {})
    const kept = structuredClone(state)
    const context = { moved: () => Promise.reject(new JobInterrupted('cancelled')) }
    await expect(compressionReport.step(opened.core, {}, state, context)).rejects.toThrow(JobInterrupted)
    expect(state).toEqual(kept)
  })

  test('without a working zstd or brotli, the others are compared', async () => {
    const core = {
      ...opened.core,
      compression: { ...opened.core.compression, available: new Set<CodecName>(['gzip']) },
    }
    await put('a', textBytes(50_000))
    let step = { state: await compressionReport.begin(core, {}), done: false }
    while (!step.done) step = await compressionReport.step(core, {}, step.state, { moved: async () => {} })
    const report = compressionReport.result({}, step.state) as CompressionReport
    expect(report.byCodec.map(({ codec }) => codec)).toEqual(['auto', 'auto', 'gzip'])
    expect(report.totals.savedBytes).toBeGreaterThan(30_000)
  })

  test('its store may be gone altogether: that is an outage, not an estimate', async () => {
    await put('a', textBytes(50_000))
    await rm(join(opened.folder, 'blobs'), { recursive: true })
    const { report } = await run()
    expect(report.byType[0]?.skipped).toEqual({ damaged: 1 })
  })
})

describe('money', () => {
  test('storage saved each month, against one read and one write for each file', () => {
    expect(estimateMoney({ savedBytes: 100e9, changedFiles: 100_000 })).toEqual({
      ...listPrices,
      savedUsdPerMonth: 1.5,
      operationsUsd: expect.closeTo(0.486, 10) as number,
      netUsdFirstMonth: expect.closeTo(1.014, 10) as number,
      breakEvenDays: expect.closeTo(9.72, 10) as number,
    })
  })

  test('what saves nothing never pays; what costs nothing does at once', () => {
    expect(estimateMoney({ savedBytes: 0, changedFiles: 1 }).breakEvenDays).toBeNull()
    expect(estimateMoney({ savedBytes: 0, changedFiles: 0 }).breakEvenDays).toBe(0)
    const free = { classAUsdPerMillion: 0, classBUsdPerMillion: 0, storageUsdPerGbMonth: undefined }
    expect(estimateMoney({ savedBytes: 1, changedFiles: 9 }, free)).toMatchObject({
      breakEvenDays: 0,
      operationsUsd: 0,
      storageUsdPerGbMonth: 0.015,
    })
  })
})
