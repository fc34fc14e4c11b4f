import type { Core } from '../core.ts'
import { idTimeMs, idTimePrefix } from '../ids.ts'
import { allCacheKeys } from './cache-keys.ts'
import { isBeingRead } from './parts.ts'
import { limits } from '../limits.ts'
import { bind, type Database } from '../ports/database.ts'
import { deleteGarbage, findBlobsBetween, findGarbage } from '../statements/blobs.ts'
import { releasePartBlobs } from '../statements/blob-parts.ts'
import { findSetting, putSetting } from '../statements/settings.ts'

/**
 * Removes blobs that nothing has pointed at for `graceMs`, which must be longer than the longest read and the life of
 * any cached pointer (R47). Bytes go first: a crash in between leaves the row, and the next round finds it again.
 */
export async function collectGarbage(core: Core, options: { graceMs: number }): Promise<number> {
  let collected = 0
  for (;;) {
    const beforeMs = core.clock.now() - options.graceMs
    const found = await core.database.query(findGarbage, {
      beforeMs,
      limit: limits.collectBatchMax,
    })
    const composites = found.filter(({ location }) => location === 'parts')
    const taken = composites.filter(({ id }) => !isBeingRead(id)).slice(0, limits.collectCompositesMax)
    const garbage = [...found.filter(({ location }) => location !== 'parts'), ...taken]
    if (garbage.length === 0) break
    await core.blobs.delete(garbage.filter(({ location }) => location === 'store').map(({ id }) => id))
    // Elsewhere the cache is many, and what is in it ends with its life.
    if (core.database.capabilities.exclusive) {
      for (const blob of garbage) await core.cache.forget([...allCacheKeys(blob)])
    }
    await core.database.batch([
      // Nobody but the composite pointed at them: their grace is over with its own.
      ...taken.map(({ id }) => bind(releasePartBlobs, { id, sinceMs: beforeMs - 1 })),
      ...garbage.map(({ id }) => bind(deleteGarbage, { id })),
    ])
    collected += garbage.length
    if (taken.length === 0 && found.length < limits.collectBatchMax) break
  }
  if (collected > 0) core.observe({ type: 'storage', action: 'collected', blobs: collected })
  return collected
}

const sweptTo = 'orphans_swept_to'

/** Up to when sweeps have been. Ids must not be made for earlier, or no sweep would ever see them. */
export async function lastSweptMs(database: Database): Promise<number> {
  const [setting] = await database.query(findSetting, { name: sweptTo })
  return setting ? idTimeMs(setting.value) : 0
}

/**
 * Removes blobs of the store that no row knows: uploads that ended between storing the bytes and the commit. Ids are
 * ordered by time, so each sweep begins where the last one ended, and ends at `beforeMs`: uploads that began later may
 * still be under way.
 */
export async function sweepOrphans(core: Core, options: { beforeMs: number }): Promise<number> {
  const end = idTimePrefix(options.beforeMs)
  const [setting] = await core.database.query(findSetting, { name: sweptTo })
  let after = setting?.value ?? ''
  let removed = 0
  while (after < end) {
    const page = await core.blobs.list({ after, limit: limits.listPageMax })
    const ids = page.ids.filter((id) => id < end)
    const [first, last] = [ids[0], ids.at(-1)]
    if (first !== undefined && last !== undefined) {
      const known = new Set(
        (await core.database.query(findBlobsBetween, { first, last })).map(({ id }) => id),
      )
      const orphans = ids.filter((id) => !known.has(id))
      await core.blobs.delete(orphans)
      removed += orphans.length
    }
    after = ids.length === page.ids.length && page.next !== undefined ? page.next : end
    await core.database.batch([bind(putSetting, { name: sweptTo, value: after })])
  }
  if (removed > 0) core.observe({ type: 'storage', action: 'orphans_removed', blobs: removed })
  return removed
}
