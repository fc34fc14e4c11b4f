import { copyFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describeIndexes } from './indexes.ts'

/** A copy of a database that nobody has open, without the indexes that can be dropped; its planner knows what it is left with. */
export function copyWithoutIndexes(file: string, copy: string): void {
  copyFileSync(file, copy)
  const database = new DatabaseSync(copy)
  try {
    const droppable = describeIndexes(database).filter(({ kind }) => kind === 'index')
    database.exec(`PRAGMA synchronous = OFF; ${droppable.map(({ name }) => `DROP INDEX ${name};`).join(' ')}
      ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)`)
  } finally {
    database.close()
  }
}
