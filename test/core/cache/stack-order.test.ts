import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { guardTier } from '../../../src/core/cache/guarded-tier.ts'
import { createCacheStack } from '../../../src/core/cache/stack.ts'
import type { CacheStack, ClearableTier } from '../../../src/core/cache/stack.ts'
import type { Timer } from '../../../src/core/cache/timer.ts'
import type { Clock } from '../../../src/core/ports/clock.ts'
import { faultyCacheTier } from '../../faults/cache-tier.ts'
import { entryOf, memoryTier, textOf } from './entries.ts'
import { createTestBackground, turn } from './manual-time.ts'

/**
 * Calls begin at random, each step of a tier goes on at a moment that fast-check picks, and may fail then or be given up
 * before. The model: a value must not be read when the key was removed after the value was on its way, or set to another
 * after it was set, and that had been acknowledged before the read began. Nothing may always be read.
 */
type Step = { readonly waits: number } & (
  | { readonly do: 'set' | 'fill' | 'get'; readonly key: string }
  | { readonly do: 'delete'; readonly keys: readonly string[] }
  | { readonly do: 'land' }
  | { readonly do: 'clear' }
)

const key = fc.constantFrom('a', 'b')
const waits = fc.nat(4)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('set' as const, 'fill' as const), key, waits }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('get' as const), key, waits }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('land' as const), waits }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('delete' as const),
      keys: fc.array(key, { maxLength: 3 }),
      waits,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const), waits }) },
)

interface Machinery {
  readonly clock: Clock
  readonly scheduler: fc.Scheduler
  /** Asked at each step of a tier, and by each timer whether it may ring. */
  readonly fails: () => boolean
  readonly trouble: { isOver: boolean }
  readonly background: ReturnType<typeof createTestBackground>
}

/** A tier whose steps are taken when the scheduler says so. */
function scheduled(inner: ClearableTier, { scheduler, fails }: Machinery, mayFail: boolean): ClearableTier {
  const tier = faultyCacheTier(inner, async (name) => {
    await scheduler.schedule(Promise.resolve(), name)
    if (mayFail && fails()) throw new Error(`${name} failed`)
  })
  const clear = async () => {
    await scheduler.schedule(Promise.resolve(), 'clear')
    if (mayFail && fails()) throw new Error('clear failed')
    await inner.clear?.()
  }
  return inner.clear ? { ...tier, clear } : tier
}

function guarded(inner: ClearableTier, machinery: Machinery): ClearableTier {
  const { clock, scheduler, background, trouble } = machinery
  const timer: Timer = (_ms, call) => {
    let isOn = true
    void scheduler.schedule(Promise.resolve(), 'timer').then(() => isOn && !trouble.isOver && call())
    return () => (isOn = false)
  }
  const options = { budgetMs: 1, clock, timer, background, report: () => {}, random: () => 1 }
  return guardTier(scheduled(inner, machinery, true), {
    ...options,
    failuresMax: 2,
    pauseMs: 30,
    pauseMsMax: 60,
  })
}

function unclearable({ clear: _clear, ...tier }: ClearableTier): ClearableTier {
  return tier
}

interface Composition {
  readonly tiers: (at: Machinery, inner: (name: string) => ClearableTier) => ClearableTier[]
  /** Nothing fails, so what tiers hold in the end can be looked at. */
  readonly sound?: boolean
}

const compositions: Record<string, Composition> = {
  'memory over a tier that takes its time': {
    tiers: (at, inner) => [inner('memory'), scheduled(inner('below'), at, false)],
    sound: true,
  },
  'three tiers that take their time': {
    tiers: (at, inner) => ['one', 'two', 'three'].map((name) => scheduled(inner(name), at, false)),
    sound: true,
  },
  'memory over a tier that fails': {
    tiers: (at, inner) => [inner('memory'), scheduled(inner('below'), at, true)],
  },
  'memory over guarded tiers that fail and hang': {
    tiers: (at, inner) => [inner('memory'), guarded(inner('edge'), at), guarded(inner('kv'), at)],
  },
  'guarded tiers that fail and hang, of which one cannot be cleared': {
    tiers: (at, inner) => [guarded(unclearable(inner('edge')), at), guarded(inner('kv'), at)],
  },
  'a memory that keeps little over a guarded tier': {
    tiers: (at, inner) => [
      { ...inner('memory'), set: async () => {} },
      guarded(unclearable(inner('kv')), at),
    ],
  },
}

/** What was written and removed, and when it began and was acknowledged. */
function createRecord() {
  let moment = 0
  const values = new Map<string, { key: string; beganAt: number; writtenAt: number }>()
  const changes: { key: string; kind: 'set' | 'delete'; beganAt: number; endedAt: number }[] = []
  return {
    now: () => ++moment,
    wrote: (value: string, key: string, beganAt: number) =>
      values.set(value, { key, beganAt, writtenAt: ++moment }),
    change(kind: 'set' | 'delete', key: string) {
      const change = { key, kind, beganAt: ++moment, endedAt: Infinity }
      changes.push(change)
      return () => (change.endedAt = ++moment)
    },
    /** Why a value must not be read by who began at `readAt`. */
    wrong(value: string | undefined, key: string, readAt: number): string | undefined {
      if (value === undefined) return undefined
      const writer = values.get(value)
      if (writer?.key !== key) return `${value} was never written under ${key}`
      const later = changes.find((change) => {
        const after = change.kind === 'delete' ? writer.beganAt : writer.writtenAt
        return change.key === key && change.beganAt > after && change.endedAt < readAt
      })
      return later && `${value} was read after the ${later.kind} at ${later.beganAt}`
    },
  }
}

/** Takes the steps; gives what was wrong, and how many reads gave something. */
async function play(
  stack: CacheStack,
  steps: readonly Step[],
  { scheduler, clock }: Machinery,
  record: Recorded,
) {
  const faults: string[] = []
  const calls: Promise<unknown>[] = []
  const fills: { key: string; beganAt: number; fill: ReturnType<CacheStack['beginFill']> }[] = []
  let [count, hits] = [0, 0]
  const fresh = () => {
    const value = `${count++}`
    return { value, entry: entryOf(value, { bornMs: clock.now() }) }
  }
  const remove = (keys: readonly string[], begin: () => Promise<void>) => {
    const ended = keys.map((name) => record.change('delete', name))
    calls.push(begin().then(() => ended.forEach((end) => end())))
  }
  const land = () => {
    const next = fills.shift()
    if (!next) return
    const { value, entry } = fresh()
    record.wrote(value, next.key, next.beganAt)
    next.fill.land(entry)
    next.fill.end()
  }
  for (const each of steps) {
    if (each.do === 'set') {
      const { value, entry } = fresh()
      const ended = record.change('set', each.key)
      // After its own change, which does not count against it.
      record.wrote(value, each.key, record.now())
      calls.push(stack.set(each.key, entry).then(ended))
    } else if (each.do === 'fill')
      fills.push({ key: each.key, beganAt: record.now(), fill: stack.beginFill(each.key) })
    else if (each.do === 'land') land()
    else if (each.do === 'delete') remove(each.keys, () => stack.delete(each.keys))
    else if (each.do === 'clear') remove(['a', 'b'], () => stack.clear())
    else {
      const readAt = record.now()
      const read = async () => {
        const entry = await stack.get(each.key)
        if (entry) hits++
        const wrong = record.wrong(textOf(entry), each.key, readAt)
        if (wrong) faults.push(wrong)
      }
      calls.push(read())
    }
    for (let wait = 0; wait < each.waits && scheduler.count() > 0; wait++) await scheduler.waitOne()
  }
  while (fills.length > 0) land()
  await settle(scheduler)
  await Promise.all(calls)
  return { faults, hits }
}
type Recorded = ReturnType<typeof createRecord>

async function settled<T>(scheduler: fc.Scheduler, call: Promise<T>): Promise<T> {
  await settle(scheduler)
  return call
}

async function settle(scheduler: fc.Scheduler): Promise<void> {
  do {
    while (scheduler.count() > 0) await scheduler.waitOne()
    await turn()
  } while (scheduler.count() > 0)
}

describe('R30: nothing comes back, in whatever order things happen', () => {
  test.each(Object.entries(compositions))('%s', async (_, { tiers: tiersOf, sound }) => {
    let hits = 0
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
        fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
        async (scheduler, steps, chances) => {
          let nowMs = 1000
          const clock = { now: () => ++nowMs, monotonic: () => ++nowMs }
          const background = createTestBackground()
          const trouble = { isOver: false }
          const fails = () => !trouble.isOver && chances.next().value === 0
          const machinery = { clock, scheduler, background, fails, trouble }
          const held = new Map<string, ReturnType<typeof memoryTier>>()
          const inner = (name: string) => {
            const tier = memoryTier(name, { now: () => nowMs })
            held.set(name, tier)
            return tier
          }
          const tiers = tiersOf(machinery, inner)
          const stack = createCacheStack({ name: 'stack', tiers, clock, background })
          const record = createRecord()
          const played = await play(stack, steps, machinery, record)
          expect(played.faults).toEqual([])
          hits += played.hits
          expect(stack.underWay).toBe(0)
          trouble.isOver = true
          nowMs += 1000
          const end = record.now()
          for (const name of ['a', 'b']) {
            const value = await settled(scheduler, stack.get(name))
            expect(record.wrong(textOf(value), name, end)).toBeUndefined()
            if (sound)
              for (const tier of held.values())
                expect(record.wrong(await tier.held(name), name, end)).toBeUndefined()
            // It works as before.
            await settled(scheduler, stack.set(name, entryOf('last', { bornMs: clock.now() })))
            expect(textOf(await settled(scheduler, stack.get(name)))).toBe('last')
          }
        },
      ),
      { seed: 30, numRuns: 400 },
    )
    // It does not hold because nothing is ever read.
    expect(hits).toBeGreaterThan(200)
  })
})
