import { join } from 'node:path'
import { runProcess } from '../harness/processes.ts'
import type { Context, Outcome, Scenario } from '../harness/scenario.ts'

export const signing: Scenario = {
  name: 'signing',
  measures:
    'Verifying a signed GET (in its headers, in its query), signing a URL, and a batch of 1,000 URLs through the application; in one process, without a socket.',
  yardstick: undefined,
  targets: [
    {
      metric: 'withinBounds',
      bound: 'at least',
      value: 1,
      unit: '(verifying below 60 µs, signing below 50 µs, a batch of 1,000 below 60 ms)',
    },
  ],
  run,
}

interface Measured {
  readonly callsPerRound: number
  readonly batchItems: number
  readonly rounds: number
  readonly results: readonly { readonly name: string; readonly minUs: number; readonly medianUs: number }[]
}

async function run(context: Context): Promise<Outcome> {
  const script = join(import.meta.dirname, '../signing/measure.ts')
  const { profileFolder, quick } = context
  const profile = profileFolder ? ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`] : []
  const args = [...profile, script, '--json', ...(quick ? ['--quick'] : [])]
  const { callsPerRound, batchItems, rounds, results } = await runProcess<Measured>('server', args, {})
  const of = (name: string) => {
    const result = results.find((each) => each.name === name)
    if (!result) throw new Error(`${script} measures no ${name}`)
    return result
  }
  const verifyUs = Math.max(of('verify a header').medianUs, of('verify a query').medianUs)
  const signUs = of('sign a URL').medianUs
  const batchMs = of('sign a batch').medianUs / 1000
  const medians = {
    verifyHeaderUs: of('verify a header').medianUs,
    verifyQueryUs: of('verify a query').medianUs,
    verifyUs,
    signUs,
    batchMs,
    leastVerifyHeaderUs: of('verify a header').minUs,
    leastVerifyQueryUs: of('verify a query').minUs,
    leastSignUs: of('sign a URL').minUs,
    leastBatchMs: of('sign a batch').minUs / 1000,
    withinBounds: verifyUs < 60 && signUs < 50 && batchMs < 60 ? 1 : 0,
  }
  return {
    rounds: [{ subject: medians }],
    disturbedRounds: [],
    medians,
    settings: { callsPerRound, batchItems, rounds, compared: 'verifyUs' },
    verified: ['every signature was accepted', 'every batch held 1,000 signed URLs'],
  }
}
