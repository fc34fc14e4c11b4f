import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { patternBytes } from './bytes.ts'
import type { Stage } from './stage.ts'

export function transferTests(stage: Stage): void {
  const transfer = (verb: 'copy' | 'rename', bucket: string, json: object, as = stage.alice) =>
    stage.api.call('POST', `/api/v1/buckets/${bucket}/${verb}`, { as, json })

  describe('copy', () => {
    test.each([10, 200_000])('takes bytes and description along: %i bytes (R20)', async (sizeBytes) => {
      const { api, alice } = stage
      const [from, to] = [await stage.bucket(), await stage.bucket()]
      const bytes = patternBytes(sizeBytes)
      const headers = {
        'Content-Type': 'text/x-mine',
        'Content-Encoding': 'gzip',
        'Cache-Control': 'private, max-age=1',
        'X-Cutty-Meta-a': 'é',
        'X-Cutty-Tags': 't=1',
      }
      const source = (await api.put(from, 'a b', bytes, { as: alice, headers })).json()
      const copied = await transfer('copy', from, {
        source: { key: 'a b' },
        destination: { bucket: to, key: 'c d' },
      })
      expect(copied.status).toBe(200)
      expect(copied.header('location')).toBe(`/api/v1/buckets/${to}/files/c%20d`)
      expect(copied.header('etag')).toBe(source['etag'])
      expect({ ...copied.json(), versionId: 0, createdAt: 0, modifiedAt: 0 }).toEqual({
        ...source,
        bucket: to,
        key: 'c d',
        versionId: 0,
        createdAt: 0,
        modifiedAt: 0,
      })
      // Each lives without the other.
      await api.delete(from, 'a b', { as: alice })
      const got = await api.get(to, 'c d', { as: alice })
      expect(Buffer.compare(got.bytes, bytes)).toBe(0)
      expect(got.header('x-cutty-meta-a')).toBe('é')
    })

    test('may replace the description', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const headers = { 'Content-Type': 'text/x-mine', 'X-Cutty-Meta-a': '1', 'Content-Language': 'de' }
      await api.put(bucket, 'a', 'x', { as: alice, headers })
      const replace = { contentType: 'text/plain', metadata: { b: '2' }, contentLanguage: null }
      const copied = await transfer('copy', bucket, {
        source: { key: 'a' },
        destination: { key: 'b' },
        replace,
      })
      expect(copied.json()).toMatchObject(replace)
      expect((await api.info(bucket, 'a', { as: alice })).json()).toMatchObject({
        contentType: 'text/x-mine',
        metadata: { a: '1' },
      })
    })

    test('onto itself changes the description and keeps the bytes', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const bytes = patternBytes(50_000)
      await api.put(bucket, 'a', bytes, { as: alice })
      const self = { source: { key: 'a' }, destination: { key: 'a' } }
      expect((await transfer('copy', bucket, self)).status).toBe(200)
      const described = await transfer('copy', bucket, { ...self, replace: { metadata: { n: '1' } } })
      expect(described.json()['metadata']).toEqual({ n: '1' })
      expect(Buffer.compare((await api.get(bucket, 'a', { as: alice })).bytes, bytes)).toBe(0)
    })

    test('has conditions on the destination', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'a', 'new', { as: alice })
      const etag = (await api.put(bucket, 'b', 'old', { as: alice })).header('etag')
      const copy = (conditions: object, key = 'b') =>
        transfer('copy', bucket, { source: { key: 'a' }, destination: { key }, conditions })
      expect((await copy({ ifNoneMatch: '*' })).json()).toMatchObject({
        status: 412,
        code: 'precondition_failed',
      })
      expect((await copy({ ifMatch: '"other"' })).status).toBe(412)
      expect((await copy({ ifMatch: etag }, 'absent')).status).toBe(412)
      expect((await api.get(bucket, 'b', { as: alice })).text).toBe('old')
      expect((await copy({ ifMatch: etag })).status).toBe(200)
      expect((await api.get(bucket, 'b', { as: alice })).text).toBe('new')
      expect((await copy({ ifNoneMatch: '*' }, 'absent')).status).toBe(200)
    })

    test('of what does not exist, or to where nothing is, says so', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const [source, destination] = [{ key: 'a' }, { key: 'b' }]
      const missing = await transfer('copy', bucket, { source, destination })
      expect(missing.json()).toMatchObject({ status: 404, code: 'file_not_found' })
      await api.put(bucket, 'a', 'x', { as: alice })
      for (const json of [
        { source, destination: { bucket: 'no-such-bucket', key: 'b' } },
        { source: { bucket: 'no-such-bucket', key: 'a' }, destination },
      ]) {
        expect((await transfer('copy', bucket, json)).json()).toMatchObject({ code: 'bucket_not_found' })
      }
    })

    test('asks for both ends', async () => {
      const { api, alice, bob } = stage
      const [secret, open] = [await stage.bucket('private'), await stage.bucket('public')]
      await api.put(secret, 'a', 'x', { as: alice })
      await api.put(open, 'a', 'x', { as: alice })
      const json = { name: `bobs-${secret}` }
      await api.call('POST', '/api/v1/buckets', { as: bob, json })
      const own = json.name
      const copy = (from: string, to: string, verb: 'copy' | 'rename' = 'copy') =>
        transfer(
          verb,
          own,
          { source: { bucket: from, key: 'a' }, destination: { bucket: to, key: 'b' } },
          bob,
        )
      expect((await copy(secret, own)).status).toBe(403)
      expect((await copy(open, own)).status).toBe(200)
      expect((await copy(open, own, 'rename')).status).toBe(403)
      expect((await api.get(open, 'a')).status).toBe(200)
      await api.put(own, 'a', 'x', { as: bob })
      expect((await copy(own, open)).status).toBe(403)
      expect((await copy(own, secret, 'rename')).status).toBe(403)
      expect((await api.get(own, 'a', { as: bob })).status).toBe(200)
    })
  })

  describe('rename', () => {
    test('moves a file to another key or bucket and leaves nothing behind', async () => {
      const { api, alice } = stage
      const [from, to] = [await stage.bucket(), await stage.bucket()]
      const bytes = patternBytes(60_000)
      const etag = (await api.put(from, 'a', bytes, { as: alice })).header('etag')
      await api.put(to, 'taken', 'to be replaced', { as: alice })
      const steps = [
        { source: { key: 'a' }, destination: { key: 'b' } },
        { source: { key: 'b' }, destination: { bucket: to, key: 'taken' } },
      ]
      for (const step of steps) expect((await transfer('rename', from, step)).header('etag')).toBe(etag)
      for (const key of ['a', 'b']) expect((await api.get(from, key, { as: alice })).status).toBe(404)
      expect(Buffer.compare((await api.get(to, 'taken', { as: alice })).bytes, bytes)).toBe(0)
      expect((await api.call('DELETE', `/api/v1/buckets/${from}`, { as: alice })).status).toBe(204)
    })

    test('onto itself is refused, onto a copy of itself is not', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const bytes = patternBytes(60_000)
      await api.put(bucket, 'a', bytes, { as: alice })
      const self = { source: { key: 'a' }, destination: { key: 'a' } }
      for (const json of [self, { ...self, destination: { bucket, key: 'a' } }]) {
        expect((await transfer('rename', bucket, json)).json()).toMatchObject({ code: 'invalid_request' })
      }
      const other = { source: { key: 'a' }, destination: { key: 'b' } }
      await transfer('copy', bucket, other)
      expect((await transfer('rename', bucket, other)).status).toBe(200)
      expect(Buffer.compare((await api.get(bucket, 'b', { as: alice })).bytes, bytes)).toBe(0)
      expect((await api.get(bucket, 'a', { as: alice })).status).toBe(404)
    })

    test('keeps to its conditions', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'a', 'a', { as: alice })
      await api.put(bucket, 'b', 'b', { as: alice })
      const json = {
        source: { key: 'a' },
        destination: { key: 'b' },
        conditions: { ifNoneMatch: '*' },
      }
      expect((await transfer('rename', bucket, json)).status).toBe(412)
      expect((await api.get(bucket, 'a', { as: alice })).text).toBe('a')
      expect((await api.get(bucket, 'b', { as: alice })).text).toBe('b')
    })

    test('of one file to many places at once: one place gets it', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'a', 'x', { as: alice })
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          transfer('rename', bucket, { source: { key: 'a' }, destination: { key: `to-${i}` } }),
        ),
      )
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
      expect(answers.every(({ status }) => status === 200 || status === 404)).toBe(true)
      const listed = await api.list(bucket, {}, { as: alice })
      expect(listed.json<{ files: unknown[] }>().files).toHaveLength(1)
    })
  })

  describe('delete many', () => {
    test('deletes what is there, once, and tells what is not', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      for (const key of ['a', 'b', 'c']) await api.put(bucket, key, key, { as: alice })
      const json = { keys: ['b', 'none', 'a', 'b', 'none', 'a/../b'] }
      const deleted = await api.call('POST', `/api/v1/buckets/${bucket}/delete`, { as: alice, json })
      expect(deleted.json()).toEqual({ deleted: ['b', 'a'], missing: ['none', 'a/../b'] })
      const listed = await api.list(bucket, {}, { as: alice })
      expect(listed.json<{ files: { key: string }[] }>().files.map(({ key }) => key)).toEqual(['c'])
    })

    test('takes 1,000 keys and no more', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const keys = Array.from({ length: 1000 }, (_, i) => `k${i}`)
      for (const key of ['k0', 'k399', 'k400', 'k999']) await api.put(bucket, key, 'x', { as: alice })
      const call = (json: object) => api.call('POST', `/api/v1/buckets/${bucket}/delete`, { as: alice, json })
      const answer = (await call({ keys })).json<{ deleted: string[]; missing: string[] }>()
      expect(answer.deleted).toEqual(['k0', 'k399', 'k400', 'k999'])
      expect(answer.missing).toHaveLength(996)
      for (const bad of [{ keys: [...keys, 'k1000'] }, { keys: [] }, {}, { keys: [1] }]) {
        expect((await call(bad)).json()).toMatchObject({ status: 400, code: 'invalid_request' })
      }
    })
  })
}
