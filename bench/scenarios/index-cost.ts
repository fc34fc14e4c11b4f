import { join } from 'node:path'
import { runProcess } from '../harness/processes.ts'
import { mediansOf } from '../harness/rounds.ts'
import { copyWithoutIndexes } from '../scale/bare.ts'
import { prepareDatabase, prepareLog } from '../scale/prepared.ts'
import type { Context, Outcome, Scenario } from '../harness/scenario.ts'
import type { CostMeasurement } from '../scale/measure-cost.ts'

export const indexCost: Scenario = {
  name: 'index-cost',
  measures:
    'Durable commits of new files into 1,000,000, 64 at once and one by one, and rows written to an access log of 5,000,000, as many at a time as the server writes: what the indexes take from their speed.',
  yardstick: 'The same into copies without the indexes.',
  targets: [],
  run,
}

async function run(context: Context): Promise<Outcome> {
  const prepared = prepareDatabase(context)
  const { file, ...made } = prepared
  const log = prepareLog(context, prepared)
  const copies = { file: `${file}-bare`, log: `${log.file}-bare` }
  copyWithoutIndexes(file, copies.file)
  copyWithoutIndexes(log.file, copies.log)
  const script = join(import.meta.dirname, '../scale/measure-cost.ts')
  const args = [script, file, copies.file, log.file, copies.log, ...(context.quick ? ['--quick'] : [])]
  const {
    rounds: measured,
    uploadsAtOnce,
    logRowsAtOnce,
  } = await runProcess<CostMeasurement>('any', args, {})
  const rounds = measured.map((round) => ({
    subject: {
      commitsPerSecond: round.withPerSecond,
      oneByOneCommitsPerSecond: round.oneByOneWithPerSecond,
      logRowsPerSecond: round.logRowsWithPerSecond,
    },
    yardstick: {
      commitsPerSecond: round.withoutPerSecond,
      oneByOneCommitsPerSecond: round.oneByOneWithoutPerSecond,
      logRowsPerSecond: round.logRowsWithoutPerSecond,
    },
    ratio: round.withPerSecond / round.withoutPerSecond,
  }))
  return {
    rounds,
    disturbedRounds: [],
    medians: mediansOf(rounds),
    settings: { ...made, uploadsAtOnce, logRows: log.rows, logRowsAtOnce, compared: 'commitsPerSecond' },
    verified: ['every commit succeeded, and every row of the log is there'],
  }
}
