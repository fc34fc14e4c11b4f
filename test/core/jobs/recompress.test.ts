import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Core } from '../../../src/core/core.ts'
import { CuttyError } from '../../../src/core/errors.ts'
import { changeBucket, createBucket } from '../../../src/core/files/buckets.ts'
import { copyFile, deleteFile, renameFile } from '../../../src/core/files/change.ts'
import { collectGarbage } from '../../../src/core/files/collect.ts'
import { createJob, readJob } from '../../../src/core/jobs/jobs.ts'
import type { RecompressResult } from '../../../src/core/jobs/recompress.ts'
import { createJobRunner } from '../../../src/core/jobs/runner.ts'
import { DatabaseError } from '../../../src/core/ports/database.ts'
import { patternBytes } from '../../contracts/http/bytes.ts'
import { faultyBlobStore } from '../../faults/blob-store.ts'
import { faultyDatabase } from '../../faults/database.ts'
import { createGate, failing, only } from '../../faults/plan.ts'
import { bucket, noPause, openStage, type PutOptions, seen, type Stage, words } from './stage.ts'

let stage: Stage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage.close())

const recompress = async (core?: Core) => {
  const job = await stage.run({ kind: 'recompress' }, core)
  return { job, result: job.result as RecompressResult }
}
const fast: PutOptions = { compression: { mode: 'zstd', level: 1 } }
const mebi = 1024 * 1024

describe('recompress', () => {
  test('makes everything smaller, and nobody sees a difference (R3)', async () => {
    const bodies: Record<string, Uint8Array> = {
      empty: new Uint8Array(0),
      one: Uint8Array.of(7),
      'row/text': words(9000),
      'store/text': words(300_000),
      'store/large text': words(3 * mebi, 3),
      'store/binary': new Uint8Array(1_500_000).map((_, index) => (index >> 9) & 0xff),
      'noise/ünï\u0007code': patternBytes(200_000),
    }
    for (const [key, bytes] of Object.entries(bodies)) {
      const contentType = key.includes('text') ? 'text/plain' : 'application/x-thing'
      await stage.put(key, bytes, { ...fast, contentType })
    }
    const before = new Map<string, unknown>()
    for (const key of Object.keys(bodies)) before.set(key, seen(await stage.record(key)))

    const { job, result } = await recompress()
    expect(job).toMatchObject({ state: 'done', error: null })
    const files = Object.keys(bodies).length
    const bytes = Object.values(bodies).reduce((sum, body) => sum + body.length, 0)
    expect(job.progress).toEqual({ files, bytes, filesTotal: files, bytesTotal: bytes })
    expect(result).toMatchObject({ files, bytes, damaged: [], damagedCount: 0 })
    expect(result.recompressed.blobs).toBe(4)
    expect(result.recompressed.bytesAfter).toBeLessThan(result.recompressed.bytesBefore * 0.98)

    for (const [key, body] of Object.entries(bodies)) {
      expect(Buffer.compare(await stage.read(key), body), key).toBe(0)
      expect(seen(await stage.record(key))).toEqual(before.get(key))
    }
    const coding = async (key: string) => {
      const { codec, level, location } = (await stage.record(key)).blob
      return { codec, level, location }
    }
    expect(await coding('row/text')).toEqual({ codec: 'brotli', level: 11, location: 'row' })
    expect(await coding('store/text')).toEqual({ codec: 'brotli', level: 11, location: 'store' })
    expect(await coding('store/large text')).toEqual({ codec: 'zstd', level: 19, location: 'store' })
    stage.expectSound()

    const again = await recompress()
    expect(again.result.recompressed.blobs).toBe(0)
    expect(again.result.skipped['strong']).toBe(4)
    stage.clock.advance(120_000)
    await collectGarbage(stage.core, { graceMs: 60_000 })
    for (const [key, body] of Object.entries(bodies)) {
      expect(Buffer.compare(await stage.read(key), body), key).toBe(0)
    }
    stage.expectSound()
  })

  test('judges what was stored before there was compression, once (R21, R22)', async () => {
    const text = await stage.put('text', words(400_000), { compression: { mode: 'off' } })
    // A head that compresses, and nothing else that does.
    const mixed = new Uint8Array(2 * mebi)
    mixed.set(patternBytes(mixed.length))
    mixed.set(words(100_000))
    const deceiving = await stage.put('mixed', mixed, { compression: { mode: 'off' } })
    stage.forget(text.blob.id)
    stage.forget(deceiving.blob.id)
    // The policy was another when this came.
    await stage.put('off', words(50_000), { compression: { mode: 'off' } })

    const { result } = await recompress()
    expect(result.recompressed.blobs).toBe(2)
    expect(result.skipped).toEqual({ no_gain: 1 })
    expect((await stage.record('text')).blob).toMatchObject({ codec: 'brotli', reason: 'compressed' })
    expect((await stage.record('mixed')).blob.id).toBe(deceiving.blob.id)
    expect((await stage.record('off')).blob).toMatchObject({ codec: 'brotli', reason: 'compressed' })
    expect((await recompress()).result.skipped).toEqual({ strong: 2, tried: 1 })
    stage.expectSound()
  })

  test('leaves what clients have encoded, what the policy forbids, and copies of those (R16)', async () => {
    const { core, admin } = stage
    const encoded = await stage.put('encoded', words(60_000), { headers: { contentEncoding: 'gzip' } })
    stage.forget(encoded.blob.id)
    await stage.put('denied', words(60_000, 2), { ...fast, contentType: 'text/html' })
    await stage.put('held', words(60_000, 3), fast)
    await createBucket(core, admin, { name: 'still', visibility: 'private', compression: { mode: 'off' } })
    const source = { bucket, key: 'held' }
    await copyFile(core, admin, { source, destination: { bucket: 'still', key: 'held' } })
    await changeBucket(core, admin, { name: bucket, compression: { denyTypes: ['text/html'] } })
    const { result } = await recompress()
    expect(result.recompressed.blobs).toBe(0)
    expect(result.skipped).toEqual({ encoded: 1, type: 1, shared: 1, off: 1 })
  })

  test('takes a codec that the bucket names', async () => {
    await stage.put('a', words(200_000), fast)
    const compression = { mode: 'gzip', level: 9 } as const
    await changeBucket(stage.core, stage.admin, { name: bucket, compression })
    await recompress()
    const { codec } = (await stage.record('a')).blob
    // zstd-1 may be smaller than gzip-9 already: then it stays, and is not tried again.
    expect(['gzip', 'zstd']).toContain(codec)
    expect((await recompress()).result.recompressed.blobs).toBe(0)
  })

  test('is of a bucket and a prefix only, and moves all copies at once', async () => {
    const { core, admin } = stage
    const { blob } = await stage.put('in/a', words(100_000), fast)
    for (const key of ['in/b', 'out/c']) {
      await copyFile(core, admin, { source: { bucket, key: 'in/a' }, destination: { bucket, key } })
    }
    await stage.put('out/d', words(100_000, 2), fast)
    const job = await stage.run({ kind: 'recompress', bucket, prefix: 'in/' })
    expect(job.progress).toEqual({ files: 2, bytes: 200_000, filesTotal: 2, bytesTotal: 200_000 })
    expect((job.result as RecompressResult).recompressed.blobs).toBe(1)
    const moved = (await stage.record('in/a')).blob.id
    expect(moved).not.toBe(blob.id)
    for (const key of ['in/b', 'out/c']) expect((await stage.record(key)).blob.id).toBe(moved)
    expect((await stage.record('out/d')).blob.codec).toBe('zstd')
    expect(stage.sqlite(`SELECT references_count AS n FROM blobs WHERE id = ?`, moved)).toEqual([{ n: 3 }])
    stage.expectSound()
  })

  test('names damaged files and goes on with the others', async () => {
    const bad = await stage.put('bad', words(100_000), fast)
    await stage.put('good', words(100_000, 2), fast)
    await stage.flip(bad.blob.id, 5000)
    const { job, result } = await recompress()
    expect(job.state).toBe('done')
    expect(result.damaged).toMatchObject([{ bucket, key: 'bad', blobId: bad.blob.id }])
    expect(result.recompressed.blobs).toBe(1)
    expect((await stage.record('bad')).blob.id).toBe(bad.blob.id)
    expect(stage.events.filter(({ type }) => type === 'damage')).not.toEqual([])
    stage.expectSound()
  })
})

describe('recompress, when something fails', () => {
  const outage = new CuttyError('storage_unavailable')
  const big = words(3 * mebi, 9)

  test.each(['put', 'put.chunk', 'put.acknowledge', 'get', 'get.chunk'] as const)(
    'in the store at %s leaves the file as it is, and nothing behind',
    async (step) => {
      const file = await stage.put('a', big, fast)
      const blobs = faultyBlobStore(stage.core.blobs, only([step], failing(outage)))
      const { job } = await recompress({ ...stage.core, blobs })
      expect(job).toMatchObject({ state: 'failed', error: { code: 'storage_unavailable' } })
      await stage.settled()
      expect((await stage.record('a')).blob.id).toBe(file.blob.id)
      expect(Buffer.compare(await stage.read('a'), big)).toBe(0)
      // A blob that was stored and not acknowledged is the sweep's.
      if (step !== 'put.acknowledge') expect(await stage.storedIds()).toEqual([file.blob.id])
      stage.expectSound()
      // And the next job does it.
      expect((await recompress()).result.recompressed.blobs).toBe(1)
      expect(Buffer.compare(await stage.read('a'), big)).toBe(0)
    },
  )

  test('that is full ends the job and says so', async () => {
    await stage.put('a', big, fast)
    const full = failing(new CuttyError('storage_full'))
    const { job } = await recompress({
      ...stage.core,
      blobs: faultyBlobStore(stage.core.blobs, only(['put'], full)),
    })
    expect(job).toMatchObject({ state: 'failed', error: { code: 'storage_full' } })
    expect(Buffer.compare(await stage.read('a'), big)).toBe(0)
  })

  test.each(['batch', 'batch.acknowledge'] as const)(
    'in the database at the swap, at %s, loses nothing',
    async (step) => {
      await stage.put('a', big, fast)
      let next: 'put' | 'swap' | 'nothing' = 'put'
      const blobs = faultyBlobStore(stage.core.blobs, async (each) => {
        // The blob that was stored is read back: the swap is next.
        if (each === 'put.acknowledge' && next === 'put') next = 'swap'
      })
      const database = faultyDatabase(stage.core.database, async (each) => {
        if (each !== step || next !== 'swap') return
        next = 'nothing'
        throw new DatabaseError('unavailable', 'gone')
      })
      const { job } = await recompress({ ...stage.core, blobs, database })
      expect(job.state).toBe('done')
      expect(Buffer.compare(await stage.read('a'), big)).toBe(0)
      expect((await stage.record('a')).blob).toMatchObject({ codec: 'zstd', level: 19 })
      stage.expectSound()
    },
  )

  test('in what was stored is noticed before any file points at it', async () => {
    const file = await stage.put('a', big, fast)
    const { blobs: inner } = stage.core
    const blobs: Core['blobs'] = {
      ...inner,
      async put(id, body, sizeBytes) {
        const stored = await inner.put(id, body, sizeBytes)
        await stage.flip(id, 1000)
        return stored
      },
    }
    const { job, result } = await recompress({ ...stage.core, blobs })
    expect(job.state).toBe('done')
    expect(result.skipped).toEqual({ unverified: 1 })
    await stage.settled()
    expect((await stage.record('a')).blob.id).toBe(file.blob.id)
    expect(await stage.storedIds()).toEqual([file.blob.id])
    stage.expectSound()
  })
})

describe('recompress, while a file is', () => {
  /** Holds the job where the new blob is stored, and not yet swapped in. */
  async function whileSwapping(act: () => Promise<unknown>) {
    const { core, admin } = stage
    const gate = createGate()
    const blobs = faultyBlobStore(
      core.blobs,
      only(['put.acknowledge'], () => gate.pass()),
    )
    const { id } = await createJob(core, admin, { kind: 'recompress' })
    const running = createJobRunner({ ...core, blobs }, { pause: noPause }).run()
    await Promise.race([gate.reached(), running])
    await act()
    gate.open()
    await running
    await stage.settled()
    stage.expectSound()
    return (await readJob(core, admin, id)).result as RecompressResult
  }

  test('replaced, the new content stays', async () => {
    await stage.put('a', words(100_000), fast)
    const result = await whileSwapping(() => stage.put('a', words(100_000, 5), fast))
    expect(result.skipped).toEqual({ changed: 1 })
    expect(Buffer.compare(await stage.read('a'), words(100_000, 5))).toBe(0)
    expect(await stage.storedIds()).toHaveLength(2)
  })

  test('deleted, it stays deleted', async () => {
    await stage.put('a', words(100_000), fast)
    const result = await whileSwapping(() => deleteFile(stage.core, stage.admin, { bucket, key: 'a' }))
    expect(result.skipped).toEqual({ changed: 1 })
    await expect(stage.record('a')).rejects.toMatchObject({ code: 'file_not_found' })
  })

  test('copied, the copy moves too; replaced after that, the copy stays', async () => {
    await stage.put('a', words(100_000), fast)
    const copy = { source: { bucket, key: 'a' }, destination: { bucket, key: 'b' } }
    const result = await whileSwapping(async () => {
      await copyFile(stage.core, stage.admin, copy)
      await stage.put('a', words(1000))
    })
    expect(result.recompressed.blobs).toBe(1)
    expect((await stage.record('b')).blob.codec).toBe('brotli')
    expect(Buffer.compare(await stage.read('b'), words(100_000))).toBe(0)
    expect(Buffer.compare(await stage.read('a'), words(1000))).toBe(0)
  })

  test.each([
    ['copied', copyFile],
    ['renamed', renameFile],
  ] as const)(
    '%s by somebody who has looked at it before, it points at the bytes that stay',
    async (_what, move) => {
      const bytes = words(100_000)
      await stage.put('a', bytes, fast)
      const looked = await stage.record('a')
      await recompress()
      expect((await stage.record('a')).blob.id).not.toBe(looked.blob.id)
      // The first look is from before, as with a request that was slow; the ones after it are not.
      let looks = 0
      const { pointers: inner } = stage.core
      const pointers: Core['pointers'] = {
        ...inner,
        read: (name, how) =>
          name.key === 'a' && looks++ < 2
            ? { bucket: looked.bucket, file: looked }
            : inner.read(name, { ...how, upToDate: true }),
      }
      const request = { source: { bucket, key: 'a' }, destination: { bucket, key: 'b' } }
      await move({ ...stage.core, pointers }, stage.admin, request)
      expect(looks).toBeGreaterThan(2)
      stage.clock.advance(120_000)
      await collectGarbage(stage.core, { graceMs: 60_000 })
      expect(Buffer.compare(await stage.read('b'), bytes)).toBe(0)
      stage.expectSound()
    },
  )

  test('read, the read ends as it began', async () => {
    const bytes = words(3 * mebi, 4)
    await stage.put('a', bytes, fast)
    const { readContent } = await import('../../../src/core/files/read.ts')
    const content = (await readContent(stage.core, await stage.record('a'))) as AsyncIterable<Uint8Array>
    const iterator = content[Symbol.asyncIterator]()
    const chunks = [Buffer.from((await iterator.next()).value as Uint8Array)]
    await recompress()
    stage.clock.advance(120_000)
    await collectGarbage(stage.core, { graceMs: 60_000 })
    for await (const chunk of { [Symbol.asyncIterator]: () => iterator }) chunks.push(Buffer.from(chunk))
    expect(Buffer.compare(Buffer.concat(chunks), bytes)).toBe(0)
  })
})
