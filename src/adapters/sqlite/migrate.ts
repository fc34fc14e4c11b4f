import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'

/**
 * Brings a database up to date with the numbered files of a folder, in order, each in a transaction of its own.
 * What was applied is remembered with a checksum: a file that was changed afterwards, and a database that a newer
 * release has migrated already, are refused rather than guessed at.
 */
export function migrate(database: DatabaseSync, options: { folder: string; nowMs: number }): string[] {
  database.exec(
    `CREATE TABLE IF NOT EXISTS schema_migrations (
      name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at_ms INTEGER NOT NULL) WITHOUT ROWID`,
  )
  const applied = new Map(
    database
      .prepare('SELECT name, checksum FROM schema_migrations')
      .all()
      .map((row) => [row['name'] as string, row['checksum'] as string]),
  )
  const names = readdirSync(options.folder)
    .filter((name) => /^\d{4}_\w+\.sql$/.test(name))
    .toSorted()
  const unknown = [...applied.keys()].filter((name) => !names.includes(name))
  if (unknown.length > 0) {
    throw new Error(`The database was migrated by a newer cutty (${unknown.join(', ')}). Start that release.`)
  }

  const added: string[] = []
  for (const name of names) {
    const text = readFileSync(join(options.folder, name), 'utf8')
    const checksum = createHash('sha256').update(text).digest('hex')
    const before = applied.get(name)
    if (before === checksum) continue
    if (before !== undefined) throw new Error(`Migration ${name} was changed after it had been applied.`)
    database.exec('BEGIN IMMEDIATE')
    try {
      database.exec(text)
      database
        .prepare('INSERT INTO schema_migrations (name, checksum, applied_at_ms) VALUES (?, ?, ?)')
        .run(name, checksum, options.nowMs)
      database.exec('COMMIT')
    } catch (error) {
      database.exec('ROLLBACK')
      throw new Error(`Migration ${name} failed: ${(error as Error).message}`, { cause: error })
    }
    added.push(name)
  }
  return added
}
