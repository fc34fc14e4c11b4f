import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { migrate } from '../../src/adapters/sqlite/migrate.ts'
import { fillBesides } from './besides.ts'
import { drawUser, nowMs, shareFiles } from './draw.ts'
import { insertInto } from './insert.ts'
import type { DrawnBucket, DrawnUser, ScaleOptions } from './draw.ts'

export const migrations = join(import.meta.dirname, '../../migrations')

/** Users of one transaction have so many files or few more. */
const chunkFilesMin = 10_000

export interface FillOptions extends ScaleOptions {
  /** The database; made when absent, gone on with when a fill of the same options was broken off. */
  readonly file: string
  readonly progress?: (message: string) => void
}

/** What a fill has come to, in a row of `settings` that is written in the transaction of what it tells. */
interface Fill extends ScaleOptions {
  readonly usersDone: number
  readonly isDone: boolean
}

const settingName = 'bench.scale'

/**
 * A database as two years of use leave it, with the migrations' own schema. Blobs have rows and no bytes: what reads them is
 * not asked here. Ends with ANALYZE, so that the planner knows what it has.
 */
export function fillDatabase({ file, progress, ...options }: FillOptions): void {
  const database = new DatabaseSync(file)
  try {
    // Nothing is lost when the process ends, and the machine may: then it is made again.
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;
      PRAGMA cache_size = -1000000; PRAGMA wal_autocheckpoint = 50000`)
    migrate(database, { folder: migrations, nowMs })
    fill(database, options, progress ?? (() => {}))
  } finally {
    database.close()
  }
}

function fill(database: DatabaseSync, options: ScaleOptions, progress: (message: string) => void): void {
  const wanted = JSON.parse(JSON.stringify(options)) as ScaleOptions
  const noteFill = insertInto(database, 'settings', ['name', 'value'], 'OR REPLACE')
  const before = readFill(database) ?? { ...wanted, usersDone: 0, isDone: false }
  const { usersDone, isDone, ...made } = before
  if (describeMade(made) !== describeMade(wanted)) {
    throw new Error(`the database was made with ${describeMade(made)}, not ${describeMade(wanted)}`)
  }
  if (isDone) return

  const write = createWriter(database)
  const shares = shareFiles(options)
  let files = shares.slice(0, usersDone).reduce((sum, share) => sum + share, 0)
  for (let number = usersDone; number < shares.length;) {
    database.exec('BEGIN')
    for (let chunk = 0; chunk < chunkFilesMin && number < shares.length; number += 1) {
      write(drawUser(options, number, shares[number]!))
      chunk += shares[number]!
      files += shares[number]!
    }
    noteFill(settingName, JSON.stringify({ ...wanted, usersDone: number, isDone: false } satisfies Fill))
    database.exec('COMMIT')
    progress(`${files} files of ${number} users`)
  }
  database.exec('BEGIN')
  fillBesides(database, options)
  noteFill(settingName, JSON.stringify({ ...wanted, usersDone: shares.length, isDone: true } satisfies Fill))
  database.exec('COMMIT; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)')
}

export const describeMade = ({ seed, files, users, folders }: ScaleOptions) =>
  JSON.stringify({ seed, files, users, folders })

export function readFill(database: DatabaseSync): Fill | undefined {
  const row = database.prepare('SELECT value FROM settings WHERE name = ?').get(settingName)
  return row && (JSON.parse(String(row['value'])) as Fill)
}

function createWriter(database: DatabaseSync): (user: DrawnUser) => void {
  const insertUser = insertInto(database, 'users', ['id', 'name', 'email', 'role', 'created_at_ms'])
  const insertKey = insertInto(database, 'access_keys', [
    'id',
    'user_id',
    'label',
    'secret_encrypted',
    'created_at_ms',
  ])
  const insertToken = insertInto(database, 'api_tokens', [
    'id',
    'user_id',
    'label',
    'token_hash',
    'created_at_ms',
  ])
  const insertBucket = insertInto(database, 'buckets', [
    'id',
    'name',
    'owner_id',
    'visibility',
    'created_at_ms',
  ])
  const writeFiles = createFileWriter(database)

  return ({ id, number, createdAtMs, buckets }) => {
    insertUser(id, `User ${number}`, emailOf(number), number === 0 ? 'admin' : 'user', createdAtMs)
    for (let at = 0; at < 1 + (number % 3); at += 1) {
      insertKey(accessKeyIdOf(number, at), id, `key ${at}`, Buffer.alloc(60, number % 251), createdAtMs + at)
      insertToken(`${id}t${at}`, id, `token ${at}`, tokenHashOf(number, at), createdAtMs + at)
    }
    for (const bucket of buckets) {
      insertBucket(bucket.id, bucket.name, id, bucket.visibility, bucket.createdAtMs)
      writeFiles(bucket)
    }
  }
}

export const emailOf = (user: number) => `user-${user}@example.org`
export const accessKeyIdOf = (user: number, at: number) => `CUTTY${String(user * 4 + at).padStart(15, '0')}`
export const tokenHashOf = (user: number, at: number) =>
  createHash('sha256').update(`token ${user} ${at}`).digest()

const frameBytes = 1024 * 1024

function createFileWriter(database: DatabaseSync): (bucket: DrawnBucket) => void {
  const insertBlob = insertInto(database, 'blobs', [
    'id',
    'location',
    'codec',
    'level',
    'reason',
    'gain',
    'size_bytes',
    'stored_bytes',
    'frame_bytes',
    'frame_index',
    'sha256',
    'references_count',
    'created_at_ms',
  ])
  const reference = database.prepare('UPDATE blobs SET references_count = references_count + 1 WHERE id = ?')
  const insertFile = insertInto(database, 'files', [
    'bucket_id',
    'key',
    'version_id',
    'blob_id',
    'size_bytes',
    'etag',
    'content_type',
    'media_type',
    'headers',
    'metadata',
    'tags',
    'created_at_ms',
    'modified_at_ms',
  ])

  return (bucket) => {
    for (const file of bucket.files()) {
      const { key, sizeBytes, storedShare, contentType, sha256 } = file
      const isCompressed = storedShare < 1
      if (file.isCopy) reference.run(file.blobId)
      else {
        insertBlob(
          file.blobId,
          'store',
          isCompressed ? 'zstd' : 'identity',
          isCompressed ? 3 : 0,
          isCompressed ? 'compressed' : sizeBytes < 1024 ? 'small' : 'type',
          isCompressed ? 1 - storedShare : null,
          sizeBytes,
          Math.ceil(sizeBytes * storedShare),
          isCompressed ? frameBytes : 0,
          isCompressed ? Buffer.alloc(8 * Math.ceil(sizeBytes / frameBytes)) : null,
          sha256,
          1,
          file.createdAtMs,
        )
      }
      insertFile(
        bucket.id,
        key,
        file.versionId,
        file.blobId,
        sizeBytes,
        `sha256-${Buffer.from(sha256).toString('hex')}`,
        contentType,
        contentType.split(';')[0]!,
        '{}',
        key.length % 10 === 0 ? '{"source":"camera"}' : '{}',
        key.length % 7 === 0 ? '{"project":"north"}' : '{}',
        file.createdAtMs,
        file.modifiedAtMs,
      )
    }
  }
}
