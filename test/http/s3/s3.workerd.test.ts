import { createHash } from 'node:crypto'
import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, expect, test } from 'vitest'
import worker from '../../../src/entry/worker.ts'
import type { HttpFetch } from '../../contracts/http/subject.ts'
import { createS3Client, type S3Client } from './s3-client.ts'

/** S3 through the Worker's entry, over D1 and R2: what differs there is how requests arrive and how replies go. */
const admin = { accessKeyId: 'TEST_ADMIN', secretAccessKey: 'a-secret-for-tests-only' }
const bindings = {
  BLOBS: env.BLOBS,
  DB: env.DB,
  CUTTY_MASTER_KEY: 'a master key of over 32 characters',
  CUTTY_ADMIN_ACCESS_KEY_ID: admin.accessKeyId,
  CUTTY_ADMIN_SECRET_ACCESS_KEY: admin.secretAccessKey,
}
const bucket = 'worker-s3'
const partBytes = 5 * 1024 ** 2

const fetch: HttpFetch = async (target, { method = 'GET', headers = {}, body } = {}) => {
  const sent: RequestInit = { method, headers, body: body as Request['body'] }
  const request = new Request(`http://cutty.test${target}`, sent)
  const response = await worker.fetch(request, bindings)
  return {
    status: response.status,
    headers: new Map(response.headers),
    bytes: new Uint8Array(await response.arrayBuffer()),
  }
}

let s3: S3Client
beforeAll(async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  s3 = createS3Client(fetch, admin)
  expect((await s3.call('PUT', bucket)).code).toBe('')
})

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
