import { describe, expect, test } from 'vitest'
import { createMemoryCacheTier } from '../../src/adapters/memory/cache-tier.ts'
import { cacheTierContract } from '../contracts/cache-tier.ts'
import { faultyCacheTier, flipped, swapping } from './cache-tier.ts'
import { failing, only } from './plan.ts'

const entry = { bytes: new Uint8Array([1, 2]), metadata: 'm', bornMs: 1, expiresAtMs: Infinity }
const memory = () => createMemoryCacheTier({ bytesMax: 4 * 2 ** 20, clock: { now: () => 0 } })

cacheTierContract('a tier without faults', async (startMs) => {
  const clock = { nowMs: startMs }
  const inner = createMemoryCacheTier({ bytesMax: 4 * 2 ** 20, clock: { now: () => clock.nowMs } })
  return { subject: faultyCacheTier(inner, async () => {}), clock, cleanup: async () => {} }
})

describe('faultyCacheTier', () => {
  test('fails before a set, or after it has taken effect', async () => {
    const down = new Error('down')
    for (const [step, stored] of [
      ['set', false],
      ['set.acknowledge', true],
    ] as const) {
      const inner = memory()
      await expect(faultyCacheTier(inner, only([step], failing(down))).set('a', entry)).rejects.toBe(down)
      expect((await inner.get('a')) !== undefined).toBe(stored)
    }
  })

  test('answers with a bit flipped, and leaves what is held as it is', async () => {
    const inner = memory()
    const tier = faultyCacheTier(
      inner,
      async () => {},
      (_key, held) => held && flipped(held, 9),
    )
    await tier.set('a', entry)
    expect((await tier.get('a'))?.bytes).toEqual(new Uint8Array([1, 0]))
    expect((await inner.get('a'))?.bytes).toEqual(new Uint8Array([1, 2]))
    expect(flipped({ ...entry, bytes: new Uint8Array(0) }).bytes).toHaveLength(1)
    expect(await tier.get('never')).toBeUndefined()
  })

  test('answers with the entry of another key', async () => {
    const tier = faultyCacheTier(memory(), async () => {}, swapping())
    await tier.set('a', entry)
    await tier.set('b', { ...entry, metadata: 'b' })
    expect([(await tier.get('a'))?.metadata, (await tier.get('b'))?.metadata]).toEqual(['m', 'm'])
    expect(await tier.get('never')).toBeUndefined()
  })
})
