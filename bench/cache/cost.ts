/** What a cache takes of memory and time. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createMemoryCacheTier } from '../../src/adapters/memory/cache-tier.ts'
import { createGhosts } from '../../src/core/cache/ghosts.ts'
import { createS3Fifo } from '../../src/core/cache/s3-fifo.ts'
import { lru, ours, publishedS3Fifo, sieve } from './policies.ts'
import { createRandom } from './traces.ts'
import type { CacheResult } from './result.ts'

/** 600,000: a little more than where a `Map` doubles, so the dearest case. */
const count = 600_000

/** Growth of heap and buffers for each of `count` entries, keys (made beforehand) not included. */
export function measureMemory(): CacheResult['memory'] {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const keys = Array.from({ length: count }, (_, index) => `entry ${index}`)
  const taken = () => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const grownBy = (fill: () => unknown) => {
    const before = taken()
    const filled = [fill()]
    const grown = (taken() - before) / count
    filled.length = 0
    return Math.round(grown)
  }
  return {
    entryBytes: grownBy(() => {
      const cache = createS3Fifo<string>({ bytesMax: 2 ** 40, sizeOf: () => 0 })
      for (const key of keys) cache.set(key, 'one for all')
      return cache
    }),
    ghostBytes: grownBy(() => {
      const ghosts = createGhosts()
      for (const [index, key] of keys.entries()) ghosts.add(key, index + 0.5, count)
      return ghosts
    }),
    tierEntryBytes: grownBy(() => {
      const clock = { now: () => 0 }
      const tier = createMemoryCacheTier({ bytesMax: 2 ** 40, clock })
      for (const key of keys)
        void tier.set(key, {
          bytes: new Uint8Array(8),
          metadata: '',
          bornMs: 1e12 + 1,
          expiresAtMs: Infinity,
        })
      return tier
    }),
  }
}

/** Keys that all fit are read; then as many as do not are set, each of them new. */
export function measureSpeeds(operations: number): CacheResult['speeds'] {
  const policies = { ours, lru, sieve, published: publishedS3Fifo }
  const random = createRandom(1)
  const keys = Array.from({ length: 10_000 }, (_, index) => index.toString().padStart(26, '0'))
  const order = Int32Array.from({ length: operations }, () => Math.floor(random() * keys.length))
  const fresh = Array.from({ length: operations }, (_, index) => `${index}`.padStart(26, 'new '))
  return Object.entries(policies).map(([name, create]) => {
    const rounds = Array.from({ length: 5 }, () => {
      const cache = create(20_000 * 1024)
      for (const key of keys) cache.set(key, 700)
      let missed = 0
      const start = performance.now()
      for (const index of order) if (!cache.get(keys[index] as string)) missed++
      const middle = performance.now()
      for (const key of fresh) cache.set(key, 700)
      const end = performance.now()
      if (missed > 0) throw new Error(`${name} has lost ${missed} entries that fit`)
      return { getHitNs: ((middle - start) / operations) * 1e6, setNs: ((end - middle) / operations) * 1e6 }
    })
    const median = (numbers: number[]) => Math.round(numbers.toSorted((a, b) => a - b)[2] as number)
    return {
      name,
      getHitNs: median(rounds.map(({ getHitNs }) => getHitNs)),
      setNs: median(rounds.map(({ setNs }) => setNs)),
    }
  })
}
