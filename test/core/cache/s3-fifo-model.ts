import { entryOverheadBytes, s3FifoPolicy } from '../../../src/core/cache/s3-fifo.ts'
import type { S3FifoPolicy } from '../../../src/core/cache/s3-fifo.ts'
import { ghostBytes } from '../../../src/core/cache/ghosts.ts'

interface ModelEntry {
  readonly key: string
  readonly value: number
  readonly bytes: number
  hits: number
  window: number
}

interface ModelGhost {
  readonly key: string
  readonly rank: number
  taken: boolean
}

/** The same policy in arrays: slow, and short enough to be seen to be right. Values are their own sizes. */
export function createS3FifoModel(bytesMax: number, policy: S3FifoPolicy = s3FifoPolicy) {
  const ghostsMax = Math.floor(bytesMax / 32 / ghostBytes)
  const capacity = bytesMax - ghostsMax * ghostBytes
  let small: ModelEntry[] = []
  /** By class, each first in, first out. */
  let main: { place: number; entry: ModelEntry }[] = []
  let ghosts: ModelGhost[] = []
  let window = 0
  let reads = 0

  const sum = (entries: readonly ModelEntry[]) => entries.reduce((total, { bytes }) => total + bytes, 0)
  const all = () => [...small, ...main.map(({ entry }) => entry)]
  const live = () => ghosts.filter(({ taken }) => !taken)
  const fits = (bytes: number) => sum(all()) + bytes <= capacity
  const rankOf = ({ hits, window: since }: ModelEntry) => Math.log2(hits) + since
  const classOf = (entry: ModelEntry) =>
    Math.floor((rankOf(entry) - Math.log2(entry.bytes)) * policy.classesPerOctave)

  /** `others` counts the entry that is just being placed, which is in neither queue. */
  function forget(entry: ModelEntry, placing: number) {
    const countMax = Math.min(ghostsMax, Math.ceil(policy.ghostsPerEntry * (all().length + placing + 1)))
    if (countMax < 1) return
    if (ghosts.length >= countMax) ghosts = ghosts.slice(ghosts.length - countMax + 1)
    ghosts.push({ key: entry.key, rank: rankOf(entry), taken: false })
  }

  function leastWorth() {
    for (;;) {
      const lowest = Math.min(...main.map(({ place }) => place))
      const at = main.findIndex(({ place }) => place === lowest)
      const least = main[at]!
      if (classOf(least.entry) <= lowest) return { ...least, at }
      main.splice(at, 1)
      main.push({ place: classOf(least.entry), entry: least.entry })
    }
  }

  function admit(entry: ModelEntry): boolean {
    while (!fits(entry.bytes)) {
      if (main.length === 0) return false
      const { place, at, entry: least } = leastWorth()
      if (place >= classOf(entry)) return false
      main.splice(at, 1)
      forget(least, 1)
    }
    main.push({ place: classOf(entry), entry })
    return true
  }

  function settle() {
    while (sum(small) > capacity * policy.smallShare) {
      const entry = small.shift()!
      const askedAgain = entry.hits * 2 ** (entry.window - window) >= 1.5
      if (!(askedAgain || fits(entry.bytes)) || !admit(entry)) forget(entry, 0)
    }
    while (!fits(0)) {
      if (main.length === 0) forget(small.shift()!, 0)
      else {
        const { at, entry } = leastWorth()
        main.splice(at, 1)
        forget(entry, 0)
      }
    }
  }

  function remove(key: string): { entry: ModelEntry; inMain: boolean } | undefined {
    const inMain = main.find(({ entry }) => entry.key === key)?.entry
    const entry = inMain ?? small.find((each) => each.key === key)
    main = main.filter((each) => each.entry !== entry)
    small = small.filter((each) => each !== entry)
    return entry && { entry, inMain: entry === inMain }
  }

  function takeGhost(key: string): ModelGhost | undefined {
    const ghost = ghosts.find((each) => !each.taken && each.key === key)
    if (ghost) ghost.taken = true
    return ghost
  }

  return {
    get(key: string): number | undefined {
      if (++reads >= 1000 + policy.windowPerEntry * (all().length + live().length)) {
        reads = 0
        window++
      }
      const entry = all().find((each) => each.key === key)
      if (!entry) return undefined
      entry.hits = entry.hits * 2 ** (entry.window - window) + 1
      entry.window = window
      return entry.value
    },
    set(key: string, value: number) {
      const before = remove(key)
      const bytes = value + 2 * key.length + entryOverheadBytes
      if (bytes > capacity * policy.entryShareMax) return
      const { hits, window: since } = before?.entry ?? { hits: 1, window }
      const entry = { key, value, bytes, hits, window: since }
      const ghost = before ? undefined : takeGhost(key)
      if (before?.inMain) main.push({ place: classOf(entry), entry })
      else if (ghost) {
        entry.hits += 2 ** (ghost.rank - window)
        if (!admit(entry)) forget(entry, 0)
      } else small.push(entry)
      settle()
    },
    delete(key: string) {
      if (!remove(key)) takeGhost(key)
    },
    clear() {
      small = []
      main = []
      ghosts = []
    },
    contents: () => new Map(all().map(({ key, value }) => [key, value])),
    bytes: () => sum(all()) + live().length * ghostBytes,
    ghosts: () => live().length,
    ghostsMax,
  }
}
