import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Core } from '../../src/core/core.ts'
import { CuttyError } from '../../src/core/errors.ts'
import { createBucket } from '../../src/core/files/buckets.ts'
import { sweepOrphans } from '../../src/core/files/collect.ts'
import { putFile, type PutRequest } from '../../src/core/files/put.ts'
import { readContent } from '../../src/core/files/read.ts'
import type { FileDescription } from '../../src/core/files/file.ts'
import { findFileRecord } from '../../src/core/files/record.ts'
import { DatabaseError } from '../../src/core/ports/database.ts'
import { patternBytes } from '../contracts/http/bytes.ts'
import { faultyBlobStore } from '../faults/blob-store.ts'
import { faultyDatabase } from '../faults/database.ts'
import { after, createGate, failing, only, slow } from '../faults/plan.ts'
import { openTestCore, type TestCore, withoutMemory } from './test-core.ts'

const bucket = 'bucket'
const description: FileDescription = { contentType: 'a/b', headers: {}, metadata: {}, tags: {} }
const describeAs = () => description
const outage = new CuttyError('storage_unavailable')
const databaseOutage = new DatabaseError('unavailable', 'the line is dead')

async function* chunked(bytes: Uint8Array, size = 40_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

describe('putFile', () => {
  let opened: TestCore
  beforeEach(async () => {
    opened = await openTestCore()
    await createBucket(opened.core, opened.admin, { name: bucket, visibility: 'private' })
  })
  afterEach(() => opened.close())

  const put = (core: Core, key: string, bytes: Uint8Array, more: Partial<PutRequest> = {}) =>
    putFile(core, opened.admin, {
      bucket,
      key,
      body: chunked(bytes),
      describe: describeAs,
      // Chunk by chunk, as it comes.
      compression: { mode: 'off' },
      ...more,
    })

  async function read(key: string): Promise<Buffer> {
    const file = await findFileRecord(opened.core, opened.admin, { bucket, key, action: 'read_file' })
    const content = await readContent(opened.core, file)
    if (content instanceof Uint8Array) return Buffer.from(content)
    const chunks: Buffer[] = []
    for await (const chunk of content) chunks.push(Buffer.from(chunk))
    return Buffer.concat(chunks)
  }

  const blobIds = async () => (await opened.core.blobs.list()).ids
  const drafts = () => readdir(join(opened.folder, 'tmp'))

  /** The old file is there, the new one is not, and of what was tried nothing is left but `orphans` blobs. */
  async function expectNothingHappened(old: Uint8Array, orphans: number) {
    await opened.settled()
    expect(Buffer.compare(await read('old'), old)).toBe(0)
    await expect(read('new')).rejects.toMatchObject({ code: 'file_not_found' })
    expect(await blobIds()).toHaveLength((old.length > 4096 ? 1 : 0) + orphans)
    expect(await drafts()).toEqual([])
  }

  const large = patternBytes(300_000, 5)
  const small = patternBytes(1000, 6)
  const olds = [
    ['small', patternBytes(100, 7)],
    ['large', patternBytes(100_000, 8)],
  ] as const

  describe.each(olds)('over a %s file', (_size, old) => {
    beforeEach(() => put(opened.core, 'old', old))

    test.each([
      ['refuses the blob', only(['put'], failing(outage)), 0],
      ['fails at the first chunk', only(['put.chunk'], failing(outage)), 0],
      ['fails in the midst', only(['put.chunk'], after(3, failing(outage))), 0],
      ['fails at the end of the body', only(['put.chunk'], after(8, failing(outage))), 0],
      ['has stored the blob and cannot say so', only(['put.acknowledge'], failing(outage)), 1],
    ])('a store that %s leaves the old file', async (_what, plan, orphans) => {
      for (const key of ['old', 'new']) {
        const core = { ...opened.core, blobs: faultyBlobStore(opened.core.blobs, plan) }
        await expect(put(core, key, large)).rejects.toBe(outage)
        if (orphans === 0) await expectNothingHappened(old, 0)
      }
      if (orphans > 0) {
        await expectNothingHappened(old, orphans * 2)
        opened.clock.advance(1000)
        await sweepOrphans(opened.core, { beforeMs: opened.clock.now() })
        await expectNothingHappened(old, 0)
      }
    })

    test.each([
      ['the pointer cannot be read', only(['query'], failing(databaseOutage)), databaseOutage],
      ['the disk is full', only(['batch'], failing(new DatabaseError('full', 'full'))), { kind: 'full' }],
    ])('a database that fails before the commit leaves the old file: %s', async (_what, plan, error) => {
      for (const body of [large, small]) {
        const core = { ...opened.core, database: faultyDatabase(opened.core.database, plan) }
        for (const key of ['old', 'new']) {
          // A pointer that is remembered would not be asked for.
          const request = put({ ...core, ...withoutMemory(core.database) }, key, body)
          await expect(request).rejects.toMatchObject(error)
          if (body === small || key === 'new') await expectNothingHappened(old, 0)
        }
      }
    })

    test('a database that goes away during the commit leaves the old file; the sweep finds the blob', async () => {
      const plan = only(['batch'], failing(databaseOutage))
      const core = { ...opened.core, database: faultyDatabase(opened.core.database, plan) }
      for (const key of ['old', 'new']) await expect(put(core, key, large)).rejects.toBe(databaseOutage)
      // Nobody knows whether the commit took effect: the bytes must not go.
      await expectNothingHappened(old, 2)
      opened.clock.advance(1000)
      expect(await sweepOrphans(opened.core, { beforeMs: opened.clock.now() })).toBe(2)
      await expectNothingHappened(old, 0)
    })

    test('a commit that took effect and was not told keeps its bytes', async () => {
      const plan = only(['batch.acknowledge'], failing(databaseOutage))
      const core = { ...opened.core, database: faultyDatabase(opened.core.database, plan) }
      for (const [key, body] of [
        ['old', large],
        ['new', small],
      ] as const) {
        await expect(put(core, key, body)).rejects.toBe(databaseOutage)
        await opened.settled()
        expect(Buffer.compare(await read(key), body)).toBe(0)
      }
    })

    test('a body that breaks off leaves the old file, wherever it does', async () => {
      for (const afterBytes of [0, 1, 1000, 4096, 4097, 50_000, 299_999]) {
        async function* broken() {
          yield* chunked(large.subarray(0, afterBytes))
          throw new CuttyError('body_incomplete')
        }
        for (const key of ['old', 'new']) {
          for (const sizeBytes of [undefined, large.length]) {
            const request = put(opened.core, key, large, { body: broken(), sizeBytes })
            await expect(request).rejects.toMatchObject({ code: 'body_incomplete' })
          }
        }
      }
      await expectNothingHappened(old, 0)
    })

    test('a body of another length than declared leaves the old file', async () => {
      for (const [actual, declared] of [
        [0, 1],
        [1, 0],
        [1000, 999],
        [1000, 1001],
        [4096, 4097],
        [4097, 4096],
        [300_000, 299_999],
        [299_999, 300_000],
        [100, 1_000_000],
      ] as const) {
        const request = put(opened.core, 'new', large.subarray(0, actual), { sizeBytes: declared })
        await expect(request, `${actual} as ${declared}`).rejects.toMatchObject({
          code: 'body_size_mismatch',
        })
      }
      await expectNothingHappened(old, 0)
    })

    test('a digest that does not match leaves the old file', async () => {
      const digests = new Map([['md5', new Uint8Array(16)]] as const)
      for (const body of [large, small, new Uint8Array()]) {
        const request = put(opened.core, 'new', body, { digests })
        await expect(request).rejects.toMatchObject({ code: 'digest_mismatch' })
      }
      await expectNothingHappened(old, 0)
      // Even where the blob cannot be removed at once.
      const plan = only(['delete'], failing(outage))
      const core = { ...opened.core, blobs: faultyBlobStore(opened.core.blobs, plan) }
      await expect(put(core, 'new', large, { digests })).rejects.toMatchObject({ code: 'digest_mismatch' })
      await expect(opened.settled()).rejects.toBe(outage)
      await expectNothingHappened(old, 1)
    })

    test('a description that cannot be found out leaves the old file', async () => {
      const error = new Error('no description')
      const request = put(opened.core, 'new', large, { describe: () => Promise.reject(error) })
      await expect(request).rejects.toBe(error)
      await expectNothingHappened(old, 0)
    })

    test('a precondition that ceases to hold while the body arrives is told', async () => {
      const gate = createGate()
      const precondition = (current: unknown) => {
        if (current !== undefined) throw new CuttyError('precondition_failed')
      }
      const plan = only(
        ['put.chunk'],
        slow(() => gate.pass()),
      )
      const core = { ...opened.core, blobs: faultyBlobStore(opened.core.blobs, plan) }
      const slowPut = put(core, 'race', large, { precondition })
      await gate.reached()
      await put(opened.core, 'race', small)
      gate.open()
      await expect(slowPut).rejects.toMatchObject({ code: 'precondition_failed' })
      expect(Buffer.compare(await read('race'), small)).toBe(0)
      await expectNothingHappened(old, 0)
    })

    test('a bucket that is deleted while the body arrives is told', async () => {
      const other = 'other-bucket'
      await createBucket(opened.core, opened.admin, { name: other, visibility: 'private' })
      const { deleteBucket } = await import('../../src/core/files/buckets.ts')
      for (const body of [large, small]) {
        const gate = createGate()
        async function* waiting() {
          await gate.pass()
          yield* chunked(body)
        }
        const slowPut = put(opened.core, 'f', body, { bucket: other, body: waiting() })
        await gate.reached()
        if (body === large) await deleteBucket(opened.core, opened.admin, other)
        gate.open()
        await expect(slowPut).rejects.toMatchObject({ code: 'bucket_not_found' })
        if (body === large) break
      }
      await expectNothingHappened(old, 0)
    })
  })

  test('asks before it reads the body', async () => {
    let asked = 0
    async function* body() {
      asked += 1
      yield small
    }
    const precondition = () => {
      throw new CuttyError('precondition_failed')
    }
    const anonymous = { role: 'anonymous', userId: undefined } as const
    const request = { bucket, key: 'f', body: body(), describe: describeAs }
    const refused = [
      putFile(opened.core, opened.admin, { ...request, precondition }),
      putFile(opened.core, anonymous, request),
      putFile(opened.core, opened.admin, { ...request, bucket: 'no-such-bucket' }),
      putFile(opened.core, opened.admin, { ...request, key: '' }),
      putFile(opened.core, opened.admin, { ...request, sizeBytes: 6 * 1024 ** 4 }),
    ]
    const results = await Promise.allSettled(refused)
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(asked).toBe(0)
  })

  test('keeps small bodies in the database, others in the store', async () => {
    await put(opened.core, 'empty', new Uint8Array())
    await put(opened.core, 'inline', patternBytes(4096))
    expect(await blobIds()).toHaveLength(0)
    await put(opened.core, 'outside', patternBytes(4097))
    expect(await blobIds()).toHaveLength(1)
  })

  test('an old blob is released, and only when it is replaced', async () => {
    await put(opened.core, 'f', large)
    const [first] = await blobIds()
    await put(opened.core, 'f', small)
    // Its bytes stay for who is reading them.
    expect(await blobIds()).toEqual([first])
  })
})
