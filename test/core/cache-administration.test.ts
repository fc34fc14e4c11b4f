import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { anonymous } from '../../src/core/accounts/caller.ts'
import { clearCaches } from '../../src/core/cache-administration/clearing.ts'
import {
  invalidate,
  type Invalidated,
  type Selection,
} from '../../src/core/cache-administration/invalidation.ts'
import { readCacheStats } from '../../src/core/cache-administration/stats.ts'
import { warmCache } from '../../src/core/cache-administration/warming.ts'
import { countRead } from '../../src/core/cache/read-counts.ts'
import type { Core } from '../../src/core/core.ts'
import { deleteFile } from '../../src/core/files/change.ts'
import { readContent } from '../../src/core/files/read.ts'
import { textBytes } from './compression/samples.ts'
import { bucket, bytesOf, openStoredFiles, type StoredFiles } from './stored-files.ts'
import { testBytes } from './test-bytes.ts'

const mebibyte = 1024 ** 2
let files: StoredFiles

beforeEach(async () => {
  files = await openStoredFiles()
})
afterEach(() => files.close())

/** As a Worker has it: what one call may do is less. */
function remote(core: Core): Core {
  const capabilities = { ...core.database.capabilities, embedded: false, exclusive: false }
  return { ...core, database: { ...core.database, capabilities } }
}

async function invalidateAll(core: Core, what: Selection) {
  const calls: Invalidated[] = []
  let after: string | undefined
  do {
    const done = await invalidate(core, files.admin, { bucket, what, after })
    calls.push(done)
    after = done.next
  } while (after !== undefined)
  const sum = (of: 'files' | 'rows' | 'entries') => calls.reduce((total, call) => total + call[of], 0)
  return { calls: calls.length, files: sum('files'), rows: sum('rows'), entries: sum('entries') }
}

describe('invalidation', () => {
  test('goes on where it stopped, and meets every file once', async () => {
    for (let index = 0; index < 650; index++) {
      await files.put(`p/${String(index).padStart(4, '0')}`, Uint8Array.of(index))
    }
    // Each put has looked whether there was a file before.
    const core = remote(files.core)
    expect(await invalidateAll(core, { prefix: 'p/' })).toEqual({
      calls: 3,
      files: 650,
      rows: 650,
      entries: 650,
    })
    expect(files.core.rows.stats().entries).toBe(0)
    expect(await invalidateAll(core, { prefix: 'p/00' })).toMatchObject({ calls: 1, files: 100 })
    expect(await invalidateAll(core, { prefix: 'p/' })).toMatchObject({ files: 650, rows: 0 })
  })

  test('of a file with more frames than one call may forget goes on in the midst of it', async () => {
    const frames = 400
    const file = await files.put('long', textBytes(mebibyte), { compression: { mode: 'zstd' } })
    expect(file.blob.codec).toBe('zstd')
    // As if it were that long: the bytes need not be there.
    const set = 'UPDATE blobs SET size_bytes = ?, frame_bytes = ? WHERE id = ?'
    files.sql(set, frames * 1024, 1024, file.blob.id)
    const forgotten: string[] = []
    const core = remote(files.core)
    const cache = {
      ...core.cache,
      async forget(keys: readonly (readonly string[])[]) {
        forgotten.push(...keys.map((key) => key.join(' ')))
        await core.cache.forget(keys)
      },
    }
    const done = await invalidateAll({ ...core, cache }, { key: 'long' })
    expect(done).toEqual({ calls: 2, files: 1, rows: 1, entries: frames + 3 })
    const { id } = file.blob
    expect(forgotten).toEqual([
      ...['whole', 'coded', 'index'].map((kind) => `${kind} ${id}`),
      ...Array.from({ length: frames }, (_, frame) => `frame ${id} ${frame}`),
    ])
  })

  test('forgets what memory has of files that are gone, their bytes too', async () => {
    const { core, admin } = files
    const { blob } = await files.put('gone', textBytes(100))
    await files.read('gone')
    // Behind the back of this process, as another one would.
    files.sql('DELETE FROM files WHERE key = ?', 'gone')
    const key = ['whole', blob.id]
    const isCached = async () => {
      let asked = false
      await core.cache.read(key, async () => {
        asked = true
        return textBytes(100)
      })
      return !asked
    }
    expect(await isCached()).toBe(true)
    expect(await invalidate(core, admin, { bucket, what: { prefix: 'go' } })).toMatchObject({
      files: 0,
      rows: 1,
      entries: 1,
      next: undefined,
    })
    expect(await isCached()).toBe(false)
    await expect(files.read('gone')).rejects.toMatchObject({ code: 'file_not_found' })
  })

  test('of a bucket that is gone forgets what there is, and says that it is gone', async () => {
    const { core, admin } = files
    await files.put('f', textBytes(10))
    await files.read('f')
    files.sql('DELETE FROM files')
    files.sql('DELETE FROM buckets')
    const request = { bucket, what: { prefix: '' } }
    await expect(invalidate(core, admin, request)).rejects.toMatchObject({ code: 'bucket_not_found' })
    expect(core.rows.stats().entries).toBe(0)
  })
})

describe('statistics', () => {
  test('have no rate where nothing was read, and the right one where something was', async () => {
    const { core, admin } = files
    const read = () => readCacheStats(core, admin, { windowSeconds: 60 })
    expect(read()).toMatchObject({ scope: 'process', bytes: { hitRate: null } })
    expect(read().bytes.tiers.map(({ hitRate }) => hitRate)).toEqual([null])
    await files.put('f', textBytes(1000))
    for (let count = 0; count < 4; count++) await files.read('f')
    expect(read().bytes).toMatchObject({ hitRate: 0.75, reads: { hit: 3, load: 1, collapsed: 0, failed: 0 } })
    expect(read().bytes.tiers).toMatchObject([
      { name: 'memory', hits: 3, misses: 1, hitRate: 0.75, entries: 1 },
    ])
    expect(read().rows.statements.find(({ name }) => name === 'files.find')?.hitRate).toBeGreaterThan(0)
    expect(JSON.stringify(read())).not.toContain('NaN')
    await clearCaches(core, admin)
    expect(read().bytes.tiers).toMatchObject([{ entries: 0 }])
  })

  test('and all else are for administrators', async () => {
    const user = { role: 'user', userId: 'u' } as const
    for (const [caller, code] of [
      [anonymous, 'unauthenticated'],
      [user, 'access_denied'],
    ] as const) {
      expect(() => readCacheStats(files.core, caller, { windowSeconds: 60 })).toThrow(
        expect.objectContaining({ code }) as Error,
      )
      await expect(clearCaches(files.core, caller)).rejects.toMatchObject({ code })
      await expect(warmCache(files.core, caller, { files: 1 })).rejects.toMatchObject({ code })
      const request = { bucket, what: { key: 'f' } }
      await expect(invalidate(files.core, caller, request)).rejects.toMatchObject({ code })
    }
  })
})

describe('warming', () => {
  const count = (key: string, times = 1) => {
    for (let read = 0; read < times; read++) countRead(files.core, { bucket, key })
  }

  test('loads what is read most, says what it did, and the next read finds it in memory', async () => {
    const { core, admin } = files
    const text = textBytes(20_000)
    await files.put('small', text)
    await files.put('long', textBytes(3 * mebibyte), { compression: { mode: 'zstd' } })
    await files.put('plain', textBytes(mebibyte), { compression: { mode: 'off' } })
    await files.put('gone', text)
    count('small', 4)
    count('long', 3)
    count('plain', 2)
    count('gone', 1)
    await deleteFile(core, admin, { bucket, key: 'gone' })
    const first = await warmCache(core, admin, { files: 10 })
    expect(first).toMatchObject({ files: 10, known: 4, loaded: 3, missing: 1, failed: 0, notReached: 0 })
    // As it is, and as it is stored.
    expect(first.bytes).toBeGreaterThan(text.length)
    expect(await warmCache(core, admin, { files: 10 })).toMatchObject({
      known: 3,
      alreadyCached: 3,
      bytes: 0,
    })
    const found = { tier: undefined }
    const content = await readContent(core, await files.find('small'), undefined, found)
    expect(found).toMatchObject({ tier: 'memory' })
    expect(await bytesOf(content)).toEqual(Buffer.from(text))
  })

  test('keeps the first frame of a long file, where a frame may be kept', async () => {
    const { admin, events } = files
    const core: Core = { ...files.core, ...testBytes({ bytesMax: 64 * mebibyte, entryBytesMax: mebibyte }) }
    await files.put('long', textBytes(3 * mebibyte), { compression: { mode: 'zstd' } })
    countRead(core, { bucket, key: 'long' })
    const warmed = await warmCache(core, admin, { files: 1 })
    expect({ ...warmed, events }).toMatchObject({ loaded: 1, failed: 0 })
    expect(warmed.bytes).toBeGreaterThanOrEqual(mebibyte)
    const found = { tier: undefined }
    await readContent(core, await files.find('long'), { start: 5, end: 9 }, found)
    expect(found).toMatchObject({ tier: 'memory' })
  })

  test('a file that cannot be read is counted and told, and holds up no other', async () => {
    const { core, admin, events } = files
    const { blob } = await files.put('damaged', textBytes(30_000), { compression: { mode: 'off' } })
    await files.put('whole', textBytes(30_000))
    await files.overwriteStored(blob, new Uint8Array(10))
    count('damaged', 2)
    count('whole')
    expect(await warmCache(core, admin, { files: 2 })).toMatchObject({ loaded: 1, failed: 1 })
    expect(events).toContainEqual(expect.objectContaining({ type: 'failure', during: 'warming the cache' }))
  })

  test('of nothing is nothing', async () => {
    expect(await warmCache(files.core, files.admin, { files: 5 })).toMatchObject({
      files: 5,
      known: 0,
      loaded: 0,
    })
  })
})
