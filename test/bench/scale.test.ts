import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { diceFor, drawUser, nowMs, shareFiles } from '../../bench/scale/draw.ts'
import { refusals, requests } from '../../bench/scale/draw-log.ts'
import { fillDatabase, migrations } from '../../bench/scale/fill.ts'
import { fillLog, logMigrations } from '../../bench/scale/fill-log.ts'
import { describeIndexes, indexesOf } from '../../bench/scale/indexes.ts'
import { logMix, mix } from '../../bench/scale/mix.ts'
import { drawFrom, readAccessSamples, readSamples } from '../../bench/scale/samples.ts'
import statistics from '../../bench/scale/statistics.json' with { type: 'json' }
import { migrate } from '../../src/adapters/sqlite/migrate.ts'
import { openToRead } from '../../src/adapters/sqlite/maintenance.ts'
import { accessLogStatements, statements } from '../../src/core/statements/registry.ts'
import { routes } from '../../src/http/rest.ts'
import { operations } from '../../src/http/s3/s3.ts'

const options = { seed: 3, files: 20_000, users: 12 }
/** More than are drawn at once. */
const logRows = 55_000
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutty-scale-'))
  fillDatabase({ file: join(folder, 'whole.db'), ...options })
  fillLog({ file: join(folder, 'log.db'), files: join(folder, 'whole.db'), rows: logRows })
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

const read = <T>(file: string, ask: (database: DatabaseSync) => T): T => {
  const database = new DatabaseSync(join(folder, file), { readOnly: true })
  try {
    return ask(database)
  } finally {
    database.close()
  }
}
/** Of all rows and of the schema. */
const hashOf = (file: string) =>
  read(file, (database) => {
    const hash = createHash('sha256')
    const schema = 'SELECT type, name, sql FROM sqlite_schema ORDER BY type, name'
    for (const text of ['SELECT * FROM access_log ORDER BY number', schema])
      for (const row of database.prepare(text).iterate()) hash.update(JSON.stringify(row))
    return hash.digest('hex')
  })
const countRows = (file: string) =>
  read(file, (database) => Number(database.prepare('SELECT count(*) AS n FROM access_log').get()?.['n']))

describe('the generator of access logs', () => {
  const fillFrom = (files: string, file: string, more: Partial<Parameters<typeof fillLog>[0]> = {}) =>
    fillLog({ file: join(folder, file), files: join(folder, files), rows: logRows, ...more })

  test('makes the same of the same seed, and something else of another', () => {
    fillFrom('whole.db', 'log-again.db')
    expect(hashOf('log-again.db')).toBe(hashOf('log.db'))
    const small = { files: 500, users: 3 }
    const hashes = [1, 2].map((seed) => {
      fillDatabase({ file: join(folder, `seed-${seed}.db`), seed, ...small })
      fillFrom(`seed-${seed}.db`, `log-seed-${seed}.db`, { rows: 1000 })
      return hashOf(`log-seed-${seed}.db`)
    })
    expect(hashes[0]).not.toBe(hashes[1])
  })

  test.each(['50000 rows of the log', 'index access_log_by_user'])(
    'goes on with what was broken off at "%s", and comes to the same',
    (stage) => {
      const file = `log-${stage.replaceAll(' ', '-')}.db`
      const progress = (message: string) => {
        if (message === stage) throw new Error('broken off')
      }
      expect(() => fillFrom('whole.db', file, { progress })).toThrow('broken off')
      expect(countRows(file)).toBe(Math.min(logRows, Number.parseInt(stage, 10) || logRows))
      fillFrom('whole.db', file)
      expect(hashOf(file)).toBe(hashOf('log.db'))
      // Once more changes nothing.
      const untouched = () => expect.unreachable('it is there')
      fillFrom('whole.db', file, { progress: untouched })
      expect(hashOf(file)).toBe(hashOf('log.db'))
    },
  )

  test('goes on after it was killed', async () => {
    const args = ['--files', '20000', '--users', '12', '--seed', '3', '--log-rows', String(logRows)]
    const script = join(import.meta.dirname, '../../bench/scale/generate.ts')
    const log = join(folder, 'log-killed.db')
    const generate = [script, join(folder, 'whole.db'), '--log', log, ...args]
    const child = spawn(process.execPath, generate, { stdio: ['ignore', 'ignore', 'pipe'] })
    const closed = once(child, 'close')
    for await (const text of child.stderr.setEncoding('utf8') as AsyncIterable<string>)
      if (text.includes('rows of the log')) child.kill('SIGKILL')
    expect(await closed).toEqual([null, 'SIGKILL'])
    fillFrom('whole.db', 'log-killed.db')
    expect(hashOf('log-killed.db')).toBe(hashOf('log.db'))
  })

  test('refuses to go on with other options, and with what it has not made', () => {
    expect(() => fillFrom('whole.db', 'log.db', { rows: 5 })).toThrow('was not made with')
    fillDatabase({ file: join(folder, 'others.db'), ...options, seed: 4, files: 100 })
    expect(() => fillFrom('others.db', 'log.db')).toThrow('was not made with')
    const file = join(folder, 'found.db')
    const database = new DatabaseSync(file)
    migrate(database, { folder: logMigrations, nowMs: 0 })
    database.exec(`INSERT INTO access_log VALUES
      (1, 1, 'r', NULL, 'GET', 'GetObject', NULL, '/', 200, NULL, 0, 0, 0, 0)`)
    database.close()
    expect(() => fillFrom('whole.db', 'found.db')).toThrow('was not made with')
    expect(countRows('found.db')).toBe(1)
    // Nor for files that are not all there.
    const broken = join(folder, 'unfinished.db')
    const progress = () => {
      throw new Error('broken off')
    }
    expect(() => fillDatabase({ file: broken, ...options, progress })).toThrow('broken off')
    expect(() => fillFrom('unfinished.db', 'never.db')).toThrow('has not been filled')
  })

  test.each([0, 1])('makes a log of %d rows', (rows) => {
    const file = `log-of-${rows}.db`
    fillFrom('whole.db', file, { rows })
    fillFrom('whole.db', file, { rows })
    expect(countRows(file)).toBe(rows)
  })

  test("has the migrations' schema in the end, and nothing else", () => {
    const migrated = new DatabaseSync(':memory:')
    migrate(migrated, { folder: logMigrations, nowMs: 0 })
    const list = `SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name`
    expect(read('log.db', (database) => database.prepare(list).all())).toEqual(migrated.prepare(list).all())
    const check = read('log.db', (database) => database.prepare('PRAGMA integrity_check').all())
    expect(check).toEqual([{ integrity_check: 'ok' }])
    migrated.close()
  })

  test('names operations, buckets, users and keys that there are', () => {
    const known = routes.map(({ method, path }) => `${method} ${path}`)
    const ofS3 = operations.map(({ method, name }) => `${method} ${name}`)
    for (const { method, operation } of requests)
      expect(operation.startsWith('/') ? known : ofS3).toContain(`${method} ${operation}`)
    const database = new DatabaseSync(join(folder, 'log.db'))
    database.exec(`ATTACH '${join(folder, 'whole.db')}' AS whole`)
    const strange = database.prepare(
      `SELECT count(*) AS n FROM access_log a WHERE
        (user_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM whole.users u WHERE u.id = a.user_id))
        OR (bucket IS NOT NULL AND NOT EXISTS (SELECT 1 FROM whole.buckets b WHERE b.name = a.bucket))`,
    )
    expect(strange.get()).toEqual({ n: 0 })
    const keys = database
      .prepare(`SELECT bucket, path FROM access_log WHERE operation = 'GetObject' AND number % 100 = 0`)
      .all()
      .map(({ bucket, path }) => [
        String(bucket),
        decodeURIComponent(String(path).split('/').slice(2).join('/')),
      ])
    const find = database.prepare(
      'SELECT 1 FROM whole.files f JOIN whole.buckets b ON b.id = f.bucket_id WHERE b.name = ? AND f.key = ?',
    )
    expect(keys.length).toBeGreaterThan(100)
    expect(keys.filter(([bucket, key]) => !find.get(bucket!, key!))).toEqual([])
    database.close()
  })

  test('is of thirty days, in order of time but for what overtakes, and as most logs are', () => {
    const shares = read('log.db', (database) =>
      database
        .prepare(
          `SELECT avg(method = 'GET' AND operation IN ('GetObject', '/api/v1/buckets/{bucket}/files/{key…}')) AS reads,
            avg(user_id IS NULL) AS public, avg(status >= 400) AS refused, avg(aborted) AS aborted,
            avg((status >= 400) <> (error_code IS NOT NULL)) AS wrong,
            (max(at_ms) - min(at_ms)) / 86400000.0 AS days, max(at_ms) AS last FROM access_log`,
        )
        .get(),
    )
    expect(shares).toMatchObject({
      reads: expect.closeTo(0.8, 2) as number,
      public: expect.closeTo(0.2, 1) as number,
      refused: expect.closeTo(0.04, 2) as number,
      aborted: expect.closeTo(0.001, 3) as number,
      wrong: 0,
      days: expect.closeTo(30, 2) as number,
    })
    expect(Number(shares?.['last'])).toBeLessThanOrEqual(nowMs)
    const late = read('log.db', (database) =>
      database
        .prepare(
          `SELECT count(*) AS n FROM access_log a JOIN access_log b ON b.number = a.number + 1
          WHERE b.at_ms < a.at_ms - 60000`,
        )
        .get(),
    )
    expect(late).toEqual({ n: 0 })
    const codes = read('log.db', (database) =>
      database.prepare('SELECT DISTINCT error_code AS code FROM access_log WHERE status >= 400').all(),
    )
    expect(new Set(codes.map(({ code }) => code))).toEqual(
      new Set(refusals.flatMap(({ rest, s3 }) => [rest, s3])),
    )
  })
})

const databases = [
  {
    name: 'files',
    file: 'whole.db',
    all: mix,
    registry: statements,
    folder: migrations,
    known: statistics.main,
    sample: readSamples,
  },
  {
    name: 'the access log',
    file: 'log.db',
    all: logMix,
    registry: accessLogStatements,
    folder: logMigrations,
    known: statistics.accessLog,
    sample: readAccessSamples,
  },
]

describe.each(databases)('the mix of reads of $name', ({ all, registry, file, known, sample, ...of }) => {
  test('has every statement that only reads, each once, and writes for nothing', () => {
    const names = all.map(({ statement }) => statement.name)
    expect(new Set(names).size).toBe(names.length)
    const missing = registry.filter(({ name, writes }) => writes.length === 0 && !names.includes(name))
    expect(missing.map(({ name }) => name)).toEqual([])
    expect(all.filter(({ statement, weight }) => weight > 0 !== (statement.writes.length === 0))).toEqual([])
  })

  test('has a statement for every index that can be dropped', () => {
    // As the planner sees a large database: in a small one it takes other ways.
    const database = new DatabaseSync(':memory:')
    migrate(database, { folder: of.folder, nowMs: 0 })
    database.exec('ANALYZE; DELETE FROM sqlite_stat1')
    const insert = database.prepare('INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)')
    for (const { table, index, stat } of known) insert.run(table, index, stat)
    database.exec('ANALYZE sqlite_schema')
    const needed = new Set(all.flatMap(({ statement }) => indexesOf(database, statement)))
    const indexes = describeIndexes(database).filter(({ kind }) => kind === 'index')
    expect(indexes.filter(({ name }) => !needed.has(name)).map(({ name }) => name)).toEqual([])
    database.close()
  })

  test('asks with every parameter, and mostly finds something', () => {
    const database = new DatabaseSync(join(folder, file), { readOnly: true })
    const dice = diceFor(1, 1)
    const draw = drawFrom(sample(database), dice)
    const empty: string[] = []
    for (const { statement, weight, params } of all.filter((each) => each.weight > 0)) {
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
    expect(empty.filter((name) => !without.includes(name) && !/\.scan_end/.test(name))).toEqual([])
    database.close()
  })
})

test.each(databases)(
  'the statistics that plans of $name are tested with know every index',
  ({ file, known }) => {
    const database = new DatabaseSync(join(folder, file), { readOnly: true })
    const names = new Set(known.map(({ table, index }) => `${table}.${index}`))
    // SQLite calls the key of a table WITHOUT ROWID by the table's name.
    const missing = describeIndexes(database).filter(
      ({ name, table, kind }) =>
        table !== 'blob_bodies' && !names.has(`${table}.${kind === 'primary key' ? table : name}`),
    )
    expect(
      missing.map(({ name }) => name),
      'node bench/scale/generate.ts FILE --statistics',
    ).toEqual([])
    database.close()
  },
)
