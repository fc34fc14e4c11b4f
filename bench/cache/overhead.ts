/**
 * What a hit in memory costs with all that stands around the eviction policy: nanoseconds, the median of rounds in which each
 * part takes its turn. `--json` prints the result as JSON, with the machine and all rounds. `--quick` proves no speed.
 */
import { parseArgs } from 'node:util'
import { createMemoryCacheTier } from '../../src/adapters/memory/cache-tier.ts'
import { createByteCache } from '../../src/core/cache/byte-cache.ts'
import type { Loaded, ReadTrace } from '../../src/core/cache/byte-cache.ts'
import { createCacheStats } from '../../src/core/cache/cache-stats.ts'
import { createS3Fifo } from '../../src/core/cache/s3-fifo.ts'
import { createSingleFlight } from '../../src/core/cache/single-flight.ts'
import { createCacheStack } from '../../src/core/cache/stack.ts'
import { systemClock } from '../../src/core/ports/clock.ts'
import { describeMachine } from '../harness/machine.ts'

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
const rounds = values.quick ? 3 : 15
const hitsPerRound = values.quick ? 10_000 : 200_000
const keyCount = 1024
const bytesMax = 64 * 1024 ** 2

const background = { run: (_name: string, work: () => Promise<void>) => void work() }
const stats = createCacheStats({ clock: systemClock })
const memory = createMemoryCacheTier({ bytesMax, clock: systemClock })
const lower = { ...createMemoryCacheTier({ bytesMax, clock: systemClock }), name: 'disk' }
const options = { name: 'bytes', clock: systemClock, background, stats }
const stack = createCacheStack({ ...options, tiers: [memory, lower] })
const flight = createSingleFlight<Loaded>({ timeoutMs: 1000 })
const cache = createByteCache({ stack, flight, entryBytesMax: 2 ** 20, clock: systemClock, stats })
const policy = createS3Fifo<Uint8Array>({ bytesMax, sizeOf: (bytes) => bytes.byteLength })

const ids = Array.from({ length: keyCount }, (_, index) => `01jd8${String(index).padStart(21, '0')}`)
const never = (): never => {
  throw new Error('a hit was a miss')
}
const load = async () => never()
for (const id of ids) {
  const bytes = new Uint8Array(1024)
  policy.set(id, bytes)
  await memory.set(id, { bytes, metadata: '', bornMs: Date.now(), expiresAtMs: Infinity })
  await stack.set(`stack ${id}`, { bytes, metadata: '', bornMs: Date.now(), expiresAtMs: Infinity })
  await cache.read(['whole', id], async () => bytes)
}
const stackKeys = ids.map((id) => `stack ${id}`)
const partsOf = ids.map((id) => ['whole', id])

const keyAt = <T>(keys: readonly T[], hit: number) => keys[(hit * 7) % keyCount] as T
const parts: Record<string, (hits: number) => Promise<void> | void> = {
  'S3-FIFO': (hits) => {
    for (let hit = 0; hit < hits; hit++) if (!policy.get(keyAt(ids, hit))) never()
  },
  'memory tier': async (hits) => {
    for (let hit = 0; hit < hits; hit++) if (!(await memory.get(keyAt(ids, hit)))) never()
  },
  stack: async (hits) => {
    for (let hit = 0; hit < hits; hit++) if (!(await stack.get(keyAt(stackKeys, hit)))) never()
  },
  'byte cache': async (hits) => {
    for (let hit = 0; hit < hits; hit++) await cache.read(keyAt(partsOf, hit), load)
  },
  'byte cache, its key made anew, traced': async (hits) => {
    for (let hit = 0; hit < hits; hit++) {
      const trace: ReadTrace = {}
      await cache.read(['whole', keyAt(ids, hit)], load, trace)
    }
  },
}

const measured = Object.keys(parts).map((name) => ({ name, rounds: [] as number[] }))
for (let round = -2; round < rounds; round++) {
  for (const { name, rounds: taken } of measured) {
    const beganMs = performance.now()
    await parts[name]?.(hitsPerRound)
    const hitNs = ((performance.now() - beganMs) * 1e6) / hitsPerRound
    // The first two make it warm.
    if (round >= 0) taken.push(Math.round(hitNs))
  }
}

const results = measured.map(({ name, rounds: taken }) => ({
  name,
  hitNs: taken.toSorted((a, b) => a - b)[taken.length >> 1] as number,
  rounds: taken,
}))
if (values.json) {
  const machine = describeMachine(import.meta.dirname)
  console.log(JSON.stringify({ machine, quick: values.quick, hitsPerRound, keyCount, results }, null, 2))
} else {
  for (const { name, hitNs } of results) console.log(`${String(hitNs).padStart(6)} ns  ${name}`)
}
