import { setTimeout as sleep } from 'node:timers/promises'
import { createMemoryCacheTier } from '../../src/adapters/memory/cache-tier.ts'
import { createByteCaches } from '../../src/core/cache/byte-caches.ts'
import type { ByteCache } from '../../src/core/cache/byte-cache.ts'
import type { CacheTier } from '../../src/core/ports/cache-tier.ts'
import { systemClock } from '../../src/core/ports/clock.ts'
import { createTrace, type Trace } from '../cache/traces.ts'
import { readAll, readers } from '../harness/read-trace.ts'
import { mediansOf } from '../harness/rounds.ts'
import type { Context, Measurement, Outcome, Round, Scenario } from '../harness/scenario.ts'

export const brokenTier: Scenario = {
  name: 'broken-tier',
  measures:
    'Milliseconds that a read takes longer, on average, from the moment at which the tier between memory (2 % of the bytes) and a source of 20 ms is killed, hangs, or answers with a flipped byte; it answers in 2 ms, and may take 100.',
  yardstick: 'the same reads with no such tier at all: what a broken one can cost at best',
  targets: [],
  run,
}

const sourceMs = 20
const tierMs = 2
const budgetMs = 100

type Defect = 'none' | 'killed' | 'hanging' | 'corrupt'

async function run(context: Context): Promise<Outcome> {
  const requests = context.quick ? 20_000 : 200_000
  const trace = createTrace({ kind: 'steady', zipf: 1, zipfRequests: requests, seed: 1 })
  const rounds: Round[] = []
  const measured = Math.floor((requests / 2) * 0.2)
  const part = { from: trace.measuredFrom, to: trace.measuredFrom + measured, sourceMs }
  const readWith = async (defect: Defect | 'absent') => {
    const { cache, setDefect, settled } = await warmed(trace, defect !== 'absent')
    if (defect !== 'absent') setDefect(defect)
    const measurement = await readAll(trace, { ...part, cache })
    await settled()
    return measurement
  }
  for (let round = 0; round < Math.min(3, context.rounds); round++) {
    const yardstick = await readWith('absent')
    const healthy = await readWith('none')
    const subject: Record<string, number> = { ...named('healthy', healthy, yardstick) }
    for (const defect of ['killed', 'hanging', 'corrupt'] as const) {
      Object.assign(subject, named(defect, await readWith(defect), yardstick))
    }
    rounds.push({ subject, yardstick })
    context.progress(`round ${round + 1}: ${JSON.stringify(subject)}`)
  }
  return {
    rounds,
    disturbedRounds: [],
    medians: mediansOf(rounds),
    settings: { compared: 'hanging.lostMs', requests, measured, readers, sourceMs, tierMs, budgetMs },
    verified: ['the first byte and the length of every frame that was read, in every state of the tier'],
  }
}

function named(name: string, taken: Measurement, yardstick: Measurement): Measurement {
  const lostMs = (taken['meanMs'] as number) - (yardstick['meanMs'] as number)
  return {
    [`${name}.meanMs`]: taken['meanMs'] as number,
    [`${name}.p99Ms`]: taken['p99Ms'] as number,
    [`${name}.lostMs`]: lostMs,
  }
}

/** A cache that has seen the first half of the trace, with the tier below its memory or without. */
async function warmed(trace: Trace, hasTier: boolean) {
  const memory = createMemoryCacheTier({ bytesMax: Math.floor(trace.totalBytes * 0.02), clock: systemClock })
  const below = createMemoryCacheTier({ bytesMax: Math.floor(trace.totalBytes * 0.2), clock: systemClock })
  let defect: Defect = 'none'
  let isWarm = false
  const answer = async <T>(call: () => Promise<T>): Promise<T> => {
    if (defect === 'killed') throw new Error('the tier is gone')
    if (defect === 'hanging') return new Promise<T>(() => {})
    if (isWarm) await sleep(tierMs)
    return call()
  }
  const tier: CacheTier = {
    name: 'edge',
    capabilities: below.capabilities,
    set: (key, entry) => answer(() => below.set(key, entry)),
    delete: (keys) => answer(() => below.delete(keys)),
    async get(key) {
      const entry = await answer(() => below.get(key))
      if (!entry || defect !== 'corrupt') return entry
      const bytes = new Uint8Array(entry.bytes)
      bytes[0] = (bytes[0] ?? 0) ^ 1
      return { ...entry, bytes }
    },
  }
  const tasks = new Set<Promise<void>>()
  const { cache }: { cache: ByteCache } = createByteCaches({
    memory,
    lower: hasTier ? [{ tier, budgetMs }] : [],
    entryBytesMax: 2 ** 20,
    masterKey: 'bench-only-0123456789abcdef0123456789abcdef',
    clock: systemClock,
    background: {
      run(_name, work) {
        const task = work().finally(() => tasks.delete(task))
        tasks.add(task)
      },
    },
    observe: () => {},
  })
  await readAll(trace, { from: 0, to: trace.measuredFrom, sourceMs: 0, cache })
  while (tasks.size > 0) await Promise.all(tasks)
  isWarm = true
  return {
    cache,
    setDefect: (next: Defect) => void (defect = next),
    settled: async () => {
      // What hangs never ends.
      if (defect !== 'hanging') while (tasks.size > 0) await Promise.all(tasks)
    },
  }
}
