import { join } from 'node:path'
import { createSingleFlight } from '../../src/core/cache/single-flight.ts'
import { systemClock } from '../../src/core/ports/clock.ts'
import { createRowCaches } from '../../src/core/row-caches.ts'
import {
  bucketCount,
  distant,
  filesPerBucket,
  fill,
  readsPerWrite,
  watch,
  type Written,
} from '../harness/dashboard.ts'
import { mediansOf } from '../harness/rounds.ts'
import type { Context, Outcome, Round, Scenario } from '../harness/scenario.ts'
import { openApplication } from '../signing/application.ts'

export const queryCache: Scenario = {
  name: 'query-cache',
  measures:
    'Time of what an administrator’s page reads (buckets, their files, totals, single files) where the database is 10 ms away, with a write after every 19 reads; buckets by Zipf 1.0, warm.',
  yardstick: 'the same without a cache of rows',
  targets: [{ metric: 'readsFall', bound: 'at least', value: 0.8, unit: 'less time' }],
  run,
}

const delayMs = 10
/** As of a Worker. */
const bytesMax = 8 * 1024 ** 2

async function run(context: Context): Promise<Outcome> {
  const application = await openApplication(join(context.folder, 'query-cache'))
  const { core, admin } = application
  const written: Written = new Map()
  const reads = context.quick ? 300 : 2000
  const warmUp = 300
  const database = distant(core.database, delayMs)
  // Of a cache of one byte nothing is kept.
  const openCore = (bytes: number) => ({
    ...core,
    ...createRowCaches({
      database,
      bytesMax: bytes,
      clock: systemClock,
      background: core.background,
      flight: createSingleFlight({ timeoutMs: 10_000 }),
    }),
  })
  try {
    await fill({ core, caller: admin, written })
    const rounds: Round[] = []
    for (let round = 0; round < context.rounds; round++) {
      const how = { caller: admin, written, reads, warmUp, seed: round + 1 }
      const subject = await watch({ ...how, core: openCore(bytesMax) })
      const yardstick = await watch({ ...how, core: openCore(1) })
      const [withMs, withoutMs] = [subject['readsMs'] as number, yardstick['readsMs'] as number]
      const ratio = withMs / withoutMs
      rounds.push({ subject: { ...subject, readsFall: 1 - ratio }, yardstick, ratio })
      context.progress(
        `round ${round + 1} of ${context.rounds}: ${withMs.toFixed(0)} against ${withoutMs.toFixed(0)} ms`,
      )
    }
    return {
      rounds,
      disturbedRounds: [],
      medians: mediansOf(rounds),
      settings: {
        reads,
        warmUp,
        readsPerWrite,
        delayMs,
        bytesMax,
        buckets: bucketCount,
        filesPerBucket,
        compared: 'readsMs',
      },
      verified: ['every answer was what the same process had written last'],
    }
  } finally {
    await application.close()
  }
}
