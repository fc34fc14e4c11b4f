import { diceFor } from './draw.ts'
import { drawFrom } from './samples.ts'
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { MixedStatement } from './mix.ts'
import type { Samples } from './samples.ts'

export interface TimingOptions {
  readonly samples: Samples
  /** Of runs that are counted; how many they are at most, and for how long there is another one. */
  readonly runsMax: number
  readonly secondsMax: number
}

/**
 * Runs a statement again and again and gives the microseconds of each: the same questions in the same order for whoever asks
 * about the same statement. What it writes is undone, outside of the time. The first run is not counted, unless it takes all
 * of the time there is.
 */
export function timeStatement(
  database: DatabaseSync,
  mixed: MixedStatement,
  options: TimingOptions,
): number[] {
  const { statement, params } = mixed
  const dice = diceFor(seedOf(statement.name), 0)
  const draw = drawFrom(options.samples, dice)
  const isWrite = statement.writes.length > 0
  const prepared = database.prepare(statement.text)
  const timesUs: number[] = []
  const began = performance.now()
  for (let run = -1; run < options.runsMax; run += 1) {
    const given = params(draw, dice)
    const values = statement.params.map((name) => given[name]!)
    if (isWrite) database.exec('SAVEPOINT timed')
    const us = timeRun(prepared, values)
    if (isWrite) database.exec('ROLLBACK TO timed; RELEASE timed')
    const isOver = performance.now() - began > options.secondsMax * 1000
    if (run >= 0 || isOver) timesUs.push(us)
    if (isOver) break
  }
  return timesUs
}

function timeRun(statement: StatementSync, values: SQLInputValue[]): number {
  const began = performance.now()
  try {
    statement.all(...values)
  } catch (error) {
    // A bucket with files is not deleted, and a guard does what it is for.
    if (!/constraint failed/.test((error as Error).message)) throw error
  }
  return (performance.now() - began) * 1000
}

function seedOf(name: string): number {
  let hash = 0
  for (const char of name) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) | 0
  return hash
}

export const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** The least value that so large a share of them does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}
