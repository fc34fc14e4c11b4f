import type { Background } from '../../../src/core/ports/background.ts'
import type { Clock } from '../../../src/core/ports/clock.ts'
import type { Timer } from '../../../src/core/cache/timer.ts'

/** Time that stands still until it is turned, with timers that ring while it is. */
export interface ManualTime extends Clock {
  nowMs: number
  readonly timer: Timer
  readonly timers: number
  /** Moves both clocks on, and rings what is due, in order; what is waiting for a promise goes on in between. */
  advance(ms: number): Promise<void>
}

export function createManualTime(startMs = Date.UTC(2026, 0, 1)): ManualTime {
  let monotonicMs = 0
  const timers = new Set<{ atMs: number; call: () => void }>()
  const time: ManualTime = {
    nowMs: startMs,
    now: () => time.nowMs,
    monotonic: () => monotonicMs,
    timer(ms, call) {
      const timer = { atMs: monotonicMs + ms, call }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    get timers() {
      return timers.size
    },
    async advance(ms) {
      const endMs = monotonicMs + ms
      await turn()
      for (;;) {
        const [next] = [...timers].toSorted((a, b) => a.atMs - b.atMs)
        if (!next || next.atMs > endMs) break
        timers.delete(next)
        time.nowMs += next.atMs - monotonicMs
        monotonicMs = next.atMs
        next.call()
        await turn()
      }
      time.nowMs += endMs - monotonicMs
      monotonicMs = endMs
    },
  }
  return time
}

/** Lets everything go on that waits for nothing but promises. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.addEventListener('message', () => {
      port1.close()
      resolve()
    })
    port1.start()
    port2.postMessage(undefined)
  })
}

/** Begins at once; `settled` waits for what is under way, and what that begins. */
export function createTestBackground(): Background & { settled(): Promise<void>; readonly running: number } {
  const running = new Set<Promise<void>>()
  return {
    run(_name, work) {
      const task: Promise<void> = work().finally(() => running.delete(task))
      running.add(task)
    },
    async settled() {
      while (running.size > 0) await Promise.all(running)
    },
    get running() {
      return running.size
    },
  }
}
