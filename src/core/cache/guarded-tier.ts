import type { Background } from '../ports/background.ts'
import type { Clock } from '../ports/clock.ts'
import type { CacheTierEvent } from '../ports/observer.ts'
import type { TierCounter } from './cache-stats.ts'
import { createCircuitBreaker } from './circuit-breaker.ts'
import { createDoubts } from './doubts.ts'
import type { CacheWrite } from './doubts.ts'
import { DamagedEntryError } from './sealed-tier.ts'
import type { ClearableTier } from './stack.ts'
import { systemTimer } from './timer.ts'
import type { Timer } from './timer.ts'
import { createUnansweredCalls } from './unanswered.ts'

export interface GuardOptions {
  /** What a get may take before it counts as failed: less than the source takes. */
  readonly budgetMs: number
  /** The same for a set or a delete, for which no reader waits; `budgetMs` when left out. */
  readonly writeBudgetMs?: number
  readonly clock: Clock
  readonly report: (event: CacheTierEvent) => void
  readonly background: Background
  readonly timer?: Timer
  /** Failures in a row, after which the tier is left alone; 5 when left out. */
  readonly failuresMax?: number
  /** How long at first; 1 second. Doubles with each probe that fails, up to `pauseMsMax`, 1 minute. */
  readonly pauseMs?: number
  readonly pauseMsMax?: number
  /** From 0 to 1, for the jitter of pauses. */
  readonly random?: () => number
  readonly counter?: Pick<TierCounter, 'failed' | 'skipped'>
}

export type TierCall = 'get' | 'set' | 'delete' | 'clear'

/**
 * A tier that never fails and takes no longer than its budgets. While its breaker is open it is not asked at all. A key
 * whose last write it may have missed is in {@link createDoubts}: not read there until it is written there again. So what is
 * deleted while the breaker is open only takes room in the tier, which its own bound gives back.
 */
export function guardTier(tier: ClearableTier, options: GuardOptions): ClearableTier {
  const { clock, background } = options
  const { name, clear } = tier
  const call = createGuardedCall(name, options)
  const doubts = createDoubts({ clock })
  const unanswered = createUnansweredCalls({ clock })
  const isDoubtful = (key: string) => doubts.has(key) || unanswered.has(key)

  async function write(kind: CacheWrite, keys: readonly string[], make: () => Promise<void>): Promise<void> {
    // One before this that is unanswered may still land after it.
    const uncertain = new Set(keys.filter((key) => unanswered.has(key)))
    for (const key of uncertain) unanswered.overtake(key)
    const mark = doubts.mark()
    const outcome = await call(kind, make, unanswered.isFull(), (late) => awaitLate(kind, keys, mark, late))
    if (outcome.how === 'timed out') return
    for (const key of keys) {
      if (outcome.how !== 'done' || uncertain.has(key) || unanswered.has(key)) doubts.add(key, kind)
      else doubts.settle(key, mark)
    }
  }

  const remove = (keys: readonly string[]) => write('delete', keys, () => tier.delete(keys))

  /** A write that is given up stays in doubt until it has landed, with nothing written after it. */
  function awaitLate(
    kind: CacheWrite,
    keys: readonly string[],
    beganMark: number,
    late: Promise<unknown>,
  ): void {
    const { answered } = unanswered.add(keys)
    // Another may have been missed while this one was under way: then it settles nothing.
    const isLast = new Set(keys.filter((key) => !doubts.hasSince(key, beganMark)))
    for (const key of keys) doubts.add(key, kind)
    const mark = doubts.mark()
    const settle = (landed: boolean) => {
      const settled = answered()
      for (const { key, overtaken } of settled)
        if (landed && !overtaken && isLast.has(key)) doubts.settle(key, mark)
      const unknown = settled.filter(({ overtaken }) => overtaken).map(({ key }) => key)
      if (unknown.length > 0) background.run(`remove from the cache tier ${name}`, () => remove(unknown))
    }
    late.then(
      () => settle(true),
      () => settle(false),
    )
  }

  function countAsUnanswered(late: Promise<unknown>): void {
    const { answered } = unanswered.add([])
    late.then(answered, answered)
  }

  return {
    name,
    capabilities: tier.capabilities,
    async get(key) {
      const leaveOut = isDoubtful(key) || unanswered.isFull()
      const outcome = await call('get', () => tier.get(key), leaveOut, countAsUnanswered)
      if (outcome.how !== 'done' || !outcome.value) return undefined
      // Looked at again, for what was missed meanwhile.
      return isDoubtful(key) || doubts.refuses(outcome.value) ? undefined : outcome.value
    },
    set: (key, entry) => write('set', [key], () => tier.set(key, entry)),
    async delete(keys) {
      if (keys.length > 0) await remove(keys)
    },
    ...(clear
      ? {
          async clear() {
            unanswered.overtakeAll()
            const outcome = await call('clear', async () => clear(), unanswered.isFull(), countAsUnanswered)
            if (outcome.how !== 'done') doubts.addAll()
          },
        }
      : {}),
  }
}

type Outcome<T> =
  | { readonly how: 'done'; readonly value: T }
  | { readonly how: 'failed' | 'timed out' | 'skipped' }

type GuardedCall = <T>(
  during: TierCall,
  make: () => Promise<T>,
  leaveOut: boolean,
  /** What was not there in time, for whoever wants to know its end. */
  giveUp: (late: Promise<T>) => void,
) => Promise<Outcome<T>>

/** Never rejects. */
function createGuardedCall(tier: string, options: GuardOptions): GuardedCall {
  const { budgetMs, writeBudgetMs = budgetMs, clock, report, timer = systemTimer, counter } = options
  const breaker = createCircuitBreaker({
    clock,
    failuresMax: options.failuresMax ?? 5,
    pauseMs: options.pauseMs ?? 1000,
    pauseMsMax: options.pauseMsMax ?? 60_000,
    probeMs: 2 * Math.max(budgetMs, writeBudgetMs) + 1000,
    random: options.random ?? Math.random,
    onOpen: (durationMs) => report({ type: 'cache_tier', tier, action: 'opened', durationMs }),
    onClose: () => report({ type: 'cache_tier', tier, action: 'closed' }),
  })

  return <T>(
    during: TierCall,
    make: () => Promise<T>,
    leaveOut: boolean,
    giveUp: (late: Promise<T>) => void,
  ) => {
    const admission = leaveOut ? undefined : breaker.admit()
    if (!admission) {
      counter?.skipped(during)
      return Promise.resolve({ how: 'skipped' })
    }
    const beganMs = clock.monotonic()
    const fail = (action: 'failed' | 'timed_out' | 'damaged', error?: unknown) => {
      counter?.failed(during)
      const durationMs = clock.monotonic() - beganMs
      report({ type: 'cache_tier', tier, action, during, durationMs, ...(error ? { error } : {}) })
      breaker.failed(admission)
    }
    return new Promise<Outcome<T>>((resolve) => {
      // Also where it throws at once.
      const answer = (async () => make())()
      let isWaiting = true
      const expire = () => {
        isWaiting = false
        fail('timed_out')
        giveUp(answer)
        resolve({ how: 'timed out' })
      }
      // Where the process stood still, timers come before answers that have long been there: these get one more turn.
      let stop = timer(during === 'get' ? budgetMs : writeBudgetMs, () => (stop = timer(0, expire)))
      const succeed = (value: T) => {
        stop()
        breaker.succeeded(admission)
        resolve({ how: 'done', value })
      }
      const reject = (error: unknown) => {
        stop()
        fail(error instanceof DamagedEntryError ? 'damaged' : 'failed', error)
        resolve({ how: 'failed' })
      }
      answer.then(
        (value) => isWaiting && succeed(value),
        (error: unknown) => isWaiting && reject(error),
      )
    })
  }
}
