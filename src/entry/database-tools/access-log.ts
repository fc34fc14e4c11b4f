import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type DatabaseCheck, openToRead } from '../../adapters/sqlite/maintenance.ts'
import type { Migration } from '../../adapters/sqlite/migrate.ts'
import { ToolError } from './tool.ts'

/**
 * The access log is a database of its own, which a folder may lack and on which no file depends: whatever is wrong with it,
 * all else is looked at.
 */
export interface AccessLogStatus {
  readonly sizeBytes: number
  readonly logBytes: number
  /** What cannot be read is null, and `failure` says why. */
  readonly freePages: number | null
  readonly pages: number | null
  /** About: numbers of entries may have gaps. */
  readonly rows: number | null
  readonly migrations: readonly Migration[] | null
  readonly failure: string | null
}

/** Its file, where there is one. */
export function accessLogOf(data: string): string | undefined {
  const file = join(data, 'access-log.db')
  return existsSync(file) ? file : undefined
}

/** Of the names of its migrations, which tells them from those of the files' database. */
export const accessLogPrefix = 'access-log/'

export function accessLogStatus(file: string, migrationsFolder: string): AccessLogStatus {
  const sizes = { sizeBytes: sizeOf(file), logBytes: sizeOf(`${file}-wal`) }
  try {
    const database = openToRead(file)
    try {
      const { pages, freePages } = database.pages()
      const migrations = database
        .migrations(migrationsFolder)
        .map((each) => ({ ...each, name: accessLogPrefix + each.name }))
      return { ...sizes, pages, freePages, rows: database.accessRows(), migrations, failure: null }
    } finally {
      database.close()
    }
  } catch (error) {
    const failure = sqliteMessage(error)
    return { ...sizes, pages: null, freePages: null, rows: null, migrations: null, failure }
  }
}

/** Nothing when there is no access log. Its schema may be of any release. */
export function checkAccessLog(
  data: string,
  options: { quick: boolean; unchanging: boolean },
): DatabaseCheck[] {
  const file = accessLogOf(data)
  if (file === undefined) return []
  const finding = {
    kind: 'access_log',
    meaning:
      'what SQLite finds damaged in the access log: no file is concerned; move access-log.db away to begin another',
  }
  try {
    const database = openToRead(file, options)
    try {
      return [{ ...finding, ...database.damage(options) }]
    } finally {
      database.close()
    }
  } catch (error) {
    return [{ ...finding, count: 1, examples: [sqliteMessage(error)] }]
  }
}

/** Throws `ToolError` for what SQLite does not read. */
export function readingAccessLog<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    const message = `The access log ${file} cannot be read: ${sqliteMessage(cause)}. Move it away to begin another.`
    throw new ToolError(message, { cause })
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** Anything else is not about the file. */
function sqliteMessage(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code !== 'ERR_SQLITE_ERROR') throw error
  return (error as Error).message
}
