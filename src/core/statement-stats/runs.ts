import type { Clock } from '../ports/clock.ts'
import type { StatementRun } from '../ports/database.ts'
import type { StatementStatsRow } from '../statements/statement-stats.ts'
import { createHistogram, type Histogram } from './histogram.ts'
import { createSlowStatements, type SlowStatements } from './slow-statements.ts'

/**
 * What statements cost, counted in the memory of one process by the hour, and written to a table from time to time. What was not
 * written down when a process ends is lost.
 */
export interface StatementRuns {
  /**
   * For a database adapter to tell of each run. Takes 0.1 µs, and asks no clock: what is counted belongs to the hour in which
   * {@link StatementRuns.turn} was called last.
   */
  readonly note: (run: StatementRun) => void
  readonly slow: SlowStatements
  /** Those that the table does not have wholly; the last goes on. */
  hours(): readonly CountedHour[]
  /** Adds what the query cache counted since the last time. `total` is of all time. */
  countCached(statement: string, total: { hits: number; misses: number }): void
  /** Begins an hour when the present one is another. Called every minute, or with every request. */
  turn(): void
  /** Lets go of an hour that is over. */
  drop(hour: CountedHour): void
  /** When it was last tried to write them, and whether it ever was; see `saveStatementRunsWhenDue`. */
  triedMs: number
  isTried: boolean
}

/** Of one process, and only once: a clock that goes back to it makes another. */
export interface CountedHour {
  /** Since 1970. */
  readonly hour: number
  readonly writer: string
  readonly fromMs: number
  readonly counts: ReadonlyMap<string, Counts>
}

export interface Counts extends Omit<
  StatementStatsRow,
  'hour' | 'writer' | 'statement' | 'fromMs' | 'durations'
> {
  durations: Histogram
  /** Of {@link sizeOf}, as far as it is written. */
  saved: number
}

export const hourMs = 3_600_000
/** While the database cannot be written to. */
const hoursMax = 6

export function createStatementRuns(
  options: Omit<Parameters<typeof createSlowStatements>[0], 'thresholdMs'> & {
    /** What takes as long is slow; 0: nothing is. */
    slowMs: number
  },
): StatementRuns {
  const { clock, slowMs } = options
  const slow = createSlowStatements({ ...options, thresholdMs: slowMs })
  const slowFromMs = slowMs === 0 ? Number.POSITIVE_INFINITY : slowMs
  const cached = new Map<string, { hits: number; misses: number }>()
  let hours = [beginHour(clock)]
  let present = hours[0] as ReturnType<typeof beginHour>

  function countsOf(statement: string): Counts {
    let counts = present.counts.get(statement)
    if (!counts) present.counts.set(statement, (counts = noCounts()))
    return counts
  }

  return {
    note(run) {
      const counts = countsOf(run.statement.name)
      counts.runs++
      if (run.failed) {
        counts.errors++
        return
      }
      const { durationMs } = run
      counts.rowsRead += run.rowsRead
      counts.rowsWritten += run.rowsWritten
      counts.totalMs += durationMs
      counts.durations.record(durationMs)
      if (durationMs >= slowFromMs) slow.note(run)
    },
    slow,
    hours: () => hours,
    countCached(statement, total) {
      const { hits, misses } = cached.get(statement) ?? { hits: 0, misses: 0 }
      if (total.hits === hits && total.misses === misses) return
      cached.set(statement, { ...total })
      const counts = countsOf(statement)
      counts.cacheHits += total.hits - hits
      counts.cacheMisses += total.misses - misses
    },
    turn() {
      if (Math.floor(clock.now() / hourMs) === present.hour) return
      present = beginHour(clock)
      hours = [...hours.slice(1 - hoursMax), present]
    },
    drop(hour) {
      hours = hours.filter((each) => each !== hour || each === present)
    },
    triedMs: clock.now(),
    isTried: false,
  }
}

function beginHour(clock: Clock) {
  const fromMs = clock.now()
  return {
    hour: Math.floor(fromMs / hourMs),
    // 48 random bits: no two of the writers of an hour have the same.
    writer: crypto.randomUUID().slice(-12),
    fromMs,
    counts: new Map<string, Counts>(),
  }
}

export function noCounts(): Counts {
  return {
    runs: 0,
    errors: 0,
    rowsRead: 0,
    rowsWritten: 0,
    totalMs: 0,
    cacheHits: 0,
    cacheMisses: 0,
    durations: createHistogram(),
    saved: 0,
  }
}

/** Grows with all that is counted. */
export function sizeOf({ runs, cacheHits, cacheMisses }: Counts): number {
  return runs + cacheHits + cacheMisses
}
