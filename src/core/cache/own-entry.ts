import type { CacheEntry } from '../ports/cache-tier.ts'

/** Buffers below this may be pieces of Node's pool, which others write to. */
const largeBytes = 128 * 1024

/**
 * An entry of which nothing changes with the caller's. Bytes that are a view of more are copied, or they would keep alive
 * whatever they look into; a large buffer with a little to spare, as a decoder leaves it, is not worth a copy.
 */
export function ownEntry({ bytes, metadata, bornMs, expiresAtMs, tags }: CacheEntry): CacheEntry {
  const spareBytes = bytes.buffer.byteLength - bytes.byteLength
  const isOwn = spareBytes === 0 || (bytes.byteLength >= largeBytes && spareBytes * 100 <= bytes.byteLength)
  return Object.freeze({
    bytes: isOwn ? bytes : new Uint8Array(bytes),
    metadata,
    bornMs,
    expiresAtMs,
    ...(tags ? { tags: Object.freeze([...tags]) } : {}),
  })
}
