import { beforeAll, describe, expect, test } from 'vitest'
import { routes } from '../../../src/http/rest.ts'
import type { CallInit, Identity } from './client.ts'
import type { Stage } from './stage.ts'

/** Statuses for: the public, the owner, another user, an administrator. */
type Statuses = readonly [number, number, number, number]

const ownerOnly: Statuses = [401, 200, 403, 200]
const everybody: Statuses = [200, 200, 200, 200]

interface Row {
  /** As in the route's table. */
  readonly route: string
  /** What follows `/api/v1`, with `{bucket}`, `{own}` (the caller's bucket) and `{user}` (the owner) filled in. */
  readonly target: string
  readonly init?: () => CallInit
  readonly private: Statuses
  /** Left out: the same. */
  readonly public?: Statuses
}

const json = (value: unknown) => () => ({ json: value })
const file = 'GET /api/v1/buckets/{bucket}/files/{key…}'
const byKey = (method: string) => `${method} /api/v1/buckets/{bucket}/files`
const form = () => ({
  headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
  body: '--b\r\nContent-Disposition: form-data; name="f"; filename="form"\r\n\r\nx\r\n--b--\r\n',
})

const rows: readonly Row[] = [
  { route: file, target: '/buckets/{bucket}/files/f', private: ownerOnly, public: everybody },
  {
    route: file.replace('GET', 'HEAD'),
    target: '/buckets/{bucket}/files/f',
    private: ownerOnly,
    public: everybody,
  },
  { route: file, target: '/buckets/{bucket}/files/f?download', private: ownerOnly, public: everybody },
  {
    route: file,
    target: '/buckets/{bucket}/files/none',
    private: [401, 404, 403, 404],
    public: [404, 404, 404, 404],
  },
  { route: file, target: '/buckets/{bucket}/files/f?info', private: ownerOnly },
  { route: byKey('GET'), target: '/buckets/{bucket}/files?key=f', private: ownerOnly, public: everybody },
  { route: byKey('GET'), target: '/buckets/{bucket}/files?key=f&info', private: ownerOnly },
  { route: byKey('GET'), target: '/buckets/{bucket}/files', private: ownerOnly },
  { route: byKey('GET'), target: '/buckets/no-such-bucket/files', private: [401, 404, 404, 404] },
  { route: file, target: '/buckets/no-such-bucket/files/f', private: [401, 404, 404, 404] },
  {
    route: file.replace('GET', 'PUT'),
    target: '/buckets/{bucket}/files/f',
    init: () => ({ body: 'x' }),
    private: ownerOnly,
  },
  {
    route: byKey('PUT'),
    target: '/buckets/{bucket}/files?key=f',
    init: () => ({ body: 'x' }),
    private: ownerOnly,
  },
  {
    route: file.replace('GET', 'PATCH'),
    target: '/buckets/{bucket}/files/f',
    init: json({}),
    private: ownerOnly,
  },
  { route: byKey('PATCH'), target: '/buckets/{bucket}/files?key=f', init: json({}), private: ownerOnly },
  {
    route: file.replace('GET', 'DELETE'),
    target: '/buckets/{bucket}/files/none',
    private: [401, 404, 403, 404],
  },
  { route: byKey('DELETE'), target: '/buckets/{bucket}/files?key=none', private: [401, 404, 403, 404] },
  { route: byKey('POST'), target: '/buckets/{bucket}/files', init: form, private: [401, 201, 403, 201] },
  {
    route: 'POST /api/v1/buckets/{bucket}/copy',
    target: '/buckets/{bucket}/copy',
    init: json({ source: { key: 'f' }, destination: { key: 'g' } }),
    private: ownerOnly,
  },
  {
    // Out of the bucket, to where the caller may write: reading is enough.
    route: 'POST /api/v1/buckets/{bucket}/copy',
    target: '/buckets/{bucket}/copy',
    init: json({ source: { key: 'f' }, destination: { bucket: '{own}', key: 'g' } }),
    private: ownerOnly,
    public: [401, 200, 200, 200],
  },
  {
    route: 'POST /api/v1/buckets/{bucket}/rename',
    target: '/buckets/{bucket}/rename',
    init: json({ source: { key: 'none' }, destination: { bucket: '{own}', key: 'g' } }),
    private: [401, 404, 403, 404],
  },
  {
    route: 'POST /api/v1/buckets/{bucket}/delete',
    target: '/buckets/{bucket}/delete',
    init: json({ keys: ['none'] }),
    private: ownerOnly,
  },
  {
    route: 'POST /api/v1/buckets',
    target: '/buckets',
    init: json({ name: 'no' }),
    private: [401, 400, 400, 400],
  },
  { route: 'GET /api/v1/buckets', target: '/buckets', private: [401, 200, 200, 200] },
  { route: 'GET /api/v1/buckets/{bucket}', target: '/buckets/{bucket}', private: ownerOnly },
  { route: 'DELETE /api/v1/buckets/{bucket}', target: '/buckets/{bucket}', private: [401, 409, 403, 409] },
  { route: 'GET /api/v1/buckets/{bucket}', target: '/buckets/no-such-bucket', private: [401, 404, 404, 404] },
  {
    route: 'PATCH /api/v1/buckets/{bucket}',
    target: '/buckets/{bucket}',
    // An unknown visibility is refused before anybody is asked for.
    init: json({ visibility: 'other' }),
    private: [400, 400, 400, 400],
  },
  {
    route: 'POST /api/v1/users',
    target: '/users',
    init: json({ name: 'x', email: 'admin@example.org', role: 'user' }),
    private: [401, 403, 403, 201],
    public: [401, 403, 403, 409],
  },
  { route: 'GET /api/v1/users', target: '/users', private: [401, 403, 403, 200] },
  { route: 'GET /api/v1/me', target: '/me', private: [401, 200, 200, 200] },
  { route: 'GET /api/v1/users/{user}', target: '/users/{user}', private: ownerOnly },
  { route: 'GET /api/v1/users/{user}', target: '/users/none', private: [401, 403, 403, 404] },
  {
    route: 'PATCH /api/v1/users/{user}',
    target: '/users/{user}',
    init: json({ role: 'user' }),
    private: [401, 403, 403, 200],
  },
  {
    route: 'POST /api/v1/users/{user}/access-keys',
    target: '/users/{user}/access-keys',
    private: [401, 201, 403, 201],
  },
  { route: 'GET /api/v1/users/{user}/access-keys', target: '/users/{user}/access-keys', private: ownerOnly },
  {
    route: 'DELETE /api/v1/users/{user}/access-keys/{accessKey}',
    target: '/users/{user}/access-keys/none',
    private: [401, 404, 403, 404],
  },
  { route: 'POST /api/v1/tokens', target: '/tokens', private: [401, 201, 201, 201] },
  { route: 'GET /api/v1/tokens', target: '/tokens', private: [401, 200, 200, 200] },
  { route: 'DELETE /api/v1/tokens/{token}', target: '/tokens/none', private: [401, 404, 404, 404] },
  {
    // Who may do something may make a link for it.
    route: 'POST /api/v1/presigned-urls',
    target: '/presigned-urls',
    init: json({ bucket: '{bucket}', key: 'f', operation: 'read' }),
    private: [401, 201, 403, 201],
    public: [401, 201, 201, 201],
  },
  {
    route: 'POST /api/v1/presigned-urls',
    target: '/presigned-urls',
    init: json({ bucket: '{bucket}', key: 'f', operation: 'write' }),
    private: [401, 201, 403, 201],
  },
  {
    route: 'POST /api/v1/presigned-urls',
    target: '/presigned-urls',
    init: json({ bucket: 'no-such-bucket', key: 'f', operation: 'delete' }),
    private: [401, 404, 404, 404],
  },
  {
    route: 'POST /api/v1/presigned-urls/batch',
    target: '/presigned-urls/batch',
    init: json({ items: [{ bucket: '{bucket}', key: 'f', operation: 'read' }] }),
    private: [401, 200, 200, 200],
  },
  {
    route: 'POST /api/v1/presigned-posts',
    target: '/presigned-posts',
    init: json({ bucket: '{bucket}', key: 'g' }),
    private: [401, 201, 403, 201],
  },
  {
    // An id is one's own, also if nobody has made it.
    route: 'DELETE /api/v1/presigned-urls/{id}',
    target: '/presigned-urls/none',
    private: [401, 204, 204, 204],
  },
  {
    route: 'DELETE /api/v1/presigned-urls/{id}',
    target: '/presigned-urls/none?user={user}',
    private: [401, 204, 403, 204],
  },
  {
    route: 'POST /api/v1/users/{user}/revoke-links',
    target: '/users/{user}/revoke-links',
    private: ownerOnly,
  },
  {
    route: 'POST /api/v1/users/{user}/access-keys/{accessKey}/revoke-links',
    target: '/users/{user}/access-keys/none/revoke-links',
    private: [401, 404, 403, 404],
  },
  { route: 'GET /api/v1/compression/stats', target: '/compression/stats', private: [401, 200, 200, 200] },
  {
    route: 'GET /api/v1/compression/stats',
    target: '/compression/stats?bucket={bucket}',
    private: ownerOnly,
  },
  {
    route: 'POST /api/v1/compression/analyze',
    target: '/compression/analyze',
    init: () => ({ body: 'x' }),
    private: [401, 200, 200, 200],
  },
  {
    route: 'POST /api/v1/compression/analyze',
    target: '/compression/analyze?bucket={bucket}',
    init: () => ({ body: 'x' }),
    private: ownerOnly,
  },
  {
    route: 'POST /api/v1/jobs',
    target: '/jobs',
    init: json({ kind: 'recompress', bucket: 'no-such-bucket' }),
    private: [401, 404, 404, 404],
  },
  { route: 'GET /api/v1/access-log', target: '/access-log', private: [401, 200, 200, 200] },
  { route: 'GET /api/v1/access-log', target: '/access-log?user={user}', private: [401, 200, 403, 200] },
  { route: 'GET /api/v1/jobs', target: '/jobs', private: [401, 200, 200, 200] },
  { route: 'GET /api/v1/jobs/{id}', target: '/jobs/none', private: [401, 404, 404, 404] },
  { route: 'POST /api/v1/jobs/{id}/cancel', target: '/jobs/none/cancel', private: [401, 404, 404, 404] },
  { route: 'GET /api/v1/cache/stats', target: '/cache/stats', private: [401, 403, 403, 200] },
  {
    route: 'POST /api/v1/cache/invalidate',
    target: '/cache/invalidate',
    init: json({ bucket: '{bucket}', key: 'f' }),
    private: [401, 403, 403, 200],
  },
  {
    route: 'POST /api/v1/cache/invalidate',
    target: '/cache/invalidate',
    init: json({ bucket: 'no-such-bucket', prefix: '' }),
    private: [401, 403, 403, 404],
  },
  { route: 'POST /api/v1/cache/clear', target: '/cache/clear', private: [401, 403, 403, 200] },
  { route: 'POST /api/v1/cache/warm', target: '/cache/warm', private: [401, 403, 403, 200] },
  { route: 'GET /api/v1/database/stats', target: '/database/stats', private: [401, 403, 403, 200] },
  { route: 'GET /api/v1/database/advice', target: '/database/advice', private: [401, 403, 403, 200] },
  {
    route: 'POST /api/v1/database/advice/{id}/apply',
    target: '/database/advice/none/apply',
    private: [401, 403, 403, 404],
  },
  { route: 'GET /api/v1/openapi.json', target: '/openapi.json', private: everybody },
  { route: 'GET /api/v1/docs', target: '/docs', private: everybody },
  { route: 'GET /', target: '/../../', private: [302, 302, 302, 302] },
  { route: 'GET /health', target: '/../../health', private: everybody },
  { route: 'GET /ready', target: '/../../ready', private: everybody },
]

export function accessTests(stage: Stage): void {
  describe('who may do what', () => {
    const buckets = {} as Record<'private' | 'public', string>
    const own = new Map<Identity, string>()

    beforeAll(async () => {
      const { api, alice, bob, admin } = stage
      for (const visibility of ['private', 'public'] as const) {
        buckets[visibility] = await stage.bucket(visibility)
        await api.put(buckets[visibility], 'f', 'x', { as: alice })
      }
      for (const [name, as] of Object.entries({ alice, bob, admin })) {
        const json = { name: `own-${name}` }
        expect((await api.call('POST', '/api/v1/buckets', { as, json })).status).toBe(201)
        own.set(as, json.name)
      }
    })

    test('every route has its row', () => {
      const inTable = new Set(rows.map(({ route }) => route.replace('HEAD', 'GET')))
      expect([...inTable].toSorted()).toEqual(
        [...new Set(routes.map(({ method, path }) => `${method} ${path}`))].toSorted(),
      )
    })

    const cases = rows.flatMap((row) =>
      (['private', 'public'] as const).map((visibility) => [row.route, row.target, visibility, row] as const),
    )
    test.each(cases)('%s (%s) in a %s bucket', async (_route, _target, visibility, row) => {
      const { api, alice, bob, admin } = stage
      const expected = row[visibility] ?? row.private
      for (const [index, as] of [undefined, alice, bob, admin].entries()) {
        const fill = (text: string) =>
          text
            .replaceAll('{bucket}', buckets[visibility])
            .replaceAll('{user}', alice.userId)
            .replaceAll('{own}', own.get(as) ?? buckets.private)
        const init = row.init?.() ?? {}
        const filled =
          init.json === undefined
            ? init
            : { ...init, json: JSON.parse(fill(JSON.stringify(init.json))) as unknown }
        const target = row.target.startsWith('/../../') ? row.target.slice(6) : `/api/v1${fill(row.target)}`
        const answer = await api.call(row.route.split(' ', 1)[0] as string, target, {
          ...filled,
          ...(as && { as }),
        })
        expect(answer.status, `as ${['the public', 'the owner', 'another', 'an administrator'][index]}`).toBe(
          expected[index],
        )
      }
    })

    test('the public cannot tell a private bucket, or a file in it, from none', async () => {
      const { api } = stage
      const targets = [
        `/api/v1/buckets/${buckets.private}/files/f`,
        `/api/v1/buckets/${buckets.private}/files/none`,
        '/api/v1/buckets/no-such-bucket/files/f',
      ]
      const problems = []
      for (const target of targets) {
        const { requestId: _, ...problem } = (await api.call('GET', target)).json()
        problems.push(problem)
      }
      expect(problems[1]).toEqual(problems[0])
      expect(problems[2]).toEqual(problems[0])
    })

    test('an owner opens and closes a bucket; nobody else does', async () => {
      const { api, alice, bob } = stage
      const bucket = await stage.bucket('private')
      await api.put(bucket, 'f', 'x', { as: alice })
      const set = (visibility: string, as: Identity) =>
        api.call('PATCH', `/api/v1/buckets/${bucket}`, { ...(as && { as }), json: { visibility } })
      expect((await set('public', bob)).status).toBe(403)
      expect((await set('public', undefined)).status).toBe(401)
      expect((await api.get(bucket, 'f')).status).toBe(401)
      expect((await set('public', alice)).status).toBe(200)
      expect((await api.get(bucket, 'f')).status).toBe(200)
      expect((await set('private', alice)).status).toBe(200)
      expect((await api.get(bucket, 'f')).status).toBe(401)
    })
  })
}
