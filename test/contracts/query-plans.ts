import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import statisticsOfMillion from '../../bench/scale/statistics.json' with { type: 'json' }
import type { Statement } from '../../src/core/ports/database.ts'
import { statements } from '../../src/core/statements/registry.ts'

/** A database with the schema of the migrations, and no rows but those of `sqlite_stat1`. */
export interface PlannedDatabase {
  explain(statement: Statement): Promise<string[]>
  /** Runs a text of this contract. */
  all(text: string): Promise<Record<string, unknown>[]>
  /** Whoever read `sqlite_stat1` before it was written plans as before. */
  close(): Promise<void>
}

/** A row of sqlite_stat1: https://www.sqlite.org/fileformat2.html#the_sqlite_stat1_table */
type StatisticsRow = (typeof statisticsOfMillion)[number]

/** Tables of which there are as many rows as there are files. */
const unbounded = ['files', 'blobs', 'blob_bodies', 'blob_parts', 'upload_parts', 'uploads']

/**
 * How each statement is run, by a planner that knows nothing of the data, as in a new database, and by one that knows what
 * ANALYZE finds in one of 1,000,000 files of 1,000 users (`bench/scale/generate.ts --statistics`). Which index the planner
 * takes depends on that.
 */
export function queryPlansContract(name: string, open: () => Promise<PlannedDatabase>): void {
  describe.each([
    { knowing: 'nothing of the data', statistics: [] as StatisticsRow[] },
    { knowing: 'the statistics of 1,000,000 files', statistics: statisticsOfMillion },
  ])(`query plans of ${name}, knowing $knowing`, ({ statistics }) => {
    let database: PlannedDatabase
    const plans = new Map<string, readonly string[]>()
    const planOf = (statement: string) => plans.get(statement) ?? []

    beforeAll(async () => {
      database = await open()
      await tellStatistics(database, statistics)
      for (const statement of statements) plans.set(statement.name, await database.explain(statement))
    })
    afterAll(async () => {
      await tellStatistics(database, [])
      await database.close()
    })

    test.each(statements.map(({ name: statement, selective }) => ({ statement, selective })))(
      '$statement does not read or sort more than it says',
      ({ statement, selective }) => {
        const costly = planOf(statement).filter((step) =>
          selective === false ? readsAllOf(unbounded, step) : isCostly(step),
        )
        expect(costly).toEqual([])
      },
    )

    test('what says that it is not selective is not, and says what bounds it', () => {
      const others = statements.filter(({ selective }) => selective !== false)
      expect(others.filter(({ bound }) => bound !== undefined)).toEqual([])
      const unselective = statements.filter(({ selective }) => selective === false)
      expect(unselective.filter(({ bound }) => !bound)).toEqual([])
      const honest = unselective.filter(({ name: statement }) => planOf(statement).some(isCostly))
      expect(honest).toEqual(unselective)
    })

    test('what triggers do finds its rows by an index', async () => {
      const triggers = await database.all(`SELECT name, sql FROM sqlite_master WHERE type = 'trigger'`)
      // A plan says nothing of the triggers that its statement sets off.
      const texts = triggers.flatMap(({ sql }) => textsOfTrigger(String(sql)))
      expect(texts.length).toBeGreaterThan(4)
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
      expect(indexes.length).toBeGreaterThan(10)
      expect(unused).toEqual([])
    })

    test('listings by key use the primary key, those by type, time and size the index of that order', () => {
      const indexOf = (statement: string) =>
        planOf(statement).map((step) => /USING (?:COVERING )?(PRIMARY KEY|INDEX \w+)/.exec(step)?.[1])
      expect(indexOf('listing.by_key')).toEqual(['PRIMARY KEY'])
      expect(indexOf('listing.filtered_by_key_descending')).toEqual(['PRIMARY KEY'])
      expect(indexOf('listing.by_type')).toEqual(['INDEX files_by_type'])
      expect(indexOf('listing.by_modified_descending')).toEqual(['INDEX files_by_modified'])
      expect(indexOf('listing.by_size')).toEqual(['INDEX files_by_size'])
      expect(indexOf('listing.scan_end_by_size_descending')).toEqual(['INDEX files_by_size'])
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
  // What a parameter lists is not of the database.
  if (step === 'SCAN CONSTANT ROW' || /^SCAN \w+ VIRTUAL TABLE/.test(step)) return false
  return /^SCAN|TEMP B-TREE|AUTOMATIC|\(ANY\(/.test(step)
}

function readsAllOf(tables: readonly string[], step: string): boolean {
  const [, scanned] = /^SCAN (\w+)/.exec(step) ?? []
  // Tables are called by these letters where they have another name.
  const aliases: Record<string, string> = { f: 'files', o: 'blobs', p: 'blob_parts' }
  return scanned !== undefined && tables.includes(aliases[scanned] ?? scanned)
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
