import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import {
  analyzedRowsOf,
  type InspectedIndex,
  type InspectedTable,
  type Inspection,
  type NewIndex,
  type Statistic,
} from '../../core/ports/database-inspector.ts'

/**
 * A thread for one look at a database: it reads all of its pages once, which takes seconds where it is large and not in memory. These
 * statements are not in the registry of `core/statements`: they ask what SQLite knows of any database, and name no table of ours.
 */
export interface InspectorData {
  readonly file: string
  readonly request: InspectorRequest
}

export type InspectorRequest =
  | { readonly kind: 'inspect'; readonly statements: readonly Named[] }
  | { readonly kind: 'try'; readonly trials: readonly Trial[] }

interface Trial {
  /** Of the statement, and what makes the index. */
  readonly text: string
  readonly indexText: string
  readonly index: NewIndex
}

interface Named {
  readonly name: string
  readonly text: string
}

export type InspectorAnswer =
  | { readonly error: string }
  | { readonly inspection: Inspection }
  | { readonly plans: string[][] }

/** What is not counted or measured by then is left out. One table or index may still go on for long. */
const budgetMs = 5000

if (parentPort) {
  const { file, request } = workerData as InspectorData
  parentPort.postMessage(answer(file, request))
}

function answer(file: string, request: InspectorRequest): InspectorAnswer {
  try {
    const database = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
    try {
      return request.kind === 'inspect'
        ? { inspection: inspect(database, file, request.statements) }
        : { plans: tryIndexes(database, request.trials) }
    } finally {
      database.close()
    }
  } catch (error) {
    return { error: (error as Error).message }
  }
}

function inspect(database: DatabaseSync, file: string, statements: readonly Named[]): Inspection {
  const number = (text: string) => Number(Object.values(database.prepare(text).get() ?? { none: 0 })[0] ?? 0)
  const pageBytes = number('PRAGMA page_size')
  const measure = measurer(database)
  const statistics = readStatistics(database)
  const indexes = readIndexes(database).map((index) => ({
    ...index,
    isAnalyzed: statistics.some((row) => row.index === index.name),
    sizeBytes: measure.sizeOf(index.name),
  }))
  const tables = readTables(database).map((table) => ({
    ...table,
    rows: measure.rowsOf(table.name),
    analyzedRows: analyzedRowsOf(table.name, statistics, indexes),
    // Its rows tell more: SQLite waits until there are ten times as many.
    isAnalyzeDue: false,
    sizeBytes: measure.sizeOf(table.name),
  }))
  const copy = copySchema(database, { withStatistics: false })
  const plansWithoutStatistics = plansOf(copy, statements)
  copy.close()
  return {
    tables,
    indexes,
    plans: plansOf(database, statements),
    plansWithoutStatistics,
    sizeBytes: number('PRAGMA page_count') * pageBytes,
    logBytes: statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0,
    freeBytes: number('PRAGMA freelist_count') * pageBytes,
    unknown: measure.unknown,
  }
}

type Database = Pick<DatabaseSync, 'prepare'>

function plansOf(database: Database, statements: readonly Named[]): Map<string, string[]> {
  return new Map(statements.map(({ name, text }) => [name, planOf(database, text)]))
}

/** https://www.sqlite.org/eqp.html */
function planOf(database: Database, text: string): string[] {
  return database
    .prepare(`EXPLAIN QUERY PLAN ${text}`)
    .all()
    .map(({ detail }) => detail as string)
}

/** By plan, with that index alone added to what there is. */
function tryIndexes(database: DatabaseSync, trials: readonly Trial[]): string[][] {
  const copy = copySchema(database, { withStatistics: true })
  const statisticOf = estimator(database)
  try {
    return trials.map(({ text, indexText, index }) => {
      copy.exec(`SAVEPOINT trial; ${indexText}`)
      const stat = statisticOf(index)
      if (stat !== undefined) {
        copy
          .prepare('INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?1, ?2, ?3)')
          .run(index.table, index.name, stat)
        copy.exec('ANALYZE sqlite_schema')
      }
      const plan = planOf(copy, text)
      copy.exec('ROLLBACK TO trial; RELEASE trial')
      return plan
    })
  } finally {
    copy.close()
  }
}

/**
 * What ANALYZE would say of an index if there were one: else the planner would take it for a good one, whatever lies in its columns.
 * Reads the table for each of the columns. `undefined` where the table was never counted, and where there is no time.
 */
function estimator(database: DatabaseSync): (index: NewIndex) => string | undefined {
  const endMs = performance.now() + budgetMs
  const counted = new Set(readStatistics(database).map(({ table }) => table))
  const known = new Map<string, number>()
  const count = (text: string): number => {
    const before = known.get(text)
    if (before !== undefined) return before
    const rows = Number(database.prepare(text).get()?.['rows'])
    known.set(text, rows)
    return rows
  }
  return ({ table, columns }) => {
    if (!counted.has(table)) return undefined
    const rows = count(`SELECT count(*) AS rows FROM "${table}"`)
    const stat = [rows]
    for (const [at] of columns.entries()) {
      if (performance.now() > endMs) return undefined
      const prefix = columns.slice(0, at + 1).map((column) => `"${column}"`)
      const distinct = count(
        `SELECT count(*) AS rows FROM (SELECT DISTINCT ${prefix.join()} FROM "${table}")`,
      )
      stat.push(Math.ceil(rows / Math.max(1, distinct)))
    }
    return stat.join(' ')
  }
}

/** In memory: tables without rows, and, where they are asked for, the statistics of those that they have here. */
function copySchema(database: DatabaseSync, { withStatistics }: { withStatistics: boolean }): DatabaseSync {
  const copy = new DatabaseSync(':memory:', { enableForeignKeyConstraints: true })
  const texts = database
    .prepare(
      `SELECT sql AS text FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
      ORDER BY type <> 'table', type <> 'index', rowid`,
    )
    .all()
  for (const { text } of texts) copy.exec(text as string)
  if (!withStatistics) return copy
  copy.exec('ANALYZE')
  copy.exec('DELETE FROM sqlite_stat1')
  const insert = copy.prepare('INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?1, ?2, ?3)')
  for (const { table, index, stat } of readStatistics(database)) insert.run(table, index, stat)
  // Reads them, and counts nothing. https://www.sqlite.org/lang_analyze.html
  copy.exec('ANALYZE sqlite_schema')
  return copy
}

function readStatistics(database: DatabaseSync): Statistic[] {
  const [table] = database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'`).all()
  if (!table) return []
  const rows = database.prepare('SELECT tbl AS "table", idx AS "index", stat FROM sqlite_stat1')
  return rows.all() as unknown as Statistic[]
}

function readTables(database: DatabaseSync): Pick<InspectedTable, 'name' | 'columns'>[] {
  const rows = database
    .prepare(
      `SELECT m.name AS name, json_group_array(c.name) AS columns FROM sqlite_schema m, pragma_table_info(m.name) c
      WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' GROUP BY m.name ORDER BY m.name`,
    )
    .all()
  return rows.map(({ name, columns }) => ({
    name: name as string,
    columns: JSON.parse(columns as string) as string[],
  }))
}

function readIndexes(database: DatabaseSync): Omit<InspectedIndex, 'isAnalyzed' | 'sizeBytes'>[] {
  const rows = database
    .prepare(
      `SELECT m.name AS "table", i.name AS name, i."unique" AS isUnique, i.origin AS origin, i.partial AS isPartial,
        (SELECT json_group_array(c.name) FROM pragma_index_info(i.name) c) AS columns
      FROM sqlite_schema m, pragma_index_list(m.name) i
      WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY i.name`,
    )
    .all()
  return rows.map(({ table, name, isUnique, origin, isPartial, columns }) => ({
    name: name as string,
    table: table as string,
    columns: JSON.parse(columns as string) as (string | null)[],
    isUnique: isUnique === 1,
    isPartial: isPartial === 1,
    isImplicit: origin !== 'c',
  }))
}

/** Rows and bytes, as long as there is time. Sizes by `dbstat`, where SQLite was built with it, as Node's is. */
function measurer(database: DatabaseSync) {
  const endMs = performance.now() + budgetMs
  const isLate = () => performance.now() > endMs
  const unknown = new Set<string>()
  const [hasSizes] = database.prepare(`SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'`).all()
  if (!hasSizes) unknown.add('Sizes of tables and indexes: this SQLite was built without dbstat.')
  const late = 'Rows and sizes of some tables and indexes: there was no time for them.'
  return {
    get unknown() {
      return [...unknown]
    },
    sizeOf(name: string): number | undefined {
      if (!hasSizes) return undefined
      if (isLate()) {
        unknown.add(late)
        return undefined
      }
      const [row] = database
        .prepare('SELECT pgsize FROM dbstat WHERE aggregate = TRUE AND name = ?1')
        .all(name)
      // The key of a table without row ids is the table itself.
      return row ? Number(row['pgsize']) : undefined
    },
    rowsOf(table: string): number | undefined {
      if (isLate()) {
        unknown.add(late)
        return undefined
      }
      const [row] = database.prepare(`SELECT count(*) AS rows FROM "${table.replaceAll('"', '""')}"`).all()
      return Number(row?.['rows'])
    },
  }
}
