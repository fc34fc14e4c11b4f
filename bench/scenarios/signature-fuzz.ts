import { join } from 'node:path'
import { runProcess } from '../harness/processes.ts'
import { describeFinding } from '../signing/fuzz.ts'
import type { FuzzResult } from '../signing/fuzz.ts'
import type { Context, Outcome, Scenario } from '../harness/scenario.ts'

export const signatureFuzz: Scenario = {
  name: 'signature-fuzz',
  measures:
    'Signed requests, signed chunks and signed POST policies, each changed by a seeded fuzzer, answered by the whole application in one process: 100,000 of them.',
  yardstick: undefined,
  targets: [{ metric: 'notRefused', bound: 'below', value: 1, unit: 'accepted or crashed' }],
  run,
}

async function run(context: Context): Promise<Outcome> {
  const cases = context.quick ? 2_000 : 100_000
  const script = join(import.meta.dirname, '../signing/run-fuzz.ts')
  const { profileFolder } = context
  const profile = profileFolder ? ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`] : []
  const args = [...profile, script, '--json', '--cases', String(cases)]
  const began = performance.now()
  const result = await runProcess<FuzzResult>('server', args, {})
  const seconds = (performance.now() - began) / 1000
  const { accepted, crashed, stored, noS3Error, refused, alike, alikeAccepted, origins, seed } = result
  for (const finding of result.findings) context.progress(describeFinding(finding, result))
  const medians = {
    notRefused: accepted + crashed + stored + noS3Error,
    accepted,
    crashed,
    stored,
    noS3Error,
    refused,
    alike,
    alikeAccepted,
    casesPerSecond: cases / seconds,
  }
  return {
    rounds: [{ subject: medians }],
    disturbedRounds: [],
    medians,
    settings: {
      cases,
      seed,
      origins,
      mutations: Object.keys(result.mutations).length,
      codes: JSON.stringify(result.codes),
    },
    verified: [
      'every origin is accepted as it is',
      'the answer to each case, against a plain reading of what was signed',
      'all that is stored, after each case that was no read',
    ],
  }
}
