import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { migrate } from '../../src/adapters/sqlite/migrate.ts'
import { insertAll } from '../../src/core/statements/access-log.ts'
import { chunkRows, drawAccesses } from './draw-log.ts'
import { nowMs } from './draw.ts'
import { describeMade, migrations, readFill } from './fill.ts'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { Statement } from '../../src/core/ports/database.ts'
import type { LoggedFile } from './draw-log.ts'

export const logMigrations = join(migrations, 'access-log')

export interface FillLogOptions {
  /** The access log's database; made when absent, gone on with when a fill of the same options was broken off. */
  readonly file: string
  /** A database that `fillDatabase` has filled: its files are asked for by their owners and the public, and its seed is taken. */
  readonly files: string
  readonly rows: number
  readonly progress?: (message: string) => void
}

/**
 * The log of a month's requests, with the migrations' own schema. Its indexes are made when all rows are there, which takes a
 * fraction of the time that it takes to keep them. Ends with ANALYZE.
 */
export function fillLog({ file, files, rows, progress = () => {} }: FillLogOptions): void {
  const { seed, made, asked } = readAskedFiles(files)
  const database = new DatabaseSync(file)
  try {
    // A rollback journal holds nothing of what is only added: a log written ahead would hold all of it.
    database.exec(`PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000;
      PRAGMA temp_store = MEMORY`)
    migrate(database, { folder: logMigrations, nowMs })
    if (isFilled(database, `${made} ${rows}`)) return
    const indexes = indexTexts()
    for (const name of indexes.keys()) database.exec(`DROP INDEX IF EXISTS ${name}`)
    insertRows(database, { asked, seed, rows, progress })
    for (const [name, text] of indexes) {
      database.exec(text)
      progress(`index ${name}`)
    }
    database.exec(`ANALYZE; PRAGMA user_version = ${isDone}; PRAGMA journal_mode = WAL`)
  } finally {
    database.close()
  }
}

/** Of `user_version`, which is nobody else's here, as `application_id` is: there is no table that could say what was made. */
const isDone = 1

/** Whether it is what is wanted already. Throws when it is something else. */
function isFilled(database: DatabaseSync, wanted: string): boolean {
  const numberOf = (pragma: string) =>
    Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0])
  const mark = crc32(wanted) | 0
  const found = numberOf('application_id')
  if (found !== mark && (found !== 0 || lastNumber(database) > 0)) {
    throw new Error(`the log was not made with ${wanted}`)
  }
  database.exec(`PRAGMA application_id = ${mark}`)
  return numberOf('user_version') === isDone
}

function lastNumber(database: DatabaseSync): number {
  const { last } = database.prepare('SELECT max(number) AS last FROM access_log').get() ?? {}
  return Number(last ?? 0)
}

interface Rows {
  readonly asked: readonly LoggedFile[]
  readonly seed: number
  readonly rows: number
  readonly progress: (message: string) => void
}

/** From the first of the rows that are not there yet. */
function insertRows(database: DatabaseSync, { asked, seed, rows, progress }: Rows): void {
  const prepared = new Map<Statement, StatementSync>()
  for (let from = lastNumber(database); from < rows; from += chunkRows) {
    database.exec('BEGIN')
    for (const { statement, values } of insertAll(drawAccesses({ seed, rows }, { files: asked, from }))) {
      const insert = prepared.get(statement) ?? database.prepare(statement.text)
      prepared.set(statement, insert)
      insert.run(...(values as SQLInputValue[]))
    }
    database.exec('COMMIT')
    progress(`${Math.min(rows, from + chunkRows)} rows of the log`)
  }
}

/** What makes each of them, of those that are no part of the table. */
function indexTexts(): Map<string, string> {
  const database = new DatabaseSync(':memory:')
  try {
    migrate(database, { folder: logMigrations, nowMs })
    const found = database.prepare(
      `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY rowid`,
    )
    return new Map(found.all().map(({ name, sql }) => [String(name), String(sql)]))
  } finally {
    database.close()
  }
}

/** A tenth of the files are asked for in a month, in an order that has nothing to do with any other. */
export function readAskedFiles(file: string) {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const fill = readFill(database)
    if (fill?.isDone !== true) throw new Error(`${file} has not been filled with files`)
    const asked = database.prepare(
      `SELECT b.name AS bucket, b.visibility = 'public' AS isPublic, f.key AS key, b.owner_id AS ownerId, f.size_bytes AS sizeBytes
      FROM buckets b JOIN files f ON f.bucket_id = b.id
      WHERE f.created_at_ms % 10 = 0 OR ?1 < 1000 ORDER BY f.etag, f.version_id`,
    )
    const rows = asked.all(fill.files) as unknown as (Omit<LoggedFile, 'isPublic'> & { isPublic: number })[]
    return {
      seed: fill.seed,
      made: describeMade(fill),
      asked: rows.map((row): LoggedFile => ({ ...row, isPublic: row.isPublic === 1 })),
    }
  } finally {
    database.close()
  }
}
