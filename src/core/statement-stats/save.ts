import type { Core } from '../core.ts'
import { bind } from '../ports/database.ts'
import { removeStatementStats, saveStatementStats } from '../statements/statement-stats.ts'
import { type CountedHour, hourMs, sizeOf } from './runs.ts'

const keptHours = 30 * 24
/**
 * Where each row that is written costs money, and no house-keeping runs: of an isolate, the first time after a minute, since it may
 * not live long; then less often. An isolate that is always busy writes some 20 rows each time, 6 % of D1's free 100,000 a day.
 */
const firstSaveMs = 60_000
const saveEveryMs = 300_000

/** After a request, where nobody else sees to it. */
export function saveStatementRunsWhenDue(core: Core): void {
  const { statementRuns: runs, clock } = core
  const nowMs = clock.now()
  const sinceMs = nowMs - runs.triedMs
  // The clock may have gone back.
  if (sinceMs >= 0 && sinceMs < (runs.isTried ? saveEveryMs : firstSaveMs)) return
  runs.triedMs = nowMs
  runs.isTried = true
  core.background.run('write down what statements cost', () => saveStatementRuns(core))
}

/** Writes what was counted since the last time, and removes what is older than 30 days. Where nothing was, writes nothing. */
export async function saveStatementRuns(core: Core): Promise<void> {
  const { statementRuns: runs } = core
  takeCacheCounts(core)
  const unsaved = runs.hours().flatMap((hour) => changedIn(hour))
  const over = runs.hours().slice(0, -1)
  runs.turn()
  // What saving costs is counted too, and is no reason to save.
  if (unsaved.some(({ row }) => !row.statement.startsWith('statement_stats.'))) {
    await core.database.batch([
      bind(saveStatementStats, { rows: JSON.stringify(unsaved.map(({ row }) => row)) }),
      bind(removeStatementStats, { beforeHour: Math.floor(core.clock.now() / hourMs) - keptHours }),
    ])
    for (const { counts, size } of unsaved) counts.saved = Math.max(counts.saved, size)
  }
  for (const hour of over) runs.drop(hour)
}

/** Hits and misses of the query cache count for the statement that they spared, or did not. */
export function takeCacheCounts({ statementRuns, rows }: Core): void {
  for (const [statement, total] of Object.entries(rows.stats().byStatement)) {
    statementRuns.countCached(statement, total)
  }
}

/** As they are now, since counting goes on while they are written. */
function changedIn({ hour, writer, fromMs, counts: byStatement }: CountedHour) {
  const changed = [...byStatement].filter(([, counts]) => sizeOf(counts) > counts.saved)
  return changed.map(([statement, counts]) => {
    const { durations, saved: _, ...numbers } = counts
    const row = { hour, writer, statement, fromMs, ...numbers, durations: hex(durations.encode()) }
    return { row, counts, size: sizeOf(counts) }
  })
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
