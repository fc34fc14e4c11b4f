/**
 * When a part that works should not. A plan is asked at each step of a wrapped port, by the step's name: resolving
 * lets it go on, rejecting makes it fail, and staying pending makes it hang.
 */
export type FaultPlan<Step extends string> = (step: Step) => Promise<void>

/** Always fails. */
export function failing(error: Error): FaultPlan<string> {
  return () => Promise.reject(error)
}

/** Waits for `pause` each time: a promise that the test resolves, never a timer. */
export function slow(pause: () => Promise<void>): FaultPlan<string> {
  return pause
}

/** Fails by chance, the same way for the same seed. `share` is the part that fails, from 0 to 1. */
export function flaky(seed: number, options: { share: number; error: Error }): FaultPlan<string> {
  const random = randomOf(seed)
  return async () => {
    if (random() < options.share) throw options.error
  }
}

/** Lets the plan see these steps only. */
export function only<Step extends string>(
  steps: readonly Step[],
  plan: FaultPlan<Step>,
): FaultPlan<Step | (string & {})> {
  return async (step) => {
    if ((steps as readonly string[]).includes(step)) await plan(step as Step)
  }
}

/** Lets the plan see the steps after the first `count` only, `times` of them at most. */
export function after<Step extends string>(
  count: number,
  plan: FaultPlan<Step>,
  times = Number.POSITIVE_INFINITY,
): FaultPlan<Step> {
  let seen = 0
  return async (step) => {
    seen += 1
    if (seen > count && seen <= count + times) await plan(step)
  }
}

/** For {@link slow}: holds whoever comes until the test opens it. */
export interface Gate {
  /** Resolves when it is open. */
  pass(): Promise<void>
  /** Resolves as soon as `count` are held, or have been. */
  reached(count?: number): Promise<void>
  open(): void
}

export function createGate(): Gate {
  const opened = Promise.withResolvers<void>()
  const waiting: { count: number; resolve: () => void }[] = []
  let arrived = 0
  const tell = () => {
    for (const { count, resolve } of waiting) if (arrived >= count) resolve()
  }
  return {
    pass() {
      arrived += 1
      tell()
      return opened.promise
    },
    reached(count = 1) {
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.push({ count, resolve })
      tell()
      return promise
    },
    open: () => opened.resolve(),
  }
}

/** mulberry32: numbers from 0 to 1 that the seed decides. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
