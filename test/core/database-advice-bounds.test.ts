import { describe, expect, test } from 'vitest'
import { adviseOnSpace, adviseOnStatistics } from '../../src/core/database-advice/upkeep.ts'
import type { InspectedTable, Inspection } from '../../src/core/ports/database-inspector.ts'

const mebibyte = 1024 ** 2

describe('bounds of advice', () => {
  const table: InspectedTable = {
    name: 't',
    columns: ['a'],
    rows: 0,
    analyzedRows: undefined,
    isAnalyzeDue: false,
    sizeBytes: undefined,
  }
  const inspection: Inspection = {
    tables: [],
    indexes: [],
    plans: new Map(),
    plansWithoutStatistics: undefined,
    sizeBytes: undefined,
    logBytes: undefined,
    freeBytes: undefined,
    unknown: [],
  }

  test.each([
    [{}, []],
    [{ logBytes: 0 }, []],
    [{ logBytes: 64 * mebibyte }, []],
    [{ logBytes: 64 * mebibyte + 1 }, ['large_log']],
    [{ sizeBytes: 0, freeBytes: 0 }, []],
    [{ sizeBytes: 16 * mebibyte, freeBytes: 4 * mebibyte }, []],
    [{ sizeBytes: 16 * mebibyte - 1, freeBytes: 4 * mebibyte }, ['free_space']],
    [{ sizeBytes: 4 * mebibyte, freeBytes: 4 * mebibyte - 1 }, []],
    // As D1 tells: how large it is, and nothing else.
    [{ sizeBytes: 10 * 1024 ** 3 }, []],
  ] as const)('of %o: %o', (sizes, kinds) => {
    expect(adviseOnSpace({ ...inspection, ...sizes }).map(({ kind }) => kind)).toEqual(kinds)
  })

  test.each([
    [{ rows: 999 }, false],
    [{ rows: 1000 }, true],
    [{ rows: 1000, analyzedRows: 1000 }, false],
    [{ rows: 1000, analyzedRows: 499 }, true],
    [{ rows: 0, analyzedRows: 1000 }, true],
    [{ rows: 499, analyzedRows: 999 }, false],
    // D1 tells only what it has counted.
    [{ rows: undefined }, false],
    [{ rows: undefined, analyzedRows: 1000 }, false],
    [{ rows: 10, analyzedRows: 10, isAnalyzeDue: true }, true],
  ] as const)('statistics of %o are due: %s', (of, isDue) => {
    const advice = adviseOnStatistics({ ...inspection, tables: [{ ...table, ...of }] })
    expect(advice.length > 0).toBe(isDue)
  })
})
