import type { Clock } from '../ports/clock.ts'

/**
 * Keeps calls away from what has failed several times in a row: for a pause, then for one call that tries it, then for a
 * pause twice as long, until a call succeeds.
 */
export interface CircuitBreaker {
  /** Whether a call may go ahead, and as what; its outcome must be told. */
  admit(): Admission | undefined
  succeeded(admission: Admission): void
  failed(admission: Admission): void
}

export type Admission = 'call' | 'probe'

export interface CircuitBreakerOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  /** In a row, before it opens. */
  readonly failuresMax: number
  readonly pauseMs: number
  readonly pauseMsMax: number
  /** A probe whose outcome was not told for so long counts for nothing: its request is gone. */
  readonly probeMs: number
  /** From 0 to 1: pauses last from half to all of their length, so that processes do not come back together. */
  readonly random: () => number
  readonly onOpen: (pauseMs: number) => void
  readonly onClose: () => void
}

export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { clock, failuresMax, pauseMsMax, probeMs, random, onOpen, onClose } = options
  let failures = 0
  let pauseMs = options.pauseMs
  /** By `monotonic`; while it is open. */
  let openUntilMs: number | undefined

  function open(): void {
    const jittered = pauseMs * (0.5 + random() / 2)
    openUntilMs = clock.monotonic() + jittered
    onOpen(jittered)
  }

  return {
    admit() {
      if (openUntilMs === undefined) return 'call'
      const nowMs = clock.monotonic()
      if (nowMs < openUntilMs) return undefined
      openUntilMs = nowMs + probeMs
      return 'probe'
    },
    succeeded(admission) {
      if (openUntilMs === undefined) failures = 0
      // What began before it opened says nothing about now.
      else if (admission === 'probe') {
        openUntilMs = undefined
        failures = 0
        pauseMs = options.pauseMs
        onClose()
      }
    },
    failed(admission) {
      if (openUntilMs === undefined) {
        if (++failures >= failuresMax) open()
      } else if (admission === 'probe') {
        pauseMs = Math.min(pauseMs * 2, pauseMsMax)
        open()
      }
    },
  }
}
