import { DatabaseSync } from 'node:sqlite'

/** A row of sqlite_stat1: https://www.sqlite.org/fileformat2.html#the_sqlite_stat1_table */
export interface StatisticsRow {
  readonly table: string
  /** The table's own name for the primary key of a table WITHOUT ROWID; null where there is no index. */
  readonly index: string | null
  readonly stat: string
}

/** What ANALYZE has found, without the tables that are not the application's. */
export function readStatistics(file: string): StatisticsRow[] {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    return database
      .prepare(
        `SELECT tbl AS "table", idx AS "index", stat FROM sqlite_stat1 WHERE tbl <> 'schema_migrations' ORDER BY tbl, idx`,
      )
      .all() as unknown as StatisticsRow[]
  } finally {
    database.close()
  }
}
