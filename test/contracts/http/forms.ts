import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { patternBytes } from './bytes.ts'
import type { Stage } from './stage.ts'

interface Part {
  readonly name?: string
  /** As it stands in the header, quotes escaped by who writes it. */
  readonly fileName?: string
  readonly type?: string
  readonly content: string | Uint8Array
}

const boundary = '----a boundary 1234'.replaceAll(' ', '')
const type = { 'Content-Type': `multipart/form-data; boundary=${boundary}` }

/** As browsers write it: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data */
function form(parts: readonly Part[], end = `--${boundary}--\r\n`): Uint8Array {
  const bytes = parts.flatMap(({ name = 'file', fileName, type: partType, content }) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"` +
        (fileName === undefined ? '' : `; filename="${fileName}"`) +
        (partType === undefined ? '' : `\r\nContent-Type: ${partType}`) +
        '\r\n\r\n',
    ),
    typeof content === 'string' ? Buffer.from(content) : content,
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...bytes, Buffer.from(end)])
}

interface Upload {
  files: { key: string; file?: { sizeBytes: number; contentType: string }; error?: { code: string } }[]
}

export function formTests(stage: Stage): void {
  const post = async (bucket: string, body: Uint8Array | AsyncIterable<Uint8Array>, query = '') =>
    stage.api.call('POST', `/api/v1/buckets/${bucket}/files${query}`, {
      as: stage.alice,
      headers: type,
      body,
    })

  describe('upload by a form', () => {
    test('stores several files under their names, in the order of the form', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const large = patternBytes(700_000)
      const parts: Part[] = [
        { fileName: 'large.bin', type: 'application/octet-stream', content: large },
        { fileName: 'grüße 👋.txt', type: 'text/plain', content: 'hello' },
        { fileName: 'empty', type: 'application/x-empty', content: '' },
        ...Array.from({ length: 20 }, (_, i) => ({ fileName: `n${i}`, type: 'a/b', content: `${i}` })),
      ]
      const answer = await post(bucket, form(parts))
      expect(answer.status).toBe(201)
      const { files } = answer.json<Upload>()
      expect(files.map(({ key }) => key)).toEqual(parts.map(({ fileName }) => fileName))
      expect(files.map(({ file }) => file?.contentType)).toEqual(parts.map((part) => part.type))
      expect(Buffer.compare((await api.get(bucket, 'large.bin', { as: alice })).bytes, large)).toBe(0)
      expect((await api.get(bucket, 'grüße 👋.txt', { as: alice })).text).toBe('hello')
      expect((await api.get(bucket, 'empty', { as: alice })).text).toBe('')
    })

    test('arrives in pieces of any size', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      // What looks like the boundary almost to its end.
      const tricky = `\r\n--${boundary.slice(0, -1)}\r\n--\r\n-`.repeat(50)
      const bytes = form([
        { name: 'prefix', content: 'p/' },
        { fileName: 'a', content: tricky },
        { fileName: 'b', content: 'b' },
      ])
      for (const size of [1, 7, 64, bytes.length]) {
        async function* body() {
          for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
        }
        expect((await post(bucket, body())).status).toBe(201)
        expect((await api.get(bucket, 'p/a', { as: alice })).text).toBe(tricky)
        await api.delete(bucket, 'p/a', { as: alice })
      }
    })

    test('takes keys from the key field before a file, a prefix from the form or the query', async () => {
      const bucket = await stage.bucket()
      const parts: Part[] = [
        { name: 'prefix', content: 'in/form/' },
        { name: 'key', content: 'chosen/key ü.txt' },
        { fileName: 'ignored.txt', content: '1' },
        { fileName: 'named.txt', content: '2' },
        { name: 'key', content: 'last' },
        { fileName: 'x', content: '3' },
      ]
      const answer = await post(bucket, form(parts), '?prefix=in/query/')
      const keys = answer.json<Upload>().files.map(({ key }) => key)
      expect(keys).toEqual(['chosen/key ü.txt', 'in/form/named.txt', 'last'])
      const other = await post(bucket, form([{ fileName: 'a', content: '1' }]), '?prefix=in/query/')
      expect(other.json<Upload>().files[0]?.key).toBe('in/query/a')
    })

    test.each([
      ['C:\\Users\\me\\photo.png', 'photo.png'],
      ['../../etc/passwd', 'passwd'],
      ['/absolute', 'absolute'],
      ['say %22hi%22.txt', 'say %22hi%22.txt'],
      ['semi;colon, comma.txt', 'semi;colon, comma.txt'],
    ])('drops the path of a file name: %s', async (fileName, key) => {
      const bucket = await stage.bucket()
      const answer = await post(bucket, form([{ fileName, content: 'x' }]))
      expect(answer.json<Upload>().files.map((file) => file.key)).toEqual([key])
    })

    test('stores what it can and tells the rest: 207', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const parts: Part[] = [
        { fileName: 'good', content: 'good' },
        { name: 'key', content: 'k'.repeat(1025) },
        { fileName: 'bad', content: patternBytes(100_000) },
        { name: 'key', content: 'a\0b' },
        { fileName: 'bad', content: 'x' },
        { fileName: 'good too', content: patternBytes(100_000) },
      ]
      const answer = await post(bucket, form(parts))
      expect(answer.status).toBe(207)
      const { files } = answer.json<Upload>()
      expect(files.map(({ error }) => error?.code)).toEqual([
        undefined,
        'invalid_key',
        'invalid_key',
        undefined,
      ])
      expect((await api.get(bucket, 'good', { as: alice })).text).toBe('good')
      expect((await api.get(bucket, 'good too', { as: alice })).bytes.length).toBe(100_000)
      const listed = await api.list(bucket, {}, { as: alice })
      expect(listed.json<{ files: unknown[] }>().files).toHaveLength(2)
    })

    test('of two files under one key loses neither in silence', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const parts: Part[] = [
        { fileName: 'same', content: patternBytes(200_000) },
        { fileName: 'same', content: 'short' },
      ]
      const answer = await post(bucket, form(parts))
      expect(answer.status).toBe(207)
      const { files } = answer.json<Upload>()
      expect(files.map(({ error }) => error?.code)).toEqual([undefined, 'invalid_request'])
      expect((await api.get(bucket, 'same', { as: alice })).bytes.length).toBe(200_000)
    })

    test.each([
      ['without a file', form([{ name: 'key', content: 'x' }])],
      ['without a part', Buffer.from(`--${boundary}--\r\n`)],
      ['with the closing boundary missing', form([{ fileName: 'f', content: 'x' }], '')],
      ['that ends inside a file', form([{ fileName: 'f', content: 'x'.repeat(50_000) }]).subarray(0, 40_000)],
      [
        'that ends inside a header',
        Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="file"; filen`),
      ],
      ['that is none', Buffer.from('just some text')],
      ['that is empty', new Uint8Array()],
    ])('refuses a form %s', async (_what, body) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const answer = await post(bucket, body)
      expect(answer.status).toBe(400)
      expect(['body_incomplete', 'invalid_request']).toContain(answer.json()['code'])
      const listed = await api.list(bucket, {}, { as: alice })
      expect(listed.json<{ files: unknown[] }>().files).toEqual([])
    })

    test('refuses a field that is too long and a body of another type', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const long: Part[] = [
        { name: 'prefix', content: 'x'.repeat(70_000) },
        { fileName: 'f', content: 'x' },
      ]
      expect((await post(bucket, form(long))).json()).toMatchObject({ status: 413, code: 'too_large' })
      for (const other of ['application/json', 'multipart/mixed; boundary=x', 'multipart/form-data', '']) {
        const answer = await api.call('POST', `/api/v1/buckets/${bucket}/files`, {
          as: alice,
          headers: other === '' ? {} : { 'Content-Type': other },
          body: form([{ fileName: 'f', content: 'x' }]),
        })
        expect(answer.json(), other).toMatchObject({ status: 415, code: 'unsupported_media_type' })
      }
    })

    test('is refused as a whole where the bucket is not the caller’s', async () => {
      const { api, bob } = stage
      const bucket = await stage.bucket('public')
      const body = form([{ fileName: 'f', content: patternBytes(200_000) }])
      const target = `/api/v1/buckets/${bucket}/files`
      const asBob = await api.call('POST', target, { as: bob, headers: type, body })
      expect(asBob.json()).toMatchObject({ status: 403, code: 'access_denied' })
      expect((await api.call('POST', target, { headers: type, body })).status).toBe(401)
      expect((await api.call('GET', `${target}/f`)).status).toBe(404)
    })
  })
}
