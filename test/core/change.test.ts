import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Core } from '../../src/core/core.ts'
import { createBucket, deleteBucket } from '../../src/core/files/buckets.ts'
import { changeDescription, copyFile, deleteFile, renameFile } from '../../src/core/files/change.ts'
import { putFile } from '../../src/core/files/put.ts'
import { findFileRecord } from '../../src/core/files/record.ts'
import { limits } from '../../src/core/limits.ts'
import { openTestCore, type TestCore } from './test-core.ts'

const bucket = 'bucket'

let opened: TestCore
beforeEach(async () => {
  opened = await openTestCore()
  await createBucket(opened.core, opened.admin, { name: bucket, visibility: 'private' })
  await put('a', 'first')
})
afterEach(() => opened.close())

async function* once(text: string) {
  yield new TextEncoder().encode(text)
}

function put(key: string, text: string) {
  const describe = () => ({ contentType: 'a/b', headers: {}, metadata: {}, tags: {} })
  return putFile(opened.core, opened.admin, { bucket, key, body: once(text), describe })
}

const find = (key: string) => findFileRecord(opened.core, opened.admin, { bucket, key, action: 'read_file' })

/** Something that comes in between what was read and what is written, `times` times. */
function interrupted(work: () => Promise<unknown>, times = 1): Core {
  const { database } = opened.core
  let left = times
  return {
    ...opened.core,
    database: {
      ...database,
      async batch(statements) {
        if (left-- > 0) await work()
        return database.batch(statements)
      },
    },
  }
}

const transfer = { source: { bucket, key: 'a' }, destination: { bucket, key: 'b' } }

describe('a write that comes in between', () => {
  test('is what is copied', async () => {
    const core = interrupted(() => put('a', 'second'))
    const copied = await copyFile(core, opened.admin, transfer)
    expect(copied.etag).toBe((await find('a')).etag)
    expect((await find('b')).blob.id).toBe((await find('a')).blob.id)
  })

  test('is what is renamed', async () => {
    let second: string | undefined
    const core = interrupted(async () => {
      second = (await put('a', 'second')).file.etag
    })
    expect((await renameFile(core, opened.admin, transfer)).etag).toBe(second)
    await expect(find('a')).rejects.toMatchObject({ code: 'file_not_found' })
  })

  test('is what is described', async () => {
    const core = interrupted(() => put('a', 'second'))
    const change = () => ({ contentType: 'c/d', headers: {}, metadata: {}, tags: {} })
    await changeDescription(core, opened.admin, { bucket, key: 'a', change })
    expect(await find('a')).toMatchObject({ sizeBytes: 6, contentType: 'c/d' })
  })

  test('and takes the source away is told', async () => {
    const core = interrupted(() => deleteFile(opened.core, opened.admin, { bucket, key: 'a' }))
    await expect(copyFile(core, opened.admin, transfer)).rejects.toMatchObject({ code: 'file_not_found' })
    await expect(find('b')).rejects.toMatchObject({ code: 'file_not_found' })
  })

  test('again and again is a conflict in the end, and nothing has changed', async () => {
    const core = interrupted(() => put('a', 'other'), limits.raceRetriesMax + 1)
    await expect(copyFile(core, opened.admin, transfer)).rejects.toMatchObject({ code: 'conflict' })
    await expect(find('b')).rejects.toMatchObject({ code: 'file_not_found' })
  })

  test('and takes the destination’s bucket away is told', async () => {
    const name = 'other-bucket'
    for (const move of [copyFile, renameFile]) {
      await createBucket(opened.core, opened.admin, { name, visibility: 'private' })
      const core = interrupted(() => deleteBucket(opened.core, opened.admin, name))
      const request = { ...transfer, destination: { bucket: name, key: 'b' } }
      await expect(move(core, opened.admin, request)).rejects.toMatchObject({ code: 'bucket_not_found' })
      expect((await find('a')).sizeBytes).toBe(5)
    }
  })

  test('puts a file into a bucket that is being deleted: the bucket stays', async () => {
    const name = 'other-bucket'
    await createBucket(opened.core, opened.admin, { name, visibility: 'private' })
    const describe = () => ({ contentType: 'a/b', headers: {}, metadata: {}, tags: {} })
    const core = interrupted(() =>
      putFile(opened.core, opened.admin, { bucket: name, key: 'f', body: once('x'), describe }),
    )
    await expect(deleteBucket(core, opened.admin, name)).rejects.toMatchObject({ code: 'bucket_not_empty' })
  })
})
