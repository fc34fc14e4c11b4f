import type { TierContents } from '../../core/cache/cache-stats.ts'
import { ownEntry } from '../../core/cache/own-entry.ts'
import { createS3Fifo, type S3Fifo } from '../../core/cache/s3-fifo.ts'
import type { CacheEntry, CacheTier } from '../../core/ports/cache-tier.ts'
import type { Clock } from '../../core/ports/clock.ts'

/**
 * What an entry's own object and the headers of its bytes take, with a buffer of their own, beside what the cache counts:
 * `node bench/cache/simulate.ts --memory`.
 */
const entryBytes = 280
const tagBytes = 48

export interface MemoryCacheTier extends CacheTier {
  readonly entries: Pick<S3Fifo<CacheEntry>, 'size' | 'bytes' | 'stats' | 'entries'>
  readonly contents: () => TierContents
  clear(): void
}

/** Entries in this process, bounded in bytes. They are frozen, all but their bytes, which cannot be. */
export function createMemoryCacheTier(options: {
  bytesMax: number
  /** Of one value; a tenth of the whole when left out, which is also the most. */
  valueBytesMax?: number
  clock: Pick<Clock, 'now'>
}): MemoryCacheTier {
  const { bytesMax, clock } = options
  // The cache takes entries of up to an eighth: this leaves room for what belongs to the bytes.
  const valueBytesMax = Math.min(options.valueBytesMax ?? Infinity, Math.floor(bytesMax / 10))
  const entries = createS3Fifo<CacheEntry>({ bytesMax, sizeOf })

  return {
    name: 'memory',
    capabilities: { valueBytesMax, ttlSecondsMin: 0, shared: false, persistent: false },

    async get(key) {
      const entry = entries.peek(key)
      if (entry && isExpired(entry, clock.now())) entries.delete(key)
      return entries.get(key)
    },

    getNow(key) {
      const entry = entries.peek(key)
      return entry && !isExpired(entry, clock.now()) ? entries.get(key) : undefined
    },

    async set(key, entry) {
      if (entry.bytes.byteLength > valueBytesMax || isExpired(entry, clock.now())) entries.delete(key)
      else entries.set(key, ownEntry(entry))
    },

    async delete(keys) {
      for (const key of keys) entries.delete(key)
    },

    entries,
    contents: () => ({ entries: entries.size, bytes: entries.bytes, evictions: entries.stats.evictions }),
    clear: () => entries.clear(),
  }
}

function isExpired({ expiresAtMs }: CacheEntry, nowMs: number): boolean {
  return !(expiresAtMs > nowMs)
}

function sizeOf({ bytes, metadata, tags = [] }: CacheEntry): number {
  const tagsBytes = tags.reduce((sum, tag) => sum + tagBytes + 2 * tag.length, 0)
  return entryBytes + bytes.byteLength + 2 * metadata.length + tagsBytes
}
