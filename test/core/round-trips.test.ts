import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openSqliteDatabase } from '../../src/adapters/sqlite/database.ts'
import type { Caller } from '../../src/core/accounts/caller.ts'
import { createAccessKey } from '../../src/core/accounts/credentials.ts'
import { createUser, ensureAdministrator } from '../../src/core/accounts/users.ts'
import type { Core } from '../../src/core/core.ts'
import { createBucket } from '../../src/core/files/buckets.ts'
import { readStorageStats } from '../../src/core/files/storage-stats.ts'
import { createUpload, findUpload } from '../../src/core/files/uploads.ts'
import { signLinks } from '../../src/core/links/sign-links.ts'
import { type Database, DatabaseError } from '../../src/core/ports/database.ts'
import { createSigningKeys } from '../../src/core/sigv4/signing-keys.ts'
import { statements } from '../../src/core/statements/registry.ts'
import { faultyDatabase } from '../faults/database.ts'
import { createMemoryCore } from './memory-core.ts'
import { testBytes } from './test-bytes.ts'
import { createTestClock, type TestClock } from './test-clock.ts'
import { migrationsFolder } from './test-core.ts'
import { description } from './uploads.ts'

/** What reading costs where the database is a network away: calls, each of which is a round trip. */
describe('round trips to a database that others write to', () => {
  let folder: string
  let sqlite: Database
  let core: Core
  let clock: TestClock
  let admin: Caller
  /** The same, of what is its own. */
  let owner: Caller
  let calls: string[]
  let outage: Error | undefined
  const trips = async <T>(act: () => Promise<T>) => {
    calls = []
    await act()
    return calls
  }
  const bucket = 'photos'

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cutty-trips-'))
    clock = createTestClock()
    clock.stopAt(Date.UTC(2026, 0, 1))
    outage = undefined
    sqlite = await openSqliteDatabase({
      file: join(folder, 'cutty.db'),
      statements,
      migrationsFolder,
      inlineBlobBytesMax: 0,
      nowMs: clock.now(),
    })
    const distant = { ...sqlite.capabilities, embedded: false, exclusive: false }
    const faulty = faultyDatabase({ ...sqlite, capabilities: distant }, async () => {
      if (outage) throw outage
    })
    core = createMemoryCore({
      database: {
        ...faulty,
        query(statement, params, how) {
          calls.push(statement.name)
          return faulty.query(statement, params, how)
        },
        queryTogether(reads, how) {
          calls.push(reads.map(({ statement }) => statement.name).join())
          return faulty.queryTogether(reads, how)
        },
        batch(bound) {
          calls.push(`write ${bound.length}`)
          return faulty.batch(bound)
        },
      },
      clock,
      background: { run: (_name, work) => void work() },
      ...testBytes({ bytesMax: 1, entryBytesMax: 0 }),
    })
    calls = []
    const key = await ensureAdministrator(core, undefined)
    const userId = key?.userId as string
    admin = { role: 'admin', userId }
    owner = { role: 'user', userId }
    await createBucket(core, admin, { name: bucket, visibility: 'private' })
  })
  afterEach(async () => {
    await sqlite.close()
    await rm(folder, { recursive: true })
  })

  test('what files take costs one, and none from memory', async () => {
    const all = () => readStorageStats(core, admin, {})
    const [first, ...more] = await trips(all)
    expect(first?.split(',')).toHaveLength(7)
    expect(more).toEqual([])
    expect(await trips(all)).toEqual([])
    const cold = await all()
    core.rows.clear()
    expect(await all()).toEqual(cold)
  })

  test('what is in memory is not asked for with the rest', async () => {
    await readStorageStats(core, owner, {})
    await readStorageStats(core, admin, {})
    // A write to a user changes the names that one of them shows.
    await createUser(core, admin, { name: 'n', email: 'n@example.org', role: 'user' })
    const again = await trips(() => readStorageStats(core, admin, {}))
    expect(again).toHaveLength(1)
    expect(again[0]?.split(',')).toHaveLength(1)
  })

  test('two requests do not share one: each has its own', async () => {
    const both = await trips(() =>
      Promise.all([readStorageStats(core, admin, {}), readStorageStats(core, owner, {})]),
    )
    expect(both).toHaveLength(2)
  })

  test('a failure of one is that of all, and a later answer is right', async () => {
    outage = new DatabaseError('unavailable', 'gone')
    await expect(readStorageStats(core, admin, {})).rejects.toBe(outage)
    outage = undefined
    expect((await readStorageStats(core, admin, {})).totals.files).toBe(0)
  })

  test('R33: while the database is gone, what files took is shown for five minutes', async () => {
    const before = await readStorageStats(core, admin, {})
    outage = new DatabaseError('unavailable', 'gone')
    clock.advance(299_999)
    expect(await readStorageStats(core, admin, {})).toEqual(before)
    clock.advance(1)
    await expect(readStorageStats(core, admin, {})).rejects.toBe(outage)
  })

  test('a part of an upload costs one before its bytes', async () => {
    const key = 'long'
    const upload = await createUpload(core, admin, { bucket, key, description })
    const ref = { bucket, key, uploadId: upload.id }
    expect(await trips(() => findUpload(core, admin, ref))).toEqual(['files.find,uploads.find'])
    expect(await trips(() => findUpload(core, admin, ref))).toHaveLength(1)
    // Who may not write learns nothing, though all was asked for.
    const stranger = await createUser(core, admin, { name: 's', email: 's@example.org', role: 'user' })
    const asked = findUpload(core, { role: 'user', userId: stranger.id }, ref)
    await expect(asked).rejects.toMatchObject({ code: 'access_denied' })
  })

  test('many links cost two, of as many buckets as they like', async () => {
    await createAccessKey(core, admin, { userId: admin.userId as string, label: '' })
    const names = ['one-bucket', 'two-buckets', 'no-bucket']
    for (const name of names.slice(0, 2)) await createBucket(core, admin, { name, visibility: 'private' })
    const requests = names.flatMap((name) =>
      ['a', 'b'].map((key) => ({
        bucket: name,
        key,
        operation: 'read' as const,
        expiresInSeconds: 60,
      })),
    )
    const site = { scheme: 'https', host: 'files.example', signingKeys: createSigningKeys() } as const
    calls = []
    const links = await signLinks(core, admin, requests, site)
    expect(calls).toEqual(['access_keys.list,buckets.find,buckets.find,buckets.find', 'access_keys.find'])
    expect(links.map((link) => ('code' in link ? link.code : 'url'))).toEqual([
      ...Array(4).fill('url'),
      ...Array(2).fill('bucket_not_found'),
    ])
  })
})
