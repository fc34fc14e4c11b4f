import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { accessLogStatements, statements } from '../../src/core/statements/registry.ts'
import { migrationsFolder } from './test-core.ts'

const root = join(import.meta.dirname, '../..')

const schemas = [
  { database: 'main', registry: statements, folder: migrationsFolder },
  {
    database: 'access log',
    registry: accessLogStatements,
    folder: join(migrationsFolder, 'access-log'),
  },
]

function migrated(folder: string): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  for (const name of readdirSync(folder)
    .filter((each) => each.endsWith('.sql'))
    .toSorted()) {
    database.exec(readFileSync(join(folder, name), 'utf8'))
  }
  return database
}

/** Tables that a text names after one of these words. */
function tablesAfter(text: string, words: RegExp): string[] {
  return [...text.matchAll(words)].map(([, table]) => table as string)
}

describe('the registries of statements', () => {
  test('have a name for each, `area.action`, once in all databases', () => {
    const names = schemas.flatMap(({ registry }) => registry.map(({ name }) => name))
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^[a-z_]+\.[a-z_]+$/)
  })

  test('hold every statement that a module exports, each once', async () => {
    const folder = join(root, 'src/core/statements')
    const names = readdirSync(folder).filter((name) => name !== 'registry.ts')
    const modules = await Promise.all(names.map((name) => import(join(folder, name)) as Promise<object>))
    const texts = modules.flatMap((module) => Object.values(module)).flatMap(textsIn)
    const registered = schemas.flatMap(({ registry }) => registry.map(({ text }) => text))
    expect(registered.toSorted()).toEqual(texts.toSorted())
  })
})

describe.each(schemas)('the statements of the database: $database', ({ registry, folder }) => {
  const cases = registry.map((statement) => [statement.name, statement] as const)
  const database = migrated(folder)
  const tables = database
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`)
    .all()
    .map(({ name }) => name as string)

  test.each(cases)('%s is taken by SQLite', (_name, { text }) => {
    expect(() => database.prepare(text)).not.toThrow()
  })

  test.each(cases)('%s uses each of its parameters and no other', (_name, { text, params }) => {
    const used = new Set([...text.matchAll(/\?(\d*)/g)].map(([, number]) => Number(number)))
    expect([...used].toSorted((a, b) => a - b)).toEqual(params.map((_, index) => index + 1))
    expect(new Set(params).size).toBe(params.length)
  })

  test.each(cases)('%s names the tables that it reads and writes', (_name, { text, reads, writes }) => {
    const read = tablesAfter(text, /\b(?:FROM|JOIN)\s+([a-z_]+)/gi).filter((table) => tables.includes(table))
    const written = tablesAfter(text, /\b(?:INTO|UPDATE|DELETE FROM)\s+(?!SET\b)([a-z_]+)/gi)
    for (const table of [...reads, ...writes]) expect(tables).toContain(table)
    expect([...writes]).toEqual(expect.arrayContaining(written))
    const deleted = tablesAfter(text, /\bDELETE FROM\s+([a-z_]+)/gi)
    expect([...reads, ...deleted]).toEqual(expect.arrayContaining(read))
    // Beyond the text, only what foreign keys read or take along.
    const referred = [...written, ...read].flatMap((table) => neighbours(database, table))
    for (const table of [...reads, ...writes]) expect([...read, ...written, ...referred]).toContain(table)
  })

  test.each(cases)('%s writes nothing unless it says so', (_name, { text, writes }) => {
    const isWrite = /^\s*(INSERT|UPDATE|DELETE|REPLACE)\b/i.test(text)
    expect(isWrite).toBe(writes.length > 0)
  })

  // What says that it is not selective says what bounds it: test/contracts/query-plans.ts.
  const selective = cases.filter(([, statement]) => statement.selective !== false)
  test.each(selective)('%s reads no table from end to end', (_name, { text, params }) => {
    const plan = database
      .prepare(`EXPLAIN QUERY PLAN ${text}`)
      .all(...params.map(() => null))
      .map(({ detail }) => detail as string)
    // What a parameter lists, or the statement, is bounded by its size; `walk` is a recursion from key to key.
    const scans = plan.filter((step) => /^SCAN (?!CONSTANT|\d+-ROW VALUES|walk|\w+ VIRTUAL TABLE)/.test(step))
    expect(scans).toEqual([])
  })
})

/** However deep they lie. */
function textsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  const { text } = value as { text?: unknown }
  return typeof text === 'string' ? [text] : Object.values(value).flatMap(textsIn)
}

/** Tables that a foreign key joins with this one. */
function neighbours(database: DatabaseSync, table: string): string[] {
  return database
    .prepare(
      `SELECT m.name AS child, f."table" AS parent FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
      WHERE m.type = 'table' AND (m.name = ?1 OR f."table" = ?1)`,
    )
    .all(table)
    .flatMap(({ child, parent }) => [child as string, parent as string])
}

test('there is no SQL outside the registry, the migrations and the adapters’ own upkeep', () => {
  const allowed =
    /^(core\/statements|adapters\/sqlite|adapters\/d1\/inspector\.ts|adapters\/disk\/folder-lock\.ts)/
  const sql =
    /\b(SELECT\s+[\w*(.]+[\s\S]{0,80}?\bFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+(TABLE|INDEX)|PRAGMA)\b/
  const source = join(root, 'src')
  const offending = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !allowed.test(name))
    .filter((name) => sql.test(readFileSync(join(source, name), 'utf8')))
  expect(offending).toEqual([])
  // Upkeep is not business: what the adapters say themselves names no table of ours.
  // But for the tools of a data folder, which say why at their beginning.
  const tools = ['maintenance.ts', 'inconsistencies.ts']
  for (const name of readdirSync(join(source, 'adapters/sqlite')).filter((each) => !tools.includes(each))) {
    const text = readFileSync(join(source, 'adapters/sqlite', name), 'utf8')
    expect(text).not.toMatch(
      /\b(FROM|INTO|UPDATE|JOIN)\s+(files|blobs|buckets|users|access_keys|api_tokens|settings)\b/,
    )
  }
})
