import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { totalsOfEverybody, totalsOfOwner } from '../../../src/core/statements/compression.ts'
import { statements } from '../../../src/core/statements/registry.ts'

const migrations = join(import.meta.dirname, '../../../migrations')
const database = new DatabaseSync(':memory:')
for (const name of readdirSync(migrations).toSorted())
  database.exec(readFileSync(join(migrations, name), 'utf8'))

/** What SQLite would do, a step each. https://www.sqlite.org/eqp.html */
function planOf(text: string): string[] {
  const explain = database.prepare(`EXPLAIN QUERY PLAN ${text}`)
  return explain.all().map((row) => String(row['detail']))
}

/** Steps that read a whole table or sort, and why they may. */
const allowed: Record<string, readonly [step: RegExp, reason: string][]> = {
  'listing.grouped': [
    [/^SCAN (walk|CONSTANT ROW)$/, 'the recursion itself, bounded by the page'],
    [/^USE TEMP B-TREE FOR ORDER BY$/, 'of a page'],
  ],
  ...Object.fromEntries(
    [totalsOfEverybody, totalsOfOwner]
      .flatMap((group) => Object.values(group))
      .map(({ name }) => [
        name,
        [
          [
            /^USE TEMP B-TREE FOR (GROUP|ORDER) BY$/,
            'of totals: a row for each bucket, type, codec and verdict',
          ],
        ],
      ]),
  ),
  ...Object.fromEntries(
    ['cache.list_most_read', 'cache.trim_file_reads'].map((name) => [
      name,
      [[/^USE TEMP B-TREE FOR ORDER BY$/, 'of a table that is kept to some 2,000 rows']],
    ]),
  ),
  'guards.another_admin_is_left': [[/^SCAN users$/, 'rare, and stops at the first administrator']],
}

describe('query plans', () => {
  test.each(statements.map(({ name, text }) => ({ name, text })))(
    '$name reads by an index and sorts nothing',
    ({ name, text }) => {
      const costly = planOf(text).filter(
        (step) =>
          /^SCAN|TEMP B-TREE/.test(step) &&
          step !== 'SCAN CONSTANT ROW' &&
          // What a parameter lists.
          !/^SCAN \w+ VIRTUAL TABLE/.test(step) &&
          !allowed[name]?.some(([pattern]) => pattern.test(step)),
      )
      expect(costly).toEqual([])
    },
  )

  test('every index is needed by a statement', () => {
    const used = statements.flatMap(({ text }) => planOf(text)).join('\n')
    const indexes = database
      .prepare(`SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`)
      .all()
    const unused = indexes
      .map(({ name }) => String(name))
      .filter((name) => !new RegExp(`INDEX ${name}\\b`).test(used))
    expect(unused).toEqual([])
  })

  test('listings by key use the primary key, those by type, time and size the index of that order', () => {
    const indexOf = (name: string) => {
      const text = statements.find((statement) => statement.name === name)?.text ?? ''
      return planOf(text).map((step) => /USING (?:COVERING )?(PRIMARY KEY|INDEX \w+)/.exec(step)?.[1])
    }
    expect(indexOf('listing.by_key')).toEqual(['PRIMARY KEY'])
    expect(indexOf('listing.filtered_by_key_descending')).toEqual(['PRIMARY KEY'])
    expect(indexOf('listing.by_type')).toEqual(['INDEX files_by_type'])
    expect(indexOf('listing.by_modified_descending')).toEqual(['INDEX files_by_modified'])
    expect(indexOf('listing.by_size')).toEqual(['INDEX files_by_size'])
    expect(indexOf('listing.scan_end_by_size_descending')).toEqual(['INDEX files_by_size'])
  })
})
