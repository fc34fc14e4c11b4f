import { describe, expect, test } from 'vitest'
import { filePath } from './client.ts'
import type { Stage } from './stage.ts'

const oddKeys = {
  'slashes at both ends': '/a//b/',
  'a slash': '/',
  spaces: ' two  words ',
  plus: 'a+b',
  'percent sign': '100%',
  'what looks like an escape': 'a%2Fb%20c%00',
  'question and hash': 'a?b#c&d=e;f',
  emoji: '👩‍👩‍👧‍👦/🏳️‍🌈.txt',
  'beyond the basic plane': '\u{10FFFF}\u{1F600}\uFFFF\uFFFD',
  'line separators': 'a\u2028b\u2029c\u0085d',
  'control characters': Array.from({ length: 31 }, (_, i) => String.fromCharCode(i + 1)).join('') + '\x7f',
  'both normal forms': 'é/e\u0301',
  'a byte order mark': '\ufeffx',
  'writing direction': '\u202Etxt.exe',
  'quotes and backslashes': `"'\\\`<>|:*`,
  dot: '.',
  dots: '..',
  'dot segments inside': 'a/./b/../c',
  'dots at the end': 'a/..',
  'three dots': '...',
  'escaped dots': 'a/%2e%2e/b',
  'a prototype’s name': '__proto__',
  'the longest': 'k'.repeat(1024),
  'the longest in two-byte characters': 'é'.repeat(512),
  'the longest in four-byte characters': '😀'.repeat(256),
}

export function keyTests(stage: Stage): void {
  describe('keys', () => {
    test.each(Object.entries(oddKeys))('with %s survive exactly', async (name, key) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const neighbours = [`${key.slice(0, 100)}~`, 'a/b', 'a/c', 'c', 'a%2fb', 'a b']
      for (const other of neighbours) await api.put(bucket, other, 'another', { as: alice })

      const put = await api.put(bucket, key, `content of ${name}`, { as: alice })
      expect(put.status).toBe(201)
      expect(put.json()['key']).toBe(key)
      expect((await api.get(bucket, key, { as: alice })).text).toBe(`content of ${name}`)
      // Where the answer says the file is, there it is.
      const location = put.header('location') as string
      expect((await api.call('GET', location, { as: alice })).text).toBe(`content of ${name}`)
      expect((await api.info(bucket, key, { as: alice })).json()['key']).toBe(key)
      // By the query as by the path.
      const byQuery = `/api/v1/buckets/${bucket}/files?key=${encodeURIComponent(key)}`
      expect((await api.call('GET', byQuery, { as: alice })).text).toBe(`content of ${name}`)
      expect((await api.call('HEAD', byQuery, { as: alice })).status).toBe(200)
      expect((await api.call('PATCH', byQuery, { as: alice, json: {} })).json()['key']).toBe(key)

      const listed = await api.list(bucket, { prefix: key }, { as: alice })
      expect(listed.json<{ files: { key: string }[] }>().files.map((file) => file.key)).toContain(key)

      expect((await api.call('DELETE', byQuery, { as: alice })).status).toBe(204)
      expect((await api.get(bucket, key, { as: alice })).status).toBe(404)
      for (const other of neighbours)
        expect((await api.get(bucket, other, { as: alice })).text).toBe('another')
    })

    test.each(Object.entries(oddKeys))('with %s are copied, renamed and deleted by JSON', async (_, key) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const path = `/api/v1/buckets/${bucket}`
      await api.put(bucket, 'start', 'x', { as: alice })
      const copy = { source: { key: 'start' }, destination: { key } }
      const copied = await api.call('POST', `${path}/copy`, { as: alice, json: copy })
      expect(copied.json()['key']).toBe(key)
      const rename = { source: { key }, destination: { key: 'end' } }
      const renamed = await api.call('POST', `${path}/rename`, { as: alice, json: rename })
      expect(renamed.json()['key']).toBe('end')
      await api.put(bucket, key, 'y', { as: alice })
      const deleted = await api.call('POST', `${path}/delete`, { as: alice, json: { keys: [key, 'end'] } })
      expect(deleted.json()).toEqual({ deleted: [key, 'end'], missing: [] })
    })

    test.each([
      ['an empty one', ''],
      ['a NUL', 'a\0b'],
      ['1,025 bytes', 'k'.repeat(1025)],
      ['1,025 bytes in few characters', `${'😀'.repeat(256)}k`],
    ])('refuse %s', async (_what, key) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      for (const method of ['PUT', 'GET', 'DELETE']) {
        const refused = await api.call(method, filePath(bucket, key), { as: alice })
        expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_key' })
      }
      const json = { source: { key: 'a' }, destination: { key } }
      await api.put(bucket, 'a', 'x', { as: alice })
      for (const verb of ['copy', 'rename']) {
        const refused = await api.call('POST', `/api/v1/buckets/${bucket}/${verb}`, { as: alice, json })
        expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_key' })
      }
    })

    test.each(['%', '%2', '%zz', 'a%c3', '%ed%a0%80', '%f8%88%80%80%80', '%c0%af', '%ff'])(
      'refuse an escape that is none: %s',
      async (raw) => {
        const { api, alice } = stage
        const bucket = await stage.bucket()
        for (const target of [`files/${raw}`, `files?key=${raw}`]) {
          const refused = await api.call('PUT', `/api/v1/buckets/${bucket}/${target}`, { as: alice })
          expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_request' })
        }
        expect((await api.list(bucket, {}, { as: alice })).json()['files']).toEqual([])
      },
    )

    test('with half a surrogate pair are refused, not taken for another file’s', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const path = `/api/v1/buckets/${bucket}`
      // What encoders put in the place of what is not Unicode.
      await api.put(bucket, '\ufffd', 'keep me', { as: alice })
      const half = '\ud800'
      const requests = {
        delete: { keys: [half] },
        copy: { source: { key: half }, destination: { key: 'taken' } },
        rename: { source: { key: half }, destination: { key: 'taken' } },
      }
      for (const [verb, json] of Object.entries(requests)) {
        const refused = await api.call('POST', `${path}/${verb}`, { as: alice, json })
        expect(refused.json(), verb).toMatchObject({ status: 400, code: 'invalid_key' })
      }
      expect((await api.get(bucket, '\ufffd', { as: alice })).text).toBe('keep me')
      expect((await api.get(bucket, 'taken', { as: alice })).status).toBe(404)
    })

    test('cannot be reached through a bucket’s name that takes some of them in', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'x/y', 'mine', { as: alice })
      const targets = [
        `/api/v1/buckets/${bucket}%2Fx/files/y`,
        `/api/v1/buckets/${bucket}%00x/files/y`,
        `/api/v1/buckets/${bucket}%2Fx/files?key=y`,
      ]
      for (const target of targets) {
        // Read before, so that whatever is remembered of it is there.
        expect((await api.get(bucket, 'x/y', { as: alice })).text).toBe('mine')
        for (const method of ['GET', 'PUT', 'DELETE']) {
          const missing = await api.call(method, target, { as: alice })
          expect(missing.json()).toMatchObject({ status: 404, code: 'bucket_not_found' })
        }
      }
      const listed = await api.list(bucket, {}, { as: alice })
      expect(listed.json<{ files: unknown[] }>().files).toHaveLength(1)
    })

    test('named twice, by the path and the query, are refused', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      for (const target of ['files/a?key=b', 'files/a?key=a', 'files?key=a&key=b']) {
        const refused = await api.call('PUT', `/api/v1/buckets/${bucket}/${target}`, { as: alice, body: 'x' })
        expect(refused.status).toBe(400)
      }
      expect((await api.list(bucket, {}, { as: alice })).json()['files']).toEqual([])
    })

    test('that differ in case or in normal form are different', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const keys = ['a', 'A', 'é', 'e\u0301', 'ß', 'ss', 'a/', '/a', 'a//']
      for (const key of keys) expect((await api.put(bucket, key, `<${key}>`, { as: alice })).status).toBe(201)
      for (const key of keys) expect((await api.get(bucket, key, { as: alice })).text).toBe(`<${key}>`)
    })
  })
}

/** Where targets reach the application as they were sent: dots of a path mean what they say. */
export function rawTargetTests(stage: Stage): void {
  describe('targets as they were sent', () => {
    test.each([
      ['a/../b', 'a/../b'],
      ['a/%2e%2e/b', 'a/../b'],
      ['%2E', '.'],
      ['..', '..'],
      ['a/./b', 'a/./b'],
      ['a//b', 'a//b'],
      ['a%2Fb', 'a/b'],
      ['a+b', 'a+b'],
      ['a\\b', 'a\\b'],
    ])('%s names the key %s and no other', async (raw, key) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'b', 'another', { as: alice })
      const target = `/api/v1/buckets/${bucket}/files/${raw}`
      const put = await api.call('PUT', target, { as: alice, body: 'x' })
      expect(put.json()['key']).toBe(key)
      expect((await api.get(bucket, key, { as: alice })).text).toBe('x')
      expect((await api.call('DELETE', target, { as: alice })).status).toBe(204)
      expect((await api.get(bucket, 'b', { as: alice })).text).toBe('another')
    })

    test('never climb out of the files', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const target = `/api/v1/buckets/${bucket}/files/../../../../health`
      const put = await api.call('PUT', target, { as: alice, body: 'x' })
      expect(put.json()['key']).toBe('../../../../health')
    })
  })
}
