import type { CacheEntry, CacheTier } from '../../src/core/ports/cache-tier.ts'
import type { FaultPlan } from './plan.ts'

/**
 * `get`, `set` and `delete` before anything is done; `get.answer` when the entry is there and not given yet;
 * `set.acknowledge` and `delete.acknowledge` when it has taken effect and the caller is not told yet.
 */
export type CacheTierStep = CacheTierCall | 'get.answer' | 'set.acknowledge' | 'delete.acknowledge'
type CacheTierCall = 'get' | 'set' | 'delete'

/** What the tier answers in place of what it holds. */
export type FalseAnswer = (key: string, entry: CacheEntry | undefined) => CacheEntry | undefined

/** A tier whose steps go as `plan` says, and otherwise as `inner` does. */
export function faultyCacheTier(
  inner: CacheTier,
  plan: FaultPlan<CacheTierStep>,
  answer: FalseAnswer = (_key, entry) => entry,
): CacheTier {
  return {
    name: inner.name,
    capabilities: inner.capabilities,
    async get(key) {
      await plan('get')
      const entry = await inner.get(key)
      await plan('get.answer')
      return answer(key, entry)
    },
    async set(key, entry) {
      await plan('set')
      await inner.set(key, entry)
      await plan('set.acknowledge')
    },
    async delete(keys) {
      await plan('delete')
      await inner.delete(keys)
      await plan('delete.acknowledge')
    },
  }
}

/** One bit of the bytes is another, or there is one byte more where there was none. */
export function flipped(entry: CacheEntry, bit = 0): CacheEntry {
  const bytes = entry.bytes.length > 0 ? new Uint8Array(entry.bytes) : new Uint8Array(1)
  const at = (bit >> 3) % bytes.length
  bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7))
  return { ...entry, bytes }
}

/** Answers with what was answered last under another key, where there is such a thing. */
export function swapping(): FalseAnswer {
  const seen = new Map<string, CacheEntry>()
  return (key, entry) => {
    const other = [...seen].findLast(([otherKey]) => otherKey !== key)?.[1]
    if (entry) {
      seen.delete(key)
      seen.set(key, entry)
    }
    return entry && (other ?? entry)
  }
}
