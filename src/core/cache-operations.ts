import { authorizeAdmin, type Caller } from './accounts/caller.ts'
import type { ReadOutcome, TierReport } from './cache/cache-stats.ts'
import type { StatementStats } from './cache/query-cache.ts'
import type { Core } from './core.ts'

/**
 * What an administrator may ask of the caches, beside `cache-invalidation.ts` and `cache-warming.ts`. All of it is of the
 * process that answers.
 */

/** Whose caches an answer is about: a `process` is the only one there is, an `isolate` is one of many. */
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
      tiers: inOrder(tiers).map(([name, tier]) => ({
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
function inOrder<T>(tiers: Readonly<Record<string, T>>): [name: string, tier: T][] {
  return Object.entries(tiers).toSorted(([a], [b]) => Number(b === 'memory') - Number(a === 'memory'))
}

function rateOf(hits: number, all: number): number | null {
  return all === 0 ? null : hits / all
}

export interface ClearedCaches {
  readonly scope: CacheScope
  /** Rows of the database that were in memory. */
  readonly rows: number
  readonly tiers: readonly ClearedTier[]
}

export interface ClearedTier {
  readonly name: string
  /** What it held, and holds now: `undefined` where the tier does not know, and cannot be emptied either. */
  readonly entriesBefore: number | undefined
  readonly entries: number | undefined
}

/**
 * Empties the caches. Of a tier that cannot be emptied, this process reads nothing any more that was there before; others
 * still do, which does no harm, since bytes never change.
 */
export async function clearCaches(core: Core, caller: Caller): Promise<ClearedCaches> {
  authorizeAdmin(caller)
  const entriesOf = () => inOrder(core.cacheStats.read(0).tiers)
  const before = new Map(entriesOf().map(([name, { entries }]) => [name, entries]))
  const rows = core.rows.stats().entries
  core.rows.clear()
  await core.cache.clear()
  return {
    scope: scopeOf(core),
    rows,
    tiers: entriesOf().map(([name, { entries }]) => ({ name, entriesBefore: before.get(name), entries })),
  }
}
