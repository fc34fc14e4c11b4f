import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Core } from '../../../src/core/core.ts'
import { type BoundStatement, bind, DatabaseError, type Statement } from '../../../src/core/ports/database.ts'
import { readStatementStats } from '../../../src/core/statement-stats/read.ts'
import { createStatementRuns } from '../../../src/core/statement-stats/runs.ts'
import { saveStatementRuns, saveStatementRunsWhenDue } from '../../../src/core/statement-stats/save.ts'
import { saveStatementStats } from '../../../src/core/statements/statement-stats.ts'
import { openTestCore, type TestCore } from '../test-core.ts'

const hourMs = 3_600_000
const minuteMs = 60_000
const noonMs = Date.UTC(2026, 10, 21, 12)

let opened: TestCore
beforeEach(async () => {
  opened = await openTestCore()
  opened.clock.stopAt(noonMs)
})
afterEach(() => opened.close())

interface Process extends Core {
  readonly batches: (readonly string[])[]
}

/** Another process over the same database; its adapter tells nothing, so that a test can. */
function another(options: { fail?: () => boolean; hasCache?: boolean } = {}): Process {
  const { core, clock } = opened
  const { hasCache = false } = options
  const batches: string[][] = []
  return {
    ...core,
    batches,
    rows: hasCache ? core.rows : { ...core.rows, stats: () => ({ ...core.rows.stats(), byStatement: {} }) },
    statementRuns: createStatementRuns({
      slowMs: 0,
      clock,
      background: core.background,
      observe: core.observe,
      explain: async () => [],
    }),
    database: {
      ...core.database,
      async batch(statements: readonly BoundStatement[]) {
        if (options.fail?.()) throw new DatabaseError('unavailable', 'out of reach')
        batches.push(statements.map(({ statement }) => statement.name))
        return core.database.batch(statements)
      },
    },
  }
}

function run(core: Core, name: string, of: { times?: number; ms?: number; failed?: boolean } = {}): void {
  const { times = 1, ms = 1, failed = false } = of
  const statement: Statement = { name, text: '', params: [], reads: [], writes: [] }
  for (let count = 0; count < times; count++) {
    core.statementRuns.note({ statement, durationMs: ms, rowsRead: 2, rowsWritten: 1, failed })
  }
}

/** Time goes by, as house-keeping or the next request sees it. */
function pass(core: Core, ms: number): void {
  opened.clock.advance(ms)
  core.statementRuns.turn()
}

const read = (core: Core, windowSeconds = 3600) => readStatementStats(core, opened.admin, { windowSeconds })
const counts = async (core: Core, windowSeconds?: number) =>
  Object.fromEntries((await read(core, windowSeconds)).statements.map(({ name, runs }) => [name, runs]))

describe('what statements cost', () => {
  test('is summed by name, with percentiles, the most time first', async () => {
    const core = another()
    opened.clock.advance(10_000)
    run(core, 'a.find', { times: 98, ms: 1 })
    run(core, 'a.find', { times: 2, ms: 500 })
    run(core, 'b.find', { times: 5, ms: 0.01 })
    run(core, 'b.find', { times: 3, failed: true, ms: 9999 })
    const { statements, totals, ...view } = await read(core)
    expect(view).toMatchObject({ fromMs: noonMs, spanMs: 10_000, isComplete: true })
    expect(statements.map(({ name }) => name)).toEqual(['a.find', 'b.find'])
    expect(statements[0]).toMatchObject({
      runs: 100,
      errors: 0,
      perSecond: 10,
      totalMs: 1098,
      rowsRead: 200,
      rowsWritten: 100,
    })
    const [a, b] = statements
    expect(a?.p50Ms).toBeCloseTo(1, 1)
    expect(a?.p95Ms).toBeCloseTo(1, 1)
    expect(Math.abs((a?.p99Ms ?? 0) / 500 - 1)).toBeLessThan(0.02)
    // What failed counts as a run and an error, and as nothing else.
    expect(b).toMatchObject({ runs: 8, errors: 3, rowsRead: 10 })
    expect(b?.p99Ms).toBeCloseTo(0.01, 3)
    expect(totals).toMatchObject({ runs: 108, errors: 3, rowsRead: 210 })
  })

  test('of nothing is no data, not 0', async () => {
    const { statements, totals, spanMs } = await read(another())
    expect(statements).toEqual([])
    expect(spanMs).toBe(0)
    expect(totals).toMatchObject({ runs: 0, perSecond: undefined, p50Ms: undefined, cacheHits: undefined })
    const core = another()
    run(core, 'a.find', { failed: true })
    expect((await read(core)).statements).toMatchObject([{ errors: 1, p50Ms: undefined, totalMs: 0 }])
  })

  test('is for administrators', async () => {
    const caller = { role: 'user', userId: 'u' } as const
    await expect(readStatementStats(opened.core, caller, { windowSeconds: 3600 })).rejects.toMatchObject({
      code: 'access_denied',
    })
  })

  test('is known after a restart, and of all processes together: none writes over another', async () => {
    const [first, second] = [another(), another()]
    run(first, 'a.find', { times: 3, ms: 1 })
    run(second, 'a.find', { times: 4, ms: 100 })
    await Promise.all([saveStatementRuns(first), saveStatementRuns(second)])
    run(first, 'a.find', { times: 2, ms: 1 })
    await saveStatementRuns(first)
    const third = another()
    expect(await counts(third)).toEqual({ 'a.find': 9 })
    const [a] = (await read(third)).statements
    expect(Math.abs((a?.p95Ms ?? 0) / 100 - 1)).toBeLessThan(0.02)
    // Of its own what is written and what is not, once.
    run(first, 'a.find', { times: 10 })
    expect(await counts(first)).toEqual({ 'a.find': 19 })
    expect(await counts(third)).toEqual({ 'a.find': 9 })
  })

  test('is written in one batch of two statements, and not at all where nothing was run', async () => {
    const core = another()
    await saveStatementRuns(core)
    for (let index = 0; index < 150; index++) run(core, `s${index}.find`)
    await saveStatementRuns(core)
    await saveStatementRuns(core)
    // What saving costs is no reason to save again.
    run(core, 'statement_stats.save')
    await saveStatementRuns(core)
    expect(core.batches).toEqual([['statement_stats.save', 'statement_stats.remove']])
    run(core, 's7.find')
    await saveStatementRuns(core)
    expect(await counts(another())).toMatchObject({ 's7.find': 2, 's8.find': 1, 'statement_stats.save': 1 })
  })

  test('that could not be written is written the next time, for hours, and is bounded', async () => {
    let down = true
    const core = another({ fail: () => down })
    for (let hour = 0; hour < 20; hour++) {
      run(core, 'a.find')
      await expect(saveStatementRuns(core)).rejects.toThrow('out of reach')
      pass(core, hourMs)
    }
    expect(core.statementRuns.hours()).toHaveLength(6)
    expect(await counts(core, 86_400)).toEqual({ 'a.find': 5 })
    down = false
    run(core, 'a.find')
    await saveStatementRuns(core)
    expect(await counts(another(), 86_400)).toEqual({ 'a.find': 6 })
    await saveStatementRuns(core)
    expect(core.statementRuns.hours()).toHaveLength(1)
  })

  test('two who save at once write the same, and an old state is never written over a new one', async () => {
    const core = another()
    run(core, 'a.find', { times: 3 })
    await Promise.all([saveStatementRuns(core), saveStatementRuns(core)])
    expect(await counts(another())).toEqual({ 'a.find': 3 })
    const [hour] = core.statementRuns.hours()
    const late = {
      hour: hour?.hour,
      writer: hour?.writer,
      statement: 'a.find',
      fromMs: noonMs,
      runs: 2,
      errors: 0,
      rowsRead: 0,
      rowsWritten: 0,
      totalMs: 0,
      cacheHits: 0,
      cacheMisses: 0,
      durations: '01',
    }
    await opened.core.database.batch([bind(saveStatementStats, { rows: JSON.stringify([late]) })])
    expect(await counts(another())).toEqual({ 'a.find': 3 })
  })
})

describe('a window', () => {
  test('begins with an hour, and goes on to now', async () => {
    const core = another()
    for (const name of ['ten', 'eleven', 'twelve']) {
      run(core, `${name}.find`)
      await saveStatementRuns(core)
      opened.clock.advance(hourMs)
      await saveStatementRuns(core)
    }
    opened.clock.advance(5 * minuteMs)
    // Five past three: from two on.
    expect(await counts(another())).toEqual({ 'twelve.find': 1 })
    expect(await counts(another(), 2 * 3600)).toEqual({ 'twelve.find': 1, 'eleven.find': 1 })
    const day = await read(another(), 86_400)
    expect(day.statements).toHaveLength(3)
    expect(day).toMatchObject({ fromMs: noonMs, spanMs: 3 * hourMs + 5 * minuteMs })
    // What was not written since belongs to the hour that goes on.
    expect(await counts(core, 86_400)).toEqual({ 'ten.find': 1, 'eleven.find': 1, 'twelve.find': 1 })
  })

  test('ends after 30 days: what is older is removed', async () => {
    const core = another()
    run(core, 'old.find')
    await saveStatementRuns(core)
    pass(core, 30 * 24 * hourMs)
    run(core, 'new.find')
    await saveStatementRuns(core)
    expect(await counts(another(), 40 * 86_400)).toEqual({ 'new.find': 1, 'old.find': 1 })
    pass(core, hourMs)
    run(core, 'new.find')
    await saveStatementRuns(core)
    expect(await counts(another(), 40 * 86_400)).toEqual({ 'new.find': 2 })
  })

  test('a clock that jumps loses nothing and writes over nothing', async () => {
    const core = another()
    let times = 0
    for (const hours of [0, 1, -1, 0, -2, 2, 0, 5, -5]) {
      opened.clock.advance(hours * hourMs)
      run(core, 'a.find')
      times++
      await saveStatementRuns(core)
      run(core, 'a.find')
      times++
      if (times % 3 === 0) await saveStatementRuns(core)
      expect(await counts(core, 86_400)).toEqual({ 'a.find': times })
    }
    await saveStatementRuns(core)
    const view = await read(another(), 86_400)
    expect(view.totals.runs).toBe(times)
    // Where all was counted later than now, nobody knows how much that is in a second.
    opened.clock.advance(-3 * hourMs)
    expect(await read(another(), 86_400)).toMatchObject({ spanMs: 0, totals: { perSecond: undefined } })
  })

  test('of more rows than can be read at once leaves out the oldest, and says so', async () => {
    const core = another()
    const row = { fromMs: 0, runs: 1, errors: 0, rowsRead: 0, rowsWritten: 0, totalMs: 1, durations: '01' }
    const hour = Math.floor(noonMs / hourMs)
    for (let back = 0; back < 46; back++) {
      const rows = Array.from({ length: 1000 }, (_, index) => ({
        ...row,
        hour: hour - back,
        fromMs: noonMs - back * hourMs,
        writer: 'w',
        statement: `s${index}.find`,
        cacheHits: 0,
        cacheMisses: 0,
      }))
      await core.database.batch([bind(saveStatementStats, { rows: JSON.stringify(rows) })])
    }
    const view = await read(core, 7 * 86_400)
    expect(view).toMatchObject({ isComplete: false, fromMs: noonMs - 44 * hourMs, totals: { runs: 45_000 } })
    expect((await read(core, 40 * 3600)).isComplete).toBe(true)
  })
})

describe('what the query cache spares', () => {
  test('counts for the statement, in the hour in which it was found', async () => {
    const core = another({ hasCache: true })
    const cacheOf = async (name: string) => {
      const found = (await read(core)).statements.find((each) => each.name === name)
      return found && { hits: found.cacheHits, misses: found.cacheMisses }
    }
    const { name } = core.accessKeys
    const before = await cacheOf(name)
    const key = { id: opened.adminKey.accessKeyId }
    for (let count = 0; count < 3; count++) await core.accessKeys.read(key)
    const { misses = 0 } = before ?? {}
    expect(await cacheOf(name)).toEqual({ hits: 2 + (before?.hits ?? 0), misses: misses + 1 })
    await saveStatementRuns(core)
    pass(core, 2 * hourMs)
    await core.accessKeys.read(key)
    expect(await cacheOf(name)).toEqual({ hits: 1, misses: 0 })
    run(core, 'a.find')
    expect(await cacheOf('a.find')).toEqual({ hits: undefined, misses: undefined })
  })
})

describe('on a Worker', () => {
  test('it is written by a request a minute after the first, and then every five', async () => {
    const core = another()
    const request = async () => {
      run(core, 'a.find')
      saveStatementRunsWhenDue(core)
      await opened.settled()
      return core.batches.length
    }
    expect(await request()).toBe(0)
    opened.clock.advance(minuteMs)
    expect(await request()).toBe(1)
    opened.clock.advance(4 * minuteMs)
    expect(await request()).toBe(1)
    opened.clock.advance(minuteMs)
    expect(await request()).toBe(2)
    expect(await request()).toBe(2)
    // The clock goes back: once at once, and then as ever.
    opened.clock.advance(-hourMs)
    expect(await request()).toBe(3)
    expect(await request()).toBe(3)
  })
})
