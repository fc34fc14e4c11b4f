import { describe, expect, test } from 'vitest'
import { createCacheStats } from '../../../src/core/cache/cache-stats.ts'
import { guardTier } from '../../../src/core/cache/guarded-tier.ts'
import type { GuardOptions } from '../../../src/core/cache/guarded-tier.ts'
import { sealTier } from '../../../src/core/cache/sealed-tier.ts'
import type { CacheTier } from '../../../src/core/ports/cache-tier.ts'
import type { CacheTierEvent } from '../../../src/core/ports/observer.ts'
import { cacheTierContract } from '../../contracts/cache-tier.ts'
import { patternBytes } from '../../contracts/http/bytes.ts'
import { faultyCacheTier } from '../../faults/cache-tier.ts'
import type { CacheTierStep } from '../../faults/cache-tier.ts'
import { createGate, only } from '../../faults/plan.ts'
import type { FaultPlan } from '../../faults/plan.ts'
import { entryOf, memoryTier, textOf } from './entries.ts'
import { createManualTime, createTestBackground, turn } from './manual-time.ts'

cacheTierContract('a guarded tier', async (startMs) => {
  const time = createManualTime(startMs)
  const inner = memoryTier('inner', time)
  const options = { budgetMs: 50, clock: time, timer: time.timer, background: createTestBackground() }
  return { subject: guardTier(inner, { ...options, report: () => {} }), clock: time, cleanup: async () => {} }
})

/** A guarded tier whose inner one does as `fault.plan` says, which the test sets. */
function stage(options: Partial<GuardOptions> & { inner?: CacheTier } = {}) {
  const time = createManualTime()
  const held = memoryTier('inner', time)
  const background = createTestBackground()
  const events: CacheTierEvent[] = []
  const steps: CacheTierStep[] = []
  const fault: { plan: FaultPlan<CacheTierStep> } = { plan: async () => {} }
  const inner = faultyCacheTier(options.inner ?? held, async (step) => {
    steps.push(step)
    await fault.plan(step)
  })
  const stats = createCacheStats({ clock: time })
  const tier = guardTier(inner, {
    budgetMs: 50,
    clock: time,
    timer: time.timer,
    report: (event) => events.push(event),
    background,
    failuresMax: 3,
    pauseMs: 1000,
    pauseMsMax: 8000,
    random: () => 1,
    counter: stats.tier('inner'),
    ...options,
  })
  const actions = () =>
    events.splice(0).map(({ action, during }) => (during ? `${during} ${action}` : action))
  const calls = () => steps.splice(0).filter((step) => !step.includes('.'))
  const down = new Error('down')
  const fail = () => (fault.plan = () => Promise.reject(down))
  const work = () => (fault.plan = async () => {})
  const hold = (step: CacheTierStep) => {
    const gate = createGate()
    fault.plan = (each) => (each === step ? gate.pass() : Promise.resolve())
    return gate
  }
  return { time, held, tier, events, actions, calls, fail, work, hold, down, background, stats }
}

/** Waits for `call` while time goes on. */
async function within<T>(time: { advance(ms: number): Promise<void> }, ms: number, call: Promise<T>) {
  await time.advance(ms)
  return call
}

describe('what fails or is late', () => {
  test('is a miss or nothing, and is told', async () => {
    const { tier, fail, actions, events, down } = stage({ failuresMax: 100 })
    fail()
    expect(await tier.get('a')).toBeUndefined()
    await tier.set('a', entryOf('a'))
    await tier.delete(['a'])
    expect(events[0]).toMatchObject({ type: 'cache_tier', tier: 'inner', durationMs: 0, error: down })
    expect(actions()).toEqual(['get failed', 'set failed', 'delete failed'])
  })

  test('a damaged entry is a miss and a failure, told once', async () => {
    const held = memoryTier('inner', createManualTime())
    const inner = sealTier(held, { key: patternBytes(32) })
    const { tier, actions, events, stats } = stage({ inner })
    await held.set('a', entryOf('forged'))
    expect(await tier.get('a')).toBeUndefined()
    expect(events[0]).toMatchObject({ error: { message: expect.stringContaining('entry a ') as string } })
    expect(actions()).toEqual(['get damaged'])
    expect(stats.read(60_000).tiers['inner']).toMatchObject({ errors: 1 })
  })

  test('a tier that throws at once is no worse', async () => {
    const { time } = stage()
    const inner = memoryTier('inner', time)
    const broken = () => {
      throw new TypeError('not even a promise')
    }
    const { tier, actions } = stage({ inner: { ...inner, get: broken, set: broken, delete: broken } })
    expect(await tier.get('a')).toBeUndefined()
    await tier.set('a', entryOf('a'))
    await tier.delete(['a'])
    expect(actions()).toEqual(['get failed', 'set failed', 'delete failed', 'opened'])
  })

  test('waits its budget and no longer, and a late answer is not used; its timers end', async () => {
    const { tier, hold, time, actions, held, work } = stage()
    await tier.set('a', entryOf('a'))
    const gate = hold('get.answer')
    const early = tier.get('a')
    await time.advance(49)
    gate.open()
    expect(textOf(await early)).toBe('a')
    expect(time.timers).toBe(0)
    const second = hold('get.answer')
    const late = within(time, 50, tier.get('a'))
    expect(await late).toBeUndefined()
    expect(actions()).toEqual(['get timed_out'])
    second.open()
    await turn()
    work()
    expect(textOf(await tier.get('a'))).toBe('a')
    expect(await held.held('a')).toBe('a')
    expect(time.timers).toBe(0)
  })

  test('a late failure is nobody’s: no rejection is left unhandled', async () => {
    const { time } = stage()
    const failed = Promise.withResolvers<undefined>()
    const unhandled: unknown[] = []
    const listen = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', listen)
    const inner = { ...memoryTier('inner', time), get: () => failed.promise }
    const guarded = stage({ inner })
    expect(await within(guarded.time, 60, guarded.tier.get('a'))).toBeUndefined()
    failed.reject(new Error('too late'))
    await turn()
    await turn()
    process.off('unhandledRejection', listen)
    expect(unhandled).toEqual([])
  })

  test('an answer that is there when a process which stood still goes on is used', async () => {
    const { tier, hold, time, held } = stage()
    await held.set('a', entryOf('a'))
    const gate = hold('get')
    const got = tier.get('a')
    const ring = time.timer
    // The budget rings, and the answer comes in the same turn.
    ring(50, () => gate.open())
    await time.advance(50)
    expect(textOf(await got)).toBe('a')
  })

  test('writes may have a budget of their own', async () => {
    const { tier, hold, time, actions } = stage({ writeBudgetMs: 500 })
    const gate = hold('set')
    const set = tier.set('a', entryOf('a'))
    await time.advance(499)
    gate.open()
    await set
    expect(actions()).toEqual([])
    expect(textOf(await tier.get('a'))).toBe('a')
  })
})

describe('the breaker', () => {
  test('opens after failures in a row, asks nothing while open, then one probe, with pauses that double to a bound', async () => {
    const { tier, fail, work, time, actions, calls } = stage()
    fail()
    await tier.get('a')
    await tier.get('a')
    work()
    await tier.get('a')
    fail()
    actions()
    for (let count = 0; count < 3; count++) await tier.get('a')
    expect(actions()).toEqual(['get failed', 'get failed', 'get failed', 'opened'])
    for (const pauseMs of [1000, 2000, 4000, 8000, 8000]) {
      calls()
      await time.advance(pauseMs - 1)
      await Promise.all([tier.get('a'), tier.set('b', entryOf('b')), tier.delete(['c'])])
      expect(calls()).toEqual([])
      await time.advance(1)
      await Promise.all([tier.get('a'), tier.get('b'), tier.get('c')])
      expect(calls()).toEqual(['get'])
      expect(actions()).toEqual(['get failed', 'opened'])
    }
    work()
    await time.advance(8000)
    await tier.get('a')
    expect(actions()).toEqual(['closed'])
    fail()
    for (let count = 0; count < 3; count++) await tier.get('a')
    calls()
    await time.advance(1000)
    await tier.get('a')
    expect(calls()).toEqual(['get'])
  })

  test('has jitter: a pause is between half and all of its length', async () => {
    for (const [random, pauseMs] of [
      [0, 500],
      [0.5, 750],
      [1, 1000],
    ] as const) {
      const { tier, fail, events } = stage({ random: () => random })
      fail()
      for (let count = 0; count < 3; count++) await tier.get('a')
      expect(events.at(-1)).toMatchObject({ action: 'opened', durationMs: pauseMs })
    }
  })

  test('calls that began before it opened neither close nor open it again', async () => {
    const { tier, hold, fail, actions, calls, work, time } = stage()
    const gate = hold('get')
    const before = [tier.get('a'), tier.get('a')]
    fail()
    for (let count = 0; count < 3; count++) await tier.get('b')
    actions()
    work()
    gate.open()
    await Promise.all(before)
    calls()
    await tier.get('a')
    expect([calls(), actions()]).toEqual([[], []])
    await time.advance(1000)
    await tier.get('a')
    expect(actions()).toEqual(['closed'])
  })

  test('a probe that nobody ever ends is not waited for for ever', async () => {
    const { tier, fail, hold, time, calls, work } = stage()
    fail()
    for (let count = 0; count < 3; count++) await tier.get('a')
    hold('get')
    await time.advance(1000)
    void tier.get('a')
    await turn()
    calls()
    await tier.get('a')
    expect(calls()).toEqual([])
    work()
    await time.advance(60_000)
    await tier.get('b')
    expect(calls()).toEqual(['get'])
  })

  test('counts what it skipped and what failed', async () => {
    const { tier, fail, stats } = stage()
    fail()
    await tier.get('a')
    await tier.set('a', entryOf('a'))
    await tier.delete(['a'])
    for (let count = 0; count < 5; count++) await tier.get('a')
    expect(stats.read(60_000).tiers['inner']).toMatchObject({ errors: 3, skipped: 5 })
  })

  test('a tier that hangs is given no more than 64 calls to keep, until it answers', async () => {
    const { tier, hold, time, calls, work } = stage({ failuresMax: 1e9 })
    const gate = hold('get')
    const all = Array.from({ length: 200 }, (_, index) => tier.get(`${index}`))
    await within(time, 50, Promise.all(all))
    calls()
    await tier.get('more')
    expect(calls()).toEqual([])
    gate.open()
    await turn()
    work()
    await tier.get('more')
    expect(calls()).toEqual(['get'])
  })
})

describe('what it missed', () => {
  test('R30: a delete while it is open, and a delete that failed, do not come back', async () => {
    const { tier, fail, work, time, held } = stage()
    for (const key of ['a', 'b', 'c']) await tier.set(key, entryOf(key))
    fail()
    await tier.delete(['a'])
    await tier.get('x')
    await tier.get('x')
    await tier.delete(['b'])
    work()
    await time.advance(1000)
    expect(textOf(await tier.get('c'))).toBe('c')
    expect(await held.held('a')).toBe('a')
    for (const key of ['a', 'b']) expect(await tier.get(key)).toBeUndefined()
    // Until it is written there again.
    await tier.set('a', entryOf('new'))
    await tier.delete(['b'])
    expect(textOf(await tier.get('a'))).toBe('new')
    expect(await held.held('b')).toBeUndefined()
  })

  test('a set that it missed leaves no older entry to be read', async () => {
    const { tier, fail, work } = stage()
    await tier.set('a', entryOf('old'))
    fail()
    await tier.set('a', entryOf('new'))
    work()
    expect(await tier.get('a')).toBeUndefined()
  })

  test('R30: a set that lands after the delete that overtook it is removed, and never read', async () => {
    const { tier, hold, work, time, held, background } = stage()
    const gate = hold('set')
    await within(time, 50, tier.set('a', entryOf('late')))
    work()
    await tier.delete(['a'])
    expect(await tier.get('a')).toBeUndefined()
    gate.open()
    await turn()
    await background.settled()
    expect(await held.held('a')).toBeUndefined()
    await tier.set('a', entryOf('next'))
    expect(textOf(await tier.get('a'))).toBe('next')
  })

  test('a late set that nothing overtook is read when it has landed, and not before', async () => {
    const { tier, hold, work, time } = stage()
    const gate = hold('set.acknowledge')
    await within(time, 50, tier.set('a', entryOf('late')))
    work()
    expect(await tier.get('a')).toBeUndefined()
    gate.open()
    await turn()
    expect(textOf(await tier.get('a'))).toBe('late')
  })

  test('a late set under a newer one may have landed last: both are gone', async () => {
    const { tier, hold, work, time, background } = stage()
    const gate = hold('set')
    await within(time, 50, tier.set('a', entryOf('late')))
    work()
    await tier.set('a', entryOf('newer'))
    expect(await tier.get('a')).toBeUndefined()
    gate.open()
    await turn()
    await background.settled()
    expect(await tier.get('a')).toBeUndefined()
  })

  test('R30: a late answer to one delete says nothing about a later one that was missed meanwhile', async () => {
    const { tier, hold, fail, work, time, held } = stage()
    const gate = hold('delete.acknowledge')
    const first = tier.delete(['a'])
    await turn()
    await tier.set('a', entryOf('between'))
    fail()
    await tier.delete(['a'])
    await within(time, 50, first)
    gate.open()
    await turn()
    work()
    expect([await held.held('a'), await tier.get('a')]).toEqual(['between', undefined])
  })

  test('R30: a set that lands after a clear is removed, and never read', async () => {
    const time = createManualTime()
    const inner = memoryTier('inner', time)
    const gate = createGate()
    const slow = { ...faultyCacheTier(inner, only(['set'], gate.pass)), clear: () => inner.clear?.() }
    const background = createTestBackground()
    const tier = guardTier(slow, {
      budgetMs: 50,
      clock: time,
      timer: time.timer,
      report: () => {},
      background,
    })
    await within(time, 50, tier.set('a', entryOf('late')))
    await tier.clear!()
    gate.open()
    await turn()
    await background.settled()
    expect([await tier.get('a'), await inner.held('a')]).toEqual([undefined, undefined])
  })

  test('more deletes than can be remembered: nothing older is believed, what comes later is', async () => {
    const { tier, fail, work, time } = stage({ failuresMax: 1e9 })
    await tier.set('kept', entryOf('kept', { bornMs: time.nowMs - 1 }))
    await tier.set('first', entryOf('first', { bornMs: time.nowMs }))
    fail()
    await tier.delete(['first'])
    await tier.delete(Array.from({ length: 5000 }, (_, index) => `${index}`))
    work()
    for (const key of ['first', 'kept']) expect(await tier.get(key)).toBeUndefined()
    time.nowMs += 1
    await tier.set('new', entryOf('new', { bornMs: time.nowMs }))
    expect(textOf(await tier.get('new'))).toBe('new')
  })

  test('a clear that it missed', async () => {
    const time = createManualTime()
    const inner = memoryTier('inner', time)
    const report = () => {}
    const options = {
      budgetMs: 50,
      clock: time,
      timer: time.timer,
      report,
      background: createTestBackground(),
    }
    const clear = async () => Promise.reject(new Error('down'))
    const tier = guardTier({ ...inner, clear }, options)
    await tier.set('a', entryOf('a'))
    await tier.clear!()
    expect(await tier.get('a')).toBeUndefined()
    const working = guardTier(inner, options)
    await working.set('a', entryOf('a'))
    await working.clear!()
    expect(await inner.held('a')).toBeUndefined()
  })
})
