import { createHash } from 'node:crypto'
import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createD1Database } from '../../../src/adapters/d1/database.ts'
import { createR2BlobStore } from '../../../src/adapters/r2/blob-store.ts'
import type { Caller } from '../../../src/core/accounts/caller.ts'
import { createAccessKey } from '../../../src/core/accounts/credentials.ts'
import { createUser } from '../../../src/core/accounts/users.ts'
import { systemClock } from '../../../src/core/ports/clock.ts'
import { statements } from '../../../src/core/statements/registry.ts'
import { serveFetch } from '../../../src/entry/worker-http.ts'
import { type App, createApp } from '../../../src/http/app.ts'
import { clear } from '../../adapters/d1/clear.ts'
import type { HttpFetch } from '../../contracts/http/subject.ts'
import { createMemoryCore } from '../../core/memory-core.ts'
import { testBytes } from '../../core/test-bytes.ts'
import { createS3Client, type S3Client } from './s3-client.ts'

/** S3 as a Worker has it, over D1 and R2: what differs there is how requests arrive and how replies go. */
const bucket = 'worker-s3'
const partBytes = 5 * 1024 ** 2
let app: App
let admin: { accessKeyId: string; secretAccessKey: string }
let s3: S3Client

const fetch: HttpFetch = async (target, { method = 'GET', headers = {}, body } = {}) => {
  const sent: RequestInit = { method, headers, body: body as Request['body'] }
  const response = await serveFetch(app, new Request(`http://cutty.test${target}`, sent))
  return {
    status: response.status,
    headers: new Map(response.headers),
    bytes: new Uint8Array(await response.arrayBuffer()),
  }
}

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  await clear()
  const core = createMemoryCore({
    ...testBytes({ bytesMax: 1024 ** 2, entryBytesMax: 64 * 1024 }),
    database: createD1Database(env.DB, { statements }),
    blobs: createR2BlobStore(env.BLOBS, {
      fixedLengthStream: (sizeBytes) => new FixedLengthStream(sizeBytes),
      prefix: 's3/',
    }),
    clock: systemClock,
    background: { run: (_name, work) => void work() },
  })
  const nobody: Caller = { role: 'admin', userId: 'nobody' }
  const user = await createUser(core, nobody, { name: 'A', email: 'a@example.org', role: 'user' })
  admin = await createAccessKey(core, { role: 'user', userId: user.id }, { userId: user.id, label: '' })
  app = createApp(core)
  s3 = createS3Client(fetch, admin)
  expect((await s3.call('PUT', bucket)).code).toBe('')
})
afterAll(clear)

const md5 = (bytes: Uint8Array | string) => createHash('md5').update(bytes).digest('hex')

test.each(['plain', 'with a space', 'plus+percent%25', 'ünïcödé ☃', 'a//b', 'ends/', "it's (a) *name*!"])(
  'an object called %j is put, listed, read in part and deleted',
  async (key) => {
    const put = await s3.call('PUT', bucket, key, {
      body: 'some text',
      headers: { 'content-type': 'text/plain', 'x-amz-meta-color': 'blue' },
    })
    expect([put.status, put.headers.get('etag')]).toEqual([200, `"${md5('some text')}"`])
    const listed = await s3.call('GET', bucket, '', { query: { 'list-type': 2 } })
    expect(listed.of('Contents', 'Key')).toBe(key)
    const part = await s3.call('GET', bucket, key, { headers: { range: 'bytes=5-' } })
    expect([part.status, part.text]).toEqual([206, 'text'])
    expect(part.headers.get('x-amz-meta-color')).toBe('blue')
    const head = await s3.call('HEAD', bucket, key)
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '9'])
    expect((await s3.call('DELETE', bucket, key)).status).toBe(204)
    expect((await s3.call('GET', bucket, key)).code).toBe('NoSuchKey')
  },
)

test('a wrong secret, a wrong hash and no signature are refused', async () => {
  const forged = createS3Client(fetch, { ...admin, secretAccessKey: 'another' })
  expect((await forged.call('GET', bucket)).code).toBe('SignatureDoesNotMatch')
  expect((await createS3Client(fetch, undefined).call('GET', bucket)).code).toBe('AccessDenied')
  const wrong = await s3.call('PUT', bucket, 'wrong', { body: 'x', payload: '0'.repeat(64) })
  expect(wrong.code).toBe('XAmzContentSHA256Mismatch')
})

test('an upload in two parts is one object, read across their border', async () => {
  const parts = [new Uint8Array(partBytes).fill(1), new Uint8Array(1000).fill(2)]
  const created = await s3.call('POST', bucket, 'large', { query: { uploads: '' } })
  const uploadId = created.of('UploadId') as string
  const etags: string[] = []
  for (const [index, body] of parts.entries()) {
    const put = await s3.call('PUT', bucket, 'large', { query: { partNumber: index + 1, uploadId }, body })
    etags.push(put.headers.get('etag') as string)
  }
  const listed = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`)
  const body = `<CompleteMultipartUpload>${listed.join('')}</CompleteMultipartUpload>`
  const completed = await s3.call('POST', bucket, 'large', { query: { uploadId }, body })
  expect(completed.of('ETag')).toMatch(/-2"$/)
  const range = `bytes=${partBytes - 1}-${partBytes}`
  const across = await s3.call('GET', bucket, 'large', { headers: { range } })
  expect([across.status, [...across.bytes]]).toEqual([206, [1, 2]])
  const all = await s3.call('GET', bucket, 'large')
  expect(all.bytes.length).toBe(partBytes + 1000)
  await s3.call('DELETE', bucket, 'large')
  expect((await s3.call('DELETE', bucket)).status).toBe(204)
})
