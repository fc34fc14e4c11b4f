import type { Clock } from '../ports/clock.ts'
import type { TierCall } from './guarded-tier.ts'

/** What a cache does, counted by the minute for the last hour. Counting allocates nothing. */
export interface CacheStats {
  /** The counter of a tier, made when it is first asked for. */
  tier(name: string): TierCounter
  readonly reads: ReadCounter
  /**
   * Totals of the last `windowMs`, in whole minutes upward, the one that goes on included; an hour at the most. `spanMs` says
   * how long that is in truth, for rates.
   */
  read(windowMs: number): CacheReport
}

export interface TierCounter {
  hit(sizeBytes: number, ageMs: number): void
  /** Of a get without an answer, for whatever reason. */
  miss(): void
  set(sizeBytes: number): void
  failed(during: TierCall): void
  /** Not asked, since the breaker is open or what it holds under the key is in doubt. */
  skipped(during: TierCall): void
}

export interface ReadCounter {
  count(outcome: ReadOutcome): void
}

/**
 * How a read of the whole ends: in a `hit` of any tier, in a `load` from the source, `collapsed` with another read whatever
 * that found, or `failed` with the source.
 */
export type ReadOutcome = 'hit' | 'load' | 'collapsed' | 'failed'

export interface CacheReport {
  readonly spanMs: number
  readonly reads: Readonly<Record<ReadOutcome, number>>
  readonly tiers: Readonly<Record<string, TierReport>>
}

export interface TierReport {
  readonly hits: number
  /** Without those that failed or were skipped. */
  readonly misses: number
  readonly sets: number
  /** Of gets, sets and deletes. */
  readonly errors: number
  readonly skipped: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Since the source gave what was hit; `undefined` without hits. */
  readonly ageMsMean: number | undefined
  readonly ageMsMax: number | undefined
  /** The last three are `undefined` where the tier does not know. */
  readonly evictions: number | undefined
  readonly entries: number | undefined
  readonly bytes: number | undefined
}

/** What a tier holds now; `evictions` since it was made. */
export interface TierContents {
  readonly entries: number
  readonly bytes: number
  readonly evictions: number
}

const minuteMs = 60_000
const slotCount = 60

export function createCacheStats(options: {
  clock: Pick<Clock, 'monotonic'>
  /** By the name of the tier. */
  contents?: Readonly<Record<string, () => TierContents>>
}): CacheStats {
  const { clock, contents = {} } = options
  const tiers = new Map<string, ReturnType<typeof createTierCounter>>()
  // The same for all, so that their minutes are.
  const startMs = clock.monotonic()
  const sinceStart = { monotonic: () => clock.monotonic() - startMs }
  const reads = createReadCounter(sinceStart)

  return {
    tier(name) {
      const known = tiers.get(name)
      if (known) return known.counter
      const made = createTierCounter(sinceStart, Object.hasOwn(contents, name) ? contents[name] : undefined)
      tiers.set(name, made)
      return made.counter
    },
    reads: reads.counter,
    read(windowMs) {
      const reports = [...tiers].map(([name, { report }]) => [name, report(windowMs)] as const)
      return { ...reads.report(windowMs), tiers: Object.fromEntries(reports) }
    },
  }
}

/** Where a number is in its slot. */
const outcomes = { hit: 0, load: 1, collapsed: 2, failed: 3 } as const

function createReadCounter(sinceStart: Pick<Clock, 'monotonic'>) {
  const ring = createRing(sinceStart, 4)
  const counter: ReadCounter = { count: (outcome) => ring.add(ring.slot() + outcomes[outcome], 1) }
  const report = (windowMs: number): Omit<CacheReport, 'tiers'> => {
    const { spanMs, offsets } = ring.window(windowMs)
    const sum = (field: number) => sumOf(ring.values, offsets, field)
    const { hit, load, collapsed, failed } = outcomes
    const reads = { hit: sum(hit), load: sum(load), collapsed: sum(collapsed), failed: sum(failed) }
    return { spanMs, reads }
  }
  return { counter, report }
}

const field = {
  hits: 0,
  unanswered: 1,
  sets: 2,
  failedGets: 3,
  failedWrites: 4,
  skippedGets: 5,
  skippedWrites: 6,
  bytesIn: 7,
  bytesOut: 8,
  ageMs: 9,
  ageMsMax: 10,
  /** Of all time, when the slot began. */
  evictionsBefore: 11,
} as const

function createTierCounter(sinceStart: Pick<Clock, 'monotonic'>, contents: (() => TierContents) | undefined) {
  const ring = createRing(sinceStart, 12, (at) => {
    ring.values[at + field.evictionsBefore] = contents?.().evictions ?? 0
  })
  const { values } = ring

  const counter: TierCounter = {
    hit(sizeBytes, ageMs) {
      const at = ring.slot()
      // The clock may have gone back since it was born.
      const age = Math.max(0, ageMs)
      ring.add(at + field.hits, 1)
      ring.add(at + field.bytesOut, sizeBytes)
      ring.add(at + field.ageMs, age)
      if (age > (values[at + field.ageMsMax] as number)) values[at + field.ageMsMax] = age
    },
    miss: () => ring.add(ring.slot() + field.unanswered, 1),
    set(sizeBytes) {
      const at = ring.slot()
      ring.add(at + field.sets, 1)
      ring.add(at + field.bytesIn, sizeBytes)
    },
    failed: (during) => ring.add(ring.slot() + (during === 'get' ? field.failedGets : field.failedWrites), 1),
    skipped: (during) =>
      ring.add(ring.slot() + (during === 'get' ? field.skippedGets : field.skippedWrites), 1),
  }

  function report(windowMs: number): TierReport {
    const { offsets } = ring.window(windowMs)
    const sum = (of: number) => sumOf(values, offsets, of)
    const [hits, failedGets, skippedGets] = [sum(field.hits), sum(field.failedGets), sum(field.skippedGets)]
    const now = contents?.()
    const [oldest] = offsets
    const evictionsBefore = oldest === undefined ? now?.evictions : values[oldest + field.evictionsBefore]
    return {
      hits,
      // One may be answered later than it failed: never below zero.
      misses: Math.max(0, sum(field.unanswered) - failedGets - skippedGets),
      sets: sum(field.sets),
      errors: failedGets + sum(field.failedWrites),
      skipped: skippedGets + sum(field.skippedWrites),
      bytesIn: sum(field.bytesIn),
      bytesOut: sum(field.bytesOut),
      ageMsMean: hits > 0 ? sum(field.ageMs) / hits : undefined,
      ageMsMax:
        hits > 0 ? Math.max(...offsets.map((at) => values[at + field.ageMsMax] as number)) : undefined,
      evictions: now && now.evictions - (evictionsBefore ?? 0),
      entries: now?.entries,
      bytes: now?.bytes,
    }
  }
  return { counter, report }
}

/** Slots of `width` numbers, one for each of the last minutes in which something was counted. */
function createRing(sinceStart: Pick<Clock, 'monotonic'>, width: number, onBegin?: (at: number) => void) {
  const values = new Float64Array(slotCount * width)
  const minutes = new Float64Array(slotCount).fill(-1)
  const minuteNow = () => Math.floor(sinceStart.monotonic() / minuteMs)

  return {
    values,
    add(at: number, amount: number) {
      values[at] = (values[at] as number) + amount
    },
    /** Where the slot of this minute begins. */
    slot(): number {
      const minute = minuteNow()
      const place = minute % slotCount
      if (minutes[place] !== minute) {
        minutes[place] = minute
        values.fill(0, place * width, (place + 1) * width)
        onBegin?.(place * width)
      }
      return place * width
    },
    /** The slots of a window, the oldest first. */
    window(windowMs: number): { spanMs: number; offsets: number[] } {
      const last = minuteNow()
      const count = Math.min(slotCount, Math.max(1, Math.ceil(windowMs / minuteMs)))
      const first = Math.max(0, last - count + 1)
      const offsets: number[] = []
      for (let minute = first; minute <= last; minute++)
        if (minutes[minute % slotCount] === minute) offsets.push((minute % slotCount) * width)
      return { spanMs: sinceStart.monotonic() - first * minuteMs, offsets }
    },
  }
}

function sumOf(values: Float64Array, offsets: readonly number[], field: number): number {
  return offsets.reduce((sum, at) => sum + (values[at + field] as number), 0)
}
