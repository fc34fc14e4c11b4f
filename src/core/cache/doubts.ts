import type { CacheEntry } from '../ports/cache-tier.ts'
import type { Clock } from '../ports/clock.ts'

/**
 * Keys of a tier whose last write it may have missed. What it holds there may have been removed or replaced, so it is not
 * read until another write has reached it: what is deleted does not come back for readers of this process, whatever
 * happens to the tier. That costs no more than a miss. Other processes that share the tier do not know of it.
 *
 * Bounded. Beyond `keysMax` removals that were missed, all is refused that was born until now (which a clock that was ahead
 * at a birth can defeat). Beyond `keysMax` sets that were missed, the oldest is forgotten, and its key may give the entry
 * before it: under a key that names immutable bytes, the same.
 */
export interface Doubts {
  add(key: string, missed: CacheWrite): void
  /** Of everything that the tier holds now. */
  addAll(): void
  /** To be taken when a write begins, for `settle`. */
  mark(): number
  /** After a write that has reached the tier: of what was missed before its mark. What was missed since may have come later. */
  settle(key: string, mark: number): void
  has(key: string): boolean
  /** True where something was missed after the mark. */
  hasSince(key: string, mark: number): boolean
  /** True for entries of a time when more was missed than could be remembered. */
  refuses(entry: Pick<CacheEntry, 'bornMs'>): boolean
}

export type CacheWrite = 'set' | 'delete'

/** Some 100 bytes each. */
const doubtsMax = 4096

export function createDoubts(options: { clock: Pick<Clock, 'now'>; keysMax?: number }): Doubts {
  const { clock, keysMax = doubtsMax } = options
  /** When they were missed, by a count of its own. */
  const missedDeletes = new Map<string, number>()
  const missedSets = new Map<string, number>()
  let moment = 0
  let refusedUntilMs: number | undefined

  function addAll(): void {
    refusedUntilMs = Math.max(refusedUntilMs ?? -Infinity, clock.now())
    missedDeletes.clear()
    missedSets.clear()
  }

  return {
    add(key, missed) {
      if (missed === 'delete') {
        missedSets.delete(key)
        missedDeletes.set(key, ++moment)
        if (missedDeletes.size > keysMax) addAll()
      } else if (missedDeletes.has(key)) missedDeletes.set(key, ++moment)
      else {
        missedSets.set(key, ++moment)
        if (missedSets.size > keysMax) missedSets.delete(missedSets.keys().next().value as string)
      }
    },
    addAll,
    mark: () => moment,
    settle(key, mark) {
      for (const missed of [missedDeletes, missedSets])
        if ((missed.get(key) ?? Infinity) <= mark) missed.delete(key)
    },
    hasSince: (key, mark) => (missedDeletes.get(key) ?? missedSets.get(key) ?? -1) > mark,
    has: (key) => missedDeletes.has(key) || missedSets.has(key),
    refuses: ({ bornMs }) => refusedUntilMs !== undefined && !(bornMs > refusedUntilMs),
  }
}
