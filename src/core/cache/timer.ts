/** Calls back after a time, unless it is told not to before: what it returns tells it. Tests pass one that they turn. */
export type Timer = (ms: number, call: () => void) => () => void

export const systemTimer: Timer = (ms, call) => {
  const timeout = setTimeout(call, ms)
  return () => clearTimeout(timeout)
}
