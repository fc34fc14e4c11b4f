import { describe, expect, test } from 'vitest'
import type { Statement, StatementRun } from '../../../src/core/ports/database.ts'
import type { SlowStatementEvent } from '../../../src/core/ports/observer.ts'
import { createStatementRuns } from '../../../src/core/statement-stats/runs.ts'
import { createTestBackground } from '../test-core.ts'

const hourMs = 3_600_000

function createStage(options: { slowMs?: number; answer?: (asked: number) => readonly string[] } = {}) {
  const { slowMs = 50, answer = () => ['SCAN things'] } = options
  let ms = Date.UTC(2026, 10, 21)
  const background = createTestBackground()
  const told: SlowStatementEvent[] = []
  const asked: string[] = []
  const runs = createStatementRuns({
    slowMs,
    clock: { now: () => ms, monotonic: () => ms },
    background,
    observe: (event) => told.push(event as SlowStatementEvent),
    explain: async ({ name }: Statement) => answer(asked.push(name)),
  })
  return {
    runs,
    told,
    asked,
    settled: () => background.settled(),
    advance: (byMs: number) => (ms += byMs),
    run(name: string, durationMs: number, more: Partial<StatementRun> = {}) {
      const statement: Statement = { name, text: '', params: [], reads: [], writes: [] }
      runs.note({ statement, durationMs, rowsRead: 3, rowsWritten: 1, failed: false, ...more })
    },
  }
}

describe('slow statements', () => {
  test('are those from the threshold on, told with their plan', async () => {
    const stage = createStage()
    stage.run('a.find', 49.9)
    expect(stage.runs.slow.list()).toEqual([])
    stage.run('a.find', 50)
    expect(stage.runs.slow.list()).toMatchObject([{ statement: 'a.find', plan: undefined }])
    await stage.settled()
    const slow = { statement: 'a.find', durationMs: 50, rowsRead: 3, rowsWritten: 1, plan: ['SCAN things'] }
    expect(stage.told).toEqual([{ type: 'slow_statement', ...slow, times: 1 }])
    expect(stage.runs.slow.list()).toMatchObject([slow])
  })

  test('that failed are errors, not slow ones', async () => {
    const stage = createStage()
    stage.run('a.find', 5000, { failed: true })
    await stage.settled()
    expect(stage.told).toEqual([])
    expect(stage.runs.slow.list()).toEqual([])
  })

  test('are none where that is turned off', () => {
    const stage = createStage({ slowMs: 0 })
    stage.run('a.find', 1e6)
    expect(stage.runs.slow.list()).toEqual([])
  })

  test('have their plan asked for once in an hour, and their event told once in ten seconds', async () => {
    const stage = createStage()
    for (let second = 0; second < 3600; second++) {
      stage.run('a.find', 60)
      stage.run('a.find', 70)
      if (second % 60 === 0) stage.run('b.find', 80)
      await stage.settled()
      stage.advance(1000)
    }
    expect(stage.asked).toEqual(['a.find', 'b.find'])
    const ofA = stage.told.filter(({ statement }) => statement === 'a.find')
    expect(ofA).toHaveLength(360)
    expect(ofA.every(({ plan }) => plan?.[0] === 'SCAN things')).toBe(true)
    // All but those since the last event.
    expect(ofA.reduce((sum, { times }) => sum + times, 0)).toBe(7181)
    expect(stage.told).toHaveLength(420)
    stage.run('a.find', 60)
    await stage.settled()
    expect(stage.asked).toEqual(['a.find', 'b.find', 'a.find'])
  })

  test('are told without a plan where the database does not say, which is reported once', async () => {
    const stage = createStage({
      answer: (asked) => {
        if (asked > 1) return ['SEARCH things']
        throw new Error('out of reach')
      },
    })
    stage.run('a.find', 60)
    await expect(stage.settled()).rejects.toThrow('out of reach')
    expect(stage.told).toMatchObject([{ times: 1, plan: undefined }])
    stage.advance(20_000)
    stage.run('a.find', 60)
    await stage.settled()
    expect(stage.asked).toHaveLength(1)
    stage.advance(hourMs)
    stage.run('a.find', 60)
    await stage.settled()
    expect(stage.runs.slow.list().map(({ plan }) => plan)).toEqual(
      Array.from({ length: 3 }, () => ['SEARCH things']),
    )
  })

  test('are kept up to a hundred, ten of one: the newest', () => {
    const stage = createStage()
    for (let index = 0; index < 30; index++) stage.run(`s${index}.find`, 100 + index)
    for (let count = 0; count < 1000; count++) stage.run('flood.find', 1000 + count)
    const kept = stage.runs.slow.list()
    expect(kept).toHaveLength(40)
    expect(kept.slice(0, 11).map(({ durationMs }) => durationMs)).toEqual([
      ...Array.from({ length: 10 }, (_, index) => 1999 - index),
      129,
    ])
    for (let index = 0; index < 500; index++) stage.run(`t${index}.find`, 60)
    expect(stage.runs.slow.list()).toHaveLength(100)
    expect(stage.runs.slow.list()[0]?.statement).toBe('t499.find')
  })
})
