import { Buffer } from 'node:buffer'
import { createHash, createHmac } from 'node:crypto'
import type { Background } from '../ports/background.ts'
import type { Clock } from '../ports/clock.ts'
import type { Observer } from '../ports/observer.ts'
import { type ByteCache, createByteCache, type Loaded } from './byte-cache.ts'
import { type CacheStats, createCacheStats, type TierContents } from './cache-stats.ts'
import { guardTier } from './guarded-tier.ts'
import { sealTier } from './sealed-tier.ts'
import { createSingleFlight } from './single-flight.ts'
import { type ClearableTier, createCacheStack } from './stack.ts'
import type { Timer } from './timer.ts'

export interface ByteCacheOptions {
  /** In this process. */
  readonly memory: CountedTier
  /** Longer bytes are kept in no tier; below zero, none at all. */
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

/** One that says what it holds, where it knows. */
export interface CountedTier extends ClearableTier {
  readonly contents?: () => TierContents
}

export interface LowerTier {
  readonly tier: CountedTier
  /** What a read may take before the next tier is asked. */
  readonly budgetMs: number
}

/** A write may take longer than a read: nobody waits for it. */
const writeBudgetMs = 5000
/** Longer than a read of the source takes; on Workers one that belongs to another request may never end. */
const flightTimeoutMs = 10_000

/** The bytes of a core: memory, then the tiers below it, sealed and guarded. */
export function createByteCaches(options: ByteCacheOptions): { cache: ByteCache; cacheStats: CacheStats } {
  const { memory, lower = [], masterKey, clock, background, observe, timer } = options
  const tiers: CountedTier[] = [memory, ...lower.map(({ tier }) => tier)]
  const contents = Object.fromEntries(
    tiers.flatMap((tier) => (tier.contents ? [[tier.name, tier.contents] as const] : [])),
  )
  const cacheStats = createCacheStats({ clock, contents })
  const sealKey = deriveKey(masterKey, 'seal')
  const guarded = lower.map(({ tier, budgetMs }) =>
    guardTier(sealTier(tier, { key: sealKey }), {
      budgetMs,
      writeBudgetMs,
      clock,
      background,
      report: observe,
      counter: cacheStats.tier(tier.name),
      ...(timer ? { timer } : {}),
    }),
  )
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
