import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { migrate } from '../../src/adapters/sqlite/migrate.ts'
import type { Statement } from '../../src/core/ports/database.ts'
import {
  totalsOfBucket,
  totalsOfEverybody,
  totalsOfOwner,
  type TotalsRow,
} from '../../src/core/statements/compression.ts'

interface Bucket {
  id: string
  name: string
  ownerId: string
}
interface Stored extends TotalsRow {
  bucket: Bucket
  mediaType: string
  codec: string
  reason: string
}

const owners = ['u1', 'u2', 'u3']
/** Names in another order than the ids, one the beginning of another. */
const buckets: readonly Bucket[] = ['zoo', 'a', 'a-b', 'm', 'b'].map((name, at) => ({
  id: `b${at}`,
  name,
  ownerId: owners[at % 2] as string,
}))

/** Few sizes, so that many are the same, and some too large for 32 bits. */
const stored: fc.Arbitrary<Stored> = fc.record({
  bucket: fc.constantFrom(...buckets),
  mediaType: fc.constantFrom('image/png', 'text/plain', 'x/ü🗂'),
  codec: fc.constantFrom('identity', 'zstd'),
  reason: fc.constantFrom('compressed', 'media', 'small'),
  files: fc.integer({ min: 1, max: 3 }),
  sizeBytes: fc.constantFrom(0, 1, 2 ** 40),
  storedBytes: fc.constantFrom(0, 1, 2, 2 ** 40),
})

const placeOf = ({ bucket, mediaType, codec, reason }: Stored) =>
  [bucket.id, mediaType, codec, reason].join('\n')

function sum(rows: readonly Stored[]): TotalsRow {
  const add = (name: keyof TotalsRow) => rows.reduce((total, row) => total + row[name], 0)
  return { files: add('files'), sizeBytes: add('sizeBytes'), storedBytes: add('storedBytes') }
}

/** The largest first; of those that are as large, by what they are grouped by. */
function largest(
  rows: readonly Stored[],
  of: (row: Stored) => string,
  limit: number,
): (TotalsRow & { of: string })[] {
  return [...Map.groupBy(rows, of)]
    .map(([each, those]) => ({ of: each, ...sum(those) }))
    .toSorted((a, b) => b.storedBytes - a.storedBytes || (a.of < b.of ? -1 : 1))
    .slice(0, limit)
}

function openMigrated(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  migrate(database, { folder: join(import.meta.dirname, '../../migrations'), nowMs: 0 })
  const addUser = database.prepare(
    `INSERT INTO users (id, name, email, role, created_at_ms) VALUES (?1, 'Named ' || ?1, ?1, 'user', 0)`,
  )
  for (const id of owners) addUser.run(id)
  const addBucket = database.prepare(
    `INSERT INTO buckets (id, name, owner_id, visibility, created_at_ms) VALUES (?, ?, ?, 'private', 0)`,
  )
  for (const { id, name, ownerId } of buckets) addBucket.run(id, name, ownerId)
  return database
}

test('totals of everybody, of an owner and of a bucket are what a sum over their rows is, the largest first', () => {
  const database = openMigrated()
  const add = database.prepare('INSERT INTO storage_totals VALUES (?, ?, ?, ?, ?, ?, ?)')
  const scopes = fc.oneof(
    fc.constant({ statements: totalsOfEverybody, has: () => true, ownerId: '', bucketId: '' }),
    fc.constantFrom(...owners, 'nobody').map((ownerId) => ({
      statements: totalsOfOwner,
      has: ({ bucket }: Stored) => bucket.ownerId === ownerId,
      ownerId,
      bucketId: '',
    })),
    fc.constantFrom(...buckets.map(({ id }) => id), 'none').map((bucketId) => ({
      statements: totalsOfBucket,
      has: ({ bucket }: Stored) => bucket.id === bucketId,
      ownerId: '',
      bucketId,
    })),
  )
  const rows = fc.uniqueArray(stored, { selector: placeOf, maxLength: 40 })
  fc.assert(
    fc.property(rows, scopes, fc.integer({ min: 1, max: 6 }), (all, scope, limit) => {
      database.exec('DELETE FROM storage_totals')
      for (const { bucket, mediaType, codec, reason, files, sizeBytes, storedBytes } of all)
        add.run(bucket.id, mediaType, codec, reason, files, sizeBytes, storedBytes)
      const { statements, has, ownerId, bucketId } = scope
      const asked: Record<string, string | number> = { limit, ownerId, bucketId }
      const ask = <R>({ text, params }: Pick<Statement<never, R>, 'text' | 'params'>) =>
        database
          .prepare(text)
          .all(...params.map((name) => asked[name] as string | number))
          .map((row) => ({ ...row }))
      const own = all.filter(has)
      const by = (name: 'mediaType' | 'codec' | 'reason') =>
        largest(own, (row) => row[name], limit).map(({ of, ...totals }) => ({ [name]: of, ...totals }))

      expect(ask(statements.sum)).toEqual([sum(own)])
      expect(ask(statements.byMediaType)).toEqual(by('mediaType'))
      expect(ask(statements.byCodec)).toEqual(by('codec'))
      expect(ask(statements.byReason)).toEqual(by('reason'))
      expect(ask(statements.byUser)).toEqual(
        largest(own, ({ bucket }) => bucket.ownerId, limit).map(({ of, ...totals }) => ({
          userId: of,
          name: `Named ${of}`,
          ...totals,
        })),
      )
      // Which of those that are as large are shown their ids say, in which order their names.
      const shown = largest(own, ({ bucket }) => bucket.id, limit).map(({ of, ...totals }) => ({
        bucket: buckets.find(({ id }) => id === of)?.name as string,
        ...totals,
      }))
      expect(ask(statements.byBucket)).toEqual(
        shown.toSorted((a, b) => b.storedBytes - a.storedBytes || (a.bucket < b.bucket ? -1 : 1)),
      )
    }),
    { seed: 20_261_121, numRuns: 300 },
  )
  database.close()
})
