import type { Timer } from './timer.ts'
import { systemTimer } from './timer.ts'

/** One load for each key at one time, whoever asks (R31). Keeps nothing that has ended. */
export interface SingleFlight<T> {
  /**
   * What `load` gives, or what one that is under way for the key will give. A load that fails fails all who wait for it, and
   * the next who asks loads anew. Who joins waits `timeoutMs` at the most, from when it joined, and then joins a later one, for
   * as long again, or loads itself. On Workers this matters beyond speed: a load ends without a word when its own request does.
   */
  run(key: string, load: () => Promise<T>): Promise<Flown<T>>
  /** Nobody joins the loads of these keys any more that are under way; who waits already goes on waiting. */
  detach(keys: readonly string[]): void
  detachAll(): void
  /** Keys with a load under way. */
  readonly size: number
}

export interface Flown<T> {
  readonly value: T
  /** True for who did not load itself. */
  readonly collapsed: boolean
}

const tooLong = Symbol('too long')

export function createSingleFlight<T>(options: {
  timeoutMs: number
  timer?: Timer
  /** Keeps the runtime at it though the request that began it has ended: `waitUntil` on Workers. */
  keepAlive?: (work: Promise<unknown>) => void
}): SingleFlight<T> {
  const { timeoutMs, timer = systemTimer, keepAlive } = options
  const flights = new Map<string, Promise<T>>()

  async function lead(key: string, load: () => Promise<T>): Promise<Flown<T>> {
    // Also where it throws at once.
    const flight = (async () => load())()
    flights.set(key, flight)
    keepAlive?.(flight.catch(() => {}))
    try {
      return { value: await flight, collapsed: false }
    } finally {
      if (flights.get(key) === flight) flights.delete(key)
    }
  }

  function waitFor(flight: Promise<T>): Promise<T | typeof tooLong> {
    return new Promise((resolve, reject) => {
      const stop = timer(timeoutMs, () => resolve(tooLong))
      flight.finally(stop).then(resolve, reject)
    })
  }

  return {
    async run(key, load) {
      let hanging: Promise<T> | undefined
      // Of all whose time ends together one loads, and the others join that, once: a source that hangs is not asked by all.
      for (let joined = 0; joined < 2; joined++) {
        const flight = flights.get(key)
        if (!flight || flight === hanging) break
        const value = await waitFor(flight)
        if (value !== tooLong) return { value, collapsed: true }
        hanging = flight
      }
      return lead(key, load)
    },
    detach(keys) {
      for (const key of keys) flights.delete(key)
    },
    detachAll: () => flights.clear(),
    get size() {
      return flights.size
    },
  }
}
