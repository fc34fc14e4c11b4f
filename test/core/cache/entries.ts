import { createMemoryCacheTier } from '../../../src/adapters/memory/cache-tier.ts'
import type { ClearableTier } from '../../../src/core/cache/stack.ts'
import type { CacheEntry, CacheTierCapabilities } from '../../../src/core/ports/cache-tier.ts'

export function entryOf(bytes: Uint8Array | string, more: Partial<CacheEntry> = {}): CacheEntry {
  return {
    bytes: typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes,
    metadata: '',
    bornMs: Date.UTC(2026, 0, 1),
    expiresAtMs: Infinity,
    ...more,
  }
}

export function textOf(entry: CacheEntry | undefined): string | undefined {
  return entry && new TextDecoder().decode(entry.bytes)
}

/** A tier in memory under another name, which can be cleared and shows what it holds. */
export function memoryTier(
  name: string,
  clock: { now(): number },
  options: { bytesMax?: number; capabilities?: Partial<CacheTierCapabilities> } = {},
): ClearableTier & { held(key: string): Promise<string | undefined> } {
  const { bytesMax = 64 * 2 ** 20, capabilities } = options
  const tier = createMemoryCacheTier({ bytesMax, clock })
  return {
    ...tier,
    name,
    capabilities: { ...tier.capabilities, ...capabilities },
    clear: () => tier.clear(),
    held: async (key) => textOf(await tier.get(key)),
  }
}
