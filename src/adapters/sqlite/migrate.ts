import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'

/** A numbered file of the folder, or one that was applied and is not there. */
export interface Migration {
  readonly name: string
  /** SHA-256 of its text, in hexadecimal: of the file, or of what was applied if there is no file. */
  readonly checksum: string
  readonly appliedAtMs: number | undefined
  /** `changed`: the file is not what was applied. `unknown`: there is no such file; a newer release has applied it. */
  readonly state: 'applied' | 'pending' | 'changed' | 'unknown'
}

/** In the order in which they are applied. Reads only. */
export function readMigrations(database: DatabaseSync, folder: string): Migration[] {
  const applied = new Map(readApplied(database).map((row) => [row.name, row]))
  const files = readdirSync(folder).filter((name) => /^\d{4}_\w+\.sql$/.test(name))
  return [...new Set([...files, ...applied.keys()])].toSorted().map((name) => {
    const before = applied.get(name)
    if (!files.includes(name)) return { ...(before as Applied), state: 'unknown' }
    const checksum = checksumOf(readMigration(folder, name))
    const appliedAtMs = before?.appliedAtMs
    const state = before ? (before.checksum === checksum ? 'applied' : 'changed') : 'pending'
    return { name, checksum, appliedAtMs, state }
  })
}

/** Throws an `Error` that says why when a database must not be touched by this release. */
export function refuseUnknown(migrations: readonly Migration[]): void {
  const unknown = migrations.filter(({ state }) => state === 'unknown').map(({ name }) => name)
  if (unknown.length > 0) {
    throw new Error(`The database was migrated by a newer cutty (${unknown.join(', ')}). Start that release.`)
  }
  const changed = migrations.find(({ state }) => state === 'changed')
  if (changed) throw new Error(`Migration ${changed.name} was changed after it had been applied.`)
}

/**
 * Brings a database up to date with the numbered files of a folder, in order, each in a transaction of its own.
 * What was applied is remembered with a checksum: a file that was changed afterwards, and a database that a newer
 * release has migrated already, are refused rather than guessed at. Returns the names of those that were applied now.
 */
export function migrate(database: DatabaseSync, options: { folder: string; nowMs: number }): string[] {
  database.exec(
    `CREATE TABLE IF NOT EXISTS schema_migrations (
      name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at_ms INTEGER NOT NULL) WITHOUT ROWID`,
  )
  const migrations = readMigrations(database, options.folder)
  refuseUnknown(migrations)
  const pending = migrations.filter(({ state }) => state === 'pending').map(({ name }) => name)
  for (const name of pending) {
    const text = readMigration(options.folder, name)
    database.exec('BEGIN IMMEDIATE')
    try {
      database.exec(text)
      database
        .prepare('INSERT INTO schema_migrations (name, checksum, applied_at_ms) VALUES (?, ?, ?)')
        .run(name, checksumOf(text), options.nowMs)
      database.exec('COMMIT')
    } catch (error) {
      database.exec('ROLLBACK')
      throw new Error(`Migration ${name} failed: ${(error as Error).message}`, { cause: error })
    }
  }
  return pending
}

interface Applied {
  name: string
  checksum: string
  appliedAtMs: number
}

function readApplied(database: DatabaseSync): Applied[] {
  const [table] = database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'`).all()
  if (!table) return []
  const rows = database.prepare('SELECT name, checksum, applied_at_ms AS appliedAtMs FROM schema_migrations')
  return rows.all() as unknown as Applied[]
}

function readMigration(folder: string, name: string): string {
  return readFileSync(join(folder, name), 'utf8')
}

function checksumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
