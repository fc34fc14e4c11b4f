import type { Clock } from '../ports/clock.ts'

/**
 * Calls that were given up, and may still take effect. What a tier holds under the key of such a write is known only when it
 * has settled, and not even then if another write came after it.
 */
export interface UnansweredCalls {
  /** True while there are so many that no more should be made. */
  isFull(): boolean
  /** `keys`: what the call writes. To be told when it is answered: gives the keys whose last call that was. */
  add(keys: readonly string[]): { readonly answered: () => readonly AnsweredKey[] }
  /** True while a write of the key is unanswered. */
  has(key: string): boolean
  /** Another write of the key begins. */
  overtake(key: string): void
  overtakeAll(): void
}

export interface AnsweredKey {
  readonly key: string
  /** Another write has begun before this one was answered: nobody knows which of them came last. */
  readonly overtaken: boolean
}

/** Each may hold the bytes of an entry. */
const callsMax = 64
/** When there are so many, those older than this are taken for dead, such as those of a request that was cut off on Workers. */
const deadMs = 60_000

interface Call {
  readonly keys: readonly string[]
  readonly sinceMs: number
}

export function createUnansweredCalls({ clock }: { clock: Pick<Clock, 'monotonic'> }): UnansweredCalls {
  const calls = new Set<Call>()
  const writes = new Map<string, { count: number; overtaken: boolean }>()

  function end(call: Call): AnsweredKey[] {
    if (!calls.delete(call)) return []
    return call.keys.flatMap((key) => {
      const write = writes.get(key)
      if (!write || --write.count > 0) return []
      writes.delete(key)
      return { key, overtaken: write.overtaken }
    })
  }

  return {
    isFull() {
      if (calls.size < callsMax) return false
      const [oldest] = calls
      if (!oldest || clock.monotonic() - oldest.sinceMs < deadMs) return true
      end(oldest)
      return false
    },
    add(keys) {
      const call = { keys: [...new Set(keys)], sinceMs: clock.monotonic() }
      calls.add(call)
      for (const key of call.keys) {
        const write = writes.get(key)
        if (write) write.count++
        else writes.set(key, { count: 1, overtaken: false })
      }
      return { answered: () => end(call) }
    },
    has: (key) => writes.has(key),
    overtake(key) {
      const write = writes.get(key)
      if (write) write.overtaken = true
    },
    overtakeAll() {
      for (const write of writes.values()) write.overtaken = true
    },
  }
}
