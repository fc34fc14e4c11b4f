import { defineStatement } from './define.ts'

/** What statements cost, by the hour. */

export interface StatementStatsRow {
  hour: number
  writer: string
  statement: string
  fromMs: number
  runs: number
  errors: number
  rowsRead: number
  rowsWritten: number
  totalMs: number
  cacheHits: number
  cacheMisses: number
  durations: Uint8Array
}

/**
 * `rows` is a JSON array of {@link StatementStatsRow}, `durations` in hexadecimal: one statement for all, since D1 counts them. A
 * writer's numbers only grow, so what arrives late leaves the row as it is.
 */
export const saveStatementStats = defineStatement<{ rows: string }>({
  name: 'statement_stats.save',
  text: `INSERT INTO statement_stats (hour, writer, statement, from_ms, runs, errors, rows_read, rows_written,
      total_ms, cache_hits, cache_misses, durations)
    SELECT value ->> 'hour', value ->> 'writer', value ->> 'statement', value ->> 'fromMs', value ->> 'runs',
      value ->> 'errors', value ->> 'rowsRead', value ->> 'rowsWritten', value ->> 'totalMs',
      value ->> 'cacheHits', value ->> 'cacheMisses', unhex(value ->> 'durations')
    FROM json_each(?1) WHERE 1
    ON CONFLICT (hour, writer, statement) DO UPDATE SET runs = excluded.runs, errors = excluded.errors,
      rows_read = excluded.rows_read, rows_written = excluded.rows_written, total_ms = excluded.total_ms,
      cache_hits = excluded.cache_hits, cache_misses = excluded.cache_misses, durations = excluded.durations
    WHERE excluded.runs + excluded.cache_hits + excluded.cache_misses > runs + cache_hits + cache_misses`,
  params: ['rows'],
  reads: ['statement_stats'],
  writes: ['statement_stats'],
})

/** From `fromHour` on, the newest first, those behind a row. */
export const listStatementStats = defineStatement<
  { fromHour: number; hour: number; writer: string; statement: string; limit: number },
  StatementStatsRow
>({
  name: 'statement_stats.list',
  text: `SELECT hour, writer, statement, from_ms AS fromMs, runs, errors, rows_read AS rowsRead,
      rows_written AS rowsWritten, total_ms AS totalMs, cache_hits AS cacheHits, cache_misses AS cacheMisses, durations
    FROM statement_stats WHERE hour >= ?1 AND (hour, writer, statement) < (?2, ?3, ?4)
    ORDER BY hour DESC, writer DESC, statement DESC LIMIT ?5`,
  params: ['fromHour', 'hour', 'writer', 'statement', 'limit'],
  reads: ['statement_stats'],
  writes: [],
})

export const removeStatementStats = defineStatement<{ beforeHour: number }>({
  name: 'statement_stats.remove',
  text: `DELETE FROM statement_stats WHERE hour < ?1`,
  params: ['beforeHour'],
  reads: ['statement_stats'],
  writes: ['statement_stats'],
})
