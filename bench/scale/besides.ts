import { statements } from '../../src/core/statements/registry.ts'
import { diceFor, drawBytes, drawId, nowMs, sinceMs } from './draw.ts'
import { insertInto } from './insert.ts'
import type { DatabaseSync } from 'node:sqlite'
import type { Dice, ScaleOptions } from './draw.ts'

/** What grows beside files: by what they are kept to (a day, a month, 2,000 rows), or a share of the files. */
export function fillBesides(database: DatabaseSync, options: ScaleOptions): void {
  const dice = diceFor(options.seed, -2)
  const files = database
    .prepare(
      `SELECT b.id AS bucketId, b.name AS bucket, f.key AS key, b.owner_id AS ownerId, f.blob_id AS blobId
      FROM buckets b JOIN files f ON f.bucket_id = b.id WHERE f.created_at_ms % 97 = 0 ORDER BY f.version_id LIMIT 20000`,
    )
    .all() as unknown as Sample[]
  if (files.length === 0) return
  fillReads(database, dice, files)
  fillUploads(database, dice, { files, count: share(options, 500) })
  fillComposites(database, dice, { files, count: share(options, 1000) })
  fillLinks(database, dice, { files, count: share(options, 200) })
  fillJobs(database, dice, { files, count: 2000 })
  fillStatistics(database, dice)
  fillFindings(database, dice, { files, count: share(options, 500) })
}

interface Sample {
  readonly bucketId: string
  readonly bucket: string
  readonly key: string
  readonly ownerId: string
  readonly blobId: string
}

interface Some {
  readonly files: readonly Sample[]
  readonly count: number
}

/** One for so many files. */
const share = ({ files }: ScaleOptions, each: number) => Math.ceil(files / each)
const pick = <T>(dice: Dice, list: readonly T[]) => list[dice(list.length)]!

/** The most read, which are kept to 2,000. */
function fillReads(database: DatabaseSync, dice: Dice, files: readonly Sample[]): void {
  const insert = insertInto(database, 'file_reads', ['bucket', 'key', 'count', 'last_read_ms'], 'OR IGNORE')
  for (const { bucket, key } of files.slice(0, 2000)) {
    insert(bucket, key, 1 + dice(1 + dice(10_000)), nowMs - dice(86_400_000 * 3))
  }
}

const partBytes = 8 * 1024 ** 2

/** Half of them under way, the others completed within a day, as long as that is remembered. */
function fillUploads(database: DatabaseSync, dice: Dice, { files, count }: Some): void {
  const insertUpload = insertInto(database, 'uploads', [
    'id',
    'bucket_id',
    'key',
    'initiator_id',
    'content_type',
    'headers',
    'metadata',
    'tags',
    'created_at_ms',
    'completed_at_ms',
    'completed',
  ])
  const insertPart = insertInto(database, 'upload_parts', [
    'upload_id',
    'number',
    'blob_id',
    'size_bytes',
    'etag',
    'modified_at_ms',
  ])
  const insertBlob = createBlobInsert(database)
  for (let at = 0; at < count; at += 1) {
    const { bucketId, key, ownerId } = pick(dice, files)
    const isOpen = at % 2 === 0
    const createdAtMs = nowMs - dice(isOpen ? 7 * 86_400_000 : 86_400_000)
    const id = drawId(dice, createdAtMs)
    const completedAtMs = isOpen ? null : createdAtMs + 1000
    insertUpload(
      id,
      bucketId,
      `${key}.new`,
      ownerId,
      'application/octet-stream',
      '{}',
      '{}',
      '{}',
      createdAtMs,
      completedAtMs,
      isOpen ? null : '{}',
    )
    const parts = isOpen ? 1 + dice(20) : 0
    for (let number = 1; number <= parts; number += 1) {
      const blobId = insertBlob(dice, { timeMs: createdAtMs + number, sizeBytes: partBytes })
      insertPart(id, number, blobId, partBytes, Buffer.from(drawBytes(dice, 16)).toString('hex'), createdAtMs)
    }
  }
}

/** Files that were uploaded in parts, some in thousands: of half of them the parts are still blobs of their own. */
function fillComposites(database: DatabaseSync, dice: Dice, { files, count }: Some): void {
  const insert = insertInto(
    database,
    'blob_parts',
    ['blob_id', 'number', 'end_bytes', 'size_bytes', 'part_blob_id'],
    'OR IGNORE',
  )
  const insertBlob = createBlobInsert(database)
  for (const { blobId } of files.slice(0, count)) {
    const hasParts = dice(2) === 0
    const parts = dice(20) === 0 ? 1000 + dice(4000) : 2 + dice(60)
    for (let number = 1; number <= parts; number += 1) {
      const part = hasParts
        ? insertBlob(dice, { timeMs: nowMs - dice(nowMs - sinceMs), sizeBytes: partBytes })
        : null
      insert(blobId, number, number * partBytes, partBytes, part)
    }
  }
}

function createBlobInsert(database: DatabaseSync) {
  const insert = insertInto(database, 'blobs', [
    'id',
    'location',
    'codec',
    'size_bytes',
    'stored_bytes',
    'frame_bytes',
    'sha256',
    'references_count',
    'created_at_ms',
  ])
  return (dice: Dice, { timeMs, sizeBytes }: { timeMs: number; sizeBytes: number }) => {
    const id = drawId(dice, timeMs)
    insert(id, 'store', 'identity', sizeBytes, sizeBytes, 0, drawBytes(dice, 32), 1, timeMs)
    return id
  }
}

/** Signed links that are counted, or were revoked. */
function fillLinks(database: DatabaseSync, dice: Dice, { files, count }: Some): void {
  const insert = insertInto(database, 'signed_urls', [
    'user_id',
    'id',
    'access_key_id',
    'revoked_at_ms',
    'uses',
    'expires_at_ms',
  ])
  for (let at = 0; at < count; at += 1) {
    const expiresAtMs = nowMs - 86_400_000 + dice(8 * 86_400_000)
    const revokedAtMs = dice(10) === 0 ? nowMs - dice(86_400_000) : null
    insert(pick(dice, files).ownerId, `link-${at}`, 'CUTTY000000000000000', revokedAtMs, dice(5), expiresAtMs)
  }
}

function fillJobs(database: DatabaseSync, dice: Dice, { files, count }: Some): void {
  const insert = insertInto(database, 'jobs', [
    'id',
    'kind',
    'owner_id',
    'params',
    'state',
    'created_at_ms',
    'updated_at_ms',
    'finished_at_ms',
  ])
  const kinds = ['compression_report', 'recompress']
  for (let at = 0; at < count; at += 1) {
    const isWaiting = at % 100 === 0
    // Two a week, of its own accord.
    const isScrub = at % 250 === 249
    const monthMs = 30 * 86_400_000
    const agoMs = dice(isWaiting ? 3_600_000 : monthMs)
    const createdAtMs = nowMs - (isScrub ? Math.floor((monthMs * at) / count) : agoMs)
    insert(
      drawId(dice, createdAtMs),
      isScrub ? 'scrub' : pick(dice, kinds),
      isScrub ? null : pick(dice, files).ownerId,
      '{}',
      isWaiting ? 'queued' : 'done',
      createdAtMs,
      createdAtMs,
      isWaiting ? null : createdAtMs + 60_000,
    )
  }
}

/** A month of hours, of the statements that an hour runs. */
function fillStatistics(database: DatabaseSync, dice: Dice): void {
  const insert = insertInto(database, 'statement_stats', [
    'hour',
    'writer',
    'statement',
    'from_ms',
    'runs',
    'errors',
    'rows_read',
    'rows_written',
    'total_ms',
    'cache_hits',
    'cache_misses',
    'durations',
  ])
  const hours = 30 * 24
  const until = Math.floor(nowMs / 3_600_000)
  for (let hour = until - hours; hour <= until; hour += 1) {
    const writer = drawId(dice, hour * 3_600_000)
    for (const { name } of statements) {
      if (dice(2) === 0) continue
      const runs = 1 + dice(100_000)
      const durations = drawBytes(dice, 40 + dice(120))
      insert(hour, writer, name, hour * 3_600_000, runs, 0, runs, 0, runs * 0.02, runs, runs, durations)
    }
  }
}

/** What the collector will find, and what the scrub has found. */
function fillFindings(database: DatabaseSync, dice: Dice, { files, count }: Some): void {
  const insertBlob = createBlobInsert(database)
  const release = database.prepare('UPDATE blobs SET references_count = 0, garbage_since_ms = ? WHERE id = ?')
  for (let at = 0; at < count; at += 1) {
    const id = insertBlob(dice, { timeMs: sinceMs + dice(nowMs - sinceMs), sizeBytes: 1 + dice(1_000_000) })
    release.run(nowMs - dice(3_600_000), id)
  }
  const damage = database.prepare('UPDATE blobs SET damaged_at_ms = ? WHERE id = ?')
  for (const { blobId } of files.slice(0, 20)) damage.run(nowMs - dice(86_400_000), blobId)
}
