import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createBucket } from '../../src/core/files/buckets.ts'
import { copyFile, deleteFile, renameFile } from '../../src/core/files/change.ts'
import { collectGarbage, lastSweptMs, sweepOrphans } from '../../src/core/files/collect.ts'
import { putFile } from '../../src/core/files/put.ts'
import { readContent } from '../../src/core/files/read.ts'
import { findFileRecord, findRecord } from '../../src/core/files/record.ts'
import { createIdSource, idTimeMs } from '../../src/core/ids.ts'
import { limits } from '../../src/core/limits.ts'
import { findBlobBody, findGarbage } from '../../src/core/statements/blobs.ts'
import { CuttyError } from '../../src/core/errors.ts'
import { patternBytes } from '../contracts/http/bytes.ts'
import { faultyBlobStore } from '../faults/blob-store.ts'
import { failing, only } from '../faults/plan.ts'
import { openTestCore, type TestCore } from './test-core.ts'

const bucket = 'bucket'
const graceMs = 60_000
// Later than any id that was made before the clock was stopped.
const startMs = 4_000_000_000_000

let opened: TestCore
beforeEach(async () => {
  // Nothing is remembered: what is read comes from where it lies.
  opened = await openTestCore({ cacheBytes: 0 })
  opened.clock.stopAt(startMs)
  await createBucket(opened.core, opened.admin, { name: bucket, visibility: 'private' })
})
afterEach(() => opened.close())

async function* once(bytes: Uint8Array) {
  yield bytes
}

async function put(key: string, bytes: Uint8Array): Promise<string> {
  const describe = () => ({ contentType: 'a/b', headers: {}, metadata: {}, tags: {} })
  const { file } = await putFile(opened.core, opened.admin, { bucket, key, body: once(bytes), describe })
  return file.blob.id
}

const remove = (key: string) => deleteFile(opened.core, opened.admin, { bucket, key })
const transfer = (from: string, to: string) => ({
  source: { bucket, key: from },
  destination: { bucket, key: to },
})
const collect = () => collectGarbage(opened.core, { graceMs })
const storeIds = async () => (await opened.core.blobs.list()).ids
const garbage = () =>
  opened.core.database.query(findGarbage, { beforeMs: Number.MAX_SAFE_INTEGER, limit: 1000 })

async function read(key: string): Promise<Buffer> {
  const file = await findFileRecord(opened.core, opened.admin, { bucket, key, action: 'read_file' })
  const content = await readContent(opened.core, file)
  const chunks: Buffer[] = []
  for await (const chunk of content instanceof Uint8Array ? [content] : content)
    chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

const sizes = [
  ['in the database', 100],
  ['in the store', 100_000],
] as const

describe.each(sizes)('garbage %s', (_where, sizeBytes) => {
  const bytes = patternBytes(sizeBytes)

  test('is collected after its grace, not before, and what is used never is', async () => {
    await put('kept', bytes)
    await put('deleted', patternBytes(sizeBytes, 2))
    await put('replaced', patternBytes(sizeBytes, 3))
    await remove('deleted')
    opened.clock.advance(10_000)
    await put('replaced', patternBytes(sizeBytes, 4))

    opened.clock.advance(graceMs - 10_000)
    expect(await collect()).toBe(0)
    opened.clock.advance(1)
    expect(await collect()).toBe(1)
    opened.clock.advance(9_999)
    expect(await collect()).toBe(0)
    opened.clock.advance(1)
    expect(await collect()).toBe(1)
    opened.clock.advance(10 * graceMs)
    expect(await collect()).toBe(0)

    expect(await storeIds()).toHaveLength(sizeBytes > 4096 ? 2 : 0)
    expect(Buffer.compare(await read('kept'), bytes)).toBe(0)
    expect(Buffer.compare(await read('replaced'), patternBytes(sizeBytes, 4))).toBe(0)
    const told = opened.events.filter(({ type }) => type === 'storage')
    expect(told).toEqual([
      { type: 'storage', action: 'collected', blobs: 1 },
      { type: 'storage', action: 'collected', blobs: 1 },
    ])
  })

  test('is not what a copy still uses', async () => {
    const { core, admin } = opened
    const blob = await put('a', bytes)
    await copyFile(core, admin, transfer('a', 'b'))
    await copyFile(core, admin, transfer('b', 'c'))
    await copyFile(core, admin, transfer('b', 'b'))
    await remove('a')
    await renameFile(core, admin, transfer('b', 'c'))
    opened.clock.advance(graceMs + 1)
    expect(await collect()).toBe(0)
    expect(Buffer.compare(await read('c'), bytes)).toBe(0)
    await remove('c')
    expect((await garbage()).map(({ id }) => id)).toEqual([blob])
    opened.clock.advance(graceMs + 1)
    expect(await collect()).toBe(1)
    expect(await opened.core.database.query(findBlobBody, { id: blob })).toEqual([])
    expect(await storeIds()).toEqual([])
  })

  test('whose bytes cannot be removed is found again', async () => {
    await put('a', bytes)
    await remove('a')
    opened.clock.advance(graceMs + 1)
    const outage = new CuttyError('storage_unavailable')
    const plan = only(['delete'], failing(outage))
    const core = { ...opened.core, blobs: faultyBlobStore(opened.core.blobs, plan) }
    await expect(collectGarbage(core, { graceMs })).rejects.toBe(outage)
    expect(await garbage()).toHaveLength(1)
    expect(await collect()).toBe(1)
    expect(await garbage()).toEqual([])
  })

  test('is counted right through every way a file can change', async () => {
    const { core, admin } = opened
    const keys = ['a', 'b', 'c', 'd']
    let state = 12_345
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return (state >> 8) % below
    }
    for (let step = 0; step < 200; step++) {
      const [from, to] = [keys[random(4)] as string, keys[random(4)] as string]
      const actions = [
        () => put(from, patternBytes(sizeBytes, step + 1)),
        () => remove(from),
        () => copyFile(core, admin, transfer(from, to)),
        () => renameFile(core, admin, transfer(from, to)),
      ]
      await Promise.resolve((actions[random(4)] as () => Promise<unknown>)()).catch((error: unknown) => {
        expect(['file_not_found', 'invalid_request']).toContain((error as CuttyError).code)
      })
    }
    opened.clock.advance(graceMs + 1)
    await collect()
    const used = new Set<string>()
    for (const key of keys) {
      const { file: found } = await findRecord(core, admin, { bucket, key, action: 'read_file' })
      if (!found) continue
      used.add(found.blob.id)
      expect((await read(key)).length).toBe(sizeBytes)
    }
    if (sizeBytes > 4096) expect(await storeIds()).toEqual([...used].toSorted())
    expect(await garbage()).toEqual([])
  })
})

test('more garbage than fits into a round is collected in one go', async () => {
  const count = limits.collectBatchMax + 20
  for (let start = 0; start < count; start += 65) {
    await Promise.all(Array.from({ length: 65 }, (_, i) => put(`k${start + i}`, new Uint8Array([i]))))
  }
  await Promise.all(Array.from({ length: count }, (_, i) => remove(`k${i}`)))
  opened.clock.advance(graceMs + 1)
  expect(await collect()).toBe(count)
})

describe('the sweep', () => {
  const orphan = async (atMs: number) => {
    const now = opened.clock.now()
    opened.clock.stopAt(atMs)
    const id = createIdSource(opened.clock).next()
    opened.clock.stopAt(now)
    await opened.core.blobs.put(id, once(patternBytes(10)))
    return id
  }

  test('removes exactly what no row knows, up to its time, and nothing newer', async () => {
    const kept = [await put('a', patternBytes(10_000)), await put('b', patternBytes(20_000))]
    const old = [await orphan(startMs - 86_400_000), await orphan(startMs + 1), await orphan(startMs + 999)]
    const young = [await orphan(startMs + 1000), await orphan(startMs + 5000)]
    opened.clock.advance(2000)
    kept.push(await put('c', patternBytes(10_000)))
    expect(await sweepOrphans(opened.core, { beforeMs: startMs + 1000 })).toBe(old.length)
    expect(await storeIds()).toEqual([...kept, ...young].toSorted())
    expect(opened.events).toContainEqual({ type: 'storage', action: 'orphans_removed', blobs: 3 })
  })

  test('begins where the last one ended', async () => {
    await orphan(startMs + 10)
    expect(await sweepOrphans(opened.core, { beforeMs: startMs + 100 })).toBe(1)
    expect(await lastSweptMs(opened.core.database)).toBe(startMs + 100)
    const before = await orphan(startMs + 50)
    const behind = await orphan(startMs + 150)
    expect(await sweepOrphans(opened.core, { beforeMs: startMs + 200 })).toBe(1)
    expect(await storeIds()).toEqual([before])
    expect(await storeIds()).not.toContain(behind)
    // A clock that went back sweeps nothing again, and forgets nothing.
    expect(await sweepOrphans(opened.core, { beforeMs: startMs })).toBe(0)
    expect(await lastSweptMs(opened.core.database)).toBe(startMs + 200)
  })

  test('goes on over many pages', async () => {
    const count = limits.listPageMax + 50
    const keptEvery = 100
    const kept: string[] = []
    for (let i = 0; i < count; i++) {
      if (i % keptEvery === 0) kept.push(await put(`k${i}`, patternBytes(5000)))
      else await opened.core.blobs.put(opened.core.ids.next(), once(new Uint8Array(1)))
    }
    opened.clock.advance(1)
    expect(await sweepOrphans(opened.core, { beforeMs: opened.clock.now() })).toBe(count - kept.length)
    expect(await storeIds()).toEqual(kept.toSorted())
  })

  test('that is broken off is taken up again', async () => {
    await orphan(startMs + 10)
    const outage = new CuttyError('storage_unavailable')
    for (const step of ['list', 'delete'] as const) {
      const core = {
        ...opened.core,
        blobs: faultyBlobStore(opened.core.blobs, only([step], failing(outage))),
      }
      await expect(sweepOrphans(core, { beforeMs: startMs + 100 })).rejects.toBe(outage)
    }
    expect(await sweepOrphans(opened.core, { beforeMs: startMs + 100 })).toBe(1)
  })

  test('is remembered by the ids of the next start', async () => {
    await sweepOrphans(opened.core, { beforeMs: startMs + 5000 })
    opened.clock.stopAt(startMs - 100_000)
    const ids = createIdSource(opened.clock, { notBeforeMs: await lastSweptMs(opened.core.database) })
    expect(idTimeMs(ids.next())).toBe(startMs + 5000)
  })
})
