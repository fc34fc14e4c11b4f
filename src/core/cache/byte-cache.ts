import type { Clock } from '../ports/clock.ts'
import type { CacheStats, ReadOutcome } from './cache-stats.ts'
import type { SingleFlight } from './single-flight.ts'
import type { CacheStack, FoundEntry } from './stack.ts'

/**
 * Bytes that never change, by a key that says all that selects them (R28): a blob's id, and what was made of it.
 *
 * Whoever reads shares the bytes with all other readers and with the cache, and never writes to them. JavaScript cannot
 * freeze them, and to copy 1 MiB for each reader would cost more than to look it up a hundred times.
 */
export interface ByteCache {
  /** Longer bytes are not kept; below zero, none are. */
  readonly entryBytesMax: number
  /**
   * From the cache, at once if it is in memory, or from `load`, which is asked once for all who ask at one time. The parts of the key may be any
   * strings. Fails only as `load` does. `load` gives its bytes away, and must not use their memory again.
   */
  read(
    key: readonly string[],
    load: () => Promise<Uint8Array>,
    trace?: ReadTrace,
  ): Uint8Array | Promise<Uint8Array>
  /** Resolves when no tier that works has them any more; what is being loaded now is not kept either (R30). */
  forget(keys: readonly (readonly string[])[]): Promise<void>
  clear(): Promise<void>
}

/** Filled in by `read`, for `Cache-Status` (R34). */
export interface ReadTrace {
  /** Which tier had the bytes; absent when the source was asked. */
  tier?: string | undefined
  /** True when another's read was waited for. */
  collapsed?: boolean
  /** What it took beyond a look into the first tier; the sum, where several reads have one trace. */
  ms?: number
}

export interface Loaded {
  readonly bytes: Uint8Array
  readonly tier: string | undefined
}

export function createByteCache(options: {
  stack: CacheStack
  flight: SingleFlight<Loaded>
  entryBytesMax: number
  /** How long bytes are kept that nobody removes: for tiers that hold what was deleted. Up to a tenth less, by chance (R36). */
  lifeMs?: number
  clock: Clock
  /** From 0 to 1. */
  random?: () => number
  stats?: Pick<CacheStats, 'reads'>
}): ByteCache {
  const { stack, flight, entryBytesMax, lifeMs = Infinity, clock, random = Math.random, stats } = options

  /** The tiers below the first, then the source. */
  async function findOrLoad(key: string, load: () => Promise<Uint8Array>): Promise<Loaded> {
    const below = await stack.findBelow(key)
    if (below) return { bytes: below.entry.bytes, tier: below.tier }
    const fill = stack.beginFill(key)
    try {
      const bytes = await load()
      if (bytes.byteLength <= entryBytesMax) {
        const bornMs = clock.now()
        fill.land({ bytes, metadata: '', bornMs, expiresAtMs: bornMs + lifeMs * (1 - random() / 10) })
      }
      return { bytes, tier: undefined }
    } finally {
      fill.end()
    }
  }

  function tellHit({ entry, tier }: FoundEntry, trace: ReadTrace | undefined): Uint8Array {
    stats?.reads.count('hit')
    if (trace) trace.tier = tier
    return entry.bytes
  }

  async function readFirst(
    key: string,
    load: () => Promise<Uint8Array>,
    trace: ReadTrace | undefined,
  ): Promise<Uint8Array> {
    const found = await stack.findFirst(key)
    return found ? tellHit(found, trace) : readFurther(key, load, trace)
  }

  /** A miss in the first tier. */
  async function readFurther(
    key: string,
    load: () => Promise<Uint8Array>,
    trace: ReadTrace | undefined,
  ): Promise<Uint8Array> {
    const beganMs = clock.monotonic()
    let outcome: ReadOutcome = 'failed'
    try {
      const { value, collapsed } = await flight.run(key, () => findOrLoad(key, load))
      outcome = collapsed ? 'collapsed' : value.tier === undefined ? 'load' : 'hit'
      if (trace && value.tier !== undefined) trace.tier = value.tier
      return value.bytes
    } finally {
      stats?.reads.count(outcome)
      if (trace) {
        if (outcome === 'collapsed') trace.collapsed = true
        trace.ms = (trace.ms ?? 0) + clock.monotonic() - beganMs
      }
    }
  }

  return {
    entryBytesMax,
    read(parts, load, trace) {
      const key = keyOf(parts)
      const entry = stack.findNow(key)
      return entry ? tellHit({ entry, tier: stack.firstName }, trace) : readFirst(key, load, trace)
    },
    async forget(keys) {
      const encoded = keys.map(keyOf)
      flight.detach(encoded)
      await stack.delete(encoded)
    },
    async clear() {
      flight.detachAll()
      await stack.clear()
    },
  }
}

/** Each part with its length in front: no two lists of parts give the same. */
function keyOf(parts: readonly string[]): string {
  let key = ''
  for (const part of parts) key += `${part.length}:${part}`
  return key
}
