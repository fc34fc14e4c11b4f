/**
 * What is read in order to be written, so that it is not written after a removal that it began before (R30). Remembers keys
 * only while something is under way for them.
 */
export interface FillTokens {
  begin(key: string): FillToken
  /** Something is written under the key. */
  written(key: string): void
  removed(keys: readonly string[]): void
  removedAll(): void
  /** Keys with something under way. */
  readonly size: number
}

export interface FillToken {
  /** No removal since it began. */
  isValid(): boolean
  /** Nothing written and nothing removed since it began. */
  isUntouched(): boolean
  /** To be called once, when it is over. */
  readonly end: () => void
}

interface Changes {
  underWay: number
  removals: number
  writes: number
}

export function createFillTokens(): FillTokens {
  const changes = new Map<string, Changes>()

  function removed(of: Changes | undefined): void {
    if (of) of.removals++
  }

  return {
    begin(key) {
      let of = changes.get(key)
      if (!of) changes.set(key, (of = { underWay: 0, removals: 0, writes: 0 }))
      of.underWay++
      const { removals, writes } = of
      return {
        isValid: () => of.removals === removals,
        isUntouched: () => of.removals === removals && of.writes === writes,
        end() {
          if (--of.underWay === 0) changes.delete(key)
        },
      }
    },
    written(key) {
      const of = changes.get(key)
      if (of) of.writes++
    },
    removed(keys) {
      if (changes.size > 0) for (const key of keys) removed(changes.get(key))
    },
    removedAll() {
      for (const of of changes.values()) removed(of)
    },
    get size() {
      return changes.size
    },
  }
}
