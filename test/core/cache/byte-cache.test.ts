import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createByteCache } from '../../../src/core/cache/byte-cache.ts'
import type { Loaded, ReadTrace } from '../../../src/core/cache/byte-cache.ts'
import { createCacheStats } from '../../../src/core/cache/cache-stats.ts'
import { guardTier } from '../../../src/core/cache/guarded-tier.ts'
import { sealTier } from '../../../src/core/cache/sealed-tier.ts'
import { createSingleFlight } from '../../../src/core/cache/single-flight.ts'
import { createCacheStack } from '../../../src/core/cache/stack.ts'
import type { CacheTier } from '../../../src/core/ports/cache-tier.ts'
import type { CacheTierEvent } from '../../../src/core/ports/observer.ts'
import { patternBytes, sha256Hex } from '../../contracts/http/bytes.ts'
import { faultyCacheTier, flipped, swapping } from '../../faults/cache-tier.ts'
import type { CacheTierStep, FalseAnswer } from '../../faults/cache-tier.ts'
import { createGate } from '../../faults/plan.ts'
import type { FaultPlan } from '../../faults/plan.ts'
import { memoryTier } from './entries.ts'
import { hashedTier } from './hashed-tier.ts'
import { createManualTime, createTestBackground, turn } from './manual-time.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)

interface Fault {
  plan: FaultPlan<CacheTierStep>
  answer: FalseAnswer
}
const noFault = (): Fault => ({ plan: async () => {}, answer: (_key, entry) => entry })

/** Memory over a tier that is sealed and guarded, and does as `fault` says. */
function stage(options: { memoryBytesMax?: number; entryBytesMax?: number; lower?: CacheTier } = {}) {
  const time = createManualTime()
  const background = createTestBackground()
  const events: CacheTierEvent[] = []
  const fault = noFault()
  const memory = hashedTier(memoryTier('memory', time, { bytesMax: options.memoryBytesMax ?? 2 ** 24 }))
  const below = options.lower ?? memoryTier('disk', time)
  const faulty = faultyCacheTier(
    below,
    (step) => fault.plan(step),
    (key, entry) => fault.answer(key, entry),
  )
  const report = (event: CacheTierEvent) => events.push(event)
  const stats = createCacheStats({ clock: time })
  const guarded = guardTier(sealTier(faulty, { key: patternBytes(32) }), {
    budgetMs: 20,
    clock: time,
    timer: time.timer,
    background,
    report,
    counter: stats.tier('disk'),
  })
  const tiers = [memory, guarded]
  const stack = createCacheStack({ name: 'bytes', tiers, clock: time, background, report, stats })
  const flight = createSingleFlight<Loaded>({ timeoutMs: 5000, timer: time.timer })
  const { entryBytesMax = 2 ** 20 } = options
  const cache = createByteCache({ stack, flight, entryBytesMax, clock: time, stats })
  const quiet = async () => {
    await background.settled()
    expect([stack.underWay, flight.size, memory.changed()]).toEqual([0, 0, []])
  }
  return { time, background, events, fault, memory, below, stack, flight, cache, stats, quiet }
}

const never = async (): Promise<Uint8Array> => {
  throw new Error('must not be asked')
}

describe('the cache of bytes', () => {
  test('R31: 1,000 concurrent misses ask the source once, and the tier below once', async () => {
    const { cache, stats, quiet, fault } = stage()
    const gate = Promise.withResolvers<Uint8Array>()
    let [loads, gets] = [0, 0]
    fault.plan = async (step) => {
      if (step === 'get') gets++
    }
    const load = () => {
      loads++
      return gate.promise
    }
    const traces: ReadTrace[] = []
    const all = Array.from({ length: 1000 }, async () => {
      const trace: ReadTrace = {}
      traces.push(trace)
      return cache.read(['blob', '1'], load, trace)
    })
    await turn()
    gate.resolve(bytesOf('body'))
    for (const bytes of await Promise.all(all)) expect(bytes).toEqual(bytesOf('body'))
    expect([loads, gets]).toEqual([1, 1])
    expect(traces.filter(({ collapsed }) => collapsed)).toHaveLength(999)
    expect(stats.read(60_000).reads).toEqual({ hit: 0, load: 1, collapsed: 999, failed: 0 })
    await quiet()
  })

  test('says where it came from', async () => {
    const { cache, memory, time, background, fault } = stage()
    const trace = async (load: () => Promise<Uint8Array>) => {
      const filled: ReadTrace = {}
      const read = cache.read(['a'], load, filled)
      await time.advance(7)
      await read
      await background.settled()
      return filled
    }
    const slow = () => new Promise<Uint8Array>((resolve) => void time.timer(5, () => resolve(bytesOf('a'))))
    expect(await trace(slow)).toEqual({ ms: 5 })
    expect(await trace(never)).toEqual({ tier: 'memory' })
    await memory.delete(['1:a'])
    fault.plan = (step) =>
      step === 'get' ? new Promise<void>((resolve) => void time.timer(3, resolve)) : Promise.resolve()
    expect(await trace(never)).toEqual({ tier: 'disk', ms: 3 })
    expect(await trace(never)).toEqual({ tier: 'memory' })
  })

  test('no bytes are a value; more than fit are passed through and asked for again', async () => {
    const { cache, quiet } = stage({ entryBytesMax: 4 })
    expect(await cache.read(['empty'], async () => new Uint8Array(0))).toHaveLength(0)
    expect(await cache.read(['empty'], never)).toHaveLength(0)
    expect(await cache.read(['fits'], async () => bytesOf('four'))).toEqual(bytesOf('four'))
    expect(await cache.read(['fits'], never)).toEqual(bytesOf('four'))
    for (const text of ['large', 'again'])
      expect(await cache.read(['large'], async () => bytesOf(text))).toEqual(bytesOf(text))
    await quiet()
  })

  test('a source that fails is passed on to all who wait, and asked by the next', async () => {
    const { cache, stats, quiet } = stage()
    const fail = () => Promise.reject(new Error('source'))
    const all = await Promise.allSettled([cache.read(['a'], fail), cache.read(['a'], fail)])
    for (const each of all) expect(each).toMatchObject({ reason: { message: 'source' } })
    expect(await cache.read(['a'], async () => bytesOf('a'))).toEqual(bytesOf('a'))
    expect(stats.read(60_000).reads).toEqual({ hit: 0, load: 1, collapsed: 0, failed: 2 })
    await quiet()
  })

  test('R28: two lists of parts are two keys, whatever is in them', async () => {
    const part = fc.oneof(
      fc.constantFrom('', ':', '0:', '1:', '1:a', 'a', '\ud800', '\ud801', '1:1'),
      fc.string({ unit: 'binary', maxLength: 3 }),
    )
    const key = fc.array(part, { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 8, selector: (parts) => JSON.stringify(parts) }),
        async (keys) => {
          const { cache, quiet } = stage()
          for (const parts of keys) await cache.read(parts, async () => bytesOf(JSON.stringify(parts)))
          for (const parts of keys)
            expect(await cache.read(parts, never)).toEqual(bytesOf(JSON.stringify(parts)))
          await quiet()
        },
      ),
      { seed: 28, numRuns: 100 },
    )
  })

  test('R30: what is forgotten while it is loaded is not kept, nor given to who asks later', async () => {
    for (const how of ['forget', 'clear'] as const) {
      const { cache, quiet } = stage()
      const old = Promise.withResolvers<Uint8Array>()
      const before = cache.read(['a'], () => old.promise)
      await turn()
      await (how === 'forget' ? cache.forget([['a'], ['b']]) : cache.clear())
      const after = cache.read(['a'], async () => bytesOf('new'))
      expect(await after).toEqual(bytesOf('new'))
      old.resolve(bytesOf('old'))
      expect(await before).toEqual(bytesOf('old'))
      expect(await cache.read(['a'], never)).toEqual(bytesOf('new'))
      await quiet()
    }
  })

  test('forgets what every tier has', async () => {
    const { cache, background, quiet } = stage()
    for (const key of ['a', 'b']) await cache.read([key], async () => bytesOf(key))
    await background.settled()
    await cache.forget([['a']])
    expect(await cache.read(['a'], async () => bytesOf('new'))).toEqual(bytesOf('new'))
    expect(await cache.read(['b'], never)).toEqual(bytesOf('b'))
    await quiet()
  })

  test('a load that never ends holds nobody up for longer than its time', async () => {
    const { cache, time } = stage()
    void cache.read(['a'], () => new Promise(() => {}))
    await turn()
    const joined = cache.read(['a'], async () => bytesOf('own'))
    await time.advance(5000)
    expect(await joined).toEqual(bytesOf('own'))
    expect(await cache.read(['a'], never)).toEqual(bytesOf('own'))
  })
})

describe('tiers that do not work', () => {
  /** Keys by turns, from a memory that holds some of them; each answer is checked against the source. */
  async function load(staged: ReturnType<typeof stage>, reads: number, from = 0, keys = 200) {
    const { cache, time } = staged
    let wrong = 0
    for (let batch = 0; batch < reads; batch += 50) {
      const answers = Array.from({ length: 50 }, async (_, index) => {
        const number = ((from + batch + index) * 7919) % keys
        const expected = patternBytes(1000, number + 1)
        const bytes = await cache.read(['blob', `${number}`], async () => patternBytes(1000, number + 1))
        if (sha256Hex(bytes) !== sha256Hex(expected)) wrong++
      })
      await time.advance(45)
      await Promise.all(answers)
    }
    return wrong
  }
  const down = new Error('killed')
  let bit = 0
  const faults: Record<string, () => Partial<Fault>> = {
    killed: () => ({ plan: () => Promise.reject(down) }),
    hanging: () => ({ plan: () => new Promise(() => {}) }),
    'killed after it has written': () => ({
      plan: (step) => (step.endsWith('acknowledge') ? Promise.reject(down) : Promise.resolve()),
    }),
    'answering with flipped bits': () => ({ answer: (_key, entry) => entry && flipped(entry, bit++) }),
    'answering with other entries': () => ({ answer: swapping() }),
    'answering with bytes cut off': () => ({
      answer: (_key, entry) => entry && { ...entry, bytes: entry.bytes.subarray(1) },
    }),
    'answering with entries nobody set': () => ({
      answer: () => ({ bytes: bytesOf('forged'), metadata: '', bornMs: 0, expiresAtMs: Infinity }),
    }),
  }

  test.each(Object.keys(faults))('%s, under load: every answer is right, and no read fails', async (name) => {
    const staged = stage({ memoryBytesMax: 60_000 })
    const { fault, events, stats, quiet, time } = staged
    expect(await load(staged, 600)).toBe(0)
    Object.assign(fault, faults[name]?.())
    expect(await load(staged, 1000, 3, 400)).toBe(0)
    expect(events.length).toBeGreaterThan(0)
    Object.assign(fault, noFault())
    await time.advance(120_000)
    expect(await load(staged, 600, 5)).toBe(0)
    const { hits } = stats.read(3_600_000).tiers['disk']!
    expect(await load(staged, 400, 7)).toBe(0)
    // It is used again.
    expect(stats.read(3_600_000).tiers['disk']!.hits).toBeGreaterThan(hits)
    if (name !== 'hanging') await quiet()
  })

  test('slow: answers come within the budget, then none are waited for, and nothing is wrong', async () => {
    const staged = stage({ memoryBytesMax: 60_000 })
    const { fault, time, events } = staged
    await load(staged, 400)
    for (const ms of [15, 19, 25, 500]) {
      fault.plan = () => new Promise((resolve) => void time.timer(ms, resolve))
      expect(await load(staged, 500, ms)).toBe(0)
    }
    expect(events.map(({ action }) => action)).toContain('opened')
  })

  test('a late answer of one key is nobody else’s', async () => {
    const { cache, fault, time, memory } = stage()
    await cache.read(['a'], async () => bytesOf('a'))
    await turn()
    await memory.delete(['1:a'])
    const gate = createGate()
    fault.plan = (step) => (step === 'get.answer' ? gate.pass() : Promise.resolve())
    const first = cache.read(['a'], async () => bytesOf('a'))
    await time.advance(30)
    expect(await first).toEqual(bytesOf('a'))
    const second = cache.read(['b'], async () => bytesOf('b'))
    gate.open()
    expect(await second).toEqual(bytesOf('b'))
  })
})
