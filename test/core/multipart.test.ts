import { Buffer } from 'node:buffer'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { anonymous, type Caller } from '../../src/core/accounts/caller.ts'
import { CuttyError } from '../../src/core/errors.ts'
import { createBucket, deleteBucket } from '../../src/core/files/buckets.ts'
import { collectGarbage } from '../../src/core/files/collect.ts'
import { abortUpload, createUpload, expireUploads, listParts } from '../../src/core/files/uploads.ts'
import { completeUpload } from '../../src/core/files/complete-upload.ts'
import { putPart } from '../../src/core/files/put-part.ts'
import { findRecord } from '../../src/core/files/record.ts'
import { limits } from '../../src/core/limits.ts'
import { DatabaseError } from '../../src/core/ports/database.ts'
import { faultyDatabase } from '../faults/database.ts'
import { failing, only } from '../faults/plan.ts'
import { words } from './jobs/stage.ts'
import { bucket } from './stored-files.ts'
import { description, md5, multipartEtag, openUploads, type Uploads } from './uploads.ts'

let uploads: Uploads
beforeEach(async () => {
  uploads = await openUploads()
})
afterEach(async () => {
  uploads.expectSound()
  await uploads.close()
})

const [one, two, three] = [words(200_000, 1), words(150_000, 2), words(3000, 3)] as const
const listed = (...parts: Uint8Array[]) => parts.map((part, index) => [index + 1, part] as const)

async function collectAll() {
  uploads.clock.advance(1000)
  return collectGarbage(uploads.core, { graceMs: 0 })
}

describe('an upload in parts', () => {
  test('R46, R49: parts in any order make a file, at once and whole', async () => {
    const { core, admin } = uploads
    const upload = await uploads.begin('a', {
      description: { ...description, metadata: { colour: 'red' }, tags: { a: 'b' } },
    })
    await uploads.putPart(upload, 7, three)
    await Promise.all([uploads.putPart(upload, 5, two), uploads.putPart(upload, 1, one)])
    await expect(uploads.read('a')).rejects.toMatchObject({ code: 'file_not_found' })
    uploads.expectSound()

    const result = await uploads.complete(upload, [
      [1, one],
      [5, two],
      [7, three],
    ])
    expect(result).toMatchObject({
      created: true,
      file: { etag: multipartEtag([one, two, three]), sizeBytes: 353_000 },
    })
    const file = await uploads.record('a')
    const { blob, ...properties } = file
    expect(result.file).toEqual(properties)
    expect(file).toMatchObject({ contentType: 'text/plain', metadata: { colour: 'red' }, tags: { a: 'b' } })
    expect(blob).toMatchObject({ location: 'parts', codec: 'brotli', sizeBytes: 353_000, frameBytes: 0 })
    expect(blob.storedBytes).toBeLessThan(353_000 / 2)
    expect(Buffer.compare(await uploads.read('a'), Buffer.concat([one, two, three]))).toBe(0)
    expect(uploads.count('upload_parts')).toBe(0)
    await expect(
      listParts(core, admin, { ...uploads.refOf(upload), after: 0, limit: 10 }),
    ).rejects.toMatchObject({ code: 'upload_not_found' })
  })

  test('replaces a file that was there, and keeps when that came', async () => {
    const before = await uploads.put('a', one)
    uploads.clock.advance(5000)
    const { file, created } = await uploads.upload('a', [two, three])
    expect(created).toBe(false)
    expect(file.createdAtMs).toBe(before.createdAtMs)
    expect((await uploads.record('a')).createdAtMs).toBe(before.createdAtMs)
    await collectAll()
    expect(await uploads.storedIds()).not.toContain(before.blob.id)
    expect(uploads.count('blobs')).toBe(3)
  })

  test('of one part is that part, with its tag; of one empty part an empty file', async () => {
    const whole = await uploads.upload('a', [one])
    expect(whole.file.etag).toBe(multipartEtag([one]))
    expect((await uploads.record('a')).blob.location).toBe('store')
    expect(Buffer.compare(await uploads.read('a'), one)).toBe(0)
    const empty = await uploads.upload('empty', [new Uint8Array(0)])
    expect(empty.file).toMatchObject({ sizeBytes: 0, etag: multipartEtag([new Uint8Array(0)]) })
    expect(await uploads.read('empty')).toHaveLength(0)
    expect(uploads.count('blobs')).toBe(2)
  })

  test('a part that is put again takes the place of the former', async () => {
    const upload = await uploads.begin('a')
    await uploads.putPart(upload, 1, one)
    await uploads.putPart(upload, 2, three)
    await uploads.putPart(upload, 1, two)
    await expect(uploads.complete(upload, listed(one, three))).rejects.toMatchObject({ code: 'invalid_part' })
    await uploads.complete(upload, listed(two, three))
    expect(Buffer.compare(await uploads.read('a'), Buffer.concat([two, three]))).toBe(0)
    expect(await collectAll()).toBe(1)
  })

  test('parts that are not listed are dropped', async () => {
    const upload = await uploads.begin('a')
    for (const [number, part] of listed(one, two, three)) await uploads.putPart(upload, number, part)
    await uploads.complete(upload, [
      [1, one],
      [3, three],
    ])
    expect(Buffer.compare(await uploads.read('a'), Buffer.concat([one, three]))).toBe(0)
    expect(await collectAll()).toBe(1)
    expect(Buffer.compare(await uploads.read('a'), Buffer.concat([one, three]))).toBe(0)
  })

  test('its parts are listed by pages', async () => {
    const { core, admin } = uploads
    const upload = await uploads.begin('a')
    for (const number of [10, 2, 33]) await uploads.putPart(upload, number, words(number, number))
    const page = (after: number, limit: number) =>
      listParts(core, admin, { ...uploads.refOf(upload), after, limit })
    const first = await page(0, 2)
    expect(first.parts.map(({ number, sizeBytes, etag }) => [number, sizeBytes, etag])).toEqual(
      [2, 10].map((number) => [number, number, md5(words(number, number))]),
    )
    expect(first).toMatchObject({ next: 10, upload: { id: upload.id, key: 'a' } })
    expect(await page(10, 2)).toMatchObject({ parts: [{ number: 33 }], next: undefined })
    expect(await page(33, 2)).toMatchObject({ parts: [], next: undefined })
  })

  test('is compressed as its bucket or itself says, and not where the client encoded it (R16)', async () => {
    const encoded = { ...description, headers: { contentEncoding: 'gzip' } }
    await uploads.upload('off', [one, two], { compression: { mode: 'off' } })
    await uploads.upload('encoded', [one, two], { description: encoded })
    await uploads.upload('gzip', [one, two, three], { compression: { mode: 'gzip' } })
    expect((await uploads.record('off')).blob).toMatchObject({ codec: 'identity', reason: 'off' })
    expect((await uploads.record('encoded')).blob).toMatchObject({ codec: 'identity', reason: 'encoded' })
    expect((await uploads.record('gzip')).blob).toMatchObject({ codec: 'gzip', reason: 'compressed' })
    expect(Buffer.compare(await uploads.read('gzip'), Buffer.concat([one, two, three]))).toBe(0)
  })
})

describe('what is refused', () => {
  const refused = (promise: Promise<unknown>, code: string) => expect(promise).rejects.toMatchObject({ code })

  test('a list that is empty, out of order, twice the same, or not what was uploaded', async () => {
    const upload = await uploads.begin('a')
    for (const [number, part] of listed(one, two)) await uploads.putPart(upload, number, part)
    await refused(uploads.complete(upload, []), 'invalid_request')
    await refused(
      uploads.complete(upload, [
        [2, two],
        [1, one],
      ]),
      'invalid_part_order',
    )
    await refused(
      uploads.complete(upload, [
        [1, one],
        [1, one],
      ]),
      'invalid_part_order',
    )
    await refused(uploads.complete(upload, listed(one, two, three)), 'invalid_part')
    await refused(uploads.complete(upload, listed(one, three)), 'invalid_part')
    await refused(uploads.complete(upload, listed(one, two), { sizeBytes: 1 }), 'invalid_request')
    await refused(uploads.read('a'), 'file_not_found')
    await uploads.complete(upload, listed(one, two), { sizeBytes: one.length + two.length })
  })

  test('a part below 5 MiB, but for the last', async () => {
    const upload = await uploads.begin('a', { compression: { mode: 'zstd' } })
    const zeros = new Uint8Array(limits.partBytesMin)
    await uploads.putPart(upload, 1, zeros.subarray(1))
    await uploads.putPart(upload, 2, three)
    const request = { partBytesMin: undefined }
    await expect(uploads.complete(upload, listed(zeros.subarray(1), three), request)).rejects.toMatchObject({
      code: 'part_too_small',
      extras: { partNumber: 1, sizeBytes: limits.partBytesMin - 1, minimumBytes: limits.partBytesMin },
    })
    await uploads.putPart(upload, 1, zeros)
    await uploads.complete(upload, listed(zeros, three), request)
    expect((await uploads.record('a')).sizeBytes).toBe(zeros.length + three.length)
  })

  test('a number that no part has, a part that is too large, of another size or another digest', async () => {
    const upload = await uploads.begin('a')
    for (const number of [0, -1, 10_001, 1.5, Number.NaN]) {
      await refused(uploads.putPart(upload, number, three), 'invalid_request')
    }
    await refused(uploads.putPart(upload, 1, three, { sizeBytes: limits.partBytesMax + 1 }), 'too_large')
    await refused(uploads.putPart(upload, 1, three, { sizeBytes: three.length + 1 }), 'body_size_mismatch')
    const digests = new Map([['md5', new Uint8Array(16)]] as const)
    await refused(uploads.putPart(upload, 1, one, { digests }), 'digest_mismatch')
    await uploads.settled()
    expect(uploads.count('upload_parts')).toBe(0)
    expect(await uploads.storedIds()).toEqual([])
    await uploads.putPart(upload, 10_000, three)
  })

  test('R44: every verb asks who may write, and finds an upload only where it was begun', async () => {
    const { core, admin } = uploads
    await createBucket(core, admin, { name: 'other', visibility: 'public' })
    const upload = await uploads.begin('a')
    await uploads.putPart(upload, 1, one)
    const ref = uploads.refOf(upload)
    const verbs = (caller: Caller, of: typeof ref) => [
      () => putPart(core, caller, { ...of, number: 1, body: (async function* () {})() }),
      () => listParts(core, caller, { ...of, after: 0, limit: 1 }),
      () => completeUpload(core, caller, { ...of, parts: [{ number: 1, etag: md5(one) }] }),
      () => abortUpload(core, caller, of),
    ]
    const stranger: Caller = { role: 'user', userId: 'somebody' }
    for (const verb of verbs(stranger, ref)) await refused(verb(), 'access_denied')
    for (const verb of verbs(anonymous, ref)) await refused(verb(), 'unauthenticated')
    await refused(createUpload(core, stranger, { bucket: 'other', key: 'a', description }), 'access_denied')
    for (const wrong of [{ key: 'b' }, { bucket: 'other' }, { uploadId: 'x' }]) {
      for (const verb of verbs(admin, { ...ref, ...wrong })) await refused(verb(), 'upload_not_found')
    }
    await uploads.complete(upload, listed(one))
  })

  test('a precondition that does not hold, before or at the end', async () => {
    const upload = await uploads.begin('a')
    await uploads.putPart(upload, 1, one)
    let asked = 0
    const precondition = (current: unknown) => {
      asked++
      if (current !== undefined) throw new CuttyError('precondition_failed')
    }
    await uploads.put('a', three)
    await refused(uploads.complete(upload, listed(one), { precondition }), 'precondition_failed')
    expect(asked).toBe(1)
    // A file that comes between the look and the commit.
    const other = await uploads.begin('b')
    await uploads.putPart(other, 1, one)
    const racing = (current: unknown) => {
      precondition(current)
      return undefined
    }
    const core = {
      ...uploads.core,
      database: {
        ...uploads.core.database,
        async batch(statements: Parameters<typeof uploads.core.database.batch>[0]) {
          if (!(await exists('b'))) await uploads.put('b', three)
          return uploads.core.database.batch(statements)
        },
      },
    }
    await refused(uploads.complete(other, listed(one), { core, precondition: racing }), 'precondition_failed')
    expect(Buffer.compare(await uploads.read('b'), three)).toBe(0)
  })
})

async function exists(key: string): Promise<boolean> {
  const { core, admin } = uploads
  return (await findRecord(core, admin, { bucket, key, action: 'write' })).file !== undefined
}

describe('completing again', () => {
  test('gives the same answer for a day, whatever became of the file', async () => {
    const upload = await uploads.begin('a')
    for (const [number, part] of listed(one, two)) await uploads.putPart(upload, number, part)
    const first = await uploads.complete(upload, listed(one, two))
    expect(await uploads.complete(upload, listed(one, two))).toEqual(first)
    await uploads.put('a', three)
    expect(await uploads.complete(upload, listed(one, two))).toEqual(first)
    expect(Buffer.compare(await uploads.read('a'), three)).toBe(0)
    for (const other of [listed(one), listed(two, one)]) {
      await expect(uploads.complete(upload, other)).rejects.toMatchObject({ code: 'upload_not_found' })
    }
    await expect(uploads.abort(upload)).rejects.toMatchObject({ code: 'upload_not_found' })
    uploads.clock.advance(limits.completedUploadSeconds * 1000 + 1)
    expect(await expireUploads(uploads.core)).toBe(0)
    await expect(uploads.complete(upload, listed(one, two))).rejects.toMatchObject({
      code: 'upload_not_found',
    })
    expect(uploads.count('uploads')).toBe(0)
  })

  test('at one time: one makes the file, and all say the same', async () => {
    const upload = await uploads.begin('a')
    for (const [number, part] of listed(one, two)) await uploads.putPart(upload, number, part)
    const results = await Promise.all(
      Array.from({ length: 8 }, () => uploads.complete(upload, listed(one, two))),
    )
    for (const result of results) expect(result).toEqual(results[0])
    expect((await uploads.record('a')).versionId).toBe(results[0]?.file.versionId)
    expect(uploads.count('blobs')).toBe(3)
  })

  test('after an answer that was lost', async () => {
    const upload = await uploads.begin('a')
    for (const [number, part] of listed(one, two)) await uploads.putPart(upload, number, part)
    const outage = new DatabaseError('unavailable', 'the line is dead')
    const database = faultyDatabase(uploads.core.database, only(['batch.acknowledge'], failing(outage)))
    const core = { ...uploads.core, database }
    await expect(uploads.complete(upload, listed(one, two), { core })).rejects.toBe(outage)
    const result = await uploads.complete(upload, listed(one, two))
    expect(result.file.versionId).toBe((await uploads.record('a')).versionId)
  })

  test('against a part that is being replaced: the old parts or none', async () => {
    for (let round = 0; round < 10; round++) {
      const upload = await uploads.begin(`a${round}`)
      for (const [number, part] of listed(one, two)) await uploads.putPart(upload, number, part)
      const [replaced, completed] = await Promise.allSettled([
        uploads.putPart(upload, 1, three),
        uploads.complete(upload, listed(one, two)),
      ])
      if (completed.status === 'fulfilled') {
        expect(replaced).toMatchObject({ status: 'rejected', reason: { code: 'upload_not_found' } })
        expect(Buffer.compare(await uploads.read(`a${round}`), Buffer.concat([one, two]))).toBe(0)
      } else expect(completed.reason).toMatchObject({ code: 'invalid_part' })
    }
  })
})

describe('the end of an upload', () => {
  const expectNothing = async () => {
    await uploads.settled()
    await collectAll()
    expect(await uploads.storedIds()).toEqual([])
    for (const table of ['blobs', 'blob_bodies', 'blob_parts', 'uploads', 'upload_parts']) {
      expect([table, uploads.count(table)]).toEqual([table, 0])
    }
  }

  test('aborted: nothing is left', async () => {
    const upload = await uploads.begin('a')
    for (const [number, part] of listed(one, two, three)) await uploads.putPart(upload, number, part)
    await uploads.abort(upload)
    await expect(uploads.abort(upload)).rejects.toMatchObject({ code: 'upload_not_found' })
    await expect(uploads.putPart(upload, 1, one)).rejects.toMatchObject({ code: 'upload_not_found' })
    await expect(uploads.complete(upload, listed(one))).rejects.toMatchObject({ code: 'upload_not_found' })
    await expectNothing()
  })

  test('aborted while a part is under way: that is refused, and nothing is left', async () => {
    const upload = await uploads.begin('a')
    for (const part of [three, one]) {
      const again = await uploads.begin('a')
      async function* body() {
        yield part.subarray(0, 2000)
        await uploads.abort(again)
        yield part.subarray(2000)
      }
      await expect(uploads.putPart(again, 1, part, { body: body() })).rejects.toMatchObject({
        code: 'upload_not_found',
      })
    }
    await uploads.abort(upload)
    await expectNothing()
  })

  test('expired by the clock: those that are a week old, and no other', async () => {
    const old = await uploads.begin('old')
    for (const [number, part] of listed(one, two, three)) await uploads.putPart(old, number, part)
    uploads.clock.advance(limits.uploadSecondsMax * 1000 - 60_000)
    const young = await uploads.begin('young')
    await uploads.putPart(young, 1, one)
    expect(await expireUploads(uploads.core)).toBe(0)
    uploads.clock.advance(61_000)
    expect(await expireUploads(uploads.core)).toBe(1)
    await expect(uploads.putPart(old, 4, one)).rejects.toMatchObject({ code: 'upload_not_found' })
    await uploads.putPart(young, 2, two)
    expect(await collectAll()).toBe(3)
    await uploads.abort(young)
    await expectNothing()
  })

  test('of a bucket that is deleted: uploads under way do not hold it, a file does', async () => {
    const { core, admin } = uploads
    const upload = await uploads.begin('a')
    for (const [number, part] of listed(one, three)) await uploads.putPart(upload, number, part)
    await uploads.upload('b', [two, three])
    await expect(deleteBucket(core, admin, bucket)).rejects.toMatchObject({ code: 'bucket_not_empty' })
    await uploads.putPart(upload, 2, two)
    await uploads.complete(upload, listed(one, two))
    const last = await uploads.begin('c')
    await uploads.putPart(last, 1, one)
    for (const key of ['a', 'b']) await uploads.remove(key)
    await deleteBucket(core, admin, bucket)
    await expect(uploads.putPart(last, 1, one)).rejects.toMatchObject({ code: 'bucket_not_found' })
    await expectNothing()
  })
})
