import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { children, textOf } from '../../../src/http/s3/xml-read.ts'
import { escapeXml } from '../../../src/http/s3/xml-write.ts'
import type { S3Answer } from './s3-client.ts'
import { openS3Stage, type S3Stage } from './s3-stage.ts'

let stage: S3Stage
beforeAll(async () => {
  stage = await openS3Stage()
})
afterAll(() => stage.opened.close())

const md5 = (body: string) => ({ 'content-md5': createHash('md5').update(body).digest('base64') })

function documentOf(objects: readonly (string | Record<string, string>)[], quiet?: string): string {
  const listed = objects.map((object) => {
    const elements = typeof object === 'string' ? { Key: object } : object
    const inner = Object.entries(elements).map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
    return `<Object>${inner.join('')}</Object>`
  })
  const quietly = quiet === undefined ? '' : `<Quiet>${quiet}</Quiet>`
  return `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${listed.join('')}${quietly}</Delete>`
}

async function deleteAll(
  bucket: string,
  body: string,
  headers: Record<string, string> = md5(body),
): Promise<S3Answer> {
  return stage.s3.call('POST', bucket, '', { query: { delete: '' }, body, headers })
}

const deletedOf = ({ xml }: S3Answer) => children(xml, 'Deleted').map((each) => textOf(each, 'Key'))
const errorsOf = ({ xml }: S3Answer) =>
  children(xml, 'Error').map((each) => [textOf(each, 'Key'), textOf(each, 'Code')])

async function bucketWith(keys: readonly string[]): Promise<string> {
  const bucket = await stage.bucket()
  for (const key of keys) await stage.s3.call('PUT', bucket, key, { body: 'x' })
  return bucket
}

const keysIn = async (bucket: string) =>
  children((await stage.s3.call('GET', bucket)).xml, 'Contents').map((each) => textOf(each, 'Key'))

describe('DeleteObjects', () => {
  test('deletes what is there; what is not, and what is named twice, is deleted too', async () => {
    const bucket = await bucketWith(['a', ' b ', 'c&d', 'stays'])
    const answer = await deleteAll(bucket, documentOf(['a', ' b ', 'c&d', 'a', 'never was']))
    expect([answer.status, answer.xml.name]).toEqual([200, 'DeleteResult'])
    expect(deletedOf(answer)).toEqual(['a', ' b ', 'c&d', 'a', 'never was'])
    expect(errorsOf(answer)).toEqual([])
    expect(await keysIn(bucket)).toEqual(['stays'])
    expect(deletedOf(await deleteAll(bucket, documentOf(['a'])))).toEqual(['a'])
  })

  test.each(['true', 'TRUE', '1'])('Quiet %s tells of errors only', async (quiet) => {
    const bucket = await bucketWith(['a'])
    const answer = await deleteAll(bucket, documentOf(['a', { Key: 'b', VersionId: '7' }], quiet))
    expect([deletedOf(answer), errorsOf(answer)]).toEqual([[], [['b', 'NoSuchVersion']]])
    expect(await keysIn(bucket)).toEqual([])
  })

  test('one that cannot be deleted is told in its place, and the others are deleted', async () => {
    const bucket = await bucketWith(['a', 'b', 'c', 'd'])
    const tooLong = 'x'.repeat(1025)
    const objects: (string | Record<string, string>)[] = [
      'a',
      { Key: '' },
      { Key: tooLong },
      { Key: 'b', VersionId: 'null' },
      { Key: 'c', VersionId: 'other' },
      { Key: 'd', ETag: '"e"' },
    ]
    const answer = await deleteAll(bucket, documentOf(objects, 'false'))
    expect(deletedOf(answer)).toEqual(['a', 'b'])
    expect(children(answer.xml, 'Deleted').map((each) => textOf(each, 'VersionId'))).toEqual([
      undefined,
      'null',
    ])
    expect(errorsOf(answer)).toEqual([
      ['', 'InvalidArgument'],
      [tooLong, expect.stringMatching(/InvalidArgument|KeyTooLongError/)],
      ['c', 'NoSuchVersion'],
      ['d', 'NotImplemented'],
    ])
    expect(await keysIn(bucket)).toEqual(['c', 'd'])
  })

  test('1,000 at once, and not one more', async () => {
    const bucket = await bucketWith(['k0', 'k999'])
    const keys = Array.from({ length: 1001 }, (_, i) => `k${i}`)
    expect((await deleteAll(bucket, documentOf(keys))).code).toBe('MalformedXML')
    expect(await keysIn(bucket)).toEqual(['k0', 'k999'])
    expect(deletedOf(await deleteAll(bucket, documentOf(keys.slice(0, 1000))))).toHaveLength(1000)
    expect(await keysIn(bucket)).toEqual([])
  })

  test('needs a digest of its content: Content-MD5, or the checksum that current clients send', async () => {
    const bucket = await bucketWith(['a'])
    const body = documentOf(['a'])
    const checksum = Buffer.alloc(4)
    checksum.writeUInt32BE(crc32(body))
    const without = await deleteAll(bucket, body, {})
    expect([without.status, without.code]).toEqual([400, 'InvalidRequest'])
    expect((await deleteAll(bucket, body, md5(`${body} `))).code).toBe('BadDigest')
    expect((await deleteAll(bucket, body, { 'x-amz-checksum-crc32': 'AAAAAA==' })).code).toBe('BadDigest')
    expect(await keysIn(bucket)).toEqual(['a'])
    const headers = {
      'x-amz-sdk-checksum-algorithm': 'CRC32',
      'x-amz-checksum-crc32': checksum.toString('base64'),
    }
    expect(deletedOf(await deleteAll(bucket, body, headers))).toEqual(['a'])
  })

  test.each([
    ['MissingRequestBodyError', ''],
    ['MalformedXML', '<Delete>'],
    ['MalformedXML', '<Delete/>'],
    ['MalformedXML', '<Other><Object><Key>a</Key></Object></Other>'],
    ['MalformedXML', '<Delete><Object/></Delete>'],
    ['MalformedXML', '<!DOCTYPE a [<!ENTITY b "a">]><Delete><Object><Key>&b;</Key></Object></Delete>'],
  ])('400 %s: %s', async (code, body) => {
    const answer = await deleteAll(await stage.bucket(), body)
    expect([answer.status, answer.code]).toEqual([400, code])
  })

  test('403 AccessDenied and 404 NoSuchBucket are of the whole, even where no key is valid', async () => {
    const bucket = await bucketWith(['a'])
    const { other, nobody } = stage
    const body = documentOf([{ Key: '' }])
    const init = { query: { delete: '' }, body, headers: md5(body) }
    expect((await other.call('POST', bucket, '', init)).code).toBe('AccessDenied')
    expect((await nobody.call('POST', bucket, '', init)).code).toBe('AccessDenied')
    expect((await nobody.call('POST', 'not-there', '', init)).code).toBe('AccessDenied')
    expect((await other.call('POST', 'not-there', '', init)).code).toBe('NoSuchBucket')
    expect(await keysIn(bucket)).toEqual(['a'])
  })
})
