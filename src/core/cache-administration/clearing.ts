import { authorizeAdmin, type Caller } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { type CacheScope, scopeOf, tiersInOrder } from './stats.ts'

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
  const entriesOf = () => tiersInOrder(core.cacheStats.read(0).tiers)
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
