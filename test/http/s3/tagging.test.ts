import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { child, children, textOf } from '../../../src/http/s3/xml-read.ts'
import { escapeXml } from '../../../src/http/s3/xml-write.ts'
import type { S3Answer } from './s3-client.ts'
import { openS3Stage, type S3Stage } from './s3-stage.ts'

let stage: S3Stage
beforeAll(async () => {
  stage = await openS3Stage()
})
afterAll(() => stage.opened.close())

const query = { tagging: '' }

function taggingOf(tags: readonly (readonly [string, string])[]): string {
  const listed = tags.map(
    ([key, value]) => `<Tag><Key>${escapeXml(key)}</Key><Value>${escapeXml(value)}</Value></Tag>`,
  )
  return `<Tagging><TagSet>${listed.join('')}</TagSet></Tagging>`
}

const tagsOf = ({ xml }: S3Answer) =>
  children(child(xml, 'TagSet')!, 'Tag').map((tag) => [textOf(tag, 'Key'), textOf(tag, 'Value')])

const numbered = (count: number) => Array.from({ length: count }, (_, i) => [`k${i}`, `v${i}`] as const)

describe.each([
  { of: 'an object', key: 'file', tagsMax: 10, putStatus: 200 },
  { of: 'a bucket', key: '', tagsMax: 50, putStatus: 204 },
])('tags of $of', ({ key, tagsMax, putStatus }) => {
  async function subject(): Promise<string> {
    const bucket = await stage.bucket()
    if (key !== '')
      await stage.s3.call('PUT', bucket, key, { body: 'text', headers: { 'x-amz-meta-a': 'b' } })
    return bucket
  }

  test('are returned as they were put, and replaced as a whole', async () => {
    const bucket = await subject()
    const tags = [
      ['a', ''],
      [' b ', '<&> "é"'],
      ['constructor', '1'],
      ['__proto__', '2'],
    ] as const
    expect((await stage.s3.call('PUT', bucket, key, { query, body: taggingOf(tags) })).status).toBe(putStatus)
    expect(tagsOf(await stage.s3.call('GET', bucket, key, { query }))).toEqual(tags)
    await stage.s3.call('PUT', bucket, key, { query, body: taggingOf(numbered(tagsMax)) })
    expect(tagsOf(await stage.s3.call('GET', bucket, key, { query }))).toEqual(numbered(tagsMax))
    await stage.s3.call('PUT', bucket, key, { query, body: taggingOf([]) })
    expect(tagsOf(await stage.s3.call('GET', bucket, key, { query }))).toEqual([])
  })

  test.each<[string, string]>([
    ['InvalidTag', taggingOf(numbered(tagsMax + 1))],
    [
      'InvalidTag',
      taggingOf([
        ['a', '1'],
        ['a', '2'],
      ]),
    ],
    ['InvalidTag', taggingOf([['', '1']])],
    ['InvalidTag', taggingOf([['x'.repeat(129), '1']])],
    ['InvalidTag', taggingOf([['a', 'x'.repeat(257)]])],
    ['InvalidTag', taggingOf([['aws:created', '1']])],
    ['MalformedXML', '<Tagging/>'],
    ['MalformedXML', '<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>'],
    ['MalformedXML', '<Other><TagSet/></Other>'],
    ['MissingRequestBodyError', ''],
  ])('400 %s: %.60s', async (code, body) => {
    const bucket = await subject()
    const answer = await stage.s3.call('PUT', bucket, key, { query, body })
    expect([answer.status, answer.code]).toEqual([400, code])
  })

  test('are deleted, more than once', async () => {
    const bucket = await subject()
    await stage.s3.call('PUT', bucket, key, { query, body: taggingOf([['a', 'b']]) })
    for (let times = 0; times < 2; times++) {
      expect((await stage.s3.call('DELETE', bucket, key, { query })).status).toBe(204)
      const after = await stage.s3.call('GET', bucket, key, { query })
      if (key === '') expect([after.status, after.code]).toEqual([404, 'NoSuchTagSet'])
      else expect(tagsOf(after)).toEqual([])
    }
    expect((await stage.s3.call('HEAD', bucket)).status).toBe(200)
  })

  test('are nobody else’s business', async () => {
    const bucket = await subject()
    await stage.s3.call('PUT', bucket, '', { query: { acl: '' }, headers: { 'x-amz-acl': 'public-read' } })
    for (const client of [stage.other, stage.nobody]) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const init = { query, ...(method === 'PUT' && { body: taggingOf([]) }) }
        const answer = await client.call(method, bucket, key, init)
        expect([method, answer.status, answer.code]).toEqual([method, 403, 'AccessDenied'])
      }
    }
  })
})

describe('tags of an object', () => {
  test('leave its bytes, its type and its metadata, and are counted', async () => {
    const bucket = await stage.bucket()
    const headers = { 'content-type': 'text/css', 'x-amz-meta-a': 'b', 'x-amz-tagging': 'x=1&__proto__=2' }
    await stage.s3.call('PUT', bucket, 'key', { body: 'text', headers })
    expect(tagsOf(await stage.s3.call('GET', bucket, 'key', { query }))).toEqual([
      ['x', '1'],
      ['__proto__', '2'],
    ])
    await stage.s3.call('PUT', bucket, 'key', { query, body: taggingOf(numbered(3)) })
    const read = await stage.s3.call('GET', bucket, 'key')
    expect([read.text, read.headers.get('content-type'), read.headers.get('x-amz-meta-a')]).toEqual([
      'text',
      'text/css',
      'b',
    ])
    expect(read.headers.get('x-amz-tagging-count')).toBe('3')
  })

  test('404 NoSuchKey and NoSuchVersion', async () => {
    const bucket = await stage.bucket()
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const body = method === 'PUT' ? { body: taggingOf([]) } : {}
      expect((await stage.s3.call(method, bucket, 'not-there', { query, ...body })).code).toBe('NoSuchKey')
      const other = { tagging: '', versionId: 'other' }
      expect((await stage.s3.call(method, bucket, 'not-there', { query: other, ...body })).code).toBe(
        'NoSuchVersion',
      )
    }
  })
})
