import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createDiskBlobStore } from '../../../src/adapters/disk/blob-store.ts'
import type { BlobStore } from '../../../src/core/ports/blob-store.ts'
import { blobStoreContract, bodyOf } from '../../contracts/blob-store.ts'

const openFolder = () => mkdtemp(join(tmpdir(), 'cutty-disk-'))

blobStoreContract('disk', async () => {
  const folder = await openFolder()
  return {
    subject: await createDiskBlobStore({ folder }),
    cleanup: () => rm(folder, { recursive: true, force: true }),
  }
})

describe('disk, besides', () => {
  let folder: string
  let store: BlobStore
  beforeEach(async () => {
    folder = await openFolder()
    store = await createDiskBlobStore({ folder })
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  const id = '01kdv00000000000000000000a'
  const bytes = new Uint8Array(2_000_000).fill(7)
  const filesIn = async (path: string) =>
    (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())

  test('a put that fails leaves no file behind', async () => {
    const endless = (async function* () {
      yield bytes
      throw new Error('gone')
    })()
    await expect(store.put(id, endless)).rejects.toThrow('gone')
    await expect(store.put(id, bodyOf(bytes, 65_536), 5)).rejects.toThrow('declared')
    expect(await filesIn(folder)).toEqual([])
  })

  test('what a process left half written is removed at the next start', async () => {
    let resume = () => {}
    const waits = new Promise<void>((resolve) => (resume = resolve))
    let halfWay = () => {}
    const half = new Promise<void>((resolve) => (halfWay = resolve))
    const writing = store.put(
      id,
      (async function* () {
        yield bytes
        halfWay()
        await waits
        throw new Error('gone')
      })(),
    )
    await half
    expect(await filesIn(folder)).toHaveLength(1)
    const next = await createDiskBlobStore({ folder })
    expect(await filesIn(folder)).toEqual([])
    expect((await next.list()).ids).toEqual([])
    resume()
    await expect(writing).rejects.toThrow('gone')
  })

  test('bytes that end before they should are damage, no outage, also in the midst of a read (R11)', async () => {
    await store.put(id, bodyOf(bytes, 65_536))
    const path = join(folder, 'blobs', id.slice(0, 5), id.slice(5, 7), id)
    const whole = { start: 0, end: bytes.length - 1 }
    const chunks = (await store.get(id, whole)) as AsyncIterable<Uint8Array>
    const iterator = chunks[Symbol.asyncIterator]()
    await iterator.next()
    await truncate(path, 600_000)
    const rest = async () => {
      while (!(await iterator.next()).done);
    }
    const damaged = {
      code: 'content_damaged',
      cause: { message: expect.stringMatching(/byte \d+/) as string },
    }
    await expect(rest()).rejects.toMatchObject(damaged)
    await expect(store.get(id, whole)).rejects.toMatchObject(damaged)
  })

  test('blobs are there after a restart', async () => {
    await store.put(id, bodyOf(bytes, 65_536), bytes.length)
    const next = await createDiskBlobStore({ folder })
    expect((await next.list()).ids).toEqual([id])
  })

  test.skipIf(process.platform !== 'linux')('a reader that leaves early keeps no file open', async () => {
    await store.put(id, bodyOf(bytes, 65_536), bytes.length)
    const openFiles = async () => (await readdir('/proc/self/fd')).length
    const before = await openFiles()
    for (let round = 0; round < 30; round++) {
      const chunks = (await store.get(id)) as AsyncIterable<Uint8Array>
      if (round % 2) for await (const _ of chunks) break
      else await chunks[Symbol.asyncIterator]().return?.()
    }
    expect(await openFiles()).toBeLessThan(before + 5)
  })
})
