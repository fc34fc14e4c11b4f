import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { folderOwner } from '../adapters/disk/folder-lock.ts'
import { openToRead, type RowCount } from '../adapters/sqlite/maintenance.ts'
import type { Migration } from '../adapters/sqlite/migrate.ts'
import { accessLogOf, accessLogStatus, type AccessLogStatus } from './database-tools/access-log.ts'
import { type BackupCall, type BackupResult, backUp as backUpFolder } from './database-tools/backup.ts'
import { type CheckCall, checkFolder, type CheckResult } from './database-tools/check.ts'
import { applyMigrations, type MigrateResult } from './database-tools/migrate.ts'
import { type RestoreCall, restoreFolder, type RestoreResult } from './database-tools/restore.ts'
import { databaseOf, ToolError } from './database-tools/tool.ts'

/**
 * What is done with a data folder beside its server, or without one: the commands `db …` of the command line. Each throws
 * `ToolError` when something is not as it has to be, and the errors of the file system as they are.
 */
export { ToolError } from './database-tools/tool.ts'
export type { BackupResult, CheckResult, RestoreResult }

const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url))

export interface FolderStatus {
  readonly data: string
  /** Who has it, as the lock says. */
  readonly server: string | null
  readonly migrations: readonly Migration[]
  readonly database: {
    readonly sizeBytes: number
    readonly logBytes: number
    readonly pages: number
    /** Of which nothing is in use; they are used again. */
    readonly freePages: number
  }
  /** Null where none is kept. */
  readonly accessLog: AccessLogStatus | null
  readonly rows: readonly RowCount[]
  readonly blobs: { readonly count: number; readonly bytes: number }
}

/** Changes nothing; a server may run. */
export function folderStatus(data: string): Promise<FolderStatus> {
  return told(() => {
    const file = databaseOf(data)
    const server = folderOwner(data) ?? null
    const log = accessLogOf(data)
    const database = openToRead(file)
    try {
      return {
        data,
        server,
        migrations: database.migrations(migrationsFolder),
        database: { ...database.pages(), logBytes: sizeOf(`${file}-wal`) },
        accessLog: log === undefined ? null : accessLogStatus(log, join(migrationsFolder, 'access-log')),
        rows: database.countRows(),
        blobs: database.sumBlobs(),
      }
    } finally {
      database.close()
    }
  })
}

/** Applies what is pending; nobody else may have the folder meanwhile. With `dryRun` only says what that is. */
export function migrateFolder(
  data: string,
  options: { dryRun: boolean; nowMs: number },
): Promise<MigrateResult> {
  return told(() => applyMigrations({ data, migrationsFolder, ...options }))
}

export function backUp(call: BackupCall): Promise<BackupResult> {
  return told(() => backUpFolder(call))
}

export function restore(call: Omit<RestoreCall, 'migrationsFolder'>): Promise<RestoreResult> {
  return told(() => restoreFolder({ ...call, migrationsFolder }))
}

export function check(call: Omit<CheckCall, 'migrationsFolder'>): Promise<CheckResult> {
  return told(() => checkFolder({ ...call, migrationsFolder }))
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** Failures whose message is for people become `ToolError`; what is our own mistake stays as it is. */
async function told<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof ToolError || !(cause instanceof Error) || 'syscall' in cause) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    if (cause.name === 'AbortError') throw new ToolError('Cancelled.', { cause })
    if (code === 'ERR_SQLITE_ERROR')
      throw new ToolError(`The database cannot be read: ${message}.`, { cause })
    // The adapters' own: a folder that is in use, a migration, a manifest.
    if (cause.constructor === Error && code === undefined) throw new ToolError(message, { cause })
    throw cause
  }
}
