import { describe, expect, test } from 'vitest'
import { patternBytes, sha256Hex } from './bytes.ts'
import type { Stage } from './stage.ts'

/** Around every border: inline or not, kept in memory or not, one chunk or several. */
const sizes = [
  0, 1, 2, 4095, 4096, 4097, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 524_287, 524_288, 524_289,
  1_048_576, 1_048_577, 3_000_000,
]

export function fileTests(stage: Stage): void {
  describe('files', () => {
    test.each(sizes)('of %i bytes come back byte for byte', async (sizeBytes) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const bytes = patternBytes(sizeBytes)
      const put = await api.put(bucket, 'file', bytes, { as: alice })
      expect(put.status).toBe(201)
      expect(put.header('location')).toBe(`/api/v1/buckets/${bucket}/files/file`)
      const sha256 = sha256Hex(bytes)
      expect(put.json()).toMatchObject({ bucket, key: 'file', sizeBytes, sha256 })
      expect(put.json()['etag']).toBe(put.header('etag'))

      // Once from where it lies, once from where it may be kept.
      for (let turn = 0; turn < 2; turn++) {
        const got = await api.get(bucket, 'file', { as: alice })
        expect(got.status).toBe(200)
        expect(got.bytes.length).toBe(sizeBytes)
        expect(sha256Hex(got.bytes)).toBe(sha256)
        expect(got.header('content-length')).toBe(String(sizeBytes))
        expect(got.header('etag')).toBe(put.header('etag'))
        expect(got.header('accept-ranges')).toBe('bytes')
      }
    })

    test.each([0, 1, 5000, 70_000, 1_500_000])(
      'arrive in chunks without a declared length: %i bytes',
      async (sizeBytes) => {
        const { api, alice } = stage
        const bucket = await stage.bucket()
        const bytes = patternBytes(sizeBytes)
        async function* body() {
          for (let at = 0; at < sizeBytes; at += 33_333) yield bytes.subarray(at, at + 33_333)
        }
        const put = await api.put(bucket, 'file', body(), { as: alice })
        expect(put.json()).toMatchObject({ sizeBytes, sha256: sha256Hex(bytes) })
        expect(sha256Hex((await api.get(bucket, 'file', { as: alice })).bytes)).toBe(sha256Hex(bytes))
      },
    )

    test('are replaced as a whole: 201, then 200, with another version and the first date of creation', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const headers = { 'Content-Type': 'text/csv', 'X-Cutty-Meta-a': '1', 'X-Cutty-Tags': 't=1' }
      const first = await api.put(bucket, 'f', 'first', { as: alice, headers })
      const second = await api.put(bucket, 'f', 'second!', { as: alice })
      expect([first.status, second.status]).toEqual([201, 200])
      expect(second.json()['versionId']).not.toBe(first.json()['versionId'])
      expect(second.json()['createdAt']).toBe(first.json()['createdAt'])
      expect(second.json()).toMatchObject({ metadata: {}, tags: {}, sizeBytes: 7 })
      expect((await api.get(bucket, 'f', { as: alice })).text).toBe('second!')
      const info = await api.info(bucket, 'f', { as: alice })
      expect(info.json()).toEqual(second.json())
      expect(info.header('etag')).toBe(second.header('etag'))
    })

    test('with the same content have the same ETag, whatever else they are called (R3)', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const a = await api.put(bucket, 'a.txt', 'same', { as: alice })
      const b = await api.put(bucket, 'b.bin', 'same', { as: alice, headers: { 'X-Cutty-Meta-x': 'y' } })
      const c = await api.put(bucket, 'c.txt', 'other', { as: alice })
      expect(a.header('etag')).toBe(b.header('etag'))
      expect(a.header('etag')).not.toBe(c.header('etag'))
    })

    test('are deleted once', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'f', 'x', { as: alice })
      expect((await api.delete(bucket, 'f', { as: alice })).status).toBe(204)
      for (const method of ['GET', 'DELETE', 'PATCH'] as const) {
        const json = method === 'PATCH' ? {} : undefined
        const gone = await api.call(method, `/api/v1/buckets/${bucket}/files/f`, { as: alice, json })
        expect(gone.json()).toMatchObject({ status: 404, code: 'file_not_found' })
      }
      expect((await api.head(bucket, 'f', { as: alice })).status).toBe(404)
      expect((await api.put(bucket, 'f', 'again', { as: alice })).status).toBe(201)
    })

    test('in a bucket that does not exist cannot be named', async () => {
      const { api, alice } = stage
      for (const method of ['GET', 'PUT', 'DELETE'] as const) {
        const missing = await api.call(method, '/api/v1/buckets/no-such-bucket/files/f', { as: alice })
        expect(missing.json()).toMatchObject({ status: 404, code: 'bucket_not_found' })
      }
    })

    test('refuse a PUT of a part (RFC 9110 §14.5)', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const headers = { 'Content-Range': 'bytes 0-1/2' }
      const refused = await api.put(bucket, 'f', 'ab', { as: alice, headers })
      expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_request' })
      expect((await api.head(bucket, 'f', { as: alice })).status).toBe(404)
    })
  })

  descriptionTests(stage)
  changeTests(stage)
}

const ownHeaders = {
  'Content-Disposition': 'inline; filename="a\\"b.txt"; filename*=UTF-8\'\'%e2%82%ac.txt',
  'Content-Encoding': 'gzip, br',
  'Content-Language': 'de, en-GB',
  'Cache-Control': 'private,max-age=60 ,  stale-while-revalidate=9',
}

function descriptionTests(stage: Stage): void {
  describe('what a client says of a file', () => {
    test('comes back byte for byte: R16 and the type', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const headers = { ...ownHeaders, 'Content-Type': 'Text/Plain;charset="UTF-8" ; x=y' }
      const put = await api.put(bucket, 'f', 'not gzip at all', { as: alice, headers })
      expect(put.json()).toMatchObject({
        contentType: headers['Content-Type'],
        contentDisposition: ownHeaders['Content-Disposition'],
        contentEncoding: 'gzip, br',
        contentLanguage: 'de, en-GB',
        cacheControl: ownHeaders['Cache-Control'],
      })
      const got = await api.get(bucket, 'f', { as: alice })
      for (const [name, value] of Object.entries(headers)) expect(got.header(name.toLowerCase())).toBe(value)
      expect(got.text).toBe('not gzip at all')
    })

    test('as metadata comes back byte for byte', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const values: Record<string, string> = {
        plain: 'value',
        'a.b_c-d': 'inner  spaces\tand tab',
        latin: '\u00e9\u00ff\u00c3\u00a9\u0080',
        marks: `"quoted", 'x'; (y) \\ % = & €`.replace('€', '\u00a4'),
        0: 'zero',
        constructor: 'no prototype',
        long: 'x'.repeat(2000),
      }
      const headers = Object.fromEntries(
        Object.entries(values).map(([name, value]) => [`X-Cutty-Meta-${name}`, value]),
      )
      const put = await api.put(bucket, 'f', 'x', { as: alice, headers })
      expect(put.json()['metadata']).toEqual(values)
      const got = await api.get(bucket, 'f', { as: alice })
      for (const [name, value] of Object.entries(values))
        expect(got.header(`x-cutty-meta-${name}`)).toBe(value)
    })

    test('as tags comes back; the limits of S3 hold', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const put = (tags: string) =>
        api.put(bucket, 'f', 'x', { as: alice, headers: { 'X-Cutty-Tags': tags } })
      const tagged = await put('project=a%26b&gr%C3%BC%C3%9Fe=x+y&empty=')
      expect(tagged.json()['tags']).toEqual({ project: 'a&b', grüße: 'x y', empty: '' })
      const ten = Array.from({ length: 10 }, (_, i) => `t${i}=v`).join('&')
      expect((await put(ten)).status).toBe(200)
      expect((await put(`${ten}&t10=v`)).status).toBe(400)
      expect((await put(`${'k'.repeat(129)}=v`)).status).toBe(400)
      expect((await put(`k=${'v'.repeat(257)}`)).status).toBe(400)
      expect((await put('a=1&a=2')).status).toBe(400)
      expect((await put('a=%zz')).status).toBe(400)
    })

    test('is refused where it is too much, and nothing is stored', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const tooMuch: Record<string, string>[] = [
        { 'Content-Disposition': 'x'.repeat(2049) },
        { 'X-Cutty-Meta-a': 'x'.repeat(2049) },
        Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`X-Cutty-Meta-${i}`, 'x'.repeat(2000)])),
        { 'X-Cutty-Meta-$': 'x' },
      ]
      for (const headers of tooMuch) {
        const refused = await api.put(bucket, 'f', 'x', { as: alice, headers })
        expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_request' })
      }
      expect((await api.head(bucket, 'f', { as: alice })).status).toBe(404)
    })

    test.each([
      ['f.css', undefined, 'body{}', 'text/css; charset=utf-8'],
      ['dir.png/f', undefined, 'only text', 'text/plain; charset=utf-8'],
      ['photo.JPG', undefined, 'not even an image', 'image/jpeg'],
      ['f', undefined, '%PDF-1.7 x', 'application/pdf'],
      ['f', undefined, '', 'application/octet-stream'],
      ['f', undefined, '<html><script>', 'text/plain; charset=utf-8'],
      ['f', undefined, '\u0000\u0001\u0002', 'application/octet-stream'],
      ['f.png', 'application/x-mine', 'x', 'application/x-mine'],
      ['f.png', 'application/x-www-form-urlencoded', 'x', 'image/png'],
      ['f.png', 'no type', 'x', 'image/png'],
    ])('about its type: %s declared as %s', async (key, declared, body, expected) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const headers: Record<string, string> = declared === undefined ? {} : { 'Content-Type': declared }
      const bytes = new TextEncoder().encode(body)
      const put = await api.put(bucket, key, bytes, { as: alice, headers })
      expect(put.json()['contentType']).toBe(expected)
      expect((await api.head(bucket, key, { as: alice })).header('content-type')).toBe(expected)
    })
  })
}

function changeTests(stage: Stage): void {
  describe('PATCH of a file', () => {
    test('changes what it names, removes what is null, keeps the rest, and the bytes', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const headers = { ...ownHeaders, 'X-Cutty-Meta-a': '1', 'X-Cutty-Tags': 't=1' }
      const before = (await api.put(bucket, 'f.txt', 'bytes', { as: alice, headers })).json()
      const json = {
        contentType: 'text/markdown',
        contentLanguage: null,
        cacheControl: 'private, no-store',
        metadata: { b: '2' },
        tags: {},
      }
      const changed = await api.patch(bucket, 'f.txt', { as: alice, json })
      const { versionId, modifiedAt, ...rest } = changed.json()
      expect(versionId).not.toBe(before['versionId'])
      expect(rest).toEqual({
        ...before,
        versionId: undefined,
        modifiedAt: undefined,
        ...json,
      })
      expect(Date.parse(modifiedAt as string)).toBeGreaterThanOrEqual(
        Date.parse(before['modifiedAt'] as string),
      )
      const got = await api.get(bucket, 'f.txt', { as: alice })
      expect(got.text).toBe('bytes')
      expect(got.header('etag')).toBe(before['etag'])
      expect(got.header('content-language')).toBeUndefined()
      expect(got.header('content-encoding')).toBe('gzip, br')
      expect(got.header('x-cutty-meta-a')).toBeUndefined()
      expect(got.header('x-cutty-meta-b')).toBe('2')
    })

    test('with nothing in it changes nothing but the version', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const before = (await api.put(bucket, 'f.txt', 'x', { as: alice })).json()
      const after = (await api.patch(bucket, 'f.txt', { as: alice, json: {} })).json()
      expect({ ...after, versionId: 0, modifiedAt: 0 }).toEqual({ ...before, versionId: 0, modifiedAt: 0 })
    })

    test.each([
      ['an unknown member', { size: 1 }],
      ['no media type', { contentType: 'text' }],
      ['a header with a line break', { contentDisposition: 'inline\r\nSet-Cookie: a=b' }],
      ['a header beyond Latin-1', { contentLanguage: '€' }],
      ['spaces around a header', { cacheControl: ' x' }],
      ['metadata with a line break', { metadata: { a: 'x\ny' } }],
      ['a metadata name with capitals', { metadata: { A: 'x' } }],
      ['a metadata name with a colon', { metadata: { 'a: b': 'x' } }],
      ['eleven tags', { tags: Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`t${i}`, ''])) }],
      ['a list', [1]],
    ])('refuses %s', async (_what, json) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const before = (await api.put(bucket, 'f', 'x', { as: alice })).json()
      const refused = await api.patch(bucket, 'f', { as: alice, json })
      expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_request' })
      expect((await api.info(bucket, 'f', { as: alice })).json()).toEqual(before)
    })
  })
}
