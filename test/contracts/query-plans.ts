import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import statistics from '../../bench/scale/statistics.json' with { type: 'json' }
import type { StatisticsRow } from '../../bench/scale/statistics.ts'
import type { Statement } from '../../src/core/ports/database.ts'
import { accessLogStatements, statements } from '../../src/core/statements/registry.ts'

/** A database with the schema of the migrations, and no rows but those of `sqlite_stat1`. */
export interface PlannedDatabase {
  explain(statement: Statement): Promise<string[]>
  /** Runs a text of this contract. */
  all(text: string): Promise<Record<string, unknown>[]>
  /** Whoever read `sqlite_stat1` before it was written plans as before. */
  close(): Promise<void>
}

/** A schema, and what its plans depend on. */
export interface PlannedSchema {
  readonly statements: readonly Statement[]
  /** What ANALYZE finds in a large database (`bench/scale/generate.ts --statistics`), and in which. */
  readonly statistics: readonly StatisticsRow[]
  readonly statisticsOf: string
  /** Tables that have as many rows as there are files, or requests. */
  readonly unbounded: readonly string[]
  /** What tables are called where a statement gives them another name. */
  readonly aliases: Readonly<Record<string, string>>
  /** How many there are at least, so that not finding them is not taken for finding nothing wrong. */
  readonly least: { readonly indexes: number; readonly textsOfTriggers: number }
  /** Of some statements, what their rows are found by. */
  readonly foundBy: Readonly<Record<string, readonly string[]>>
}

export const mainSchema: PlannedSchema = {
  statements,
  statistics: statistics.main,
  statisticsOf: '1,000,000 files of 1,000 users',
  unbounded: ['files', 'blobs', 'blob_bodies', 'blob_parts', 'upload_parts', 'uploads'],
  aliases: { f: 'files', o: 'blobs', p: 'blob_parts' },
  least: { indexes: 11, textsOfTriggers: 5 },
  foundBy: {
    'listing.by_key': ['PRIMARY KEY'],
    'listing.filtered_by_key_descending': ['PRIMARY KEY'],
    'listing.by_type': ['INDEX files_by_type'],
    'listing.by_modified_descending': ['INDEX files_by_modified'],
    'listing.by_size': ['INDEX files_by_size'],
    'listing.scan_end_by_size_descending': ['INDEX files_by_size'],
  },
}

export const accessLogSchema: PlannedSchema = {
  statements: accessLogStatements,
  statistics: statistics.accessLog,
  statisticsOf: '5,000,000 requests',
  unbounded: ['access_log'],
  aliases: {},
  least: { indexes: 4, textsOfTriggers: 0 },
  foundBy: {
    'access_log.list': ['INDEX access_log_by_time'],
    'access_log.scan_end': ['INDEX access_log_by_time'],
    'access_log.list_of_user': ['INDEX access_log_by_user'],
    'access_log.scan_end_of_user': ['INDEX access_log_by_user'],
    'access_log.list_to_bucket': ['INDEX access_log_by_bucket'],
    'access_log.scan_end_to_bucket': ['INDEX access_log_by_bucket'],
    'access_log.list_refused': ['INDEX access_log_refused'],
    'access_log.scan_end_refused': ['INDEX access_log_refused'],
    'access_log.list_refused_of_user': ['INDEX access_log_refused_by_user'],
    'access_log.scan_end_refused_of_user': ['INDEX access_log_refused_by_user'],
    'access_log.list_refused_to_bucket': ['INDEX access_log_refused_by_bucket'],
    'access_log.scan_end_refused_to_bucket': ['INDEX access_log_refused_by_bucket'],
  },
}

/**
 * How each statement is run, by a planner that knows nothing of the data, as in a new database, and by one that knows what a
 * large one holds. Which index the planner takes depends on that.
 */
export function queryPlansContract(
  name: string,
  schema: PlannedSchema,
  open: () => Promise<PlannedDatabase>,
): void {
  const { least } = schema
  describe.each([
    { knowing: 'nothing of the data', known: [] },
    { knowing: `the statistics of ${schema.statisticsOf}`, known: schema.statistics },
  ])(`query plans of ${name}, knowing $knowing`, ({ known }) => {
    let database: PlannedDatabase
    const plans = new Map<string, readonly string[]>()
    const planOf = (statement: string) => plans.get(statement) ?? []

    beforeAll(async () => {
      database = await open()
      await tellStatistics(database, known)
      for (const statement of schema.statements) plans.set(statement.name, await database.explain(statement))
    })
    afterAll(async () => {
      await tellStatistics(database, [])
      await database.close()
    })

    test.each(schema.statements.map(({ name: statement, selective }) => ({ statement, selective })))(
      '$statement does not read or sort more than it says',
      ({ statement, selective }) => {
        const costly = planOf(statement).filter((step) =>
          selective === false ? readsAllOf(schema, step) : isCostly(step),
        )
        expect(costly).toEqual([])
      },
    )

    test('what says that it is not selective is not, and says what bounds it', () => {
      const others = schema.statements.filter(({ selective }) => selective !== false)
      expect(others.filter(({ bound }) => bound !== undefined)).toEqual([])
      const unselective = schema.statements.filter(({ selective }) => selective === false)
      expect(unselective.filter(({ bound }) => !bound)).toEqual([])
      const honest = unselective.filter(({ name: statement }) => planOf(statement).some(isCostly))
      expect(honest).toEqual(unselective)
    })

    test('what triggers do finds its rows by an index', async () => {
      const triggers = await database.all(`SELECT name, sql FROM sqlite_master WHERE type = 'trigger'`)
      // A plan says nothing of the triggers that its statement sets off.
      const texts = triggers.flatMap(({ sql }) => textsOfTrigger(String(sql)))
      expect(texts.length).toBeGreaterThanOrEqual(least.textsOfTriggers)
      for (const text of texts) {
        const steps = await database.all(`EXPLAIN QUERY PLAN ${text}`)
        expect({ text, costly: steps.map(({ detail }) => String(detail)).filter(isCostly) }).toEqual({
          text,
          costly: [],
        })
      }
    })

    test('every index is needed by a statement', async () => {
      const used = [...plans.values()].flat().join('\n')
      const indexes = await database.all(
        `SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`,
      )
      const unused = indexes
        .map((index) => String(index['name']))
        .filter((index) => !new RegExp(`INDEX ${index}\\b`).test(used))
      expect(indexes.length).toBeGreaterThanOrEqual(least.indexes)
      expect(unused).toEqual([])
    })

    test.each(Object.entries(schema.foundBy))('%s finds its rows by %s', (statement, expected) => {
      const found = planOf(statement).map(
        (step) => /USING (?:COVERING )?(PRIMARY KEY|INDEX \w+)/.exec(step)?.[1],
      )
      expect(found).toEqual(expected)
    })
  })
}

/** The statements between BEGIN and END, with a value in place of a column of the row that set it off. */
function textsOfTrigger(sql: string): string[] {
  const [, body = ''] = /\bBEGIN\b([^]*)\bEND\s*$/.exec(sql) ?? []
  const texts = body.split(';').map((text) => text.trim().replace(/\b(?:NEW|OLD)\.\w+/g, "'x'"))
  return texts.filter((text) => text !== '')
}

/** Reads every row, every value of an index's first column (ANY), builds an index for this one run, or sorts. */
function isCostly(step: string): boolean {
  // What a parameter lists, and what a statement says, is not of the database.
  if (/^SCAN (CONSTANT ROW|\d+-ROW VALUES CLAUSE|\w+ VIRTUAL TABLE)/.test(step)) return false
  return /^SCAN|TEMP B-TREE|AUTOMATIC|\(ANY\(/.test(step)
}

function readsAllOf({ unbounded, aliases }: PlannedSchema, step: string): boolean {
  const [, scanned] = /^SCAN (\w+)/.exec(step) ?? []
  return scanned !== undefined && unbounded.includes(aliases[scanned] ?? scanned)
}

/** Has the planner read them anew: it does so when the table is analysed of which it learns what tables there are. */
async function tellStatistics(database: PlannedDatabase, rows: readonly StatisticsRow[]): Promise<void> {
  await database.all('ANALYZE')
  await database.all('DELETE FROM sqlite_stat1')
  const quote = (text: string | null) => (text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`)
  const values = rows.map(({ table, index, stat }) => `(${[table, index, stat].map(quote).join(', ')})`)
  if (values.length > 0)
    await database.all(`INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ${values.join(', ')}`)
  await database.all('ANALYZE sqlite_schema')
}
