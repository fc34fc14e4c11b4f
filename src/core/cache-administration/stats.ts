import { authorizeAdmin, type Caller } from '../accounts/caller.ts'
import type { ReadOutcome, TierReport } from '../cache/cache-stats.ts'
import type { StatementStats } from '../cache/query-cache.ts'
import type { Core } from '../core.ts'

/** Whose caches an answer to an administrator is about: a `process` is the only one there is, an `isolate` is one of many. */
export type CacheScope = 'process' | 'isolate'

export function scopeOf(core: Core): CacheScope {
  return core.database.capabilities.exclusive ? 'process' : 'isolate'
}

export interface CacheStatsView {
  readonly scope: CacheScope
  /** What the counts of `bytes` are of: the whole minutes asked for, or less where the process is younger. */
  readonly spanMs: number
  readonly bytes: {
    readonly reads: Readonly<Record<ReadOutcome, number>>
    /** From 0 to 1; null where nothing was read. What waited for another read is no hit. */
    readonly hitRate: number | null
    /** From the nearest down. */
    readonly tiers: readonly (TierReport & { name: string; hitRate: number | null })[]
  }
  /** Counts are since the process began. */
  readonly rows: {
    readonly entries: number
    readonly bytes: number
    readonly bytesMax: number
    readonly evictions: number
    readonly statements: readonly (StatementStats & { name: string; hitRate: number | null })[]
  }
}

export function readCacheStats(
  core: Core,
  caller: Caller,
  { windowSeconds }: { windowSeconds: number },
): CacheStatsView {
  authorizeAdmin(caller)
  const { spanMs, reads, tiers } = core.cacheStats.read(windowSeconds * 1000)
  const { byStatement, ...rows } = core.rows.stats()
  const { hit, load, collapsed, failed } = reads
  return {
    scope: scopeOf(core),
    spanMs,
    bytes: {
      reads,
      hitRate: rateOf(hit, hit + load + collapsed + failed),
      tiers: tiersInOrder(tiers).map(([name, tier]) => ({
        name,
        ...tier,
        hitRate: rateOf(tier.hits, tier.hits + tier.misses),
      })),
    },
    rows: {
      ...rows,
      statements: Object.entries(byStatement).map(([name, counts]) => ({
        name,
        ...counts,
        hitRate: rateOf(counts.hits, counts.hits + counts.misses),
      })),
    },
  }
}

/** What is in this process is the nearest; the others come as they were joined. */
export function tiersInOrder<T>(tiers: Readonly<Record<string, T>>): [name: string, tier: T][] {
  return Object.entries(tiers).toSorted(([a], [b]) => Number(b === 'memory') - Number(a === 'memory'))
}

function rateOf(hits: number, all: number): number | null {
  return all === 0 ? null : hits / all
}
