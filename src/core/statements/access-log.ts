import type { BoundStatement, Params, Value } from '../ports/database.ts'
import { defineStatement } from './define.ts'

/** Requests, in a database of their own. */

export interface AccessRow {
  number: number
  atMs: number
  requestId: string
  userId: string | null
  method: string
  operation: string
  bucket: string | null
  path: string
  status: number
  errorCode: string | null
  bytesReceived: number
  bytesSent: number
  durationMs: number
  aborted: number
}

/** What is written down of a request, in the order of its columns. */
export type AccessValues = readonly [
  atMs: number,
  requestId: string,
  userId: string | null,
  method: string,
  operation: string,
  bucket: string | null,
  path: string,
  status: number,
  errorCode: string | null,
  bytesReceived: number,
  bytesSent: number,
  durationMs: number,
  aborted: 0 | 1,
]

const written = [
  'at_ms',
  'request_id',
  'user_id',
  'method',
  'operation',
  'bucket',
  'path',
  'status',
  'error_code',
  'bytes_received',
  'bytes_sent',
  'duration_ms',
  'aborted',
] as const

/** D1 binds 100 parameters. Passed as JSON, a row would take SQLite three times as long. */
export const accessesAtOnce = Math.floor(100 / written.length)
/** Values of an access, one after the other. */
export const accessWidth = written.length

function insertRows(name: string, rows: number) {
  const row = (at: number) => `(${written.map((_, i) => `?${at * written.length + i + 1}`).join(', ')})`
  return defineStatement<Params>({
    name,
    text: `INSERT INTO access_log (${written.join(', ')})
    VALUES ${Array.from({ length: rows }, (_, at) => row(at)).join(', ')}`,
    params: Array.from({ length: rows }, (_, at) => written.map((column) => `${column}${at}`)).flat(),
    reads: [],
    writes: ['access_log'],
  })
}

export const insertAccess = insertRows('access_log.insert', 1)
export const insertAccesses = insertRows('access_log.insert_many', accessesAtOnce)

/** In as few statements as it takes. `values` are those of any number of accesses. */
export function insertAll(values: readonly Value[]): BoundStatement[] {
  const bound: BoundStatement[] = []
  for (let at = 0; at < values.length;) {
    const isOne = values.length - at < accessesAtOnce * accessWidth
    const end = at + (isOne ? 1 : accessesAtOnce) * accessWidth
    bound.push({ statement: isOne ? insertAccess : insertAccesses, values: values.slice(at, end) })
    at = end
  }
  return bound
}

/**
 * From the newest to the oldest: before the row (`beforeMs`, `beforeNumber`), not before (`lastMs`, `lastNumber`). `subject` is
 * the user, or the bucket, whose index it is.
 */
export interface AccessPage extends Params {
  subject: string
  beforeMs: number
  beforeNumber: number
  lastMs: number
  lastNumber: number
  /** What an index does not know; null: any. */
  bucket: string | null
  statusMin: number
  limit: number
}

/** Where a scan of `rows` rows has to stop. */
interface AccessScan extends Params {
  subject: string
  beforeMs: number
  beforeNumber: number
  fromMs: number
  rows: number
}

const columns = `number, at_ms AS atMs, request_id AS requestId, user_id AS userId, method, operation, bucket, path, status,
      error_code AS errorCode, bytes_received AS bytesReceived, bytes_sent AS bytesSent, duration_ms AS durationMs, aborted`

/**
 * A listing along one index: its page, and the last of the rows that a page may look at, for filters that the index does not
 * know. `where` finds by the index.
 */
function alongIndex(by: string, { where }: { where: string }) {
  const params = where.includes('?1') ? (['subject'] as const) : []
  const at = (position: number) => `?${params.length + position}`
  const span = `${where}(at_ms, number) < (${at(1)}, ${at(2)})`
  const page = defineStatement<AccessPage, AccessRow>({
    name: `access_log.list${by}`,
    text: `SELECT ${columns} FROM access_log
    WHERE ${span} AND (at_ms, number) >= (${at(3)}, ${at(4)})
      AND (${at(5)} IS NULL OR bucket || '' = ${at(5)}) AND +status >= ${at(6)}
    ORDER BY at_ms DESC, number DESC LIMIT ${at(7)}`,
    params: [...params, 'beforeMs', 'beforeNumber', 'lastMs', 'lastNumber', 'bucket', 'statusMin', 'limit'],
    reads: ['access_log'],
    writes: [],
  })
  const scanEnd = defineStatement<AccessScan, { atMs: number; number: number }>({
    name: `access_log.scan_end${by}`,
    text: `SELECT at_ms AS atMs, number FROM access_log WHERE ${span} AND at_ms >= ${at(3)}
    ORDER BY at_ms DESC, number DESC LIMIT 1 OFFSET ${at(4)}`,
    params: [...params, 'beforeMs', 'beforeNumber', 'fromMs', 'rows'],
    reads: ['access_log'],
    writes: [],
  })
  return { page, scanEnd }
}

export const listAccesses = alongIndex('', { where: '' })
export const listAccessesOfUser = alongIndex('_of_user', { where: 'user_id = ?1 AND ' })
export const listAccessesToBucket = alongIndex('_to_bucket', { where: 'bucket = ?1 AND ' })
export const listRefusals = alongIndex('_refused', { where: 'status >= 400 AND ' })
export const listRefusalsOfUser = alongIndex('_refused_of_user', {
  where: 'user_id = ?1 AND status >= 400 AND ',
})
export const listRefusalsToBucket = alongIndex('_refused_to_bucket', {
  where: 'bucket = ?1 AND status >= 400 AND ',
})

/** The oldest of those that came before `beforeMs`. */
export const removeOldAccesses = defineStatement<{ beforeMs: number; limit: number }>({
  name: 'access_log.remove_old',
  text: `DELETE FROM access_log WHERE number IN (
      SELECT number FROM access_log WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)`,
  params: ['beforeMs', 'limit'],
  reads: ['access_log'],
  writes: ['access_log'],
})

/** The first of those that are more than `rowsMax`. */
export const removeSurplusAccesses = defineStatement<{ rowsMax: number; limit: number }>({
  name: 'access_log.remove_surplus',
  text: `DELETE FROM access_log WHERE number IN (
      SELECT number FROM access_log WHERE number <= (SELECT max(number) FROM access_log) - ?1 ORDER BY number LIMIT ?2)`,
  params: ['rowsMax', 'limit'],
  reads: ['access_log'],
  writes: ['access_log'],
})
