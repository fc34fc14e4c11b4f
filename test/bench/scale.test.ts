import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { diceFor, drawUser, shareFiles } from '../../bench/scale/draw.ts'
import { fillDatabase } from '../../bench/scale/fill.ts'
import { describeIndexes, indexesOf } from '../../bench/scale/indexes.ts'
import { mix } from '../../bench/scale/mix.ts'
import { drawFrom, readSamples } from '../../bench/scale/samples.ts'
import statistics from '../../bench/scale/statistics.json' with { type: 'json' }
import { migrate } from '../../src/adapters/sqlite/migrate.ts'
import { openToRead } from '../../src/adapters/sqlite/maintenance.ts'
import { statements } from '../../src/core/statements/registry.ts'

const options = { seed: 3, files: 20_000, users: 12 }
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutty-scale-'))
  fillDatabase({ file: join(folder, 'whole.db'), ...options })
})
afterAll(() => rmSync(folder, { recursive: true }))

const tables = (file: string) => {
  const database = new DatabaseSync(join(folder, file), { readOnly: true })
  const names = database.prepare(
    `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`,
  )
  const rows = names.all().map((row) => {
    const name = String(row['name'])
    const [key] = database
      .prepare(`SELECT group_concat(name) AS columns FROM pragma_table_info('${name}') WHERE pk > 0`)
      .all()
    return [name, database.prepare(`SELECT * FROM "${name}" ORDER BY ${String(key?.['columns'] ?? 1)}`).all()]
  })
  database.close()
  return rows
}

describe('the generator of databases', () => {
  test('makes what it is asked for, and nothing that a check would find wrong', () => {
    const database = openToRead(join(folder, 'whole.db'))
    expect(database.countFiles()).toBe(options.files)
    const rows = new Map(database.countRows().map((row) => [row.table, row.rows]))
    expect(rows.get('users')).toBe(options.users)
    for (const [table, count] of rows)
      expect({ table, isEmpty: count === 0 }).toEqual({ table, isEmpty: table === 'blob_bodies' })
    expect([...database.checks({ quick: false })].filter(({ count }) => count > 0)).toEqual([])
    database.close()
  })

  test('goes on with what was broken off, and comes to the same', () => {
    const file = join(folder, 'broken.db')
    const breakOff = () => {
      throw new Error('broken off')
    }
    expect(() => fillDatabase({ file, ...options, progress: breakOff })).toThrow('broken off')
    const database = openToRead(file)
    expect(database.countFiles()).toBeGreaterThan(0)
    expect(database.countFiles()).toBeLessThan(options.files)
    database.close()
    fillDatabase({ file, ...options })
    expect(tables('broken.db')).toEqual(tables('whole.db'))
    // Once more changes nothing, and other options are refused.
    fillDatabase({ file, ...options, progress: breakOff })
    expect(() => fillDatabase({ file, ...options, seed: 4 })).toThrow('was made with')
  })

  test('shares all files, by the seed', () => {
    const shares = shareFiles({ seed: 1, files: 100_003, users: 1000 })
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(100_003)
    expect(Math.max(...shares)).toBeGreaterThan(20 * shares.toSorted((a, b) => a - b)[500]!)
    expect(shareFiles({ seed: 1, files: 100_003, users: 1000 })).toEqual(shares)
    expect(shareFiles({ seed: 2, files: 100_003, users: 1000 })).not.toEqual(shares)
    expect(shareFiles({ seed: 1, files: 5, users: 1, folders: 2 })).toEqual([5])
    const [bucket] = drawUser({ seed: 1, files: 5, users: 1, folders: 2 }, 0, 5).buckets
    const keys = [...bucket!.files()].map(({ key }) => key)
    expect(keys).toEqual([
      '000/00000000.bin',
      '001/00000000.bin',
      '000/00000001.bin',
      '001/00000001.bin',
      '000/00000002.bin',
    ])
  })
})

describe('the mix of reads', () => {
  test('has every statement that only reads, each once, and writes for nothing', () => {
    const names = mix.map(({ statement }) => statement.name)
    expect(new Set(names).size).toBe(names.length)
    const missing = statements.filter(({ name, writes }) => writes.length === 0 && !names.includes(name))
    expect(missing.map(({ name }) => name)).toEqual([])
    expect(mix.filter(({ statement, weight }) => weight > 0 !== (statement.writes.length === 0))).toEqual([])
  })

  test('has a statement for every index that can be dropped', () => {
    // As the planner sees a large database: in a small one it takes other ways.
    const database = new DatabaseSync(':memory:')
    migrate(database, { folder: join(import.meta.dirname, '../../migrations'), nowMs: 0 })
    database.exec('ANALYZE; DELETE FROM sqlite_stat1')
    const insert = database.prepare('INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)')
    for (const { table, index, stat } of statistics) insert.run(table, index, stat)
    database.exec('ANALYZE sqlite_schema')
    const needed = new Set(mix.flatMap(({ statement }) => indexesOf(database, statement)))
    const indexes = describeIndexes(database).filter(({ kind }) => kind === 'index')
    expect(indexes.filter(({ name }) => !needed.has(name)).map(({ name }) => name)).toEqual([])
    database.close()
  })

  test('asks with every parameter, and mostly finds something', () => {
    const database = new DatabaseSync(join(folder, 'whole.db'), { readOnly: true })
    const dice = diceFor(1, 1)
    const draw = drawFrom(readSamples(database), dice)
    const empty: string[] = []
    for (const { statement, weight, params } of mix.filter((each) => each.weight > 0)) {
      const select = database.prepare(statement.text)
      let rows = 0
      for (let run = 0; run < 20; run += 1) {
        const given = params(draw, dice)
        expect(Object.keys(given)).toEqual(expect.arrayContaining([...statement.params]))
        rows += select.all(...statement.params.map((name) => given[name]!)).length
      }
      if (rows === 0 && weight > 0) empty.push(statement.name)
    }
    // Buckets of the generator are smaller than a scan may be, have no rules, and blobs have no bytes.
    const without = [
      'blobs.find_body',
      'buckets.find_cors',
      'jobs.find_finished',
      'settings.find',
      'signed_urls.list_revoked',
      'uploads.list_old',
    ]
    expect(empty.filter((name) => !without.includes(name) && !name.startsWith('listing.scan_end'))).toEqual(
      [],
    )
    database.close()
  })
})

test('the statistics that plans are tested with know every index', () => {
  const database = new DatabaseSync(join(folder, 'whole.db'), { readOnly: true })
  const known = new Set(statistics.map(({ table, index }) => `${table}.${index}`))
  // SQLite calls the key of a table WITHOUT ROWID by the table's name.
  const missing = describeIndexes(database).filter(
    ({ name, table, kind }) =>
      table !== 'blob_bodies' && !known.has(`${table}.${kind === 'primary key' ? table : name}`),
  )
  expect(
    missing.map(({ name }) => name),
    'node bench/scale/generate.ts FILE --statistics',
  ).toEqual([])
  database.close()
})
