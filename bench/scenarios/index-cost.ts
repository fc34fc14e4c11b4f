import { join } from 'node:path'
import { runProcess } from '../harness/processes.ts'
import { mediansOf } from '../harness/rounds.ts'
import { copyWithoutIndexes } from '../scale/bare.ts'
import { prepareDatabase } from '../scale/prepared.ts'
import type { Context, Outcome, Scenario } from '../harness/scenario.ts'
import type { CostMeasurement } from '../scale/measure-cost.ts'

export const indexCost: Scenario = {
  name: 'index-cost',
  measures:
    'Durable commits of new files into 1,000,000, 64 at once and one by one: what the indexes take from their speed.',
  yardstick: 'The same commits into a copy without the indexes.',
  targets: [],
  run,
}

async function run(context: Context): Promise<Outcome> {
  const { file, ...made } = prepareDatabase(context)
  const copy = `${file}-bare`
  copyWithoutIndexes(file, copy)
  const script = join(import.meta.dirname, '../scale/measure-cost.ts')
  const args = [script, file, copy, ...(context.quick ? ['--quick'] : [])]
  const { rounds: measured, uploadsAtOnce } = await runProcess<CostMeasurement>('any', args, {})
  const rounds = measured.map((round) => ({
    subject: {
      commitsPerSecond: round.withPerSecond,
      oneByOneCommitsPerSecond: round.oneByOneWithPerSecond,
    },
    yardstick: {
      commitsPerSecond: round.withoutPerSecond,
      oneByOneCommitsPerSecond: round.oneByOneWithoutPerSecond,
    },
    ratio: round.withPerSecond / round.withoutPerSecond,
  }))
  return {
    rounds,
    disturbedRounds: [],
    medians: mediansOf(rounds),
    settings: { ...made, uploadsAtOnce, compared: 'commitsPerSecond' },
    verified: ['every commit succeeded'],
  }
}
