import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { describeIndexes, isPrefixOf } from '../../../bench/scale/indexes.ts'
import { migrate } from '../../../src/adapters/sqlite/migrate.ts'
import { accessLogSchema, mainSchema, queryPlansContract } from '../../contracts/query-plans.ts'
import type { PlannedDatabase } from '../../contracts/query-plans.ts'

const migrations = join(import.meta.dirname, '../../../migrations')
const folders = { main: migrations, accessLog: join(migrations, 'access-log') }

function openMigrated(folder: string): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  migrate(database, { folder, nowMs: 0 })
  return database
}

async function openPlanned(folder: string): Promise<PlannedDatabase> {
  const database = openMigrated(folder)
  return {
    explain: async ({ text }) =>
      database
        .prepare(`EXPLAIN QUERY PLAN ${text}`)
        .all()
        .map(({ detail }) => String(detail)),
    all: async (text) => database.prepare(text).all(),
    close: async () => database.close(),
  }
}

queryPlansContract('SQLite', mainSchema, () => openPlanned(folders.main))
queryPlansContract("SQLite's access log", accessLogSchema, () => openPlanned(folders.accessLog))

describe('indexes', () => {
  test.each([
    { database: 'main', folder: folders.main, least: 31 },
    { database: 'access log', folder: folders.accessLog, least: 4 },
  ])('$database: none is the beginning of another, which would do its work', ({ folder, least }) => {
    const indexes = describeIndexes(openMigrated(folder))
    expect(indexes.length).toBeGreaterThanOrEqual(least)
    const needless = indexes.flatMap((index) =>
      indexes.filter((other) => isPrefixOf(index, other)).map((other) => `${index.name} of ${other.name}`),
    )
    expect(needless).toEqual([])
  })

  test('the beginning of another is found, whichever of the two is the primary key', () => {
    const database = new DatabaseSync(':memory:')
    database.exec(`
      CREATE TABLE things (a TEXT, b TEXT, c TEXT, d TEXT UNIQUE, PRIMARY KEY (a, b)) WITHOUT ROWID;
      CREATE INDEX of_key ON things (a);
      CREATE INDEX whole_key ON things (a, b);
      CREATE INDEX descending ON things (a, b DESC);
      CREATE INDEX twice ON things (a, b, c);
      CREATE INDEX longer ON things (c, b);
      CREATE INDEX shorter ON things (c);
      CREATE INDEX partial ON things (c) WHERE c > 'x';
      CREATE INDEX partial_longer ON things (c, b) WHERE c > 'x';
      CREATE INDEX of_unique ON things (d);
      CREATE TABLE others (a TEXT);
      CREATE INDEX elsewhere ON others (a);`)
    const indexes = describeIndexes(database)
    const prefixes = indexes
      .filter((index) => indexes.some((other) => isPrefixOf(index, other)))
      .map(({ name }) => name)
    // Of two that are alike the one that was declared is needless: what makes a column unique stays.
    expect(prefixes.toSorted()).toEqual(['of_key', 'of_unique', 'partial', 'shorter', 'whole_key'])
  })
})
