import { authorizeAdmin, type Caller } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import type { Database } from '../ports/database.ts'
import { listStatementStats, type StatementStatsRow } from '../statements/statement-stats.ts'
import { type Counts, hourMs, noCounts } from './runs.ts'
import { takeCacheCounts } from './save.ts'
import type { SlowStatement } from './slow-statements.ts'

export interface StatementStatsView {
  /** When the first that is counted here began to count: in the hour in which the window begins, or later. */
  readonly fromMs: number
  /** From then to now. */
  readonly spanMs: number
  /** False when there was more than can be read at once: then the oldest is left out, and `fromMs` is later. */
  readonly isComplete: boolean
  readonly totals: StatementCosts
  /** Those that were run or spared; the most time first. */
  readonly statements: readonly (StatementCosts & { readonly name: string })[]
  readonly slow: { readonly thresholdMs: number; readonly entries: readonly SlowStatement[] }
}

/** `undefined` where there is nothing to say it of, which is not the same as 0. */
export interface StatementCosts {
  /** With those that failed. */
  readonly runs: number
  readonly errors: number
  readonly perSecond: number | undefined
  /** Of those that did not fail, as the rest. */
  readonly totalMs: number
  readonly p50Ms: number | undefined
  readonly p95Ms: number | undefined
  readonly p99Ms: number | undefined
  readonly rowsRead: number
  readonly rowsWritten: number
  readonly cacheHits: number | undefined
  readonly cacheMisses: number | undefined
}

const pageRows = 1000
/** A month of 60 statements in a process, or a day of 40 in 45; half a second. D1 allows 50 queries for a request in its free plan. */
const pagesMax = 45

/** Of all processes: what they have written down, and of this one the rest too. The slow ones are this one's. */
export async function readStatementStats(
  core: Core,
  caller: Caller,
  { windowSeconds }: { windowSeconds: number },
): Promise<StatementStatsView> {
  authorizeAdmin(caller)
  takeCacheCounts(core)
  const { statementRuns: runs, clock } = core
  runs.turn()
  const fromHour = Math.floor((clock.now() - windowSeconds * 1000) / hourMs)
  // Taken before the table is asked, or what is dropped meanwhile would be missing here and there.
  const own = runs.hours().filter(({ hour }) => hour >= fromHour)
  const writers = new Set(own.map(({ writer }) => writer))
  const byName = new Map<string, Counts>()
  const sumOf = (name: string) => byName.get(name) ?? byName.set(name, noCounts()).get(name)!
  let fromMs = Number.POSITIVE_INFINITY
  const isComplete = await readRows(core.database, fromHour, (row) => {
    if (writers.has(row.writer)) return
    fromMs = Math.min(fromMs, row.fromMs)
    add(sumOf(row.statement), row)
  })
  for (const hour of own) {
    if (hour.counts.size > 0) fromMs = Math.min(fromMs, hour.fromMs)
    for (const [name, counts] of hour.counts) {
      add(sumOf(name), { ...counts, durations: counts.durations.encode() })
    }
  }
  const nowMs = clock.now()
  // Where a clock is wrong, what was counted may begin later than now.
  const spanMs = Math.max(0, nowMs - Math.min(fromMs, nowMs))
  const all = noCounts()
  for (const counts of byName.values()) add(all, { ...counts, durations: counts.durations.encode() })
  return {
    fromMs: nowMs - spanMs,
    spanMs,
    isComplete,
    totals: costsOf(all, spanMs),
    statements: [...byName]
      .map(([name, counts]) => ({ name, ...costsOf(counts, spanMs) }))
      .toSorted((a, b) => b.totalMs - a.totalMs || (a.name < b.name ? -1 : 1)),
    slow: { thresholdMs: runs.slow.thresholdMs, entries: runs.slow.list() },
  }
}

/** The newest first. False when there are more than can be read. */
async function readRows(
  database: Database,
  fromHour: number,
  use: (row: StatementStatsRow) => void,
): Promise<boolean> {
  let after = { hour: Number.MAX_SAFE_INTEGER, writer: '', statement: '' }
  for (let pages = 0; pages < pagesMax; pages++) {
    const rows = await database.query(listStatementStats, { fromHour, ...after, limit: pageRows })
    for (const row of rows) use(row)
    const last = rows.at(-1)
    if (!last || rows.length < pageRows) return true
    // An embedded database answers within the same turn: others have theirs between two pages.
    if (database.capabilities.embedded) await new Promise((resolve) => setTimeout(resolve))
    after = { hour: last.hour, writer: last.writer, statement: last.statement }
  }
  return false
}

type Numbers = Omit<StatementStatsRow, 'hour' | 'writer' | 'statement' | 'fromMs'>

function add(sum: Counts, more: Numbers): void {
  sum.runs += more.runs
  sum.errors += more.errors
  sum.rowsRead += more.rowsRead
  sum.rowsWritten += more.rowsWritten
  sum.totalMs += more.totalMs
  sum.cacheHits += more.cacheHits
  sum.cacheMisses += more.cacheMisses
  sum.durations.merge(more.durations)
}

function costsOf(counts: Counts, spanMs: number): StatementCosts {
  const { runs, errors, totalMs, rowsRead, rowsWritten, cacheHits, cacheMisses, durations } = counts
  const isCached = cacheHits + cacheMisses > 0
  return {
    runs,
    errors,
    perSecond: spanMs > 0 ? (runs / spanMs) * 1000 : undefined,
    totalMs,
    p50Ms: durations.quantile(0.5),
    p95Ms: durations.quantile(0.95),
    p99Ms: durations.quantile(0.99),
    rowsRead,
    rowsWritten,
    cacheHits: isCached ? cacheHits : undefined,
    cacheMisses: isCached ? cacheMisses : undefined,
  }
}
