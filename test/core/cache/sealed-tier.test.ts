import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createMemoryCacheTier } from '../../../src/adapters/memory/cache-tier.ts'
import { DamagedEntryError, sealTier } from '../../../src/core/cache/sealed-tier.ts'
import type { CacheEntry, CacheTier } from '../../../src/core/ports/cache-tier.ts'
import { cacheTierContract } from '../../contracts/cache-tier.ts'
import { patternBytes } from '../../contracts/http/bytes.ts'
import { entryOf } from './entries.ts'
import { turn } from './manual-time.ts'

const key = patternBytes(32)

cacheTierContract('a sealed tier', async (startMs) => {
  const clock = { nowMs: startMs }
  const inner = createMemoryCacheTier({ bytesMax: 4 * 2 ** 20, clock: { now: () => clock.nowMs } })
  return { subject: sealTier(inner, { key }), clock, cleanup: async () => {} }
})

/** A tier whose entries the test can see and change. */
function openTier(): CacheTier & { entries: Map<string, CacheEntry> } {
  const entries = new Map<string, CacheEntry>()
  return {
    name: 'open',
    capabilities: { valueBytesMax: 2 ** 20, ttlSecondsMin: 0, shared: true, persistent: true },
    entries,
    get: async (each) => entries.get(each),
    set: async (each, entry) => void entries.set(each, entry),
    async delete(keys) {
      for (const each of keys) entries.delete(each)
    },
  }
}

const entry = fc.record({
  bytes: fc.uint8Array({ maxLength: 40 }),
  metadata: fc.string({ unit: 'binary', maxLength: 10 }),
  bornMs: fc.constantFrom(0, 1, 1e12, 1e12 + 1),
  expiresAtMs: fc.constantFrom(1e13, 1e13 + 1, Infinity),
  tags: fc.option(fc.array(fc.string({ unit: 'binary', maxLength: 3 }), { maxLength: 3 })),
})
const built = ({ tags, ...rest }: typeof entry extends fc.Arbitrary<infer T> ? T : never): CacheEntry =>
  tags ? { ...rest, tags } : rest

describe('a sealed tier', () => {
  test('needs a key of 32 bytes', () => {
    for (const length of [0, 1, 31])
      expect(() => sealTier(openTier(), { key: new Uint8Array(length) })).toThrow(RangeError)
  })

  test('R36: whatever is changed in an entry, or put under another key, rejects once and is removed', async () => {
    await fc.assert(
      fc.asyncProperty(
        entry,
        entry,
        fc.string({ unit: 'binary', maxLength: 4 }),
        async (one, other, name) => {
          const inner = openTier()
          const tier = sealTier(inner, { key })
          await tier.set(name, built(one))
          expect(await tier.get(name)).toEqual(built(one))
          const sealed = inner.entries.get(name)!
          await tier.set(`${name}!`, built(other))
          const otherSealed = inner.entries.get(`${name}!`)!
          const { tags: _tags, ...untagged } = sealed
          const forged: CacheEntry[] = [
            otherSealed,
            { ...sealed, bytes: new Uint8Array([...sealed.bytes, 0]) },
            { ...sealed, bytes: new Uint8Array([1, ...sealed.bytes]) },
            { ...sealed, bornMs: sealed.bornMs + 1 },
            { ...sealed, expiresAtMs: sealed.expiresAtMs === Infinity ? 1 : sealed.expiresAtMs - 1 },
            { ...sealed, metadata: `${sealed.metadata}\ud800` },
            { ...sealed, metadata: sealed.metadata.slice(1) },
            { ...sealed, metadata: '' },
            { ...sealed, tags: [...(sealed.tags ?? []), ''] },
            ...(sealed.tags ? [untagged] : []),
          ]
          for (const each of forged) {
            inner.entries.set(name, each)
            await expect(tier.get(name)).rejects.toThrow(DamagedEntryError)
            expect(await tier.get(name)).toBeUndefined()
            expect(inner.entries.has(name)).toBe(false)
          }
        },
      ),
      { seed: 36, numRuns: 100 },
    )
  })

  test('every bit of the bytes counts', async () => {
    const inner = openTier()
    const tier = sealTier(inner, { key })
    for (let bit = 0; bit < 64; bit++) {
      await tier.set('a', entryOf(patternBytes(8)))
      const bytes = patternBytes(8)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      inner.entries.set('a', { ...inner.entries.get('a')!, bytes })
      await expect(tier.get('a')).rejects.toThrow('seal')
    }
  })

  test('another key does not open it; the halves of two surrogate pairs are two keys', async () => {
    const inner = openTier()
    await sealTier(inner, { key }).set('a', entryOf('a'))
    await expect(sealTier(inner, { key: patternBytes(32, 2) }).get('a')).rejects.toThrow('seal')
    const tier = sealTier(inner, { key })
    await tier.set('\ud800', entryOf('a'))
    inner.entries.set('\ud801', inner.entries.get('\ud800')!)
    await expect(tier.get('\ud801')).rejects.toThrow('seal')
  })

  test('what cannot be removed is not believed the next time either', async () => {
    const inner = openTier()
    const tier = sealTier({ ...inner, delete: async () => Promise.reject(new Error('read only')) }, { key })
    inner.entries.set('a', entryOf('forged'))
    await expect(tier.get('a')).rejects.toThrow('seal')
    await turn()
    await expect(tier.get('a')).rejects.toThrow('seal')
  })

  test('can be cleared where the tier can', async () => {
    expect(sealTier(openTier(), { key }).clear).toBeUndefined()
    const inner = openTier()
    const tier = sealTier({ ...inner, clear: () => inner.entries.clear() }, { key })
    await tier.set('a', entryOf('a'))
    await tier.clear!()
    expect(inner.entries.size).toBe(0)
  })
})
