import { describe, expect, test } from 'vitest'
import { createMemoryCacheTier } from '../../../src/adapters/memory/cache-tier.ts'
import { patternBytes } from '../../contracts/http/bytes.ts'
import { cacheTierContract } from '../../contracts/cache-tier.ts'

const bytesMax = 4 * 2 ** 20

cacheTierContract('memory', async (startMs) => {
  const clock = { nowMs: startMs }
  const subject = createMemoryCacheTier({ bytesMax, clock: { now: () => clock.nowMs } })
  return { subject, clock, cleanup: async () => {} }
})

describe('the memory tier', () => {
  const entryOf = (bytes: Uint8Array, metadata = '') => ({
    bytes,
    metadata,
    bornMs: 0,
    expiresAtMs: Infinity,
  })
  const clock = { now: () => 0 }

  test('cannot be built without a bound', () => {
    for (const none of [0, -1, Number.NaN, Infinity])
      expect(() => createMemoryCacheTier({ bytesMax: none, clock })).toThrow(RangeError)
  })

  test('keeps within its bound, with keys, metadata, tags and entries of no bytes counted', async () => {
    const tier = createMemoryCacheTier({ bytesMax: 100_000, clock })
    for (let number = 0; number < 2000; number++) {
      const bytes = patternBytes(number % 5 ? 0 : number)
      const entry = { ...entryOf(bytes, 'm'.repeat(number % 100)), tags: ['a', 'b'] }
      await tier.set(`${'long '.repeat(number % 7)}${number}`, entry)
      expect(tier.entries.bytes).toBeLessThanOrEqual(100_000)
    }
    expect(tier.entries.size).toBeGreaterThan(50)
    expect(tier.entries.size).toBeLessThan(200)
  })

  test('keeps no more of one value than it was told', async () => {
    const tier = createMemoryCacheTier({ bytesMax, valueBytesMax: 100, clock })
    await tier.set('a', entryOf(patternBytes(100)))
    await tier.set('b', entryOf(patternBytes(101)))
    expect([(await tier.get('a'))?.bytes.length, await tier.get('b')]).toEqual([100, undefined])
  })

  test('counts an expired entry as a miss, and frees it', async () => {
    let nowMs = 0
    const tier = createMemoryCacheTier({ bytesMax, clock: { now: () => nowMs } })
    await tier.set('a', { ...entryOf(patternBytes(10)), expiresAtMs: 5 })
    await tier.get('a')
    nowMs = 5
    await tier.get('a')
    expect(tier.entries.stats).toMatchObject({ hits: 1, misses: 1 })
    expect(tier.entries.bytes).toBe(0)
  })

  test('gives everybody the same entry, which cannot be changed', async () => {
    const tier = createMemoryCacheTier({ bytesMax, clock })
    await tier.set('a', { ...entryOf(patternBytes(10)), tags: ['t'] })
    const [first, second] = [await tier.get('a'), await tier.get('a')]
    expect(first).toBe(second)
    expect(Object.isFrozen(first) && Object.isFrozen(first!.tags)).toBe(true)
  })
})
