import type { ClearableTier } from '../../../src/core/cache/stack.ts'
import { sha256Hex } from '../../contracts/http/bytes.ts'

/** A tier that remembers the hash of all bytes it was given, to say whether anybody has written to them since. */
export function hashedTier(inner: ClearableTier): ClearableTier & { changed(): string[] } {
  const given: { key: string; bytes: Uint8Array; hash: string }[] = []
  return {
    ...inner,
    async set(key, entry) {
      given.push({ key, bytes: entry.bytes, hash: sha256Hex(entry.bytes) })
      await inner.set(key, entry)
    },
    changed: () => given.filter(({ bytes, hash }) => sha256Hex(bytes) !== hash).map(({ key }) => key),
  }
}
