import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createMemoryBlobStore } from '../../src/adapters/memory/blob-store.ts'
import { createMemoryCacheTier } from '../../src/adapters/memory/cache-tier.ts'
import type { NewAccessKey } from '../../src/core/accounts/credentials.ts'
import { ensureAdministrator } from '../../src/core/accounts/users.ts'
import { createByteCaches } from '../../src/core/cache/byte-caches.ts'
import { type Lifetime, lifetimes } from '../../src/core/cache/lifetimes.ts'
import type { Core } from '../../src/core/core.ts'
import type { BlobStore } from '../../src/core/ports/blob-store.ts'
import type { CacheTier } from '../../src/core/ports/cache-tier.ts'
import type { Database } from '../../src/core/ports/database.ts'
import { createApp } from '../../src/http/app.ts'
import { createMemoryCore, testMasterKey } from '../core/memory-core.ts'
import { createTestClock, type TestClock } from '../core/test-clock.ts'
import { createInProcessFetch } from '../http/in-process.ts'
import { type Client, createClient } from './http/client.ts'

/** What several processes have in common. */
interface Deployment {
  /** For a process of its own. */
  readonly open: () => Database
  readonly cleanup: () => Promise<void>
}

interface Process {
  readonly client: Client
  readonly core: Core
  readonly settled: () => Promise<void>
}

const bucket = 'shared'
const boundOf = (lifetime: Lifetime) => lifetime.freshMs + lifetime.staleWhileRevalidateMs
const credentialBoundMs = boundOf(lifetimes.credential)

interface View {
  readonly ask: (process: Process) => Promise<unknown>
  readonly boundMs: number
}

/**
 * How late a process may notice what another one has written: the bounds of docs/guides/caching.md, through the whole
 * application, with a tier of the cache that all of them share. And that the one which writes never does.
 */
export function stalenessContract(name: string, create: (clock: TestClock) => Promise<Deployment>): void {
  describe(`several processes over ${name}`, () => {
    let deployment: Deployment
    let clock: TestClock
    let admin: NewAccessKey
    let writer: Process
    let other: Process

    beforeEach(async () => {
      clock = createTestClock()
      clock.stopAt(Date.UTC(2026, 0, 1))
      deployment = await create(clock)
      const between = {
        blobs: createMemoryBlobStore(),
        tier: createMemoryCacheTier({ bytesMax: 1 << 22, clock }),
      }
      const start = () => startProcess({ database: deployment.open(), clock, ...between })
      ;[writer, other] = [start(), start()]
      admin = (await ensureAdministrator(writer.core, undefined)) as NewAccessKey
      await writer.client.call('POST', '/api/v1/buckets', {
        as: admin,
        json: { name: bucket, visibility: 'public' },
      })
      await put('first')
      // From here on all may know of it.
      clock.advance(other.core.database.capabilities.staleMsMax)
    })
    afterEach(() => deployment.cleanup())

    const put = async (text: string, key = 'a b') => {
      expect((await writer.client.put(bucket, key, text, { as: admin })).status).toBeLessThan(300)
      await writer.settled()
    }
    /** What each of them says of a file: its text, or the status of what is no answer. */
    const ask = async ({ client, settled }: Process, key = 'a b') => {
      const answer = await client.get(bucket, key)
      await settled()
      return answer.status === 200 ? answer.text : answer.status
    }
    /** What `pick` finds in the answer to an administrator. */
    const view = (path: string, lifetime: Lifetime, pick: (body: never) => unknown): View => ({
      boundMs: boundOf(lifetime),
      async ask({ client, settled }) {
        const answer = await client.call('GET', `/api/v1/${path}`, { as: admin })
        await settled()
        return pick(answer.json<never>())
      },
    })
    /** Both have read `before`; after `change` the writer never says it again, and the other not after the bound. */
    async function expectBound(
      before: unknown,
      change: () => Promise<unknown>,
      now: unknown,
      { ask: asked, boundMs }: View = { ask, boundMs: boundOf(lifetimes.pointer) },
    ) {
      for (const each of [writer, other]) expect(await asked(each)).toEqual(before)
      // So that what is kept runs out soon after the change, when a copy of the database may not know of it yet.
      clock.advance(700)
      await change()
      expect(await asked(writer)).toEqual(now)
      for (let waitedMs = 0; waitedMs < boundMs; waitedMs += 500) {
        expect([before, now]).toContainEqual(await asked(other))
        clock.advance(500)
      }
      for (const each of [other, writer]) expect(await asked(each)).toEqual(now)
    }
    const keysOf = ({ files, commonPrefixes }: { files: { key: string }[]; commonPrefixes: string[] }) => [
      ...files.map(({ key }) => key),
      ...commonPrefixes,
    ]
    const namesOf = ({ buckets }: { buckets: { name: string }[] }) => buckets.map(({ name: each }) => each)

    test('an overwrite', () => expectBound('first', () => put('second'), 'second'))

    test('a delete', () =>
      expectBound('first', () => writer.client.delete(bucket, 'a b', { as: admin }), 404))

    test.each([
      ['by their keys', ''],
      ['by their keys, downwards', '?order=desc'],
      ['of a type', '?type=text/plain'],
      ['of a class of types', '?type=text/*'],
      ['by their time', '?sort=modified'],
      ['by their size, of a prefix', '?sort=size&prefix=a'],
      ['in groups', '?delimiter=/'],
    ])('a list of files %s', async (_order, query) => {
      const list = view(`buckets/${bucket}/files${query}`, lifetimes.listing, (body: never) =>
        keysOf(body).toSorted(),
      )
      await expectBound(['a b'], () => put('a longer text', 'ab'), ['a b', 'ab'], list)
      await expectBound(['a b', 'ab'], () => writer.client.delete(bucket, 'ab', { as: admin }), ['a b'], list)
    })

    test('a list of buckets', async () => {
      const create = () =>
        writer.client.call('POST', '/api/v1/buckets', { as: admin, json: { name: 'another' } })
      const list = view('buckets', lifetimes.listing, namesOf)
      await expectBound([bucket], create, ['another', bucket], list)
      const remove = () => writer.client.call('DELETE', '/api/v1/buckets/another', { as: admin })
      await expectBound(['another', bucket], remove, [bucket], list)
    })

    test('a bucket', () =>
      expectBound(
        'public',
        () =>
          writer.client.call('PATCH', `/api/v1/buckets/${bucket}`, {
            as: admin,
            json: { visibility: 'private' },
          }),
        'private',
        view(`buckets/${bucket}`, lifetimes.pointer, (body: { visibility: string }) => body.visibility),
      ))

    test('what files take', () =>
      expectBound(
        1,
        () => put('more', 'c'),
        2,
        view(
          'compression/stats',
          lifetimes.totals,
          (body: { totals: { files: number } }) => body.totals.files,
        ),
      ))

    test('the keys of a user, and the user', async () => {
      const path = `users/${admin.userId}/access-keys`
      const add = () =>
        writer.client.call('POST', `/api/v1/${path}`, { as: admin, json: { label: 'another' } })
      const keys = view(
        path,
        lifetimes.credential,
        ({ accessKeys }: { accessKeys: unknown[] }) => accessKeys.length,
      )
      await expectBound(1, add, 2, keys)
      const rename = () =>
        writer.client.call('PATCH', `/api/v1/users/${admin.userId}`, { as: admin, json: { name: 'New' } })
      const user = view(`users/${admin.userId}`, lifetimes.credential, (body: { name: string }) => body.name)
      await expectBound('Administrator', rename, 'New', user)
      const users = view(
        'users',
        lifetimes.credential,
        (body: { users: { name: string }[] }) => body.users[0]?.name,
      )
      await expectBound(
        'New',
        () =>
          writer.client.call('PATCH', `/api/v1/users/${admin.userId}`, {
            as: admin,
            json: { name: 'Newer' },
          }),
        'Newer',
        users,
      )
    })

    test('R35: an upload where there was nothing', async () => {
      await writer.client.delete(bucket, 'a b', { as: admin })
      clock.advance(boundOf(lifetimes.pointer))
      await expectBound(404, () => put('again'), 'again')
    })

    test('a bucket that is no longer public', () =>
      expectBound(
        'first',
        () =>
          writer.client.call('PATCH', `/api/v1/buckets/${bucket}`, {
            as: admin,
            json: { visibility: 'private' },
          }),
        401,
      ))

    test('a key that is revoked', async () => {
      const path = `/api/v1/users/${admin.userId}/access-keys`
      const made = await writer.client.call('POST', path, { as: admin, json: { label: 'to go' } })
      const key = made.json<NewAccessKey>()
      const status = async ({ client }: Process) => (await client.info(bucket, 'a b', { as: key })).status
      for (const each of [writer, other]) expect(await status(each)).toBe(200)
      const revoked = await writer.client.call('DELETE', `${path}/${key.accessKeyId}`, { as: admin })
      expect(revoked.status).toBe(204)
      expect(await status(writer)).toBe(401)
      clock.advance(credentialBoundMs)
      expect(await status(other)).toBe(401)
    })

    test('who writes after another has written writes over what is there, not over what it remembers', async () => {
      await ask(other)
      await put('second')
      const [old] = [await other.client.info(bucket, 'a b', { as: admin })]
      const headers = { 'If-Match': old.header('etag') as string }
      const refused = await other.client.put(bucket, 'a b', 'third', { as: admin, headers })
      expect(refused.status).toBe(412)
      expect((await other.client.delete(bucket, 'a b', { as: admin, headers })).status).toBe(412)
      expect(await ask(other)).toBe('second')
    })

    test('bytes come from the tier that all share, and are the right ones', async () => {
      await ask(writer)
      await other.settled()
      const answer = await other.client.get(bucket, 'a b')
      expect(answer.text).toBe('first')
      expect(answer.header('cache-status')).toContain('bytes=edge')
    })
  })
}

function startProcess(of: {
  database: Database
  clock: TestClock
  blobs: BlobStore
  tier: CacheTier
}): Process {
  const { clock, blobs } = of
  let tasks: Promise<void>[] = []
  const background = { run: (_name: string, work: () => Promise<void>) => void tasks.push(work()) }
  const memory = createMemoryCacheTier({ bytesMax: 1 << 20, clock })
  const shared: CacheTier = { ...of.tier, name: 'edge' }
  const core = createMemoryCore({
    database: {
      ...of.database,
      capabilities: { ...of.database.capabilities, exclusive: false, embedded: false },
    },
    ...createByteCaches({
      memory,
      lower: [{ tier: shared, budgetMs: 10_000 }],
      entryBytesMax: 64 * 1024,
      masterKey: testMasterKey,
      clock,
      background,
      observe: () => {},
    }),
    blobs,
    clock,
    background,
  })
  return {
    core,
    client: createClient({ fetch: createInProcessFetch(createApp(core)) }),
    async settled() {
      while (tasks.length > 0) {
        const waiting = tasks
        tasks = []
        await Promise.all(waiting)
      }
    },
  }
}
