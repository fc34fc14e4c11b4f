import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CuttyError } from '../../../src/core/errors.ts'
import { copyFile, deleteFile } from '../../../src/core/files/change.ts'
import { collectGarbage } from '../../../src/core/files/collect.ts'
import { createJob, readJob, removeOldJobs, scheduleScrub } from '../../../src/core/jobs/jobs.ts'
import { createJobRunner } from '../../../src/core/jobs/runner.ts'
import type { ScrubResult } from '../../../src/core/jobs/scrub.ts'
import { faultyBlobStore } from '../../faults/blob-store.ts'
import { after, failing, only } from '../../faults/plan.ts'
import { bucket, noPause, openStage, type PutOptions, type Stage, words } from './stage.ts'

let stage: Stage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage.close())

const scrub = async (core = stage.core) => {
  const job = await stage.run({ kind: 'scrub' }, core)
  return { job, result: job.result as ScrubResult }
}
const off: PutOptions = { compression: { mode: 'off' } }
const codings = ['off', 'zstd', 'gzip', 'brotli', 'deflate', 'lz4'] as const
const dayMs = 86_400_000

describe('scrub', () => {
  test('finds nothing where all is right, whatever it is stored as', async () => {
    await stage.put('empty', new Uint8Array(0))
    for (const mode of codings) {
      await stage.put(`row ${mode}`, words(3000), { compression: { mode } })
      await stage.put(`frame ${mode}`, words(200_000), { compression: { mode } })
      await stage.put(`frames ${mode}`, words(2_500_000), { compression: { mode } })
    }
    await stage.put('deleted', words(100_000))
    await deleteFile(stage.core, stage.admin, { bucket, key: 'deleted' })
    const { job, result } = await scrub()
    expect(job).toMatchObject({ state: 'done', error: null })
    expect(result).toMatchObject({ blobs: 19, damaged: [], damagedCount: 0, healed: 0 })
    expect(job.progress).toMatchObject({ files: 19, filesTotal: 19 })
    expect(job.progress.bytes).toBe(job.progress.bytesTotal)
  })

  test.each(codings)('finds any flipped byte of a blob: %s (R19)', async (mode) => {
    const { blob } = await stage.put('a', words(300_000), { compression: { mode } })
    const good = await stage.stored(blob.id)
    const places = [0, 1, 7, 500, good.length - 1, good.length - 20, good.length - 50, good.length >> 1]
    for (const at of places) {
      await stage.flip(blob.id, at)
      const { result } = await scrub()
      expect(result.damaged, `byte ${at}`).toMatchObject([{ blobId: blob.id, files: [{ bucket, key: 'a' }] }])
      await stage.restore(blob.id, good)
    }
    const { result } = await scrub()
    expect(result).toMatchObject({ damaged: [], healed: 1 })
    expect((await scrub()).result.healed).toBe(0)
  })

  test.each(['off', 'zstd'] as const)('finds what is cut short, too long, or gone: %s', async (mode) => {
    const { blob } = await stage.put('a', words(300_000), { compression: { mode } })
    const good = await stage.stored(blob.id)
    const tell = async () => (await scrub()).result.damaged.map(({ blobId }) => blobId)
    for (const bytes of [0, 1, good.length >> 1, good.length - 1]) {
      await stage.cut(blob.id, bytes)
      expect(await tell()).toEqual([blob.id])
    }
    await stage.restore(blob.id, Buffer.concat([good, Buffer.of(0)]))
    expect(await tell()).toEqual([blob.id])
    await stage.lose(blob.id)
    expect(await tell()).toEqual([blob.id])
    const since = stage.sqlite<{ at: number }>(`SELECT damaged_at_ms AS at FROM blobs WHERE id = ?`, blob.id)
    expect(since[0]?.at).toBeGreaterThan(0)
    expect(stage.events.filter(({ type }) => type === 'damage')).toHaveLength(6)
    await stage.restore(blob.id, good)
    expect((await scrub()).result).toMatchObject({ damaged: [], healed: 1 })
    expect(stage.sqlite(`SELECT damaged_at_ms AS at FROM blobs`)).toEqual([{ at: null }])
  })

  test('finds damage of rows: of bytes, of an index, of a body that is gone', async () => {
    const row = await stage.put('row', words(2000), off)
    const index = await stage.put('index', words(200_000), { compression: { mode: 'zstd' } })
    const gone = await stage.put('gone', words(1500), off)
    await stage.put('good', words(1600))
    const bytes = words(2000)
    bytes[1000] = 0
    stage.sqlite(`UPDATE blob_bodies SET bytes = ? WHERE blob_id = ?`, bytes, row.blob.id)
    stage.sqlite(`UPDATE blobs SET frame_index = NULL WHERE id = ?`, index.blob.id)
    stage.sqlite(`DELETE FROM blob_bodies WHERE blob_id = ?`, gone.blob.id)
    const { result } = await scrub()
    expect(result.damaged.map(({ files }) => files[0]?.key)).toEqual(['row', 'index', 'gone'])
    expect(result).toMatchObject({ blobs: 4, damagedCount: 3 })
  })

  test('names all files of a damaged blob', async () => {
    const { blob } = await stage.put('a', words(100_000))
    for (const key of ['b', 'c']) {
      await copyFile(stage.core, stage.admin, { source: { bucket, key: 'a' }, destination: { bucket, key } })
    }
    await stage.lose(blob.id)
    const { result, job } = await scrub()
    expect(result.damaged[0]?.files.map(({ key }) => key).toSorted()).toEqual(['a', 'b', 'c'])
    expect(job.progress).toMatchObject({ files: 3, filesTotal: 3 })
  })

  test('takes no outage for damage: a short one is waited for, a long one fails the job', async () => {
    for (const key of ['a', 'b', 'c']) await stage.put(key, words(100_000), off)
    const outage = new CuttyError('storage_unavailable')
    const short = faultyBlobStore(stage.core.blobs, only(['get'], after(1, failing(outage), 3)))
    const brief = await scrub({ ...stage.core, blobs: short })
    expect(brief.job.state).toBe('done')
    expect(brief.result).toMatchObject({ blobs: 3, damaged: [] })

    const long = faultyBlobStore(stage.core.blobs, only(['get'], after(2, failing(outage))))
    const { job, result } = await scrub({ ...stage.core, blobs: long })
    expect(job).toMatchObject({ state: 'failed', error: { code: 'storage_unavailable' } })
    expect(result).toMatchObject({ blobs: 2, damaged: [] })
    expect(stage.events.filter(({ type }) => type === 'damage')).toEqual([])
  })

  test('takes no blob for damaged that is collected meanwhile', async () => {
    const { core, admin } = stage
    await stage.put('a', words(100_000), off)
    const blobs = faultyBlobStore(core.blobs, async (step) => {
      if (step !== 'get') return
      await deleteFile(core, admin, { bucket, key: 'a' }).catch(() => {})
      stage.clock.advance(120_000)
      await collectGarbage(core, { graceMs: 60_000 })
    })
    expect((await scrub({ ...core, blobs })).result).toMatchObject({ blobs: 1, damaged: [] })
  })
})

describe('the schedule of scrubs', () => {
  const jobs = () =>
    stage.sqlite<{ id: string; ownerId: null }>(`SELECT id, owner_id AS ownerId FROM jobs ORDER BY id`)
  const schedule = () => scheduleScrub(stage.core, { days: 30 })

  test('queues one when the last was over long enough ago, by the age of what is stored at first', async () => {
    await schedule()
    expect(jobs()).toEqual([])
    await stage.put('a', words(100))
    await schedule()
    expect(jobs()).toEqual([])
    stage.clock.advance(31 * dayMs)
    await scheduleScrub(stage.core, { days: 0 })
    expect(jobs()).toEqual([])
    await schedule()
    await schedule()
    expect(jobs()).toMatchObject([{ ownerId: null }])
    await createJobRunner(stage.core, { pause: noPause }).run()
    stage.clock.advance(29 * dayMs)
    await schedule()
    expect(jobs()).toHaveLength(1)
    stage.clock.advance(2 * dayMs)
    await schedule()
    expect(jobs()).toHaveLength(2)
  })

  test('forgets jobs after 30 days, and never the last scrub', async () => {
    const { core, admin } = stage
    const old = await createJob(core, admin, { kind: 'recompress' })
    await scrub()
    const last = await scrub()
    stage.clock.advance(31 * dayMs)
    const fresh = await createJob(core, admin, { kind: 'recompress' })
    await removeOldJobs(core)
    expect(jobs().map(({ id }) => id)).toEqual([last.job.id, fresh.id])
    await expect(readJob(core, admin, old.id)).rejects.toMatchObject({ code: 'job_not_found' })
  })
})
