import { createHmac, timingSafeEqual } from 'node:crypto'
import { Buffer } from 'node:buffer'
import type { CacheEntry } from '../ports/cache-tier.ts'
import type { ClearableTier } from './stack.ts'

/** HMAC-SHA-256 in base64url. */
const sealChars = 43

export interface SealOptions {
  /** 32 bytes at the least. Whoever has it can make entries that are believed. */
  readonly key: Uint8Array
}

/** What a tier had under a key is not what was set. */
export class DamagedEntryError extends Error {
  override readonly name = 'DamagedEntryError'
}

/**
 * A tier whose answers are what was set, or nothing. A seal over an entry and its key stands in front of `metadata`; a get of an
 * entry whose seal does not hold (bytes that rotted, were cut, or belong to another key) removes it, and rejects with a
 * {@link DamagedEntryError}: a tier that answers so again and again is one to be left alone. An older entry of the same key,
 * put back whole, does hold. Throws a `RangeError` when the key is short.
 */
export function sealTier(tier: ClearableTier, { key: secret }: SealOptions): ClearableTier {
  if (secret.byteLength < 32) throw new RangeError(`a seal needs a key of 32 bytes, not ${secret.byteLength}`)
  const { name, capabilities, clear } = tier

  return {
    name,
    capabilities,
    async get(key) {
      const sealed = await tier.get(key)
      if (!sealed) return undefined
      const entry = { ...sealed, metadata: sealed.metadata.slice(sealChars) }
      if (isSame(sealed.metadata.slice(0, sealChars), sealOf(secret, key, entry))) return entry
      // Nobody waits for it, and if it fails the entry is found damaged once more.
      tier.delete([key]).catch(() => {})
      throw new DamagedEntryError(`the seal of the entry ${key} does not hold`)
    },
    async set(key, entry) {
      await tier.set(key, { ...entry, metadata: sealOf(secret, key, entry) + entry.metadata })
    },
    delete: (keys) => tier.delete(keys),
    ...(clear ? { clear } : {}),
  }
}

/**
 * JSON keeps apart what differs, halves of surrogate pairs too, which UTF-8 alone does not; and it ends where it ends,
 * so that nothing of it can be taken for the bytes that follow. It has no `Infinity`: times are strings.
 */
function sealOf(secret: Uint8Array, key: string, entry: CacheEntry): string {
  const { bytes, metadata, bornMs, expiresAtMs, tags = null } = entry
  const head = JSON.stringify(['cutty cache entry 1', key, `${bornMs}`, `${expiresAtMs}`, tags, metadata])
  return createHmac('sha256', secret).update(head).update(bytes).digest('base64url')
}

function isSame(one: string, other: string): boolean {
  const [oneBytes, otherBytes] = [Buffer.from(one), Buffer.from(other)]
  return oneBytes.length === otherBytes.length && timingSafeEqual(oneBytes, otherBytes)
}
