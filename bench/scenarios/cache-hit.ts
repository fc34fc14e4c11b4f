import { join } from 'node:path'
import { runProcess } from '../harness/processes.ts'
import type { Context, Outcome, Scenario } from '../harness/scenario.ts'

export const cacheHit: Scenario = {
  name: 'cache-hit',
  measures:
    'What the cache of bytes adds to a hit in memory: key, tiers, statistics, promises, around the look-up in S3-FIFO; no HTTP.',
  yardstick: undefined,
  targets: [{ metric: 'overheadUs', bound: 'below', value: 3, unit: 'µs above the look-up' }],
  run,
}

interface Overhead {
  readonly hitsPerRound: number
  readonly results: readonly { readonly name: string; readonly hitNs: number }[]
}

async function run(context: Context): Promise<Outcome> {
  const script = join(import.meta.dirname, '../cache/overhead.ts')
  const quick = context.quick ? ['--quick'] : []
  const { hitsPerRound, results } = await runProcess<Overhead>('server', [script, '--json', ...quick], {})
  const ns = (name: string) => {
    const result = results.find((each) => each.name === name)
    if (!result) throw new Error(`${script} measures no ${name}`)
    return result.hitNs
  }
  const medians = {
    overheadUs: (ns('byte cache') - ns('S3-FIFO')) / 1000,
    lookUpUs: ns('S3-FIFO') / 1000,
    memoryTierUs: ns('memory tier') / 1000,
    stackUs: ns('stack') / 1000,
  }
  return {
    rounds: [{ subject: medians }],
    disturbedRounds: [],
    medians,
    settings: { hitsPerRound, valueBytes: 1024 },
    verified: ['every read was a hit'],
  }
}
