import { LRUCache } from 'lru-cache'

/** What lately could not be kept: those who ask for it need not wait for one another (hit-for-miss, R31). */
export interface Uncacheable {
  add(key: string): void
  has(key: string): boolean
}

/** Varnish's default: long enough to matter, short enough that a resource which becomes cacheable is noticed. */
const rememberedMs = 120_000
const keysMax = 10_000

export function createUncacheable(clock: () => number): Uncacheable {
  const until = new LRUCache<string, number>({ max: keysMax })
  return {
    add(key) {
      until.set(key, clock() + rememberedMs)
    },
    has(key) {
      const untilMs = until.get(key)
      return untilMs !== undefined && clock() < untilMs
    },
  }
}
