import { createMemoryCacheTier } from '../../src/adapters/memory/cache-tier.ts'
import { createByteCaches } from '../../src/core/cache/byte-caches.ts'
import { systemClock } from '../../src/core/ports/clock.ts'
import { createTrace } from '../cache/traces.ts'
import { frameBytes, readAll, readers } from '../harness/read-trace.ts'
import { mediansOf } from '../harness/rounds.ts'
import type { Context, Measurement, Outcome, Round, Scenario } from '../harness/scenario.ts'

export const slowSource: Scenario = {
  name: 'slow-source',
  measures:
    'Time to read a file through the cache of bytes, where the source answers after 20 ms: 100,000 files of a web’s sizes, Zipf 1.0, memory for a tenth of their bytes, 64 readers, warm.',
  yardstick: 'the same without a cache',
  targets: [
    {
      metric: 'withinBounds',
      bound: 'at least',
      value: 1,
      unit: '(the mean falls by 0.75 or more, the median by 0.95 or more)',
    },
  ],
  run,
}

const sourceMs = 20
const memoryShare = 0.1

async function run(context: Context): Promise<Outcome> {
  const requests = context.quick ? 40_000 : 600_000
  const trace = createTrace({ kind: 'steady', zipf: 1, zipfRequests: requests, seed: 1 })
  const bytesMax = Math.floor(trace.totalBytes * memoryShare)
  const memory = createMemoryCacheTier({ bytesMax, clock: systemClock })
  const { cache, cacheStats } = createByteCaches({
    memory,
    entryBytesMax: frameBytes,
    masterKey: 'bench-only-0123456789abcdef0123456789abcdef',
    clock: systemClock,
    background: { run: (_name, work) => void work() },
    observe: () => {},
  })
  // As many requests as fill it, at no cost: the policy sees what it would see.
  await readAll(trace, { from: 0, to: trace.measuredFrom, sourceMs: 0, cache })

  const rounds: Round[] = []
  const perRound = Math.floor((trace.requests.length - trace.measuredFrom) / context.rounds)
  for (let round = 0; round < context.rounds; round++) {
    const from = trace.measuredFrom + round * perRound
    const subject = await readAll(trace, { from, to: from + perRound, sourceMs, cache })
    // All alike: a part of them is enough.
    const to = from + Math.min(perRound, readers * 100)
    const yardstick = await readAll(trace, { from, to, sourceMs, cache: undefined })
    const meanFall = 1 - (subject['meanMs'] as number) / (yardstick['meanMs'] as number)
    const medianFall = 1 - (subject['p50Ms'] as number) / (yardstick['p50Ms'] as number)
    const withinBounds = meanFall >= 0.75 && medianFall >= 0.95 ? 1 : 0
    rounds.push({ subject: { ...subject, meanFall, medianFall, withinBounds }, yardstick })
    context.progress(
      `round ${round + 1} of ${context.rounds}: mean ${show(subject, yardstick, 'meanMs')}, median ${show(subject, yardstick, 'p50Ms')}, p95 ${show(subject, yardstick, 'p95Ms')} ms`,
    )
  }
  const { reads } = cacheStats.read(3_600_000)
  return {
    rounds,
    disturbedRounds: [],
    medians: mediansOf(rounds),
    settings: { requests, readers, sourceMs, frameBytes, bytesMax, totalBytes: trace.totalBytes, ...reads },
    verified: ['the first byte and the length of every frame that was read'],
  }
}

const show = (subject: Measurement, yardstick: Measurement, name: string) =>
  `${subject[name]?.toFixed(3)} against ${yardstick[name]?.toFixed(1)}`
