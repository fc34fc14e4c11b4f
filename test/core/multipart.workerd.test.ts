import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createD1Database } from '../../src/adapters/d1/database.ts'
import { createR2BlobStore } from '../../src/adapters/r2/blob-store.ts'
import type { Caller } from '../../src/core/accounts/caller.ts'
import { createUser } from '../../src/core/accounts/users.ts'
import type { Core } from '../../src/core/core.ts'
import { createBucket, deleteBucket } from '../../src/core/files/buckets.ts'
import { deleteFile } from '../../src/core/files/change.ts'
import { collectGarbage } from '../../src/core/files/collect.ts'
import { completeUpload } from '../../src/core/files/complete-upload.ts'
import { createUpload, expireUploads } from '../../src/core/files/uploads.ts'
import { listUploads } from '../../src/core/files/list-uploads.ts'
import { putPart } from '../../src/core/files/put-part.ts'
import { readContent } from '../../src/core/files/read.ts'
import { findFileRecord } from '../../src/core/files/record.ts'
import { limits } from '../../src/core/limits.ts'
import type { ByteRange } from '../../src/core/ports/blob-store.ts'
import { statements } from '../../src/core/statements/registry.ts'
import { clear } from '../adapters/d1/clear.ts'
import { patternBytes } from '../contracts/http/bytes.ts'
import { createMemoryCore } from './memory-core.ts'
import { testBytes } from './test-bytes.ts'
import { createTestClock } from './test-clock.ts'

/** Uploads in parts over D1 and R2. */
const bucket = 'parts'
const clock = createTestClock()
const prefix = 'multipart/'
let core: Core
let caller: Caller

beforeEach(async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  await clear()
  core = createMemoryCore({
    ...testBytes({ bytesMax: 0, entryBytesMax: 0 }),
    database: createD1Database(env.DB, { statements }),
    blobs: createR2BlobStore(env.BLOBS, {
      fixedLengthStream: (sizeBytes) => new FixedLengthStream(sizeBytes),
      prefix,
    }),
    clock,
    background: { run: (_name, work) => void work() },
  })
  const admin: Caller = { role: 'admin', userId: 'nobody' }
  const user = await createUser(core, admin, { name: 'A', email: 'a@example.org', role: 'user' })
  caller = { role: 'user', userId: user.id }
  await createBucket(core, caller, { name: bucket, visibility: 'private' })
})
afterEach(clear)

async function* chunked(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000)
}

const begin = (key: string) =>
  createUpload(core, caller, {
    bucket,
    key,
    description: { contentType: 'a/b', headers: {}, metadata: {}, tags: {} },
    checksum: { algorithm: 'CRC64NVME', type: 'FULL_OBJECT' },
    compression: { mode: 'off' },
  })

async function read(key: string, range?: ByteRange): Promise<Buffer> {
  const file = await findFileRecord(core, caller, { bucket, key, action: 'read_file', upToDate: true })
  const content = await readContent(core, file, range)
  const chunks: Buffer[] = []
  for await (const chunk of content instanceof Uint8Array ? [content] : content)
    chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

test('R46, R49: an upload of two parts is one file, is read by ranges, and leaves nothing', async () => {
  const parts = [patternBytes(limits.partBytesMin, 1), patternBytes(70_000, 2)] as const
  const upload = await begin('a')
  const ref = { bucket, key: 'a', uploadId: upload.id }
  const stored = await Promise.all(
    parts.map(async (part, index) => {
      const number = index + 1
      const { etag } = await putPart(core, caller, {
        ...ref,
        number,
        body: chunked(part),
        sizeBytes: part.length,
      })
      return { number, etag }
    }),
  )
  // One that takes the place of another, and one that is dropped.
  await putPart(core, caller, { ...ref, number: 2, body: chunked(parts[1]) })
  await putPart(core, caller, { ...ref, number: 3, body: chunked(parts[1]) })
  const results = await Promise.all(
    [1, 2, 3].map(() => completeUpload(core, caller, { ...ref, parts: stored })),
  )
  for (const result of results) expect(result).toEqual(results[0])
  const digests = parts.map((part) => createHash('md5').update(part).digest())
  const etag = `${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-2`
  expect(results[0]).toMatchObject({ created: true, file: { etag, checksum: { type: 'FULL_OBJECT' } } })

  const whole = Buffer.concat(parts)
  expect(Buffer.compare(await read('a'), whole)).toBe(0)
  const border = parts[0].length
  for (const [start, end] of [
    [0, 0],
    [border - 1, border],
    [border - 300_000, whole.length - 1],
    [border, border + 5],
  ] as const) {
    expect(Buffer.compare(await read('a', { start, end }), whole.subarray(start, end + 1))).toBe(0)
  }

  await deleteFile(core, caller, { bucket, key: 'a' })
  clock.advance(1000)
  // Two parts, what they made up, the one that was replaced, and the one that was dropped.
  expect(await collectGarbage(core, { graceMs: 0 })).toBe(5)
  expect((await core.blobs.list()).ids).toEqual([])
  await deleteBucket(core, caller, bucket)
})

test('uploads expire, and their bucket can be deleted', async () => {
  for (const key of ['a', 'b']) {
    const upload = await begin(key)
    await putPart(core, caller, {
      bucket,
      key,
      uploadId: upload.id,
      number: 1,
      body: chunked(patternBytes(10)),
    })
    if (key === 'a') clock.advance(limits.uploadSecondsMax * 1000 + 1)
  }
  expect(await expireUploads(core)).toBe(1)
  const { uploads } = await listUploads(core, caller, { bucket, prefix: '', limit: 10 })
  expect(uploads.map(({ key }) => key)).toEqual(['b'])
  await deleteBucket(core, caller, bucket)
  clock.advance(1000)
  expect(await collectGarbage(core, { graceMs: 0 })).toBe(2)
  expect((await core.blobs.list()).ids).toEqual([])
  for (const table of ['uploads', 'upload_parts', 'blobs', 'blob_parts']) {
    const rows = await env.DB.prepare(`SELECT count(*) AS count FROM ${table}`).first()
    expect([table, rows]).toEqual([table, { count: 0 }])
  }
})

test('10,000 parts are completed in one batch', async () => {
  const upload = await begin('many')
  const { blob } = await oneBlob()
  const row = env.DB.prepare(
    `INSERT INTO upload_parts WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
      SELECT ?1, i, printf('%026d', i), 1, ?2, 'AAAAAAAAAAA=', 0 FROM n`,
  )
  const etag = createHash('md5').update('x').digest('hex')
  const blobs = env.DB.prepare(
    `INSERT INTO blobs (id, location, codec, size_bytes, stored_bytes, frame_bytes, sha256, references_count, created_at_ms)
      SELECT p.blob_id, b.location, b.codec, 1, 1, 0, b.sha256, 1, 0 FROM upload_parts p JOIN blobs b ON b.id = ?2
      WHERE p.upload_id = ?1`,
  )
  await env.DB.batch([row.bind(upload.id, etag), blobs.bind(upload.id, blob)])
  const parts = Array.from({ length: 10_000 }, (_, index) => ({ number: index + 1, etag }))
  const request = { bucket, key: 'many', uploadId: upload.id, parts, partBytesMin: 0 }
  const { file } = await completeUpload(core, caller, request)
  expect(file).toMatchObject({ sizeBytes: 10_000 })
  expect(file.etag).toMatch(/-10000$/)
  const rows = await env.DB.prepare(
    `SELECT count(*) AS count, max(end_bytes) AS size FROM blob_parts WHERE part_blob_id > ''`,
  ).first()
  expect(rows).toEqual({ count: 10_000, size: 10_000 })
})

async function oneBlob(): Promise<{ blob: string }> {
  const upload = await begin('one')
  const ref = { bucket, key: 'one', uploadId: upload.id }
  const { etag } = await putPart(core, caller, { ...ref, number: 1, body: chunked(patternBytes(1)) })
  await completeUpload(core, caller, { ...ref, parts: [{ number: 1, etag }] })
  const file = await findFileRecord(core, caller, { bucket, key: 'one', action: 'list' })
  return { blob: file.blob.id }
}
