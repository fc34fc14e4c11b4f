import type { Clock } from '../ports/clock.ts'

/** Resolves after `ms`, or as soon as `signal` is aborted. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>

/** Shorter pauses cost more than they hold back: what is owed is kept until it is worth one. */
const owedMsMin = 100

/** Tells how long to pause so that no more than `bytesPerSecond` go by; without it, never. */
export function createRate(clock: Clock, bytesPerSecond: number | undefined) {
  let dueMs = clock.monotonic()
  return {
    owedMs(bytes: number): number {
      if (bytesPerSecond === undefined) return 0
      const nowMs = clock.monotonic()
      // What was not used earlier is not made up for.
      dueMs = Math.max(dueMs, nowMs) + (bytes / bytesPerSecond) * 1000
      const owed = dueMs - nowMs
      return owed < owedMsMin ? 0 : owed
    },
  }
}
