import { describe, expect, test } from 'vitest'
import type { Stage } from './stage.ts'

const path = '/api/v1/buckets'

export function bucketTests(stage: Stage): void {
  describe('buckets', () => {
    test('are made private, found, listed, opened to the public, and deleted', async () => {
      const { api, alice } = stage
      const made = await api.call('POST', path, { as: alice, json: { name: 'first.bucket-1' } })
      expect(made.status).toBe(201)
      expect(made.header('location')).toBe(`${path}/first.bucket-1`)
      expect(made.json()).toMatchObject({
        name: 'first.bucket-1',
        visibility: 'private',
        ownerId: alice.userId,
      })

      const found = await api.call('GET', `${path}/first.bucket-1`, { as: alice })
      expect(found.json()).toEqual(made.json())
      const listed = await api.call('GET', path, { as: alice })
      expect(listed.json<{ buckets: unknown[] }>().buckets).toContainEqual(made.json())

      const json = { visibility: 'public' }
      const opened = await api.call('PATCH', `${path}/first.bucket-1`, { as: alice, json })
      expect(opened.json()).toEqual({ ...made.json(), visibility: 'public' })
      expect((await api.call('GET', `${path}/first.bucket-1`, { as: alice })).json()).toEqual(opened.json())

      expect((await api.call('DELETE', `${path}/first.bucket-1`, { as: alice })).status).toBe(204)
      const gone = await api.call('GET', `${path}/first.bucket-1`, { as: alice })
      expect(gone.json()).toMatchObject({ status: 404, code: 'bucket_not_found' })
      const again = await api.call('DELETE', `${path}/first.bucket-1`, { as: alice })
      expect(again.json()).toMatchObject({ code: 'bucket_not_found' })
    })

    test('have names that are unique over all users', async () => {
      const { api, bob } = stage
      const name = await stage.bucket()
      const taken = await api.call('POST', path, { as: bob, json: { name } })
      expect(taken.json()).toMatchObject({ status: 409, code: 'bucket_exists' })
    })

    test.each([
      ['too short', 'ab'],
      ['too long', 'a'.repeat(64)],
      ['capitals', 'Bucket'],
      ['underscore', 'my_bucket'],
      ['slash', 'my/bucket'],
      ['dots in a row', 'my..bucket'],
      ['hyphen first', '-bucket'],
      ['hyphen last', 'bucket-'],
      ['dot first', '.bucket'],
      ['an IP address', '192.168.5.4'],
      ['IDN prefix', 'xn--bucket'],
      ['alias suffix', 'bucket-s3alias'],
      ['not ASCII', 'bücket'],
      ['NUL', 'buck\0et'],
      ['empty', ''],
      ['our path “api”', 'api'],
      ['our path “health”', 'health'],
      ['our path “ready”', 'ready'],
      ['our path “dashboard”', 'dashboard'],
    ])('refuse a name with %s', async (_why, name) => {
      const { api, alice } = stage
      const refused = await api.call('POST', path, { as: alice, json: { name } })
      expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_bucket_name' })
    })

    test('take the shortest and the longest name', async () => {
      const { api, alice } = stage
      for (const name of ['a1b', `long-${'n'.repeat(58)}`]) {
        expect((await api.call('POST', path, { as: alice, json: { name } })).status).toBe(201)
        expect((await api.call('GET', `${path}/${name}`, { as: alice })).status).toBe(200)
      }
    })

    test('are deleted only when empty', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'only', 'x', { as: alice })
      const refused = await api.call('DELETE', `${path}/${bucket}`, { as: alice })
      expect(refused.json()).toMatchObject({ status: 409, code: 'bucket_not_empty' })
      expect((await api.get(bucket, 'only', { as: alice })).text).toBe('x')
      await api.delete(bucket, 'only', { as: alice })
      expect((await api.call('DELETE', `${path}/${bucket}`, { as: alice })).status).toBe(204)
      const put = await api.put(bucket, 'only', 'x', { as: alice })
      expect(put.json()).toMatchObject({ status: 404, code: 'bucket_not_found' })
    })

    test('are listed in pages by name, each user’s own, all for an administrator', async () => {
      const { api, admin } = stage
      const carol = await stage.person('carol')
      const names = ['pages-c', 'pages-a', 'pages-b', 'pages-d', 'pages-e']
      for (const name of names) await api.call('POST', path, { as: carol, json: { name } })

      const seen: string[] = []
      let after: string | null = ''
      for (let pages = 0; after !== null; pages++) {
        expect(pages).toBeLessThan(3)
        const page = await api.call('GET', `${path}?limit=2&after=${after}`, { as: carol })
        const { buckets, next } = page.json<{ buckets: { name: string }[]; next: string | null }>()
        seen.push(...buckets.map(({ name }) => name))
        after = next
      }
      expect(seen).toEqual(names.toSorted())

      const all = await api.call('GET', path, { as: admin })
      const { buckets } = all.json<{ buckets: { name: string }[] }>()
      expect(buckets.map(({ name }) => name)).toEqual(expect.arrayContaining(names))
      expect(buckets.some(({ name }) => name === 'a1b')).toBe(true)
    })

    test.each([
      ['no body', undefined],
      ['no name', {}],
      ['a number', { name: 7 }],
      ['an unknown visibility', { name: 'fine-name', visibility: 'secret' }],
      ['an unknown member', { name: 'fine-name', owner: 'me' }],
      ['a list', []],
    ])('refuse to be made of %s', async (_what, json) => {
      const { api, alice } = stage
      const refused = await api.call('POST', path, { as: alice, json })
      expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_request' })
    })
  })
}
