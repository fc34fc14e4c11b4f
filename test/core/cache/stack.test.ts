import { describe, expect, test } from 'vitest'
import { guardTier } from '../../../src/core/cache/guarded-tier.ts'
import { sealTier } from '../../../src/core/cache/sealed-tier.ts'
import { createCacheStack } from '../../../src/core/cache/stack.ts'
import type { CacheStackOptions, ClearableTier } from '../../../src/core/cache/stack.ts'
import { cacheTierContract } from '../../contracts/cache-tier.ts'
import { patternBytes } from '../../contracts/http/bytes.ts'
import { faultyCacheTier } from '../../faults/cache-tier.ts'
import { createGate, failing, only } from '../../faults/plan.ts'
import { entryOf, memoryTier, textOf } from './entries.ts'
import { createManualTime, createTestBackground, turn } from './manual-time.ts'
import type { ManualTime } from './manual-time.ts'

const down = new Error('down')
const large = { bytesMax: 16 * 2 ** 20 }

const compositions: Record<string, (time: ManualTime) => ClearableTier[]> = {
  'of one tier': (time) => [memoryTier('memory', time, large)],
  'of two tiers': (time) => [memoryTier('memory', time, large), memoryTier('below', time, large)],
  'of a tiny tier over a large one': (time) => [
    memoryTier('memory', time, { bytesMax: 30_000 }),
    memoryTier('below', time, large),
  ],
  'of a tier that fails over one that works': (time) => [
    faultyCacheTier(memoryTier('memory', time, large), failing(down)),
    memoryTier('below', time, large),
  ],
  'of one that works over a tier that fails': (time) => [
    memoryTier('memory', time, large),
    faultyCacheTier(memoryTier('below', time, large), failing(down)),
  ],
  'of memory over two that are sealed and guarded': (time) => [
    memoryTier('memory', time, { bytesMax: 100_000 }),
    guarded(sealTier(memoryTier('edge', time, large), { key: patternBytes(32) }), time),
    guarded(
      sealTier(memoryTier('kv', time, { ...large, capabilities: { ttlSecondsMin: 60 } }), {
        key: patternBytes(32),
      }),
      time,
    ),
  ],
}

function guarded(tier: ClearableTier, time: ManualTime): ClearableTier {
  const background = createTestBackground()
  return guardTier(tier, { budgetMs: 50, clock: time, timer: time.timer, background, report: () => {} })
}

for (const [name, tiersOf] of Object.entries(compositions)) {
  cacheTierContract(`a stack ${name}`, async (startMs) => {
    const time = createManualTime(startMs)
    const background = createTestBackground()
    const subject = createCacheStack({ name: 'stack', tiers: tiersOf(time), clock: time, background })
    const cleanup = async () => {
      await background.settled()
      expect(subject.underWay).toBe(0)
    }
    return { subject, clock: time, cleanup }
  })
}

/** Memory, and two below it. */
function stage(options: Partial<CacheStackOptions> & { tiers?: ClearableTier[] } = {}) {
  const time = createManualTime()
  const memory = memoryTier('memory', time)
  const middle = memoryTier('middle', time)
  const bottom = memoryTier('bottom', time)
  const background = createTestBackground()
  const tiers = options.tiers ?? [memory, middle, bottom]
  const stack = createCacheStack({ name: 'stack', clock: time, background, ...options, tiers })
  const held = (key: string) => Promise.all([memory.held(key), middle.held(key), bottom.held(key)])
  return { time, memory, middle, bottom, background, stack, held }
}

describe('a stack', () => {
  test('needs a tier', () => {
    expect(() => stage({ tiers: [] })).toThrow(RangeError)
  })

  test('can do what one of its tiers can', () => {
    const time = createManualTime()
    const tier = (capabilities: object) => memoryTier('tier', time, { capabilities })
    const tiers = [
      tier({ valueBytesMax: 10, ttlSecondsMin: 0, shared: false, persistent: false }),
      tier({ valueBytesMax: 30, ttlSecondsMin: 60, shared: true, persistent: false }),
      tier({ valueBytesMax: 20, ttlSecondsMin: 1, shared: false, persistent: true }),
    ]
    const expected = { valueBytesMax: 30, ttlSecondsMin: 0, shared: true, persistent: true }
    expect(stage({ tiers }).stack.capabilities).toEqual(expected)
    expect(stage({ tiers: tiers.slice(0, 1) }).stack.capabilities).toMatchObject({
      shared: false,
      persistent: false,
    })
  })

  test('what is below is set above, as it was, and is found there next', async () => {
    const { stack, bottom, held, background, memory } = stage()
    const entry = entryOf('a', { metadata: 'm', bornMs: 5, expiresAtMs: 4e12, tags: ['t'] })
    await bottom.set('a', entry)
    expect(await stack.find('a')).toMatchObject({ tier: 'bottom', entry })
    expect(await memory.get('a')).toEqual(entry)
    await background.settled()
    expect(await held('a')).toEqual(['a', 'a', 'a'])
    expect(await stack.find('a')).toMatchObject({ tier: 'memory', entry })
    expect(await stack.find('never')).toBeUndefined()
    expect(stack.underWay).toBe(0)
  })

  test('a set waits for the first tier only; what is on its way below is found even if the first lets go', async () => {
    const { time, memory } = stage()
    const gate = createGate()
    const below = faultyCacheTier(memoryTier('below', time), only(['set'], gate.pass))
    const { stack, background } = stage({ tiers: [memory, below] })
    await stack.set('a', entryOf('a'))
    await memory.delete(['a'])
    expect(textOf(await stack.get('a'))).toBe('a')
    await memory.delete(['a'])
    await stack.set('a', entryOf('newer'))
    await memory.delete(['a'])
    expect(textOf(await stack.get('a'))).toBe('newer')
    gate.open()
    await background.settled()
    expect(textOf(await below.get('a'))).toBe('newer')
  })

  test('R36: a tier is not offered what it cannot keep, and loses what it had', async () => {
    const time = createManualTime()
    const memory = memoryTier('memory', time)
    const kv = memoryTier('kv', time, { capabilities: { valueBytesMax: 5, ttlSecondsMin: 60 } })
    const sets: string[] = []
    const watched = {
      ...kv,
      set: (key: string, entry: Parameters<typeof kv.set>[1]) => (sets.push(key), kv.set(key, entry)),
    }
    const { stack, background } = stage({ tiers: [memory, watched] })
    const expiresAtMs = time.nowMs + 60_000
    for (const [key, entry] of [
      ['long', entryOf('sixsix')],
      ['brief', entryOf('a', { expiresAtMs: expiresAtMs - 1 })],
      ['expired', entryOf('a', { expiresAtMs: time.nowMs })],
    ] as const) {
      await kv.set(key, entryOf('old'))
      await stack.set(key, entry)
      await background.settled()
      expect([sets, await kv.held(key)]).toEqual([[], undefined])
    }
    await stack.set('fits', entryOf('five5', { expiresAtMs }))
    expect(sets).toEqual(['fits'])
  })

  test('an entry that a tier gives after its end is a miss', async () => {
    const { stack, time } = stage({ tiers: [memoryTier('slow clock', { now: () => 0 })] })
    await stack.set('a', entryOf('a', { expiresAtMs: time.nowMs + 10 }))
    expect(textOf(await stack.get('a'))).toBe('a')
    time.nowMs += 10
    expect(await stack.get('a')).toBeUndefined()
  })

  test('when too much is on its way, entries are left out below, and older ones are not read instead', async () => {
    const { time, memory } = stage()
    const gate = createGate()
    const kept = memoryTier('below', time)
    await kept.set('b', entryOf('old'))
    const below = faultyCacheTier(kept, only(['set'], gate.pass))
    const { stack, background } = stage({ tiers: [memory, below], pendingBytesMax: 10 })
    await stack.set('a', entryOf('12345678'))
    await stack.set('b', entryOf('new'))
    expect(textOf(await stack.get('b'))).toBe('new')
    await memory.delete(['b'])
    expect(await stack.get('b')).toBeUndefined()
    gate.open()
    await background.settled()
    await stack.set('c', entryOf('12345678'))
    await background.settled()
    expect([await kept.held('a'), await kept.held('c')]).toEqual(['12345678', '12345678'])
    expect(stack.underWay).toBe(0)
  })

  test('a tier that fails is told, passed over, and not read where it missed a write', async () => {
    const time = createManualTime()
    const memory = memoryTier('memory', time)
    const inner = memoryTier('below', time)
    let isDown = false
    const flaky = faultyCacheTier(inner, async () => {
      if (isDown) throw down
    })
    const reported: string[] = []
    const report = ({ tier, action, during }: { tier: string; action: string; during?: string }) =>
      reported.push(`${tier} ${during} ${action}`)
    const { stack, background } = stage({ tiers: [memory, flaky], report })
    await stack.set('a', entryOf('a'))
    await stack.set('b', entryOf('b'))
    await background.settled()
    isDown = true
    await stack.delete(['a'])
    await stack.set('b', entryOf('newer'))
    await memory.delete(['b'])
    await stack.get('c')
    await background.settled()
    expect(reported).toEqual(['below delete failed', 'below set failed', 'below get failed'])
    isDown = false
    expect([await inner.held('a'), await stack.get('a')]).toEqual(['a', undefined])
    expect([await inner.held('b'), await stack.get('b')]).toEqual(['b', undefined])
  })

  test('a thousand keys go in one call to each tier', async () => {
    const time = createManualTime()
    const calls: number[] = []
    const memory = memoryTier('memory', time)
    const counting = {
      ...memory,
      delete: (keys: readonly string[]) => (calls.push(keys.length), memory.delete(keys)),
    }
    const { stack } = stage({ tiers: [counting] })
    await stack.delete(Array.from({ length: 1000 }, (_, index) => `${index % 500}`))
    expect([calls, stack.underWay]).toEqual([[500], 0])
  })

  test('does not share its entries with who set them', async () => {
    const { stack, background } = stage()
    const around = patternBytes(10_000)
    await stack.set('a', entryOf(around.subarray(10, 20)))
    await background.settled()
    around.fill(0)
    expect((await stack.get('a'))?.bytes).toEqual(patternBytes(10_000).slice(10, 20))
  })
})

describe('R30: what began before a removal is not written after it', () => {
  test('a promotion', async () => {
    for (const remove of ['delete', 'clear'] as const) {
      const { time, memory } = stage()
      const gate = createGate()
      const inner = memoryTier('below', time)
      await inner.set('a', entryOf('a'))
      const below = {
        ...faultyCacheTier(inner, only(['get.answer'], gate.pass)),
        clear: () => inner.clear?.(),
      }
      const { stack, background } = stage({ tiers: [memory, below] })
      const found = stack.find('a')
      await gate.reached()
      await (remove === 'delete' ? stack.delete(['a']) : stack.clear())
      gate.open()
      expect((await found)?.tier).toBe('below')
      await background.settled()
      expect([await memory.held('a'), await inner.held('a'), stack.underWay]).toEqual([
        undefined,
        undefined,
        0,
      ])
    }
  })

  test('a promotion after a newer set', async () => {
    const { time, memory } = stage()
    const gate = createGate()
    const inner = memoryTier('below', time)
    await inner.set('a', entryOf('old'))
    const { stack, background } = stage({
      tiers: [memory, faultyCacheTier(inner, only(['get.answer'], gate.pass))],
    })
    const found = stack.find('a')
    await gate.reached()
    await stack.set('a', entryOf('new'))
    gate.open()
    await found
    await background.settled()
    expect([await memory.held('a'), await inner.held('a')]).toEqual(['new', 'new'])
  })

  test('a fill, in every tier; one that begins later lands', async () => {
    const { stack, held, background } = stage()
    for (const remove of [() => stack.delete(['a']), () => stack.clear()]) {
      const before = stack.beginFill('a')
      await remove()
      const after = stack.beginFill('a')
      before.land(entryOf('before'))
      before.end()
      await background.settled()
      expect(await held('a')).toEqual([undefined, undefined, undefined])
      after.land(entryOf('after'))
      after.end()
      await background.settled()
      expect(await held('a')).toEqual(['after', 'after', 'after'])
      expect(stack.underWay).toBe(0)
    }
  })

  test('a set below that a delete overtakes is followed by the delete, which waits for it', async () => {
    const { time, memory } = stage()
    const gate = createGate()
    const inner = memoryTier('below', time)
    const { stack } = stage({ tiers: [memory, faultyCacheTier(inner, only(['set'], gate.pass))] })
    await stack.set('a', entryOf('a'))
    await gate.reached()
    let resolved = false
    const deleted = stack.delete(['a']).then(() => (resolved = true))
    await turn()
    expect([resolved, await stack.get('a'), await memory.held('a')]).toEqual([false, undefined, undefined])
    gate.open()
    await deleted
    expect([await inner.held('a'), stack.underWay]).toEqual([undefined, 0])
  })

  test('a delete does not wait until the background begins', async () => {
    const later: (() => Promise<void>)[] = []
    const background = { run: (_: string, work: () => Promise<void>) => void later.push(work) }
    const { stack, held } = stage({ background })
    await stack.set('a', entryOf('a'))
    await stack.set('b', entryOf('b'))
    await stack.delete(['a'])
    for (const work of later) await work()
    expect([await held('a'), await held('b')]).toEqual([
      [undefined, undefined, undefined],
      ['b', 'b', 'b'],
    ])
  })

  test('clear: a tier that cannot be cleared, or fails to, is not believed about what was before', async () => {
    const time = createManualTime()
    const { clear: _clear, ...without } = memoryTier('without', time)
    const failingClear = { ...memoryTier('failing', time), clear: async () => Promise.reject(down) }
    for (const below of [without, failingClear]) {
      const { stack, background } = stage({ tiers: [memoryTier('memory', time), below], clock: time })
      await stack.set('a', entryOf('a', { bornMs: time.nowMs }))
      await stack.set('b', entryOf('b', { bornMs: time.nowMs }))
      await background.settled()
      await stack.clear()
      expect([await stack.get('a'), await below.held('b')]).toEqual([undefined, 'b'])
      time.nowMs += 1
      await stack.set('b', entryOf('new', { bornMs: time.nowMs }))
      expect(textOf(await stack.get('b'))).toBe('new')
    }
  })
})
