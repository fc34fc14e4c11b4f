import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import statistics from '../../bench/scale/statistics.json' with { type: 'json' }
import { describeIndexes, planOf } from '../../bench/scale/indexes.ts'
import { migrate } from '../../src/adapters/sqlite/migrate.ts'
import { accessLogStatements, statements } from '../../src/core/statements/registry.ts'
import { table, wholeNumber } from './markdown.ts'
import type { IndexDescription } from '../../bench/scale/indexes.ts'
import type { StatisticsRow } from '../../bench/scale/statistics.ts'
import type { Result } from '../../bench/harness/result.ts'
import type { Statement } from '../../src/core/ports/database.ts'

const root = join(import.meta.dirname, '../..')

interface Schema {
  readonly folder: string
  readonly statements: readonly Statement[]
  readonly statistics: readonly StatisticsRow[]
  /** Said of each of its tables. */
  readonly note?: string
}

const schemas: readonly Schema[] = [
  { folder: 'migrations', statements, statistics: statistics.main },
  {
    folder: 'migrations/access-log',
    statements: accessLogStatements,
    statistics: statistics.accessLog,
    note: "In the access log's own database.",
  },
]

/** Indexes from the migrations, plans from the planner, times from the benchmark. */
export async function indexReference(): Promise<string> {
  const result = readResult()
  return [
    '# Indexes',
    `Every index and primary key, and each [statement](../../ARCHITECTURE.md#invariants) that finds its rows by it, with the ` +
      `step of its plan: of SQLite, knowing the statistics of ${rowsOf('files')} files of 1,000 users and ` +
      `${rowsOf('access_log_by_time')} requests. ` +
      'Tests ask for all plans, on SQLite and on D1, with and without these statistics, and fail on an index that no statement ' +
      'takes and on one that is the beginning of another. What inserts only keep, and what triggers and foreign keys look up ' +
      'beyond what a plan shows, is not listed.',
    result
      ? `Times are means of the same questions with and without that one index on the same data, as measured on ` +
        `${result.machine.date.slice(0, 10)} by \`node bench/run.ts indexes\` ([how](../../bench/README.md)). Primary keys and ` +
        'what keeps values unique cannot be dropped.'
      : 'What each index gains has not been measured yet: `node bench/run.ts indexes`.',
    ...schemas.flatMap((schema) => sectionsOf(schema, result)),
  ].join('\n\n')
}

/** How many entries an index had when the statistics were made. */
function rowsOf(index: string): string {
  const rows = schemas.flatMap((schema) => schema.statistics)
  return wholeNumber(Number.parseInt(rows.find((row) => row.index === index)!.stat, 10))
}

/** One for each table. */
function sectionsOf(schema: Schema, result: Result | undefined): string[] {
  const database = openKnowing(schema)
  const indexes = describeIndexes(database)
  const tables = new Set(indexes.map((index) => index.table))
  const steps = schema.statements.flatMap((statement) => stepsOf(database, { statement, tables }))
  database.close()
  const titles = ['statement', 'step', ...(result ? ['without', 'with', 'gain'] : [])]
  return [...Map.groupBy(indexes, (index) => index.table)].flatMap(([name, ofTable]) => [
    `## ${name}`,
    ...(schema.note === undefined ? [] : [schema.note]),
    ...ofTable.flatMap((index) => {
      const used = steps.filter((step) => step.table === name && step.index === nameOf(index))
      const rows = used.map(({ statement, step }) => [
        `\`${statement}\``,
        `\`${step}\``,
        ...(result ? gainOf(result, { index: index.name, statement }) : []),
      ])
      return [
        `### ${index.kind === 'primary key' ? `Primary key of ${name}` : `\`${index.name}\``}`,
        describe(index),
        ...(rows.length > 0 ? [table(titles, rows)] : []),
      ]
    }),
  ])
}

/** The schema of the migrations, and a planner that takes its tables for filled. */
function openKnowing({ folder, statistics: known }: Schema): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  migrate(database, { folder: join(root, folder), nowMs: 0 })
  database.exec('ANALYZE; DELETE FROM sqlite_stat1')
  const insert = database.prepare('INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)')
  for (const { table: name, index, stat } of known) insert.run(name, index, stat)
  database.exec('ANALYZE sqlite_schema')
  return database
}

interface IndexStep {
  readonly statement: string
  readonly step: string
  readonly table: string
  /** As {@link nameOf} says it. */
  readonly index: string
}

/** Steps that look into an index, each once. */
function stepsOf(
  database: DatabaseSync,
  { statement, tables }: { statement: Statement; tables: ReadonlySet<string> },
): IndexStep[] {
  const names = tableNames(statement.text, tables)
  return [...new Set(planOf(database, statement))].flatMap((step) => {
    const [, alias, index] =
      /^(?:SEARCH|SCAN) (\w+).* USING (?:COVERING )?(PRIMARY KEY|INDEX \w+)/.exec(step) ?? []
    if (alias === undefined || index === undefined) return []
    const name = names.get(alias) ?? alias
    return [{ statement: statement.name, step, table: name, index: index.replace('INDEX ', '') }]
  })
}

const nameOf = ({ kind, name, table: of }: IndexDescription) =>
  // Only a table WITHOUT ROWID is its primary key; of others it is an index like any.
  kind === 'primary key' && of !== 'blob_bodies' ? 'PRIMARY KEY' : name

/** What a text calls its tables. */
function tableNames(text: string, tables: ReadonlySet<string>): Map<string, string> {
  const found = text.matchAll(/\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?/g)
  return new Map(
    [...found].flatMap(([, name, alias]) =>
      name !== undefined && alias !== undefined && tables.has(name) ? [[alias, name] as const] : [],
    ),
  )
}

function describe({ kind, columns, where }: IndexDescription): string {
  const list = columns.map((column) => `\`${column}\``).join(', ')
  const unique = kind === 'unique' ? ' Keeps values unique.' : ''
  return `${list}${where === undefined ? '' : `, of rows where \`${where}\``}.${unique}`
}

function readResult(): Result | undefined {
  const path = join(root, 'bench/results/indexes.json')
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Result) : undefined
}

function gainOf({ medians }: Result, { index, statement }: { index: string; statement: string }): string[] {
  const withUs = medians[`index.${index}.${statement}.withUs`]
  const withoutUs = medians[`index.${index}.${statement}.withoutUs`]
  if (withUs === undefined || withoutUs === undefined) return ['–', '–', '–']
  return [duration(withoutUs), duration(withUs), `× ${threeDigits(withoutUs / withUs)}`]
}

function duration(us: number): string {
  if (us < 1000) return `${threeDigits(us)} µs`
  return us < 1_000_000 ? `${threeDigits(us / 1000)} ms` : `${threeDigits(us / 1_000_000)} s`
}

function threeDigits(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: value < 100 ? 2 : 3 })
}
