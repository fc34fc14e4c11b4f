import { LRUCache } from 'lru-cache'

/**
 * Whole small bodies in memory, by blob id. A blob never changes, so an entry is never wrong and needs no
 * expiry. Bounded in bytes, bookkeeping included.
 */
export interface BlobCache {
  /** Larger bodies are not kept. */
  readonly entryBytesMax: number
  get(blobId: string): Uint8Array | undefined
  set(blobId: string, bytes: Uint8Array): void
}

/** What an entry costs beside its bytes: key, list links, map slot and array header, measured at some 300. */
const entryOverheadBytes = 300

export function createBlobCache(options: { bytesMax: number; entryBytesMax: number }): BlobCache {
  const entries =
    options.bytesMax > 0
      ? new LRUCache<string, Uint8Array>({
          maxSize: options.bytesMax,
          sizeCalculation: (bytes) => bytes.byteLength + entryOverheadBytes,
        })
      : undefined
  return {
    entryBytesMax: entries ? options.entryBytesMax : -1,
    get: (blobId) => entries?.get(blobId),
    set(blobId, bytes) {
      if (bytes.byteLength > options.entryBytesMax) return
      // A view would keep alive whatever it looks into.
      entries?.set(blobId, bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes))
    },
  }
}
