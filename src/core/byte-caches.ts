import { Buffer } from 'node:buffer'
import { createHash, createHmac } from 'node:crypto'
import { createByteCache, type Loaded } from './cache/byte-cache.ts'
import { createCacheStats, type TierContents } from './cache/cache-stats.ts'
import { guardTier } from './cache/guarded-tier.ts'
import { sealTier } from './cache/sealed-tier.ts'
import { createSingleFlight } from './cache/single-flight.ts'
import { type ClearableTier, createCacheStack } from './cache/stack.ts'
import type { Timer } from './cache/timer.ts'
import type { Core } from './core.ts'
import type { Background } from './ports/background.ts'
import type { Clock } from './ports/clock.ts'
import type { Observer } from './ports/observer.ts'

export interface ByteCacheOptions {
  /** In this process. Nothing above `entryBytesMax` is kept in any tier. */
  readonly memory: ClearableTier
  readonly memoryContents: () => TierContents
  readonly entryBytesMax: number
  /** From the nearest down: what is outside of this process, so it may fail, be slow, or answer with other bytes. */
  readonly lower?: readonly LowerTier[]
  /** Of the deployment: what another one has put into a tier is not believed. */
  readonly masterKey: string
  readonly clock: Clock
  readonly background: Background
  readonly observe: Observer
  readonly timer?: Timer
  /** {@link createByteCache} */
  readonly lifeMs?: number
  /** {@link createSingleFlight} */
  readonly keepAlive?: (work: Promise<unknown>) => void
}

export interface LowerTier {
  readonly tier: ClearableTier
  /** What a read may take before the next tier is asked. */
  readonly budgetMs: number
  /** What it holds, where it knows. */
  readonly contents?: () => TierContents
}

/** A write may take longer than a read: nobody waits for it. */
const writeBudgetMs = 5000
/** Longer than a read of the source takes; on Workers one that belongs to another request may never end. */
const flightTimeoutMs = 10_000

/** The bytes of a core: memory, then the tiers below it, sealed and guarded. */
export function createByteCaches(options: ByteCacheOptions): Pick<Core, 'cache' | 'cacheStats'> {
  const { memory, lower = [], masterKey, clock, background, observe, timer } = options
  const contents = Object.fromEntries(
    [{ tier: memory, contents: options.memoryContents }, ...lower].flatMap((each) =>
      each.contents ? [[each.tier.name, each.contents] as const] : [],
    ),
  )
  const cacheStats = createCacheStats({ clock, contents })
  const sealKey = deriveKey(masterKey, 'seal')
  const guarded = lower.map(({ tier, budgetMs }) => {
    const sealed = sealTier(tier, {
      key: sealKey,
      onDamage: ({ key }) =>
        observe({ type: 'cache_tier', tier: tier.name, action: 'damaged', error: new Error(`entry ${key}`) }),
    })
    const counter = cacheStats.tier(tier.name)
    const more = timer ? { timer } : {}
    return guardTier(sealed, {
      budgetMs,
      writeBudgetMs,
      clock,
      background,
      report: observe,
      counter,
      ...more,
    })
  })
  const stack = createCacheStack({
    name: 'bytes',
    tiers: [memory, ...guarded],
    clock,
    background,
    report: observe,
    stats: cacheStats,
  })
  const { entryBytesMax, keepAlive, lifeMs = Infinity } = options
  const flight = createSingleFlight<Loaded>({
    timeoutMs: flightTimeoutMs,
    ...(timer ? { timer } : {}),
    ...(keepAlive ? { keepAlive } : {}),
  })
  return {
    cache: createByteCache({ stack, flight, entryBytesMax, lifeMs, clock, stats: cacheStats }),
    cacheStats,
  }
}

/** What tiers outside of this process know keys by: nothing can be learnt from it, and no two deployments have one in common. */
export function createKeyHash(masterKey: string): (key: string) => string {
  const secret = deriveKey(masterKey, 'key')
  // UTF-8 has one form for all lone surrogates.
  return (key) => createHmac('sha256', secret).update(Buffer.from(key, 'utf16le')).digest('base64url')
}

function deriveKey(masterKey: string, purpose: string): Uint8Array {
  return createHash('sha256').update(`cutty cache ${purpose}\0${masterKey}`).digest()
}
