/**
 * The mix of reads on a generated database and on a copy without its indexes; and, for each index, the statements that take it
 * without that one. The same for an access log. `node bench/scale/measure-indexes.ts DATABASE LOG --json [--quick]`; copies are
 * made beside them and removed.
 */
import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { copyWithoutIndexes } from './bare.ts'
import { describeIndexes, indexesOf } from './indexes.ts'
import { logMix, mix } from './mix.ts'
import { readAccessSamples, readSamples } from './samples.ts'
import { mean, quantile, timeStatement } from './timed.ts'
import type { MixedStatement } from './mix.ts'
import type { Samples } from './samples.ts'
import type { TimingOptions } from './timed.ts'

/** What this prints. */
export interface IndexMeasurement {
  readonly statements: readonly {
    readonly name: string
    readonly weight: number
    readonly runs: number
    readonly p95Us: number
    /** Of the same questions, as many as `runsWithout`. */
    readonly runsWithout: number
    readonly meanWithUs: number
    readonly meanWithoutUs: number
  }[]
  readonly indexes: readonly {
    readonly index: string
    readonly statement: string
    readonly withUs: number
    readonly withoutUs: number
  }[]
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
const [file, log] = positionals
if (file === undefined || log === undefined) throw new Error('which databases?')
const ofFiles = measureDatabase(file, { mix, sample: readSamples })
const ofLog = measureDatabase(log, { mix: logMix, sample: readAccessSamples })
const result: IndexMeasurement = {
  statements: [...ofFiles.statements, ...ofLog.statements],
  indexes: [...ofFiles.indexes, ...ofLog.indexes],
}
if (values.json) console.log(JSON.stringify(result))
else show(result)

interface Measured {
  readonly mix: readonly MixedStatement[]
  readonly sample: (database: DatabaseSync) => Samples
}

function measureDatabase(path: string, { mix, sample }: Measured): IndexMeasurement {
  const database = open(path)
  const samples = sample(database)
  const often: TimingOptions = { samples, runsMax: values.quick ? 20 : 300, secondsMax: 1 }
  const seldom: TimingOptions = {
    samples,
    runsMax: values.quick ? 5 : 50,
    secondsMax: values.quick ? 0.05 : 0.3,
  }

  const timesWith = new Map(mix.map((each) => [each.statement.name, timeTwice(database, each, often)]))
  const indexes = measureEach(database, { mix, timesWith, seldom })
  database.close()

  const bare = `${path}-bare`
  copyWithoutIndexes(path, bare)
  try {
    const without = open(bare)
    const statements = mix.map((each) => {
      const { name } = each.statement
      const timed = timesWith.get(name)!
      const { runs, us, othersUs } = compare(timed, timeTwice(without, each, seldom))
      return {
        name,
        weight: each.weight,
        runs: timed.warmUs.length,
        p95Us: quantile(timed.warmUs, 0.95),
        runsWithout: runs,
        meanWithUs: us,
        meanWithoutUs: othersUs,
      }
    })
    without.close()
    return { statements, indexes }
  } finally {
    for (const ending of ['', '-wal', '-shm']) rmSync(`${bare}${ending}`, { force: true })
  }
}

interface Timed {
  /** Of each question, when everything it needs is in memory. */
  readonly warmUs: readonly number[]
  /** Of each question the quicker one of two, so that what else the machine does is not taken for the work of an index. */
  readonly leastUs: readonly number[]
}

/** Twice, but once where that takes long enough for neither memory nor other programs to matter. */
function timeTwice(database: DatabaseSync, mixed: MixedStatement, timing: TimingOptions): Timed {
  const first = timeStatement(database, mixed, timing)
  if (mean(first) > 100_000) return { warmUs: first, leastUs: first }
  const warmUs = timeStatement(database, mixed, timing)
  const asked = Math.min(first.length, warmUs.length)
  return { warmUs, leastUs: first.slice(0, asked).map((us, at) => Math.min(us, warmUs[at]!)) }
}

/** Of as many questions as both were asked. */
function compare(some: Timed, others: Timed): { runs: number; us: number; othersUs: number } {
  const runs = Math.min(some.leastUs.length, others.leastUs.length)
  return { runs, us: mean(some.leastUs.slice(0, runs)), othersUs: mean(others.leastUs.slice(0, runs)) }
}

/** Drops one index after another, and takes it back. */
function measureEach(
  database: DatabaseSync,
  {
    mix,
    timesWith,
    seldom,
  }: { mix: Measured['mix']; timesWith: ReadonlyMap<string, Timed>; seldom: TimingOptions },
): IndexMeasurement['indexes'] {
  const takes = (each: MixedStatement, index: string) => indexesOf(database, each.statement).includes(index)
  const droppable = describeIndexes(database).filter(({ kind }) => kind === 'index')
  const users = new Map(droppable.map(({ name }) => [name, mix.filter((each) => takes(each, name))]))
  return droppable.flatMap(({ name: index }) => {
    database.exec(`BEGIN; DROP INDEX ${index}`)
    const found = users.get(index)!.map((each) => {
      const statement = each.statement.name
      const { us, othersUs } = compare(timesWith.get(statement)!, timeTwice(database, each, seldom))
      return { index, statement, withUs: us, withoutUs: othersUs }
    })
    database.exec('ROLLBACK')
    return found
  })
}

/** As the adapter's reader and writer have it, in one. */
function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -16384; PRAGMA mmap_size = 268435456`)
  return database
}

function show({ statements, indexes }: IndexMeasurement): void {
  const us = (value: number) => value.toFixed(1).padStart(12)
  for (const { name, weight, runs, p95Us, runsWithout, meanWithUs, meanWithoutUs } of statements) {
    console.log(
      `${us(meanWithUs)} ${us(p95Us)} p95 ${String(runs).padStart(4)}  without ${us(meanWithoutUs)} ${String(runsWithout).padStart(3)}  ${name} (${weight})`,
    )
  }
  for (const { index, statement, withUs, withoutUs } of indexes) {
    console.log(`${index} ${statement} ${us(withUs)} ${us(withoutUs)} ${(withoutUs / withUs).toFixed(1)}`)
  }
  const total = (of: 'meanWithUs' | 'meanWithoutUs') =>
    statements.reduce((sum, each) => sum + each.weight * each[of], 0)
  console.log(total('meanWithUs'), total('meanWithoutUs'), 1 - total('meanWithUs') / total('meanWithoutUs'))
}
