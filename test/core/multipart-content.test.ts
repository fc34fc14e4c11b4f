import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { copyFile, renameFile } from '../../src/core/files/change.ts'
import { collectGarbage } from '../../src/core/files/collect.ts'
import { countFileParts, openContent, readFileParts } from '../../src/core/files/parts.ts'
import { readContent } from '../../src/core/files/read.ts'
import type { RecompressResult } from '../../src/core/jobs/recompress.ts'
import type { ScrubResult } from '../../src/core/jobs/scrub.ts'
import { randomBytes } from './compression/samples.ts'
import { bucket, seen, words } from './jobs/stage.ts'
import { bytesOf } from './stored-files.ts'
import { openUploads, type Uploads } from './uploads.ts'

let uploads: Uploads
beforeEach(async () => {
  uploads = await openUploads({ cacheBytes: 4 * 1024 ** 2 })
})
afterEach(async () => {
  uploads.expectSound()
  await uploads.close()
})

const collect = async () => {
  uploads.clock.advance(1000)
  return collectGarbage(uploads.core, { graceMs: 0 })
}
const transfer = (from: string, to: string) => ({
  source: { bucket, key: from },
  destination: { bucket, key: to },
})

/** Parts in rows, in one frame, in frames, as they are, and empty. */
const kinds = [
  words(1000, 1),
  randomBytes(3000),
  words(100_000, 2),
  randomBytes(100_000),
  words(2_300_000, 3),
  randomBytes(1),
]

describe('the content of a file of parts', () => {
  test('any range is that of the whole', async () => {
    const part = fc.constantFrom(...kinds)
    const model = fc.tuple(
      fc.array(part, { minLength: 2, maxLength: 6 }),
      fc.constantFrom(new Uint8Array(0), words(10)),
      fc.array(
        fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
      ),
    )
    let runs = 0
    await fc.assert(
      fc.asyncProperty(model, async ([parts, last, places]) => {
        const all = [...parts, last]
        const key = `file ${runs++}`
        await uploads.upload(key, all)
        const file = await uploads.record(key)
        const whole = Buffer.concat(all)
        expect(file.sizeBytes).toBe(whole.length)
        expect(Buffer.compare(await uploads.readRange(file), whole)).toBe(0)
        const ends = all.map((_, index) => Buffer.concat(all.slice(0, index + 1)).length)
        const edges = ends.flatMap((end) => [
          [end - 1, end - 1],
          [end - 2, end],
          [end, end + 1],
        ])
        const chosen = places.map((place) => place.map((at) => Math.floor(at * (whole.length - 1))))
        for (const [from, to] of [...edges, ...chosen] as [number, number][]) {
          const [start, end] = [
            Math.max(0, Math.min(from, to)),
            Math.min(whole.length - 1, Math.max(from, to)),
          ]
          if (start > end) continue
          const range = { start, end }
          const expected = whole.subarray(start, end + 1)
          expect(Buffer.compare(await uploads.readRange(file, range), expected)).toBe(0)
          const opened = await bytesOf(await openContent(uploads.core, file.blob, range))
          expect(Buffer.compare(opened, expected)).toBe(0)
        }
        await uploads.remove(key)
      }),
      { seed: 49, numRuns: 25 },
    )
  })

  test('of more parts than are looked up at one time', async () => {
    const parts = Array.from({ length: 230 }, (_, index) => words(40, index + 1))
    await uploads.upload('many', parts)
    const file = await uploads.record('many')
    expect(Buffer.compare(await uploads.readRange(file), Buffer.concat(parts))).toBe(0)
    const range = { start: 39, end: 229 * 40 }
    expect(
      Buffer.compare(await uploads.readRange(file, range), Buffer.concat(parts).subarray(39, 9161)),
    ).toBe(0)
    expect(await countFileParts(uploads.core, file)).toBe(230)
    const page = await readFileParts(uploads.core, file, { after: 200, limit: 2 })
    expect(page).toMatchObject([
      { number: 201, startBytes: 8000, sizeBytes: 40 },
      { number: 202, startBytes: 8040, sizeBytes: 40 },
    ])
  })

  test('where its parts were is known of one part, too, and of no other file', async () => {
    await uploads.upload('one', [words(5000)])
    const one = await uploads.record('one')
    expect(await readFileParts(uploads.core, one, { after: 0, limit: 10 })).toEqual([
      { number: 1, startBytes: 0, sizeBytes: 5000, checksum: undefined },
    ])
    expect(await countFileParts(uploads.core, await uploads.put('plain', words(10)))).toBeUndefined()
  })

  test('of which all parts are empty is empty', async () => {
    await uploads.upload('empty', [new Uint8Array(0), new Uint8Array(0)])
    expect(await uploads.readRange(await uploads.record('empty'))).toHaveLength(0)
  })

  test('small ranges come from memory the second time', async () => {
    await uploads.upload('a', [words(100_000), words(50_000)])
    const file = await uploads.record('a')
    const range = { start: 100_005, end: 100_050 }
    for (const tier of ['source', 'memory']) {
      const found: { tier?: string } = {}
      await readContent(uploads.core, file, range, found)
      expect(found.tier).toBe(tier)
    }
  })

  test('a part that is gone, or whose row is, is damage and not the end', async () => {
    await uploads.upload('a', [randomBytes(100_000), randomBytes(90_000), randomBytes(80_000)])
    const file = await uploads.record('a')
    const [, second] = uploads.sqlite<{ id: string }>(
      `SELECT part_blob_id AS id FROM blob_parts WHERE blob_id = ? ORDER BY number`,
      file.blob.id,
    )
    const bytes = await uploads.stored(second!.id)
    await uploads.lose(second!.id)
    const range = { start: 0, end: 189_999 }
    await expect(uploads.readRange(file, range)).rejects.toMatchObject({ code: 'content_damaged' })
    await uploads.restore(second!.id, bytes)
    await uploads.readRange(file)
    uploads.sqlite(`DELETE FROM blob_parts WHERE number = 2`)
    for (const range of [undefined, { start: 100_000, end: 100_000 }, { start: 150_000, end: 200_000 }]) {
      await expect(uploads.readRange(file, range)).rejects.toMatchObject({ code: 'content_damaged' })
    }
    uploads.sqlite(`UPDATE blobs SET references_count = 0, garbage_since_ms = 1 WHERE id = ?`, second!.id)
  })
})

describe('garbage of parts', () => {
  const parts = [words(100_000, 4), randomBytes(50_000), words(500, 5)] as const

  test('goes with the last file that has them', async () => {
    const { core, admin } = uploads
    await uploads.upload('a', parts)
    await copyFile(core, admin, transfer('a', 'b'))
    await renameFile(core, admin, transfer('a', 'c'))
    uploads.expectSound()
    await uploads.remove('b')
    expect(await collect()).toBe(0)
    expect(Buffer.compare(await uploads.read('c'), Buffer.concat(parts))).toBe(0)
    expect((await uploads.record('c')).etag).toMatch(/-3$/)
    await uploads.remove('c')
    expect(await collect()).toBe(4)
    expect(await uploads.storedIds()).toEqual([])
    expect([uploads.count('blobs'), uploads.count('blob_bodies'), uploads.count('blob_parts')]).toEqual([
      0, 0, 0,
    ])
  })

  test('stays while it is read in this process, and goes when the reader has left', async () => {
    await uploads.upload('a', [...parts, randomBytes(200_000)])
    await uploads.upload('b', [...parts, randomBytes(200_000)])
    for (const leave of ['reads on', 'leaves', 'never begins'] as const) {
      const key = leave === 'leaves' ? 'b' : 'a'
      if (leave === 'never begins') await uploads.upload('a', parts)
      const whole = await uploads.read(key)
      const content = (await readContent(
        uploads.core,
        await uploads.record(key),
      )) as AsyncIterable<Uint8Array>
      const chunks = content[Symbol.asyncIterator]()
      const read: Uint8Array[] = []
      if (leave !== 'never begins') read.push(new Uint8Array((await chunks.next()).value))
      await uploads.remove(key)
      expect(await collect()).toBe(0)
      if (leave === 'reads on') {
        for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
          read.push(new Uint8Array(next.value))
        }
        expect(Buffer.compare(Buffer.concat(read), whole)).toBe(0)
      } else await chunks.return?.()
      expect(await collect()).toBeGreaterThan(3)
    }
    expect(uploads.count('blobs')).toBe(0)
  })

  test('more of it than fits into a round is collected in one go', async () => {
    for (let index = 0; index < 25; index++) await uploads.upload(`k${index}`, [words(10), words(20)])
    for (let index = 0; index < 25; index++) await uploads.remove(`k${index}`)
    expect(await collect()).toBe(75)
    expect(uploads.count('blob_parts')).toBe(0)
  })
})

describe('jobs over files of parts', () => {
  const parts = [words(1_200_000, 6), words(700_000, 7), words(90_000, 8)] as const
  const whole = Buffer.concat(parts)
  const recompress = async () => (await uploads.run({ kind: 'recompress' })).result as RecompressResult
  const scrub = async () => (await uploads.run({ kind: 'scrub' })).result as ScrubResult

  test.each(['off', 'zstd', 'gzip'] as const)('recompress makes one blob of them: %s (R3)', async (mode) => {
    await uploads.upload('a', parts, { compression: { mode } })
    await copyFile(uploads.core, uploads.admin, transfer('a', 'b'))
    const before = await uploads.record('a')
    const partsBefore = await readFileParts(uploads.core, before, { after: 0, limit: 10 })
    expect(await recompress()).toMatchObject({
      recompressed: { blobs: 1, bytesBefore: before.blob.storedBytes },
    })
    for (const key of ['a', 'b']) {
      const file = await uploads.record(key)
      expect(file.blob.location).toBe('store')
      const [was, is] = [before, file].map((each) => ({ ...seen(each), sha256: undefined }))
      if (key === 'a') expect(is).toEqual(was)
      expect(await readFileParts(uploads.core, file, { after: 0, limit: 10 })).toEqual(partsBefore)
      expect(Buffer.compare(await uploads.readRange(file), whole)).toBe(0)
    }
    uploads.expectSound()
    expect(await collect()).toBe(4)
    expect(await uploads.storedIds()).toHaveLength(1)
    expect(await scrub()).toMatchObject({ blobs: 1, damagedCount: 0 })
  })

  test('recompress keeps a part that is damaged from being taken for right', async () => {
    await uploads.upload('a', parts, { compression: { mode: 'off' } })
    const [id] = await uploads.storedIds()
    await uploads.flip(id as string, 5000)
    expect(await recompress()).toMatchObject({ recompressed: { blobs: 0 }, damagedCount: 1 })
    expect((await uploads.record('a')).blob.location).toBe('parts')
    // Of the bytes only the scrub says whether they are right.
    await uploads.flip(id as string, 5000)
    expect(await scrub()).toMatchObject({ damagedCount: 0 })
    expect(uploads.sqlite(`SELECT id FROM blobs WHERE damaged_at_ms IS NOT NULL`)).toEqual([])
    expect(await recompress()).toMatchObject({ recompressed: { blobs: 1 }, damagedCount: 0 })
  })

  test('scrub looks at parts, and names the files that a damaged one belongs to', async () => {
    await uploads.upload('a', parts)
    await copyFile(uploads.core, uploads.admin, transfer('a', 'b'))
    const open = await uploads.begin('open')
    await uploads.putPart(open, 1, words(50_000, 9))
    const { job, result } = await uploads
      .run({ kind: 'scrub' })
      .then((job) => ({ job, result: job.result as ScrubResult }))
    expect(result).toMatchObject({ blobs: 4, damagedCount: 0 })
    expect(job.progress).toMatchObject({ files: 2, filesTotal: 2, bytes: 2 * whole.length })
    const ids = uploads
      .sqlite<{ id: string }>(`SELECT part_blob_id AS id FROM blob_parts ORDER BY number`)
      .map((row) => row.id)
    await uploads.flip(ids[1] as string, 500)
    expect((await scrub()).damaged).toMatchObject([
      {
        blobId: ids[1],
        files: [
          { bucket, key: 'a' },
          { bucket, key: 'b' },
        ],
      },
    ])
    await uploads.abort(open)
  })

  test('the report reads samples of them', async () => {
    await uploads.upload('a', parts, { compression: { mode: 'off' } })
    const job = await uploads.run({ kind: 'compression_report' })
    expect(job).toMatchObject({ state: 'done', error: null, progress: { files: 1, bytes: whole.length } })
    expect(JSON.stringify(job.result)).not.toContain('damaged')
  })
})
