import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { S3Answer } from './s3-client.ts'
import { openS3Stage, type S3Stage } from './s3-stage.ts'

let stage: S3Stage
beforeAll(async () => {
  stage = await openS3Stage()
})
afterAll(() => stage.opened.close())

const query = { cors: '' }

interface Rule {
  origins?: string[]
  methods?: string[]
  headers?: string[]
  expose?: string[]
  more?: string
}

function configurationOf(...rules: Rule[]): string {
  const repeat = (name: string, values: string[] = []) =>
    values.map((value) => `<${name}>${value}</${name}>`).join('')
  const written = rules.map(
    ({ origins = ['*'], methods = ['GET'], headers, expose, more = '' }) =>
      '<CORSRule>' +
      repeat('AllowedOrigin', origins) +
      repeat('AllowedMethod', methods) +
      repeat('AllowedHeader', headers) +
      repeat('ExposeHeader', expose) +
      `${more}</CORSRule>`,
  )
  return `<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${written.join('')}</CORSConfiguration>`
}

async function bucketWith(...rules: Rule[]): Promise<string> {
  const bucket = await stage.bucket()
  const answer = await stage.s3.call('PUT', bucket, '', { query, body: configurationOf(...rules) })
  expect([answer.status, answer.text]).toEqual([200, ''])
  return bucket
}

interface Asked {
  origin?: string
  method?: string
  headers?: string
}

function preflight(
  bucket: string,
  { origin = 'https://a.example', method = 'GET', headers }: Asked = {},
  key = 'key',
) {
  return stage.nobody.call('OPTIONS', bucket, key, {
    headers: {
      origin,
      'access-control-request-method': method,
      ...(headers !== undefined && { 'access-control-request-headers': headers }),
    },
  })
}

const corsOf = ({ headers }: S3Answer) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')))

describe('the CORS configuration of a bucket', () => {
  test('is returned as it was put, replaced and deleted', async () => {
    const bucket = await bucketWith(
      { more: '<ID>first</ID><MaxAgeSeconds>60</MaxAgeSeconds>', headers: ['X-A', '*'], expose: ['ETag'] },
      { origins: ['https://a.example', 'http://*.b.example'], methods: ['PUT', 'DELETE'] },
    )
    const answer = await stage.s3.call('GET', bucket, '', { query })
    expect(answer.xml.name).toBe('CORSConfiguration')
    expect(
      answer.xml.children.map((rule) => rule.children.map(({ name, text }) => `${name} ${text}`)),
    ).toEqual([
      [
        'ID first',
        'AllowedHeader x-a',
        'AllowedHeader *',
        'AllowedMethod GET',
        'AllowedOrigin *',
        'ExposeHeader ETag',
        'MaxAgeSeconds 60',
      ],
      [
        'AllowedMethod PUT',
        'AllowedMethod DELETE',
        'AllowedOrigin https://a.example',
        'AllowedOrigin http://*.b.example',
      ],
    ])
    for (let times = 0; times < 2; times++) {
      expect((await stage.s3.call('DELETE', bucket, '', { query })).status).toBe(204)
      expect((await stage.s3.call('GET', bucket, '', { query })).code).toBe('NoSuchCORSConfiguration')
      expect((await preflight(bucket)).status).toBe(403)
    }
  })

  test.each<[string, string, string]>([
    ['InvalidRequest', 'another method', configurationOf({ methods: ['PATCH'] })],
    ['InvalidRequest', 'a method in lower case', configurationOf({ methods: ['get'] })],
    ['InvalidRequest', 'two wildcards in an origin', configurationOf({ origins: ['http://*.*'] })],
    ['InvalidRequest', 'two wildcards in a header', configurationOf({ headers: ['x-*-*'] })],
    ['InvalidRequest', 'a wildcard to expose', configurationOf({ expose: ['x-*'] })],
    ['InvalidRequest', 'what is no header', configurationOf({ expose: ['a: b'] })],
    ['MalformedXML', 'no origin', configurationOf({ origins: [] })],
    ['MalformedXML', 'no method', configurationOf({ methods: [] })],
    ['MalformedXML', 'an empty origin', configurationOf({ origins: [''] })],
    ['MalformedXML', 'a negative age', configurationOf({ more: '<MaxAgeSeconds>-1</MaxAgeSeconds>' })],
    ['MalformedXML', 'an ID of 256', configurationOf({ more: `<ID>${'x'.repeat(256)}</ID>` })],
    ['MalformedXML', 'no rule', configurationOf()],
    ['MalformedXML', '101 rules', configurationOf(...Array.from({ length: 101 }, () => ({})))],
    ['MalformedXML', 'rules of 64 KiB', configurationOf({ origins: ['x'.repeat(64 * 1024)] })],
    ['MalformedXML', 'another document', '<Other/>'],
    ['MissingRequestBodyError', 'nothing', ''],
  ])('400 %s: %s', async (code, _what, body) => {
    const bucket = await stage.bucket()
    const answer = await stage.s3.call('PUT', bucket, '', { query, body })
    expect([answer.status, answer.code]).toEqual([400, code])
    expect((await stage.s3.call('GET', bucket, '', { query })).code).toBe('NoSuchCORSConfiguration')
  })

  test('has 100 rules', async () => {
    const bucket = await bucketWith(
      ...Array.from({ length: 100 }, (_, i) => ({ origins: [`https://${i}.example`] })),
    )
    expect((await preflight(bucket, { origin: 'https://99.example' })).status).toBe(200)
    expect((await preflight(bucket, { origin: 'https://100.example' })).status).toBe(403)
  })

  test('is nobody else’s business', async () => {
    const bucket = await bucketWith({})
    for (const client of [stage.other, stage.nobody]) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const init = { query, ...(method === 'PUT' && { body: configurationOf({}) }) }
        expect((await client.call(method, bucket, '', init)).code).toBe('AccessDenied')
      }
    }
  })
})

describe('a preflight', () => {
  test('without a signature, for everybody', async () => {
    const bucket = await bucketWith({
      headers: ['*'],
      expose: ['ETag', 'x-amz-meta-a'],
      more: '<MaxAgeSeconds>5</MaxAgeSeconds>',
    })
    const answer = await preflight(bucket, { headers: 'Authorization, X-Amz-Date' })
    expect([answer.status, answer.text]).toEqual([200, ''])
    expect(corsOf(answer)).toEqual({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET',
      'access-control-allow-headers': 'authorization, x-amz-date',
      'access-control-expose-headers': 'ETag, x-amz-meta-a',
      'access-control-max-age': '5',
    })
    expect(answer.headers.get('vary')).toBe(
      'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
    )
  })

  test('for origins, of which one may carry credentials', async () => {
    const bucket = await bucketWith({ origins: ['https://*.example'], methods: ['PUT', 'POST'] })
    const answer = await preflight(bucket, { method: 'PUT' })
    expect(corsOf(answer)).toEqual({
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-methods': 'PUT, POST',
      'access-control-allow-credentials': 'true',
    })
  })

  test.each<[number, Rule, Asked]>([
    [200, { origins: ['https://a.example'] }, {}],
    [403, { origins: ['https://a.example'] }, { origin: 'https://b.example' }],
    [403, { origins: ['https://a.example'] }, { origin: 'https://a.example.evil.example' }],
    [403, { origins: ['https://*.example'] }, { origin: 'https://example' }],
    [403, { origins: ['ab*ba'] }, { origin: 'aba' }],
    [200, { origins: ['ab*ba'] }, { origin: 'abba' }],
    [403, { methods: ['PUT'] }, { method: 'GET' }],
    [200, { methods: ['HEAD'] }, { method: 'HEAD' }],
    [403, {}, { headers: 'x-a' }],
    [200, { headers: ['X-A'] }, { headers: 'x-a' }],
    [200, { headers: ['x-amz-*'] }, { headers: 'X-AMZ-META-B,x-amz-date' }],
    [403, { headers: ['x-amz-*'] }, { headers: 'x-amz-date, authorization' }],
    [200, { headers: ['*'] }, { headers: '' }],
  ])('%i: %o, asked %o', async (status, rule, asked) => {
    expect((await preflight(await bucketWith(rule), asked)).status).toBe(status)
  })

  test('takes the first rule for all of it together', async () => {
    const bucket = await bucketWith(
      { origins: ['https://a.example'], methods: ['GET'], more: '<MaxAgeSeconds>1</MaxAgeSeconds>' },
      {
        origins: ['https://a.example'],
        methods: ['PUT'],
        headers: ['x-a'],
        more: '<MaxAgeSeconds>2</MaxAgeSeconds>',
      },
    )
    const age = async (asked: Asked) => (await preflight(bucket, asked)).headers.get('access-control-max-age')
    expect(await age({})).toBe('1')
    expect(await age({ method: 'PUT', headers: 'x-a' })).toBe('2')
    expect(await age({ method: 'GET', headers: 'x-a' })).toBeUndefined()
  })

  test('says the same of a bucket that is not there, has no rules, or has none for it', async () => {
    const asked = { origin: 'https://b.example' }
    const withRules = await bucketWith({ origins: ['https://a.example'] })
    const answers = await Promise.all(
      ['not-there', await stage.bucket(), withRules].map((name) => preflight(name, asked)),
    )
    for (const answer of answers) {
      expect([answer.status, answer.code, corsOf(answer)]).toEqual([403, 'AccessForbidden', {}])
      expect(answer.of('Message')).toMatch(/^CORSResponse: /)
      expect([answer.of('Method'), answer.of('ResourceType')]).toEqual(['GET', 'OBJECT'])
    }
    const of = ({ text, headers }: S3Answer) =>
      text.replace(/<(Resource|RequestId)>[^<]*/g, '') + String(headers.get('vary'))
    expect(new Set(answers.map(of)).size).toBe(1)
    expect((await preflight('', asked, '')).code).toBe('AccessForbidden')
  })

  test('400 BadRequest: no origin, no method, or one that is none', async () => {
    const bucket = await bucketWith({})
    expect((await stage.nobody.call('OPTIONS', bucket, 'key')).code).toBe('BadRequest')
    expect((await stage.nobody.call('OPTIONS', bucket, 'key', { headers: { origin: 'x' } })).code).toBe(
      'BadRequest',
    )
    expect((await preflight(bucket, { method: 'PATCH' })).code).toBe('BadRequest')
  })
})

describe('a request of another origin', () => {
  const headers = { origin: 'https://a.example' }

  test('has the headers of the rule for it, on a success and on an error', async () => {
    const bucket = await bucketWith({
      origins: ['https://a.example'],
      methods: ['GET', 'PUT'],
      expose: ['ETag'],
    })
    const expected = {
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-methods': 'GET, PUT',
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'ETag',
    }
    expect(corsOf(await stage.s3.call('PUT', bucket, 'key', { body: 'text', headers }))).toEqual(expected)
    const read = await stage.s3.call('GET', bucket, 'key', { headers })
    expect([read.text, corsOf(read)]).toEqual(['text', expected])
    expect(read.headers.get('vary')).toMatch(/(^|, )Origin, Access-Control-Request-Headers/)
    const missing = await stage.s3.call('GET', bucket, 'missing', { headers })
    expect([missing.code, corsOf(missing)]).toEqual(['NoSuchKey', expected])
    const denied = await stage.nobody.call('GET', bucket, 'key', { headers })
    expect([denied.code, corsOf(denied)]).toEqual(['AccessDenied', expected])
    const unread = await stage.s3.call('PUT', bucket, '', {
      query: { versioning: '' },
      headers,
      body: '<x/>',
    })
    expect([unread.code, corsOf(unread)]).toEqual(['NotImplemented', expected])
  })

  test('has none where no rule is for it, and varies by origin all the same', async () => {
    const bucket = await bucketWith({ origins: ['https://b.example'] })
    await stage.s3.call('PUT', bucket, 'key', { body: 'text' })
    for (const name of [bucket, await stage.bucket(), 'not-there']) {
      const answer = await stage.s3.call('GET', name, 'key', { headers })
      expect(corsOf(answer)).toEqual({})
      expect(answer.headers.get('vary')).toContain('Origin')
    }
    expect(
      corsOf(await stage.s3.call('DELETE', bucket, 'key', { headers: { origin: 'https://b.example' } })),
    ).toEqual({})
  })

  test('keeps what a reply varies by already', async () => {
    const bucket = await bucketWith({})
    const body = 'a text that is worth its compression. '.repeat(500)
    await stage.s3.call('PUT', bucket, 'key', { body, headers: { 'content-type': 'text/plain' } })
    const plain = (await stage.s3.call('GET', bucket, 'key')).headers.get('vary')
    const answer = await stage.s3.call('GET', bucket, 'key', { headers })
    expect(plain).toContain('Accept-Encoding')
    expect(answer.headers.get('vary')).toMatch(new RegExp(`^${plain}, Origin,`))
  })

  test('sees a change of the rules at once, and without an origin none are read', async () => {
    const bucket = await bucketWith({ origins: ['https://a.example'] })
    const allowed = async () =>
      (await stage.s3.call('GET', bucket, '', { headers })).headers.get('access-control-allow-origin')
    expect(await allowed()).toBe('https://a.example')
    await stage.s3.call('PUT', bucket, '', { query, body: configurationOf({}) })
    expect(await allowed()).toBe('*')
    await stage.s3.call('DELETE', bucket, '', { query })
    expect(await allowed()).toBeUndefined()

    const reads = () => {
      const { hits = 0, misses = 0 } = stage.opened.core.rows.stats().byStatement['buckets.find_cors'] ?? {}
      return hits + misses
    }
    const before = reads()
    await stage.s3.call('GET', bucket)
    expect(reads()).toBe(before)
    await stage.s3.call('GET', bucket, '', { headers })
    expect(reads()).toBe(before + 1)
  })
})
