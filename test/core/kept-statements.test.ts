import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSqliteDatabase } from '../../src/adapters/sqlite/database.ts'
import { freezeAndMeasure, freezeRows } from '../../src/core/cache/frozen.ts'
import { createSingleFlight } from '../../src/core/cache/single-flight.ts'
import { keptStatements } from '../../src/core/kept-statements.ts'
import {
  bind,
  type BoundStatement,
  type Database,
  type Params,
  type Statement,
} from '../../src/core/ports/database.ts'
import { createRowCaches } from '../../src/core/row-caches.ts'
import * as accounts from '../../src/core/statements/accounts.ts'
import { insertBlob } from '../../src/core/statements/blobs.ts'
import * as buckets from '../../src/core/statements/buckets.ts'
import * as files from '../../src/core/statements/files.ts'
import { statements } from '../../src/core/statements/registry.ts'
import * as rewrite from '../../src/core/statements/rewrite.ts'
import { createTestClock } from './test-clock.ts'
import { createTestBackground, migrationsFolder, withoutMemory } from './test-core.ts'

/** Numbers from 0 to below 1, the same each time. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
}

const random = createRandom(7)
const one = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)] as T
const users = ['u1', 'u2', 'u3']
const bucketIds = ['b1', 'b2', 'b3', 'b4']
const keys = ['a/1', 'a/2', 'b/1', 'c', 'd é']
const mediaTypes = ['image/png', 'text/plain', 'text/css']
const tokenHash = (id: string) => new TextEncoder().encode(`hash of ${id}`)
const ceiling = '\u{10ffff}'

let count = 0
/** The blob that was stored last, and one before it. */
let blobIds = ['none', 'none']

function storedBlob(): { id: string; statement: BoundStatement } {
  const id = `blob${count++}`
  blobIds = [id, blobIds[0] as string]
  const sha256 = new Uint8Array(32)
  const how = { location: 'store', codec: one(['zstd', 'gzip']), level: 3, reason: 'compressed', gain: 0.5 }
  const sizes = { sizeBytes: count, storedBytes: count % 10, frameBytes: 0, frameIndex: null }
  return { id, statement: bind(insertBlob, { id, ...how, ...sizes, sha256, createdAtMs: 1 }) }
}

/** Everything that writes a table of which something is kept. */
const writes: readonly (() => BoundStatement[])[] = [
  () => {
    const { id, statement } = storedBlob()
    const values = { bucketId: one(bucketIds), key: one(keys), versionId: id, blobId: id, sizeBytes: count }
    const described = {
      etag: id,
      contentType: 'x',
      mediaType: one(mediaTypes),
      headers: '{}',
      metadata: '{}',
    }
    const times = { createdAtMs: count, modifiedAtMs: count }
    const rest = { tags: '{}', checksum: null, visibility: null, ...times }
    return [statement, bind(files.putFile, { ...values, ...described, ...rest })]
  },
  () => [bind(files.deleteFile, { bucketId: one(bucketIds), key: one(keys) })],
  () => {
    const described = {
      contentType: 'y',
      mediaType: one(mediaTypes),
      headers: '{}',
      metadata: '{}',
      tags: '{}',
    }
    const version = { versionId: `v${count++}`, modifiedAtMs: count, visibility: null }
    return [bind(files.describeFile, { bucketId: one(bucketIds), key: one(keys), ...described, ...version })]
  },
  () => {
    const oldId = blobIds[0] as string
    const { id } = storedBlob()
    const how = { location: 'store', codec: 'brotli', level: 9, reason: 'compressed', gain: 0.7 }
    const sizes = { sizeBytes: count, storedBytes: 1, frameBytes: 0, frameIndex: null }
    const made = { id, oldId, sha256: new Uint8Array(32), createdAtMs: 1, ...how, ...sizes }
    return [
      bind(rewrite.insertReplacement, made),
      bind(rewrite.moveFiles, { oldId, newId: id }),
      bind(rewrite.discardBlob, { id: oldId, nowMs: 1 }),
    ]
  },
  () => [bind(rewrite.noteDamage, { id: one(blobIds), nowMs: 1 })],
  () => [bind(rewrite.clearDamage, { id: one(blobIds) })],
  () => {
    const id = one(bucketIds)
    const values = { name: `bucket-${id}`, visibility: 'private', compression: null, createdAtMs: 1 }
    return [bind(buckets.insertBucket, { id, ...values, ownerId: one(users) })]
  },
  () => [
    bind(buckets.changeBucket, {
      id: one(bucketIds),
      visibility: one(['private', 'public']),
      setCompression: 1,
      compression: one([null, '{"level":"fast"}']),
    }),
  ],
  () => [
    bind(buckets.changeBucketSettings, {
      id: one(bucketIds),
      setCors: 1,
      cors: one([null, `[{"id":"${count++}"}]`]),
      setTags: 1,
      tags: `{"n":"${count++}"}`,
      setPolicy: 0,
      policy: null,
      setPublicPrefixes: 1,
      publicPrefixes: one([null, '["a/"]']),
    }),
  ],
  () => [bind(buckets.deleteEmptyBucket, { id: one(bucketIds) })],
  () => {
    const id = one(users)
    return [bind(accounts.insertUser, { id, name: id, email: `${id}@x`, role: 'user', createdAtMs: 1 })]
  },
  () => [
    bind(accounts.updateUser, {
      id: one(users),
      name: `n${count++}`,
      role: one(['admin', 'user']),
      disabledAtMs: one([null, 5]),
    }),
  ],
  () => [bind(accounts.revokeLinksOfUser, { userId: one(users), beforeMs: count++ })],
  () => {
    const secretEncrypted = Uint8Array.of(count++)
    const userId = one(users)
    const key = { userId, id: `KEY${userId}${one([1, 2])}`, label: `l${count}`, secretEncrypted }
    return [bind(accounts.insertAccessKey, { ...key, createdAtMs: 1 })]
  },
  () => {
    const userId = one(users)
    return [bind(accounts.deleteAccessKey, { userId, id: `KEY${userId}${one([1, 2])}` })]
  },
  () => {
    const userId = one(users)
    const id = `KEY${userId}${one([1, 2])}`
    return [bind(accounts.revokeLinksOfAccessKey, { userId, id, beforeMs: count++ })]
  },
  () => {
    const userId = one(users)
    const token = { id: `T${userId}`, label: `l${count++}`, tokenHash: tokenHash(userId) }
    return [bind(accounts.insertToken, { ...token, userId, createdAtMs: 1, expiresAtMs: null })]
  },
  () => {
    const userId = one(users)
    return [bind(accounts.deleteToken, { userId, id: `T${userId}` })]
  },
]

/** Some value for each name of a parameter. */
function paramsOf({ params }: Statement): Params {
  const position = one([
    { value: -1, lastValue: Number.MAX_SAFE_INTEGER, key: '', lastKey: ceiling },
    { value: Number.MAX_SAFE_INTEGER, lastValue: -1, key: ceiling, lastKey: '' },
  ])
  const span = one([
    { from: '', to: ceiling },
    { from: 'a/', to: 'a0' },
  ])
  const values: Params = {
    ...position,
    ...span,
    bucketId: one(bucketIds),
    name: `bucket-${one(bucketIds)}`,
    ownerId: one(users),
    userId: one(users),
    id: one(users),
    after: '',
    limit: one([2, 1001]),
    rows: one([0, 1, 2]),
    mediaType: one(mediaTypes),
    typeFrom: '',
    typeTo: ceiling,
    prefixChars: 0,
    delimiter: '/',
    delimiterSuccessor: '0',
  }
  return Object.fromEntries(
    params.map((name) => {
      expect(Object.keys(values), `there is a value for ${name}`).toContain(name)
      return [name, values[name] as string]
    }),
  )
}

describe('statements whose rows are kept', () => {
  let folder: string
  let database: Database

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cutty-kept-'))
    const sqlite = await openSqliteDatabase({
      file: join(folder, 'cutty.db'),
      statements,
      migrationsFolder,
      inlineBlobBytesMax: 0,
      nowMs: 1,
    })
    // As one a network away, of which all of them are kept.
    database = { ...sqlite, capabilities: { ...sqlite.capabilities, embedded: false } }
  })
  afterAll(async () => {
    await database.close()
    await rm(folder, { recursive: true })
  })

  const openCaches = () =>
    createRowCaches({
      database,
      bytesMax: 1024 ** 2,
      clock: createTestClock(),
      background: createTestBackground(),
      flight: createSingleFlight({ timeoutMs: 10_000 }),
    })

  test('are those of the registry, each once, and write nothing', () => {
    const kept = keptStatements.map(({ statement }) => statement)
    expect(new Set(kept).size).toBe(kept.length)
    for (const statement of kept) {
      expect(statements).toContain(statement)
      expect(statement.writes, statement.name).toEqual([])
    }
  })

  test('give after each write what the database gives', async () => {
    const caches = openCaches()
    const fresh = withoutMemory(database)
    const done = new Set<string>()
    for (let step = 0; step < 800; step++) {
      const batch = one(writes)()
      await caches.database.batch(batch).then(
        () => batch.forEach(({ statement }) => done.add(statement.name)),
        // What is there already, or has nobody it belongs to.
        () => {},
      )
      for (let read = 0; read < 12; read++) {
        const { statement } = one(keptStatements)
        const params = paramsOf(statement)
        const rows = await caches.rows.read(statement, params)
        expect(rows, statement.name).toEqual(await database.query(statement, params))
      }
      const pointer = { bucketName: `bucket-${one(bucketIds)}`, key: one(keys) }
      expect(await caches.pointers.read(pointer)).toEqual(await fresh.pointers.read(pointer))
      const bucket = { name: `bucket-${one(bucketIds)}` }
      expect(await caches.cors.read(bucket)).toEqual(await fresh.cors.read(bucket))
      const key = { id: `KEY${one(users)}${one([1, 2])}` }
      expect(await caches.accessKeys.read(key)).toEqual(await fresh.accessKeys.read(key))
      const token = { tokenHash: tokenHash(one(users)) }
      expect(await caches.tokens.read(token)).toEqual(await fresh.tokens.read(token))
    }
    const tables = ['files', 'buckets', 'users', 'access_keys', 'api_tokens']
    const writing = statements.filter((each) => each.writes.some((table) => tables.includes(table)))
    expect([...done]).toEqual(expect.arrayContaining(writing.map(({ name }) => name)))
    const counts = caches.rows.stats().byStatement
    for (const { statement } of keptStatements) {
      expect(counts[statement.name]?.hits, statement.name).toBeGreaterThan(0)
    }
  })

  test('of one bucket stay when another one is written, and those of one user when another one is', async () => {
    const { rows, database: writing } = openCaches()
    for (const id of ['u8', 'u9']) {
      const user = { id, name: id, email: `${id}@x`, role: 'user', createdAtMs: 1 }
      await writing.batch([bind(accounts.insertUser, user)])
      const bucket = {
        id: `of ${id}`,
        name: `of-${id}`,
        ownerId: id,
        visibility: 'private',
        compression: null,
      }
      await writing.batch([bind(buckets.insertBucket, { ...bucket, createdAtMs: 1 })])
    }
    const grouped = keptStatements.find(({ statement }) => statement.name === 'listing.grouped')?.statement
    const list = async (bucketId: string) => {
      const params = { ...paramsOf(grouped as Statement), bucketId }
      await rows.read(grouped as Statement, { ...params, from: '', to: ceiling, limit: 10 })
    }
    const missesOf = (name: string) => rows.stats().byStatement[name]?.misses
    await list('of u8')
    await list('of u9')
    const { id, statement } = storedBlob()
    const file = { bucketId: 'of u9', key: 'k', versionId: id, blobId: id, sizeBytes: 1, etag: id }
    const described = { contentType: 'x', mediaType: 'x/x', headers: '{}', metadata: '{}', tags: '{}' }
    const rest = { createdAtMs: 1, modifiedAtMs: 1, checksum: null, visibility: null }
    await writing.batch([statement, bind(files.putFile, { ...file, ...described, ...rest })])
    await list('of u8')
    expect(missesOf('listing.grouped')).toBe(2)
    await list('of u9')
    expect(missesOf('listing.grouped')).toBe(3)
    const key = { label: '', secretEncrypted: Uint8Array.of(1), createdAtMs: 1 }
    const add = (userId: string, number: number) =>
      writing.batch([bind(accounts.insertAccessKey, { ...key, userId, id: `${userId} ${number}` })])
    for (const userId of ['u8', 'u9']) await add(userId, 1)
    for (const userId of ['u8', 'u9', 'u8']) await rows.read(accounts.listAccessKeys, { userId })
    await add('u9', 2)
    for (const userId of ['u8', 'u9']) await rows.read(accounts.listAccessKeys, { userId })
    expect(missesOf('access_keys.list')).toBe(3)
  })

  test.each([[0], [1], [1000]])('weigh the same, measured as rows or one by one: %d of them', (rows) => {
    const make = () =>
      Array.from({ length: rows }, (_, at) => ({
        text: 'x'.repeat(at % 40),
        number: at,
        none: null,
        bytes: new Uint8Array(at),
      }))
    const measured = make()
    expect(freezeRows(measured)).toBe(freezeAndMeasure(make()))
    for (const value of [measured, ...measured]) expect(Object.isFrozen(value)).toBe(true)
  })

  test('are shared, and cannot be changed by who reads them', async () => {
    const { rows } = openCaches()
    const users = await rows.read(accounts.listUsers, { after: '', limit: 10 })
    expect(() => ((users[0] as { name: string }).name = 'other')).toThrow(TypeError)
    expect(() => (users as unknown[]).pop()).toThrow(TypeError)
  })
})

test('all statements that say which row of a table they write name it by as many parameters', () => {
  const lengths = new Map<string, number>()
  for (const { name, writes: tables, writesRow } of statements) {
    if (!writesRow) continue
    for (const table of tables) {
      expect(lengths.get(table) ?? writesRow.length, name).toBe(writesRow.length)
      lengths.set(table, writesRow.length)
    }
  }
  expect(lengths).toEqual(
    new Map([
      ['users', 1],
      ['access_keys', 2],
      ['api_tokens', 2],
      ['buckets', 1],
      ['files', 2],
      ['signed_urls', 2],
    ]),
  )
})
