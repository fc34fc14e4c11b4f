import { removedAtOnce } from '../../src/core/access-log/access-log.ts'
import { idTimePrefix } from '../../src/core/ids.ts'
import { keyCeiling, prefixSuccessor } from '../../src/core/files/names.ts'
import { limits } from '../../src/core/limits.ts'
import { accessLogStatements, statements } from '../../src/core/statements/registry.ts'
import { nowMs } from './draw.ts'
import { accessListings } from './samples.ts'
import type { Params, Statement } from '../../src/core/ports/database.ts'
import type { Dice } from './draw.ts'
import type { Draw } from './samples.ts'

/** A statement as the application runs it, and how often beside the others. */
export interface MixedStatement {
  readonly statement: Statement
  /** Zero: a write, whose finding of rows needs an index. It is measured, and counts for no read. */
  readonly weight: number
  readonly params: (draw: Draw, dice: Dice) => Params
}

const dayMs = 86_400_000
const everything = { from: '', to: keyCeiling }
const anyType = { typeFrom: '', typeTo: keyCeiling }
/** Most pages are of 100, some of the largest size; a row more tells whether there is another. */
const pageLimit = (dice: Dice) => (dice(5) === 0 ? limits.listPageMax : 100) + 1

/** From anywhere in a bucket on. */
const keyPage = (draw: Draw, dice: Dice) => {
  const { bucketId, key } = draw('file')
  return { bucketId, from: key, to: keyCeiling, limit: pageLimit(dice) }
}
const keyPageDown = (draw: Draw, dice: Dice) => ({
  ...keyPage(draw, dice),
  from: '',
  to: draw('file').key,
})
const typePage = (draw: Draw, dice: Dice) => {
  const { bucketId, key, mediaType } = draw('file')
  return { bucketId, from: key, to: keyCeiling, limit: pageLimit(dice), mediaType }
}
const classPage = (draw: Draw, dice: Dice) => ({
  ...keyPage(draw, dice),
  typeFrom: 'image/',
  typeTo: prefixSuccessor('image/'),
})
const scan = (draw: Draw) => ({
  bucketId: draw('file').bucketId,
  ...everything,
  rows: limits.listScanRowsMax,
})

/** Every fifth for one type of files: then it ends where the scan does. */
const sortedPage =
  (column: 'modifiedAtMs' | 'sizeBytes', order: 'asc' | 'desc') => (draw: Draw, dice: Dice) => {
    const { bucketId, key, mediaType, [column]: value } = draw('file')
    const up = order === 'asc'
    const last = { lastValue: up ? Number.MAX_SAFE_INTEGER : -1, lastKey: up ? keyCeiling : '' }
    const type = dice(5) === 0 ? { typeFrom: mediaType, typeTo: `${mediaType}\u0001` } : anyType
    return { bucketId, value, key, ...last, ...everything, ...type, limit: pageLimit(dice) }
  }
const sortedScan = (column: 'modifiedAtMs' | 'sizeBytes') => (draw: Draw) => {
  const { bucketId, key, [column]: value } = draw('file')
  return { bucketId, value, key, rows: limits.listScanRowsMax - 1 }
}
const group = (draw: Draw, dice: Dice) => {
  const { bucketId, key } = draw('file')
  const prefix = dice(2) === 0 ? '' : key.slice(0, key.indexOf('/') + 1)
  const span = { from: prefix, to: prefixSuccessor(prefix), prefixChars: Array.from(prefix).length }
  return { bucketId, ...span, limit: pageLimit(dice), delimiter: '/', delimiterSuccessor: '0' }
}
const storedFiles = (limit: number) => (draw: Draw) => {
  const { bucketId, key } = draw('file')
  return { bucketId, from: key, to: keyCeiling, limit }
}
const lease = { nowMs, leaseUntilMs: nowMs + 60_000 }

type Entry = readonly [name: string, weight: number, params: MixedStatement['params']]

const entries: readonly Entry[] = [
  // Requests for files, and who asks.
  ['files.find', 5000, (draw) => ({ bucketName: draw('file').bucket, key: draw('file').key })],
  ['access_keys.find', 1500, (draw) => ({ id: draw('accessKey') })],
  ['api_tokens.find', 1000, (draw) => ({ tokenHash: draw('token') })],
  ['buckets.find', 800, (draw) => ({ name: draw('file').bucket })],
  ['buckets.find_cors', 100, (draw) => ({ name: draw('file').bucket })],
  ['blobs.find_body', 300, (draw) => ({ id: draw('file').blobId })],
  ['blobs.find_frame_index', 100, (draw) => ({ id: draw('file').blobId })],
  ['blob_parts.find_blobs', 50, positionIn],
  ['blob_parts.list', 5, (draw) => ({ blobId: draw('composite').blobId, after: 0, limit: 1000 })],
  ['blob_parts.count', 20, (draw) => ({ blobId: draw('composite').blobId })],
  ['signed_urls.find', 100, (draw) => ({ ...draw('link') })],
  [
    'signed_urls.list_revoked',
    10,
    (draw) => ({ userId: draw('link').userId, ids: JSON.stringify([draw('link').id, draw('link').id]) }),
  ],
  ['settings.find', 10, () => ({ name: 'master_key_check' })],
  // Listings.
  ['listing.by_key', 400, keyPage],
  ['listing.by_key_descending', 20, keyPageDown],
  ['listing.by_type', 60, typePage],
  ['listing.by_type_descending', 10, typePage],
  ['listing.filtered_by_key', 20, classPage],
  ['listing.filtered_by_key_descending', 5, classPage],
  ['listing.scan_end_by_key', 20, scan],
  ['listing.scan_end_by_key_descending', 5, scan],
  ['listing.by_modified', 20, sortedPage('modifiedAtMs', 'asc')],
  ['listing.by_modified_descending', 120, sortedPage('modifiedAtMs', 'desc')],
  ['listing.by_size', 10, sortedPage('sizeBytes', 'asc')],
  ['listing.by_size_descending', 30, sortedPage('sizeBytes', 'desc')],
  ['listing.scan_end_by_modified', 4, sortedScan('modifiedAtMs')],
  ['listing.scan_end_by_modified_descending', 24, sortedScan('modifiedAtMs')],
  ['listing.scan_end_by_size', 2, sortedScan('sizeBytes')],
  ['listing.scan_end_by_size_descending', 6, sortedScan('sizeBytes')],
  ['listing.grouped', 200, group],
  ['cache.list_files', 2, storedFiles(1000)],
  ['cache.list_most_read', 1, () => ({ nowMs, limit: 1000 })],
  ['buckets.list', 5, (draw) => ({ after: draw('file').bucket, limit: 101 })],
  ['buckets.list_of_owner', 60, (draw) => ({ ownerId: draw('file').ownerId, after: '', limit: 101 })],
  // The dashboard.
  ['users.find', 50, (draw) => ({ id: draw('file').ownerId })],
  ['users.list', 2, () => ({ after: '', limit: 101 })],
  ['access_keys.list', 20, (draw) => ({ userId: draw('file').ownerId })],
  ['api_tokens.list', 20, (draw) => ({ userId: draw('file').ownerId })],
  ...['', '_by_bucket', '_by_user', '_by_media_type', '_by_codec', '_by_reason'].flatMap((by): Entry[] => [
    [`compression.totals_of_everybody${by}`, 1, () => ({ limit: 100 })],
    [`compression.totals_of_owner${by}`, 5, (draw) => ({ limit: 100, ownerId: draw('file').ownerId })],
    [`compression.totals_of_bucket${by}`, 2, (draw) => ({ limit: 100, bucketId: draw('file').bucketId })],
  ]),
  ['compression.count_damaged', 2, () => ({})],
  [
    'statement_stats.list',
    2,
    () => ({
      fromHour: Math.floor(nowMs / 3_600_000) - 24,
      hour: Math.floor(nowMs / 3_600_000) + 1,
      writer: '',
      statement: '',
      limit: 1000,
    }),
  ],
  // Uploads in parts.
  ['uploads.find', 100, (draw) => ({ id: draw('upload').id })],
  [
    'uploads.list',
    10,
    (draw) => ({ bucketId: draw('upload').bucketId, key: '', id: '', to: keyCeiling, limit: 1001 }),
  ],
  ['uploads.list_old', 2, () => ({ before: idTimePrefix(nowMs - 7 * dayMs), limit: limits.expireBatchMax })],
  ['uploads.list_parts', 30, (draw) => ({ uploadId: draw('upload').id, after: 0, limit: 1001 })],
  ['uploads.list_stored_parts', 20, (draw) => ({ uploadId: draw('upload').id, after: 0, limit: 1000 })],
  // Jobs, and what they do.
  ['jobs.find', 30, (draw) => ({ id: draw('job') })],
  ['jobs.list', 5, () => ({ before: '~', limit: 101 })],
  ['jobs.list_of_owner', 5, (draw) => ({ ownerId: draw('file').ownerId, before: '~', limit: 101 })],
  ['jobs.find_last_of_kind', 5, () => ({ kind: 'scrub' })],
  ['jobs.find_claimable', 60, () => lease],
  ['jobs.find_finished', 2, () => ({ beforeMs: nowMs - 29 * dayMs, limit: 100 })],
  ['jobs.find_totals', 10, (draw) => ({ bucketId: draw('file').bucketId })],
  ['jobs.count_files', 2, (draw) => prefixOf(draw)],
  ['blobs.find_garbage', 10, () => ({ beforeMs: nowMs, limit: limits.collectBatchMax })],
  ['blobs.find_between', 2, (draw) => hourOf(draw('file').blobId)],
  [
    'rewrite.list_blobs',
    10,
    (draw) => ({ after: draw('file').blobId, before: idTimePrefix(nowMs), limit: 200 }),
  ],
  ['rewrite.list_files', 10, storedFiles(250)],
  ['rewrite.find_references', 20, (draw) => ({ id: draw('file').blobId })],
  ['rewrite.list_files_of_blob', 20, (draw) => ({ blobId: draw('file').blobId, limit: 1000 })],
  ['rewrite.list_files_of_part', 5, (draw) => ({ blobId: draw('part'), limit: 1000 })],
  ['rewrite.find_first_blob', 1, () => ({})],
  // Writes that have to find their rows, or those that a foreign key takes along.
  ['uploads.delete_completed', 0, () => ({ beforeMs: nowMs - dayMs + 3_600_000 })],
  ['uploads.release_parts_of_bucket', 0, (draw) => ({ bucketId: draw('upload').bucketId, nowMs })],
  ['buckets.delete_empty', 0, (draw) => ({ id: draw('file').bucketId })],
  ['signed_urls.delete_expired', 0, () => ({ beforeMs: nowMs, limit: 100 })],
  ['jobs.claim', 0, () => ({ ...lease, runner: 'runner' })],
  ['jobs.release_all', 0, () => ({})],
  ['users.revoke_links', 0, (draw) => ({ userId: draw('file').ownerId, beforeMs: nowMs })],
  ['rewrite.blob_is_used', 0, (draw) => ({ blobId: draw('file').blobId })],
  ['rewrite.insert_replacement', 0, (draw, dice) => replacementOf(draw('file').blobId, dice)],
  ['rewrite.move_files', 0, (draw) => ({ oldId: draw('file').blobId, newId: draw('file').blobId })],
]

/** A folder of a bucket, of which no totals are kept. */
function prefixOf(draw: Draw): Params {
  const { bucketId, key } = draw('file')
  const prefix = key.slice(0, key.indexOf('/') + 1)
  return { bucketId, from: prefix, to: prefixSuccessor(prefix) }
}

/** A range of a file that was uploaded in parts. */
function positionIn(draw: Draw, dice: Dice): Params {
  const { blobId, sizeBytes } = draw('composite')
  return { blobId, position: Math.floor((sizeBytes * dice(1000)) / 1000), limit: 100 }
}

function hourOf(blobId: string): Params {
  return { first: blobId, last: `${blobId.slice(0, 5)}z` }
}

function replacementOf(oldId: string, dice: Dice): Params {
  const id = `z${dice(2 ** 32)}`
  const sizes = { sizeBytes: 1, storedBytes: 1, frameBytes: 0 }
  const how = {
    location: 'store',
    codec: 'identity',
    level: 0,
    reason: 'small',
    gain: null,
    frameIndex: null,
  }
  return { id, oldId, ...how, ...sizes, sha256: new Uint8Array(32), createdAtMs: nowMs }
}

/** Every statement that only reads, and every write that finds rows by an index of its own. */
export const mix: readonly MixedStatement[] = entries.map((entry) => mixed(statements, entry))

/** Most are the newest, others from anywhere on, and one in eight has a filter that no index knows, up to where the scan ends. */
const accessPage = (by: keyof typeof accessListings) => (draw: Draw, dice: Dice) => {
  const { userId, bucket, atMs, number, ends } = draw('access')
  const subject = by === 'bucket' || by === 'refusedToBucket' ? bucket : userId
  const page = { subject, bucket: null, statusMin: 0, lastMs: 0, lastNumber: 0, limit: pageLimit(dice) }
  const kind = dice(8)
  if (kind < 5) return { ...page, beforeMs: Number.MAX_SAFE_INTEGER, beforeNumber: 0 }
  const before = { ...page, beforeMs: atMs, beforeNumber: number }
  if (kind < 7) return before
  const { atMs: lastMs, number: lastNumber } = ends[by]
  const isUsers = by === 'user' || by === 'refusedOfUser'
  const filter = isUsers ? { bucket } : { statusMin: by.startsWith('refused') ? 500 : 300 }
  return { ...before, lastMs, lastNumber, ...filter }
}
const accessScan = (by: keyof typeof accessListings) => (draw: Draw) => {
  const { userId, bucket, atMs, number } = draw('access')
  const subject = by === 'bucket' || by === 'refusedToBucket' ? bucket : userId
  return {
    subject,
    beforeMs: atMs,
    beforeNumber: number,
    fromMs: 0,
    rows: limits.accessScanRowsMax - 1,
  }
}

/** Those of the access log's database: as often as its page of the dashboard is looked at. */
export const logMix: readonly MixedStatement[] = (
  [
    ['access_log.list', 4, accessPage('time')],
    ['access_log.list_of_user', 8, accessPage('user')],
    ['access_log.list_to_bucket', 4, accessPage('bucket')],
    ['access_log.list_refused', 4, accessPage('refused')],
    ['access_log.list_refused_of_user', 2, accessPage('refusedOfUser')],
    ['access_log.list_refused_to_bucket', 2, accessPage('refusedToBucket')],
    ['access_log.scan_end', 1, accessScan('time')],
    ['access_log.scan_end_of_user', 2, accessScan('user')],
    ['access_log.scan_end_to_bucket', 1, accessScan('bucket')],
    ['access_log.scan_end_refused', 1, accessScan('refused')],
    ['access_log.scan_end_refused_of_user', 1, accessScan('refusedOfUser')],
    ['access_log.scan_end_refused_to_bucket', 1, accessScan('refusedToBucket')],
    ['access_log.remove_old', 0, (draw) => ({ beforeMs: draw('access').atMs, limit: removedAtOnce })],
    ['access_log.remove_surplus', 0, (draw) => ({ rowsMax: draw('access').number, limit: removedAtOnce })],
  ] satisfies Entry[]
).map((entry) => mixed(accessLogStatements, entry))

function mixed(registry: readonly Statement[], [name, weight, params]: Entry): MixedStatement {
  const statement = registry.find((candidate) => candidate.name === name)
  if (!statement) throw new Error(`no statement is called ${name}`)
  return { statement, weight, params }
}
