import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { anonymous, type Caller } from '../../src/core/accounts/caller.ts'
import { changeBucketSettings, createBucket, readBucket } from '../../src/core/files/buckets.ts'
import { changeDescription, copyFile, renameFile } from '../../src/core/files/change.ts'
import { isPublic } from '../../src/core/files/file.ts'
import { putFile } from '../../src/core/files/put.ts'
import { findFileRecord } from '../../src/core/files/record.ts'
import { bucket, words } from './jobs/stage.ts'
import { chunked } from './stored-files.ts'
import { description, openUploads, type Uploads } from './uploads.ts'

let uploads: Uploads
beforeEach(async () => {
  uploads = await openUploads()
})
afterEach(() => uploads.close())

const stranger: Caller = { role: 'user', userId: 'somebody' }
const put = (key: string, visibility?: 'public') =>
  putFile(uploads.core, uploads.admin, {
    bucket,
    key,
    visibility,
    body: chunked(words(100)),
    describe: () => description,
  })
/** What somebody gets who asks for a file: its size, or why not. */
const ask = async (caller: Caller, key: string, action: 'read_file' | 'list' | 'write' = 'read_file') => {
  try {
    return (await findFileRecord(uploads.core, caller, { bucket, key, action })).sizeBytes
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('a file that is public in a private bucket', () => {
  test('is read by everybody, and nothing more; what is not there looks like what is private', async () => {
    await put('open', 'public')
    await put('closed')
    for (const caller of [anonymous, stranger]) {
      const refused = caller === anonymous ? 'unauthenticated' : 'access_denied'
      expect(await ask(caller, 'open')).toBe(100)
      for (const key of ['closed', 'missing']) expect(await ask(caller, key)).toBe(refused)
      for (const action of ['list', 'write'] as const) expect(await ask(caller, 'open', action)).toBe(refused)
    }
    expect(isPublic(await uploads.record('open'))).toBe(true)
    expect(isPublic(await uploads.record('closed'))).toBe(false)
  })

  test('stops being so when it is put again, and is so when an upload in parts says it', async () => {
    await put('a', 'public')
    await put('a')
    expect(await ask(anonymous, 'a')).toBe('unauthenticated')
    const { file } = await uploads.upload('a', [words(10), words(5)], { visibility: 'public' })
    expect(file.visibility).toBe('public')
    expect(await ask(anonymous, 'a')).toBe(15)
  })

  test('as in S3, its copies are not; what is renamed or described anew stays so, unless it is said', async () => {
    const { core, admin } = uploads
    const to = (from: string, key: string) => ({
      source: { bucket, key: from },
      destination: { bucket, key },
    })
    await put('a', 'public')
    await copyFile(core, admin, to('a', 'copy'))
    await copyFile(core, admin, { ...to('copy', 'shown'), visibility: 'public' })
    await renameFile(core, admin, to('a', 'b'))
    await changeDescription(core, admin, { bucket, key: 'b', change: () => description })
    expect([await ask(anonymous, 'copy'), await ask(anonymous, 'shown')]).toEqual(['unauthenticated', 100])
    expect(await ask(anonymous, 'b')).toBe(100)
    await renameFile(core, admin, { ...to('b', 'c'), visibility: 'private' })
    expect(await ask(anonymous, 'c')).toBe('unauthenticated')
    await changeDescription(core, admin, { bucket, key: 'c', change: (file) => file, visibility: 'public' })
    expect(await ask(anonymous, 'c')).toBe(100)
    await changeDescription(core, admin, { bucket, key: 'c', change: (file) => file, visibility: 'private' })
    expect(await ask(anonymous, 'c')).toBe('unauthenticated')
  })
})

describe('the settings of a bucket', () => {
  const change = (settings: Omit<Parameters<typeof changeBucketSettings>[2], 'name'>, caller?: Caller) =>
    changeBucketSettings(uploads.core, caller ?? uploads.admin, { name: bucket, ...settings })

  test('public prefixes let everybody read below them, and see there what is missing', async () => {
    for (const key of ['site/a', 'site2/a', 'other/a']) await put(key)
    expect(await ask(anonymous, 'site/a')).toBe('unauthenticated')
    await change({ publicPrefixes: ['site/', 'docs/é'] })
    expect(await ask(anonymous, 'site/a')).toBe(100)
    expect(await ask(stranger, 'site/missing')).toBe('file_not_found')
    expect(await ask(anonymous, 'docs/éa')).toBe('file_not_found')
    for (const key of ['site2/a', 'other/a', 'site', 'docs/e']) {
      expect(await ask(anonymous, key)).toBe('unauthenticated')
    }
    for (const action of ['list', 'write'] as const) {
      expect(await ask(anonymous, 'site/a', action)).toBe('unauthenticated')
    }
    expect(isPublic(await uploads.record('site/a'))).toBe(true)
    expect(isPublic(await uploads.record('other/a'))).toBe(false)
    await change({ publicPrefixes: [] })
    expect(await ask(anonymous, 'site/a')).toBe('unauthenticated')
  })

  test('are changed one by one, and removed by null', async () => {
    const none = { cors: null, tags: null, policy: null, publicPrefixes: null }
    const read = () => readBucket(uploads.core, uploads.admin, bucket)
    expect(await read()).toMatchObject(none)
    expect(await change({ cors: '[1]', tags: '{}' })).toMatchObject({ ...none, cors: '[1]', tags: '{}' })
    await change({ policy: '{"a":1}', publicPrefixes: ['p/'] })
    const all = { cors: '[1]', tags: '{}', policy: '{"a":1}', publicPrefixes: '["p/"]' }
    expect(await read()).toMatchObject(all)
    expect(await change({ cors: null })).toEqual(await read())
    expect(await read()).toMatchObject({ ...all, cors: null })
    expect(await change({ tags: null, policy: null, publicPrefixes: null })).toMatchObject(none)
    expect(await read()).toMatchObject(none)
    expect(await createBucket(uploads.core, uploads.admin, { name: 'new', visibility: 'public' })).toEqual(
      await readBucket(uploads.core, uploads.admin, 'new'),
    )
  })

  test('are the owner’s business', async () => {
    await expect(change({ cors: null }, stranger)).rejects.toMatchObject({ code: 'access_denied' })
    await expect(change({ cors: null }, anonymous)).rejects.toMatchObject({ code: 'unauthenticated' })
  })
})
