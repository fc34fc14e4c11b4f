import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { lockFolder } from '../../adapters/disk/folder-lock.ts'
import { openToRead } from '../../adapters/sqlite/maintenance.ts'
import { migrate, type Migration, refuseUnknown } from '../../adapters/sqlite/migrate.ts'
import { writePragmas } from '../../adapters/sqlite/writer.ts'
import { accessLogOf, accessLogPrefix, readingAccessLog } from './access-log.ts'
import { databaseOf } from './tool.ts'

export interface MigrateCall {
  readonly data: string
  readonly migrationsFolder: string
  readonly dryRun: boolean
  readonly nowMs: number
}

/** Names, those of the access log with its folder before them. */
export interface MigrateResult {
  readonly applied: string[]
  readonly pending: string[]
}

/** One of the databases of a data folder. */
interface Migrated {
  readonly file: string
  /** Of its migrations. */
  readonly folder: string
  readonly prefix: string
}

/** Where one database must not be touched, the other is not either. */
export function applyMigrations({ data, migrationsFolder, dryRun, nowMs }: MigrateCall): MigrateResult {
  const databases: Migrated[] = [{ file: databaseOf(data), folder: migrationsFolder, prefix: '' }]
  const log = accessLogOf(data)
  if (log !== undefined) {
    databases.push({ file: log, folder: join(migrationsFolder, 'access-log'), prefix: accessLogPrefix })
  }
  const pending = () => databases.flatMap((each) => told(each, findPending))
  if (dryRun) return { applied: [], pending: pending() }
  const lock = lockFolder(data)
  try {
    pending()
    const applied = databases.flatMap((each) =>
      told(each, () => apply(each, nowMs).map((name) => each.prefix + name)),
    )
    return { applied, pending: [] }
  } finally {
    lock.release()
  }
}

function told<T>(database: Migrated, work: (database: Migrated) => T): T {
  return database.prefix === '' ? work(database) : readingAccessLog(database.file, () => work(database))
}

function findPending(of: Migrated): string[] {
  const migrations = readAll(of)
  refuseUnknown(migrations)
  return migrations.filter(({ state }) => state === 'pending').map(({ name }) => name)
}

function readAll({ file, folder, prefix }: Migrated): Migration[] {
  const database = openToRead(file)
  try {
    return database.migrations(folder).map((each) => ({ ...each, name: prefix + each.name }))
  } finally {
    database.close()
  }
}

function apply({ file, folder }: Migrated, nowMs: number): string[] {
  const database = new DatabaseSync(file)
  try {
    database.exec(writePragmas)
    return migrate(database, { folder, nowMs })
  } finally {
    database.close()
  }
}
