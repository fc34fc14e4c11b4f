/** Time, so that tests can turn it. */
export interface Clock {
  /** Milliseconds since 1970, UTC. May jump, in either direction. */
  now(): number
  /** Milliseconds from an arbitrary point; never goes back. For measuring durations. */
  monotonic(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
