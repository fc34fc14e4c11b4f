import { createMemoryCacheTier } from '../../src/adapters/memory/cache-tier.ts'
import { createByteCaches, type LowerTier } from '../../src/core/cache/byte-caches.ts'
import type { Core } from '../../src/core/core.ts'
import type { Observer } from '../../src/core/ports/observer.ts'
import { systemClock } from '../../src/core/ports/clock.ts'

/** A cache of bytes in memory; of no bytes it keeps nothing. */
export function testBytes(options: {
  bytesMax: number
  entryBytesMax: number
  lower?: readonly LowerTier[]
  observe?: Observer
}): Pick<Core, 'cache' | 'cacheStats'> {
  const { bytesMax, entryBytesMax, lower = [], observe = () => {} } = options
  const memory = createMemoryCacheTier({ bytesMax: Math.max(1, bytesMax), clock: systemClock })
  return createByteCaches({
    memory,
    lower,
    entryBytesMax,
    masterKey: 'a master key for tests',
    clock: systemClock,
    background: { run: (_name, work) => void work() },
    observe,
  })
}
