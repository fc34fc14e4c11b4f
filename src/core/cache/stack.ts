import type { Background } from '../ports/background.ts'
import type { CacheEntry, CacheTier, CacheTierCapabilities } from '../ports/cache-tier.ts'
import type { Clock } from '../ports/clock.ts'
import type { CacheTierEvent } from '../ports/observer.ts'
import type { CacheStats, TierCounter } from './cache-stats.ts'
import { createDoubts } from './doubts.ts'
import { createFillTokens } from './fill-tokens.ts'
import { ownEntry } from './own-entry.ts'
import type { TierCall } from './guarded-tier.ts'
import { createWriteLanes } from './write-lanes.ts'
import type { WriteLanes } from './write-lanes.ts'

/** One that can be emptied; of others, what was born before is not read any more by this process. */
export interface ClearableTier extends CacheTier {
  readonly clear?: () => void | Promise<void>
}

/**
 * Tiers as one: read from the top, written at the top at once and below in the background. What a lower tier has is set in
 * those above it, as it was. No call rejects: a tier that fails is passed over and reported.
 *
 * - A `get` gives what was set last by this process, or nothing, whatever tiers fail or let go of; below a `shared` tier's
 *   bound, others' too. Entries on their way into a tier are read from there.
 * - What began before a removal is not written after it, in any tier (R30).
 * - `shared` when any tier is, since what is read may then be older than the last write; the others still keep what another
 *   process has removed, until it expires.
 */
export interface CacheStack extends CacheTier {
  readonly firstName: string
  find(key: string): Promise<FoundEntry | undefined>
  /** An entry of the first tier, if that has it and can tell without waiting; `undefined` says nothing. */
  findNow(key: string): CacheEntry | undefined
  /** The two halves of `find`, for who would do something between them. */
  findFirst(key: string): Promise<FoundEntry | undefined>
  findBelow(key: string): Promise<FoundEntry | undefined>
  /** To be called before the source is asked, so that what it gives is not kept if it was removed meanwhile. */
  beginFill(key: string): Fill
  clear(): Promise<void>
  /** Writes and fills under way: keys, of each tier. */
  readonly underWay: number
}

export interface FoundEntry {
  readonly entry: CacheEntry
  /** Its name. */
  readonly tier: string
}

export interface Fill {
  /** Sets the entry, unless the key was removed since the fill began. Returns at once. */
  land(entry: CacheEntry): void
  /** To be called once, whether it has landed or not. */
  end(): void
}

/** Of one tier; beyond it entries are left out of the tiers below. */
const pendingBytesMax = 16 * 1024 ** 2

export interface CacheStackOptions {
  readonly name: string
  /** From the top; one at the least. */
  readonly tiers: readonly ClearableTier[]
  readonly clock: Pick<Clock, 'now'>
  readonly background: Background
  readonly report?: (event: CacheTierEvent) => void
  readonly stats?: Pick<CacheStats, 'tier'>
  /** Of entries on their way into one lower tier; 16 MiB when left out. */
  readonly pendingBytesMax?: number
}

export function createCacheStack(options: CacheStackOptions): CacheStack {
  const levels = options.tiers.map((tier, at) => createLevel(tier, at === 0, options))
  const [first, ...lower] = levels
  if (!first) throw new RangeError('a stack of no tiers keeps nothing')
  const tokens = createFillTokens()

  /** Writes everywhere; resolves when the first tier is done. */
  function write(key: string, given: CacheEntry): Promise<void> {
    const entry = ownEntry(given)
    tokens.written(key)
    const [written] = levels.map((level) => level.set(key, entry, false))
    return written as Promise<void>
  }

  async function findBelow(key: string): Promise<FoundEntry | undefined> {
    if (lower.length === 0) return undefined
    const token = tokens.begin(key)
    try {
      for (const [above, level] of lower.entries()) {
        const entry = await level.get(key)
        if (!entry) continue
        if (token.isUntouched()) {
          tokens.written(key)
          for (const higher of levels.slice(0, above + 1)) void higher.set(key, entry, true)
        }
        return { entry, tier: level.name }
      }
      return undefined
    } finally {
      token.end()
    }
  }

  async function findFirst(key: string): Promise<FoundEntry | undefined> {
    const entry = await first?.get(key)
    return entry && { entry, tier: first?.name as string }
  }

  const find = async (key: string) => (await findFirst(key)) ?? (await findBelow(key))

  return {
    name: options.name,
    capabilities: capabilitiesOf(options.tiers),
    get: async (key) => (await find(key))?.entry,
    set: write,
    async delete(keys) {
      tokens.removed(keys)
      await Promise.all(levels.map((level) => level.lanes.delete(keys)))
    },
    firstName: first.name,
    find,
    findNow: (key) => first.getNow(key),
    findFirst,
    findBelow,
    beginFill(key) {
      const token = tokens.begin(key)
      return {
        land(entry) {
          if (token.isValid()) void write(key, entry)
        },
        end: token.end,
      }
    },
    async clear() {
      tokens.removedAll()
      await Promise.all(levels.map((level) => level.clear()))
    },
    get underWay() {
      return tokens.size + levels.reduce((sum, { lanes }) => sum + lanes.size, 0)
    },
  }
}

/** A tier in its place. */
interface Level {
  readonly name: string
  readonly lanes: WriteLanes
  get(key: string): Promise<CacheEntry | undefined>
  getNow(key: string): CacheEntry | undefined
  /** `isNew`: nothing was found under the key, so nothing has to go where the tier cannot take the entry. */
  set(key: string, entry: CacheEntry, isNew: boolean): Promise<void>
  clear(): Promise<void>
}

function createLevel(tier: ClearableTier, isFirst: boolean, options: CacheStackOptions): Level {
  const { clock, background, report, stats } = options
  const { name, capabilities } = tier
  const counter: TierCounter | undefined = stats?.tier(name)
  const doubts = createDoubts({ clock })
  const fail = (during: TierCall, error: unknown) => {
    counter?.failed(during)
    report?.({ type: 'cache_tier', tier: name, action: 'failed', during, error })
  }
  const lanes = createWriteLanes({
    tier,
    doubts,
    background: isFirst ? undefined : background,
    pendingBytesMax: isFirst ? Infinity : (options.pendingBytesMax ?? pendingBytesMax),
    onError: fail,
    onSet: (sizeBytes) => counter?.set(sizeBytes),
  })

  let clearing = 0

  async function ask(key: string): Promise<CacheEntry | undefined> {
    if (doubts.has(key)) {
      counter?.skipped('get')
      return undefined
    }
    try {
      const entry = await tier.get(key)
      return entry && doubts.refuses(entry) ? undefined : entry
    } catch (error) {
      fail('get', error)
      return undefined
    }
  }

  return {
    name,
    lanes,
    async get(key) {
      const pending = lanes.pending(key)
      // While it is being cleared, what is found before it goes would be set again in a tier that is clear already.
      const entry = pending ? pending.entry : clearing > 0 ? undefined : await ask(key)
      const nowMs = clock.now()
      // What is pending, no tier has looked at.
      if (!entry || !(entry.expiresAtMs > nowMs)) {
        counter?.miss()
        return undefined
      }
      counter?.hit(entry.bytes.byteLength, nowMs - entry.bornMs)
      return entry
    },
    getNow(key) {
      const { getNow } = tier
      if (!getNow || clearing > 0 || doubts.has(key) || lanes.pending(key)) return undefined
      const entry = getNow(key)
      if (!entry || doubts.refuses(entry)) return undefined
      counter?.hit(entry.bytes.byteLength, clock.now() - entry.bornMs)
      return entry
    },
    set(key, entry, isNew) {
      return lanes.set(key, fits(entry, capabilities, clock.now()) ? entry : undefined, { isNew })
    },
    async clear() {
      clearing++
      const removed = lanes.deletePending()
      try {
        if (tier.clear) await tier.clear()
        else doubts.addAll()
      } catch (error) {
        doubts.addAll()
        fail('clear', error)
      }
      await removed
      clearing--
    },
  }
}

/** R36. */
function fits(
  { bytes, expiresAtMs }: CacheEntry,
  capabilities: CacheTierCapabilities,
  nowMs: number,
): boolean {
  const { valueBytesMax, ttlSecondsMin } = capabilities
  const lifeMs = expiresAtMs - nowMs
  return bytes.byteLength <= valueBytesMax && lifeMs > 0 && lifeMs >= ttlSecondsMin * 1000
}

function capabilitiesOf(tiers: readonly CacheTier[]): CacheTierCapabilities {
  const all = tiers.map(({ capabilities }) => capabilities)
  return {
    valueBytesMax: Math.max(...all.map(({ valueBytesMax }) => valueBytesMax)),
    ttlSecondsMin: Math.min(...all.map(({ ttlSecondsMin }) => ttlSecondsMin)),
    shared: all.some(({ shared }) => shared),
    persistent: all.some(({ persistent }) => persistent),
  }
}
