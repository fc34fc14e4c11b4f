import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { child, children, textOf } from '../../../src/http/s3/xml-read.ts'
import { bucket, md5Etag, multipartEtag, parts, upload, useStage, whole } from './multipart-stage.ts'
import type { S3Answer } from './s3-client.ts'

const stage = useStage()
const key = 'key'
const all = 'ETag,Checksum,ObjectParts,StorageClass,ObjectSize'

const attributes = (
  wanted: string | undefined,
  headers: Record<string, string> = {},
  of: string = key,
): Promise<S3Answer> =>
  stage.s3.call('GET', bucket, of, {
    query: { attributes: '' },
    headers: { ...headers, ...(wanted !== undefined && { 'x-amz-object-attributes': wanted }) },
  })

const namesOf = ({ xml }: S3Answer) => xml.children.map(({ name }) => name)
const sha256 = (body: Uint8Array) => createHash('sha256').update(body).digest()

test('R49: GetObjectAttributes of what came in parts', async () => {
  await upload(stage.s3, key, parts, { 'x-amz-checksum-algorithm': 'SHA256' })
  const answer = await attributes(all)
  expect([answer.status, answer.xml.name]).toEqual([200, 'GetObjectAttributesResponse'])
  expect(answer.headers.get('last-modified')).toMatch(/ GMT$/)
  expect(namesOf(answer)).toEqual(['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'])
  expect(answer.of('ETag')).toBe(multipartEtag(parts).slice(1, -1))
  expect([answer.of('StorageClass'), answer.of('ObjectSize')]).toEqual(['STANDARD', String(whole.length)])
  const composite = sha256(Buffer.concat(parts.map(sha256))).toString('base64')
  expect(answer.of('Checksum', 'ChecksumSHA256')).toBe(composite)
  expect(answer.of('Checksum', 'ChecksumType')).toBe('COMPOSITE')
  expect(pageOf(answer)).toEqual({
    PartsCount: '3',
    PartNumberMarker: '0',
    NextPartNumberMarker: '3',
    MaxParts: '1000',
    IsTruncated: 'false',
    parts: parts.map((body, i) => [String(i + 1), String(body.length), sha256(body).toString('base64')]),
  })
})

test('R48: parts page by page', async () => {
  await upload(stage.s3, key, parts)
  const seen: unknown[] = []
  for (let after = 0; after < 3; after++) {
    const headers = { 'x-amz-max-parts': '1', 'x-amz-part-number-marker': String(after) }
    const page = pageOf(await attributes('ObjectParts', headers))
    expect(page).toMatchObject({
      PartsCount: '3',
      PartNumberMarker: String(after),
      NextPartNumberMarker: String(after + 1),
      MaxParts: '1',
      IsTruncated: String(after < 2),
    })
    seen.push(...page.parts)
  }
  expect(seen).toEqual(parts.map((body, i) => [String(i + 1), String(body.length), undefined]))
  const none = pageOf(await attributes('ObjectParts', { 'x-amz-max-parts': '0' }))
  expect([none.parts.length, none['IsTruncated']]).toEqual([0, 'false'])
  for (const name of ['x-amz-max-parts', 'x-amz-part-number-marker']) {
    const answer = await attributes('ObjectParts', { [name]: '-1' })
    expect([answer.code, answer.of('ArgumentName')]).toEqual(['InvalidArgument', name])
  }
})

test('of what came in one piece, only what is asked for', async () => {
  const { s3 } = stage
  const crc32 = Buffer.from('cbf43926', 'hex').toString('base64')
  await s3.call('PUT', bucket, key, { body: '123456789', headers: { 'x-amz-checksum-crc32': crc32 } })
  const answer = await attributes(all)
  expect(namesOf(answer)).toEqual(['ETag', 'Checksum', 'StorageClass', 'ObjectSize'])
  expect([answer.of('ETag'), answer.of('ObjectSize')]).toEqual([md5Etag('123456789').slice(1, -1), '9'])
  expect([answer.of('Checksum', 'ChecksumCRC32'), answer.of('Checksum', 'ChecksumType')]).toEqual([
    crc32,
    'FULL_OBJECT',
  ])
  expect(namesOf(await attributes('ObjectSize , ETag'))).toEqual(['ETag', 'ObjectSize'])
  await s3.call('PUT', bucket, 'plain', { body: '' })
  expect(namesOf(await attributes(all, {}, 'plain'))).toEqual(['ETag', 'StorageClass', 'ObjectSize'])
})

test('errors', async () => {
  const { s3 } = stage
  await s3.call('PUT', bucket, key, { body: 'x' })
  for (const wanted of [undefined, '', 'etag', 'ETag,', 'ETag,Owner']) {
    const answer = await attributes(wanted)
    expect([answer.status, answer.code, wanted]).toEqual([400, 'InvalidArgument', wanted])
  }
  expect((await attributes('ETag', {}, 'absent')).code).toBe('NoSuchKey')
  const query = { attributes: '', versionId: 'x' }
  const headers = { 'x-amz-object-attributes': 'ETag' }
  expect((await s3.call('GET', bucket, key, { query, headers })).code).toBe('NoSuchVersion')
  const refused = await stage.public.call('GET', bucket, key, { query: { attributes: '' }, headers })
  expect([refused.status, refused.code]).toEqual([403, 'AccessDenied'])
})

function pageOf({ xml }: S3Answer): Record<string, unknown> & { parts: unknown[] } {
  const listed = child(xml, 'ObjectParts')
  if (!listed) throw new Error('There are no parts')
  const rest = listed.children.filter(({ name }) => name !== 'Part').map(({ name, text }) => [name, text])
  const parts = children(listed, 'Part').map((part) => [
    textOf(part, 'PartNumber'),
    textOf(part, 'Size'),
    textOf(part, 'ChecksumSHA256'),
  ])
  return { ...Object.fromEntries(rest), parts }
}
