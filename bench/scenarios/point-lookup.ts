import { join } from 'node:path'
import { runProcess } from '../harness/processes.ts'
import { mediansOf } from '../harness/rounds.ts'
import { prepareDatabase } from '../scale/prepared.ts'
import type { Context, Outcome, Scenario } from '../harness/scenario.ts'
import type { LookupMeasurement } from '../scale/measure-lookup.ts'

export const pointLookup: Scenario = {
  name: 'point-lookup',
  measures:
    'Finding a file by bucket and key among 1,000,000, with its bucket and its blob, through the adapter of SQLite: the mean of each round.',
  yardstick: undefined,
  targets: [{ metric: 'meanUs', bound: 'below', value: 25, unit: 'µs' }],
  run,
}

async function run(context: Context): Promise<Outcome> {
  const { file, ...made } = prepareDatabase(context)
  const script = join(import.meta.dirname, '../scale/measure-lookup.ts')
  const args = [script, file, ...(context.quick ? ['--quick'] : [])]
  const { rounds: measured, lookUpsPerRound } = await runProcess<LookupMeasurement>('server', args, {})
  const rounds = measured.map((subject) => ({ subject: { ...subject } }))
  return {
    rounds,
    disturbedRounds: [],
    medians: mediansOf(rounds),
    settings: { ...made, lookUpsPerRound },
    verified: ['every look-up found the version of the file that it asked for'],
  }
}
