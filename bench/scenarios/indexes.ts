import { join } from 'node:path'
import { runProcess } from '../harness/processes.ts'
import { prepareDatabase, prepareLog } from '../scale/prepared.ts'
import type { Context, Measurement, Outcome, Scenario } from '../harness/scenario.ts'
import type { IndexMeasurement } from '../scale/measure-indexes.ts'

export const indexes: Scenario = {
  name: 'indexes',
  measures:
    "The application's mix of reads on 1,000,000 files of 1,000 users and an access log of 5,000,000 requests, and on copies without their indexes: the share of the total time that the indexes save, and the highest p95 of a statement.",
  yardstick: undefined,
  targets: [
    {
      metric: 'withinBounds',
      bound: 'at least',
      value: 1,
      unit: '(0.9 of the time saved or more, the p95 of every statement below 10 ms)',
    },
  ],
  run,
}

async function run(context: Context): Promise<Outcome> {
  const prepared = prepareDatabase(context)
  const { file, ...made } = prepared
  const log = prepareLog(context, prepared)
  context.progress('measuring, for minutes')
  const script = join(import.meta.dirname, '../scale/measure-indexes.ts')
  const args = [script, file, log.file, '--json', ...(context.quick ? ['--quick'] : [])]
  const measured = await runProcess<IndexMeasurement>('server', args, {})
  const { statements } = measured
  const slowest = statements.filter(({ name }) => !isRemoval(name)).toSorted((a, b) => b.p95Us - a.p95Us)[0]!
  const saved = savedBy(statements)
  const medians = {
    saved,
    // Without the few that would take longest by far: the work in the background, of which most is done by one statement, and the log.
    savedOfRequests: savedBy(statements.filter(({ name }) => !isBackground(name) && !isOfLog(name))),
    savedOfLog: savedBy(statements.filter(({ name }) => isOfLog(name))),
    slowestP95Ms: slowest.p95Us / 1000,
    withinBounds: saved >= 0.9 && slowest.p95Us < 10_000 ? 1 : 0,
    ...numbersOf(measured),
  }
  return {
    rounds: [{ subject: medians }],
    disturbedRounds: [],
    medians,
    settings: {
      ...made,
      logRows: log.rows,
      statements: statements.length,
      slowest: slowest.name,
      compared: 'slowestP95Ms',
    },
    verified: ['with and without indexes the same questions were asked'],
  }
}

function savedBy(statements: IndexMeasurement['statements']): number {
  const total = (of: 'meanWithUs' | 'meanWithoutUs') =>
    statements.reduce((sum, each) => sum + each.weight * each[of], 0)
  return 1 - total('meanWithUs') / total('meanWithoutUs')
}

/** What jobs and the collector ask. */
function isBackground(name: string): boolean {
  return /^(rewrite|jobs)\.|^blobs\.find_(garbage|between)$|^compression\.count_damaged$/.test(name)
}

const isOfLog = (name: string) => name.startsWith('access_log.')
/** Thousands of rows at once, on the thread that writes the log, for which nobody waits. */
const isRemoval = (name: string) => name.startsWith('access_log.remove_')

/** For `docs/reference/indexes.md`: `statement.<name>.…` of both databases, `index.<index>.<statement>.…` of one index alone. */
function numbersOf({ statements, indexes: each }: IndexMeasurement): Measurement {
  return Object.fromEntries([
    ...statements.flatMap(({ name, p95Us, meanWithUs, meanWithoutUs }) => [
      [`statement.${name}.p95Us`, p95Us],
      [`statement.${name}.withUs`, meanWithUs],
      [`statement.${name}.withoutUs`, meanWithoutUs],
    ]),
    ...each.flatMap(({ index, statement, withUs, withoutUs }) => [
      [`index.${index}.${statement}.withUs`, withUs],
      [`index.${index}.${statement}.withoutUs`, withoutUs],
    ]),
  ]) as Measurement
}
