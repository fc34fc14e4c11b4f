import { DatabaseError, databaseErrorFromSqlite, type Statement } from '../../core/ports/database.ts'
import {
  analyzedRowsOf,
  type DatabaseInspector,
  type InspectedIndex,
  type InspectedTable,
  type Inspection,
  type Statistic,
} from '../../core/ports/database-inspector.ts'
import type { D1DatabaseLike, D1ResultLike } from './database.ts'

/**
 * What D1 tells about itself: its schema, plans, what the planner knows, and its size. It refuses what else there is to know (dbstat,
 * the list of free pages; measured in workerd 2026-11-21), has no place for a copy, and counting rows would be billed by the row.
 * These statements are not in the registry of `core/statements`: they name no table of ours.
 */
export function createD1Inspector(
  d1: D1DatabaseLike,
  { registered }: { registered: ReadonlySet<Statement> },
) {
  const all = async <Row>(text: string) => (await d1.prepare(text).all()).results as Row[]

  const inspector: DatabaseInspector = {
    // A request of the free plan may ask 50 queries, and a batch counts for what is in it.
    plansMax: 30,

    inspect: (statements) =>
      attempt(async () => {
        for (const { name } of statements.filter((each) => !registered.has(each)))
          throw new DatabaseError('unavailable', `${name} is not registered`)
        const [tables, indexes, due, ...explained] = (await d1.batch([
          d1.prepare(tablesText),
          d1.prepare(indexesText),
          // Every check, and nothing done. https://www.sqlite.org/pragma.html#pragma_optimize
          d1.prepare('PRAGMA optimize(-1)'),
          ...statements.map(({ text, params }) =>
            d1.prepare(`EXPLAIN QUERY PLAN ${text}`).bind(...params.map(() => null)),
          ),
        ])) as [D1ResultLike, D1ResultLike, D1ResultLike, ...D1ResultLike[]]
        const found = tables.results as { name: string; columns: string }[]
        const statistics = found.some(({ name }) => name === 'sqlite_stat1')
          ? await all<Statistic>('SELECT tbl AS "table", idx AS "index", stat FROM sqlite_stat1')
          : []
        const listed = found.filter(({ name }) => !name.startsWith('sqlite_'))
        const large = await largeOf(namesIn(due.results, listed))
        const inspected = (indexes.results as IndexRow[]).map((row) => indexOf(row, statistics))
        return {
          tables: listed.map(({ name, columns }): InspectedTable => ({
            name,
            columns: JSON.parse(columns) as string[],
            rows: undefined,
            analyzedRows: analyzedRowsOf(name, statistics, inspected),
            isAnalyzeDue: large.has(name),
            sizeBytes: undefined,
          })),
          indexes: inspected,
          plans: new Map(
            statements.map(({ name }, at) => [
              name,
              ((explained[at] as D1ResultLike).results as { detail: string }[]).map(({ detail }) => detail),
            ]),
          ),
          plansWithoutStatistics: undefined,
          sizeBytes: tables.meta.size_after,
          logBytes: undefined,
          freeBytes: undefined,
          unknown: ['Rows and sizes of tables and indexes, free pages: D1 does not tell.'],
        } satisfies Inspection
      }),

    analyze: (tables) =>
      attempt(async () => {
        await d1.batch(tables.map((table) => d1.prepare(`ANALYZE ${quoteIdentifier(table)}`)))
      }),
  }

  /** Tables that are worth counting: one query, which reads at most so many rows of each. */
  async function largeOf(names: readonly string[]): Promise<Set<string>> {
    if (names.length === 0) return new Set()
    const counts = names.map((name) => {
      const quoted = quoteIdentifier(name)
      return `(SELECT count(*) FROM (SELECT 1 FROM ${quoted} LIMIT ${countedRowsMax})) AS ${quoted}`
    })
    const [row] = await all<Record<string, number>>(`SELECT ${counts.join(', ')}`)
    return new Set(names.filter((name) => row?.[name] === countedRowsMax))
  }

  return inspector
}

/** A table of fewer needs no statistics. */
const countedRowsMax = 1000

/** `_cf_` is D1's own, and cannot be read. */
const tablesText = `SELECT m.name AS name, json_group_array(c.name) AS columns FROM sqlite_master m, pragma_table_info(m.name) c
  WHERE m.type = 'table' AND m.name NOT LIKE '\\_cf\\_%' ESCAPE '\\' GROUP BY m.name ORDER BY m.name`

const indexesText = `SELECT m.name AS "table", i.name AS name, i."unique" AS isUnique, i.origin AS origin, i.partial AS isPartial,
    (SELECT json_group_array(c.name) FROM pragma_index_info(i.name) c) AS columns
  FROM sqlite_master m, pragma_index_list(m.name) i
  WHERE m.type = 'table' AND m.name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY i.name`

interface IndexRow {
  table: string
  name: string
  isUnique: number
  origin: string
  isPartial: number
  columns: string
}

function indexOf(row: IndexRow, statistics: readonly Statistic[]): InspectedIndex {
  return {
    name: row.name,
    table: row.table,
    columns: JSON.parse(row.columns) as (string | null)[],
    isUnique: row.isUnique === 1,
    isPartial: row.isPartial === 1,
    isImplicit: row.origin !== 'c',
    isAnalyzed: statistics.some(({ index }) => index === row.name),
    sizeBytes: undefined,
  }
}

/** `ANALYZE "main"."files"`. */
function namesIn(rows: readonly unknown[], tables: readonly { name: string }[]): string[] {
  const texts = rows.map((row) => String(Object.values(row as object)[0]))
  return tables.map(({ name }) => name).filter((name) => texts.some((text) => text.endsWith(`."${name}"`)))
}

/** Plain names only; quoted, since `key` may be a word of SQL. */
function quoteIdentifier(name: string): string {
  if (!/^[a-z_][a-z0-9_]*$/i.test(name)) throw new DatabaseError('unavailable', `“${name}” is no name`)
  return `"${name}"`
}

async function attempt<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    throw cause instanceof DatabaseError ? cause : databaseErrorFromSqlite(cause)
  }
}
