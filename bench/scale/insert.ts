import type { DatabaseSync, SQLInputValue } from 'node:sqlite'

/** A prepared INSERT. */
export function insertInto(
  database: DatabaseSync,
  table: string,
  columns: readonly string[],
  conflict = '',
): (...values: SQLInputValue[]) => void {
  const places = columns.map(() => '?').join(', ')
  const insert = database.prepare(
    `INSERT ${conflict} INTO ${table} (${columns.join(', ')}) VALUES (${places})`,
  )
  return (...values) => void insert.run(...values)
}
