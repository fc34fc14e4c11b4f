import type { Clock } from '../../src/core/ports/clock.ts'

/** The real time, until it is turned. */
export interface TestClock extends Clock {
  /** Forward, or back when `ms` is negative. */
  advance(ms: number): void
  /** Stands still there until it is turned again. */
  stopAt(ms: number): void
}

export function createTestClock(): TestClock {
  let offsetMs = 0
  let stoppedMs: number | undefined
  return {
    now: () => stoppedMs ?? Date.now() + offsetMs,
    monotonic: () => performance.now(),
    advance(ms) {
      if (stoppedMs === undefined) offsetMs += ms
      else stoppedMs += ms
    },
    stopAt(ms) {
      stoppedMs = ms
    },
  }
}
