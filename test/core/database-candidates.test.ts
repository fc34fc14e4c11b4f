import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { candidateIndexes, referencesIn, tableOf } from '../../src/core/database-advice/candidates.ts'
import { costlySteps, usesIndex } from '../../src/core/database-advice/plan.ts'
import { statements } from '../../src/core/statements/registry.ts'

const tables = new Map([
  ['t', ['id', 'a', 'b', 'c', 'key']],
  ['u', ['id', 'a', 'name']],
])
const columnsOf = (text: string, reference: string) =>
  candidateIndexes(text, reference, tables).map(({ columns }) => columns.join())

describe('which indexes a statement could use', () => {
  test.each([
    ['SELECT * FROM t WHERE a = ?1', 't', ['a']],
    ['SELECT * FROM t WHERE a = ?1 ORDER BY b DESC, key DESC LIMIT ?2', 't', ['a,b,key', 'a']],
    ['SELECT * FROM t WHERE b > ?1 AND a = ?2 ORDER BY c', 't', ['a,c', 'a,b', 'a']],
    // Neither order can be read from an index in one direction.
    ['SELECT * FROM t WHERE a = ?1 ORDER BY b, c DESC', 't', ['a']],
    ['SELECT * FROM t ORDER BY b, lower(c)', 't', ['b']],
    ['SELECT a AS b FROM t WHERE ?1 = a AND key BETWEEN ?2 AND ?3', 't', ['a', 'a,key']],
    ['SELECT * FROM t WHERE a = ?1 AND (b, key) > (?2, ?3) ORDER BY b, key', 't', ['a,b,key', 'a']],
    ['SELECT * FROM t WHERE (a = ?1) AND (b IS NULL)', 't', ['a,b']],
    ['SELECT * FROM t WHERE a = ?1 OR b = ?2', 't', []],
    ['SELECT * FROM t WHERE a = ?1 AND (b = ?2 OR c = 1)', 't', ['a']],
    ["SELECT * FROM t WHERE a = 'x AND b = 1 OR (SELECT'", 't', ['a']],
    ['SELECT * FROM t WHERE a <> ?1 AND b NOT IN (1, 2) AND c IS NOT NULL', 't', []],
    ['SELECT * FROM t WHERE a = b', 't', []],
    ['SELECT * FROM t WHERE length(a) = ?1', 't', []],
    ['UPDATE t SET a = ?1, b = ?2 WHERE c = ?3 RETURNING a', 't', ['c']],
    ['DELETE FROM t WHERE a IN (?1, ?2)', 't', ['a']],
    ['SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t WHERE c = ?1)', 't', ['c']],
    ['SELECT * FROM u x JOIN t AS y ON y.a = x.id WHERE x.name = ?1 AND y.b = ?2', 'y', ['b', 'b,a']],
    ['SELECT * FROM u x LEFT JOIN t y ON y.a = x.id WHERE x.name = ?1', 'x', ['name', 'name,id']],
    // In which of the two it is, the text does not say.
    ['SELECT * FROM u JOIN t ON t.c = u.id WHERE a = ?1', 't', ['c']],
    ['SELECT * FROM u JOIN t ON t.c = u.id WHERE b = ?1', 't', ['b', 'b,c']],
    ['SELECT * FROM t WHERE a = ?1', 'u', []],
    ['SELECT * FROM nowhere WHERE a = ?1', 'nowhere', []],
    ["SELECT * FROM t WHERE a = ?1 AND b IN ('🗂') AND c = '🗂' ORDER BY key", 't', ['a,b,c,key', 'a,b,c']],
    ['', 't', []],
    [')))(((', 't', []],
  ])('%s: of %s', (text, reference, expected) => {
    expect(columnsOf(text, reference).toSorted()).toEqual(expected.toSorted())
  })

  test('names are plain, of columns that there are, each once', () => {
    const plain = /^advised_[a-z0-9_]{1,92}$/
    for (const { text, reads, writes } of statements) {
      const all = new Map([...reads, ...writes].map((table) => [table, columnNames] as const))
      for (const reference of referencesIn(text, all)) {
        for (const { name, table, columns } of candidateIndexes(text, reference, all)) {
          expect(name).toMatch(plain)
          expect(tableOf(text, reference, all)).toBe(table)
          expect(new Set(columns).size).toBe(columns.length)
          for (const column of columns) expect(columnNames).toContain(column)
        }
      }
    }
  })

  test('of any text at all there is an answer, and soon', () => {
    const words =
      'SELECT FROM t u WHERE a b = ( ) (SELECT AND OR , ?1 \' " ORDER-BY ON JOIN BETWEEN IN UNION DESC é 🗂 > VALUES WITH'
    const word = fc.constantFrom(...words.split(' ').map((each) => each.replace('-', ' ')), '', '\n')
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (chosen) => {
        const text = chosen.join(' ')
        const startedMs = performance.now()
        for (const reference of ['t', 'u']) candidateIndexes(text, reference, tables)
        costlySteps([text, `SCAN ${text}`, 'SCAN t'], text, tables)
        return performance.now() - startedMs < 500
      }),
      { seed: 20_261_121, numRuns: 3000 },
    )
  })
})

const columnNames = [
  ...new Set(
    statements.flatMap(({ text }) => [...text.matchAll(/\b[a-z][a-z_0-9]*\b/g)].map(([name]) => name)),
  ),
]

describe('what a plan says', () => {
  const text = 'SELECT * FROM t x WHERE a = ?1 ORDER BY b'
  test.each([
    ['SCAN x', 'full_scan'],
    ['SCAN x USING COVERING INDEX t_by_a', 'full_scan'],
    ['USE TEMP B-TREE FOR ORDER BY', 'temporary_sort'],
    ['USE TEMP B-TREE FOR LAST TERM OF ORDER BY', 'temporary_sort'],
    ['SCAN x VIRTUAL TABLE INDEX 1:', undefined],
    ['SCAN walk', undefined],
    ['SCAN CONSTANT ROW', undefined],
    ['SEARCH x USING INDEX t_by_a (a=?)', undefined],
  ])('%s is %s', (step, kind) => {
    expect(costlySteps([step], text, tables).map((each) => each.kind)).toEqual(kind ? [kind] : [])
  })

  test('an index is used under its whole name only', () => {
    const plan = ['SEARCH t USING INDEX t_by_ab (a=?)', 'SCAN t USING COVERING INDEX t_by_c']
    expect(['t_by_ab', 't_by_c', 't_by_a', 'by_c'].map((index) => usesIndex(plan, index))).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})
