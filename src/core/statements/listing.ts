import type { Params } from '../ports/database.ts'
import { defineStatement } from './define.ts'

/**
 * Listings. Every page starts at a position in an index and reads on from there: no `OFFSET` over the pages before,
 * no sort, and never more rows than the page and, where a filter has no index, `limits.listScanRowsMax`.
 */

export interface FileListRow {
  key: string
  versionId: string
  sizeBytes: number
  etag: string
  contentType: string
  createdAtMs: number
  modifiedAtMs: number
}

const columns = `key, version_id AS versionId, size_bytes AS sizeBytes, etag, content_type AS contentType,
      created_at_ms AS createdAtMs, modified_at_ms AS modifiedAtMs`

type KeyPage = { bucketId: string; from: string; to: string; limit: number }

/** Keys from `from` to before `to`. */
export const listByKey = defineStatement<KeyPage, FileListRow>({
  name: 'listing.by_key',
  text: `SELECT ${columns} FROM files
    WHERE bucket_id = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4`,
  params: ['bucketId', 'from', 'to', 'limit'],
  reads: ['files'],
  writes: [],
})

export const listByKeyDescending = defineStatement<KeyPage, FileListRow>({
  name: 'listing.by_key_descending',
  text: `SELECT ${columns} FROM files
    WHERE bucket_id = ?1 AND key >= ?2 AND key < ?3 ORDER BY key DESC LIMIT ?4`,
  params: ['bucketId', 'from', 'to', 'limit'],
  reads: ['files'],
  writes: [],
})

/**
 * Files of one media type, in the order of their keys. Written as a range of pairs, or SQLite would read the bucket by its
 * primary key and look at every type.
 */
export const listByType = defineStatement<KeyPage & { mediaType: string }, FileListRow>({
  name: 'listing.by_type',
  text: `SELECT ${columns} FROM files
    WHERE bucket_id = ?1 AND (media_type, key) >= (?5, ?2) AND (media_type, key) < (?5, ?3)
    ORDER BY media_type, key LIMIT ?4`,
  params: ['bucketId', 'from', 'to', 'limit', 'mediaType'],
  reads: ['files'],
  writes: [],
})

export const listByTypeDescending = defineStatement<KeyPage & { mediaType: string }, FileListRow>({
  name: 'listing.by_type_descending',
  text: `SELECT ${columns} FROM files
    WHERE bucket_id = ?1 AND (media_type, key) >= (?5, ?2) AND (media_type, key) < (?5, ?3)
    ORDER BY media_type DESC, key DESC LIMIT ?4`,
  params: ['bucketId', 'from', 'to', 'limit', 'mediaType'],
  reads: ['files'],
  writes: [],
})

function filteredByKey(order: 'ASC' | 'DESC') {
  const name = order === 'ASC' ? 'key' : 'key_descending'
  /** Files whose media type lies in a range. The type is hidden from the planner: its index has another order. */
  const page = defineStatement<KeyPage & { typeFrom: string; typeTo: string }, FileListRow>({
    name: `listing.filtered_by_${name}`,
    text: `SELECT ${columns} FROM files
    WHERE bucket_id = ?1 AND key >= ?2 AND key < ?3 AND media_type || '' >= ?5 AND media_type || '' < ?6
    ORDER BY key ${order} LIMIT ?4`,
    params: ['bucketId', 'from', 'to', 'limit', 'typeFrom', 'typeTo'],
    reads: ['files'],
    writes: [],
  })
  /** The key at which a scan of `rows` rows has to stop; no row when fewer are left. */
  const scanEnd = defineStatement<
    { bucketId: string; from: string; to: string; rows: number },
    { key: string }
  >({
    name: `listing.scan_end_by_${name}`,
    text: `SELECT key FROM files WHERE bucket_id = ?1 AND key >= ?2 AND key < ?3
    ORDER BY key ${order} LIMIT 1 OFFSET ?4`,
    params: ['bucketId', 'from', 'to', 'rows'],
    reads: ['files'],
    writes: [],
  })
  return { page, scanEnd }
}

export const listFilteredByKey = filteredByKey('ASC')
export const listFilteredByKeyDescending = filteredByKey('DESC')

/** From the row after (`value`, `key`) on, where `value` is what the page is sorted by. */
export interface SortedPage extends Params {
  bucketId: string
  value: number
  key: string
  /** The row at which the scan stops, itself included. */
  lastValue: number
  lastKey: string
  from: string
  to: string
  typeFrom: string
  typeTo: string
  limit: number
}

const sortedParams = [
  'bucketId',
  'value',
  'key',
  'lastValue',
  'lastKey',
  'from',
  'to',
  'typeFrom',
  'typeTo',
  'limit',
] as const

function sorted(column: 'modified_at_ms' | 'size_bytes', order: 'ASC' | 'DESC') {
  const [after, upTo] = order === 'ASC' ? ['>', '<='] : ['<', '>=']
  const name = `${column === 'size_bytes' ? 'size' : 'modified'}${order === 'DESC' ? '_descending' : ''}`
  const page = defineStatement<SortedPage, FileListRow>({
    name: `listing.by_${name}`,
    text: `SELECT ${columns} FROM files
    WHERE bucket_id = ?1 AND (${column}, key) ${after} (?2, ?3) AND (${column}, key) ${upTo} (?4, ?5)
      AND key >= ?6 AND key < ?7 AND media_type >= ?8 AND media_type < ?9
    ORDER BY ${column} ${order}, key ${order} LIMIT ?10`,
    params: sortedParams,
    reads: ['files'],
    writes: [],
  })
  /** Where a scan of `rows` rows ends; no row when fewer are left. */
  const scanEnd = defineStatement<
    { bucketId: string; value: number; key: string; rows: number },
    { value: number; key: string }
  >({
    name: `listing.scan_end_by_${name}`,
    text: `SELECT ${column} AS value, key FROM files
    WHERE bucket_id = ?1 AND (${column}, key) ${after} (?2, ?3)
    ORDER BY ${column} ${order}, key ${order} LIMIT 1 OFFSET ?4`,
    params: ['bucketId', 'value', 'key', 'rows'],
    reads: ['files'],
    writes: [],
  })
  return { page, scanEnd }
}

export const listByModified = sorted('modified_at_ms', 'ASC')
export const listByModifiedDescending = sorted('modified_at_ms', 'DESC')
export const listBySize = sorted('size_bytes', 'ASC')
export const listBySizeDescending = sorted('size_bytes', 'DESC')

/** A file, or a group of files whose keys go on alike up to a delimiter. */
export type GroupedRow = { [name in keyof FileListRow]: FileListRow[name] | null } & {
  position: string
  groupPrefix: string | null
}

/**
 * Files and groups, skipping from one to the next by a seek in the primary key: costs by the number of groups,
 * not of the files in them (R48). After a file, the next key is the first from `key || char(1)` on, since no key
 * holds a NUL; after a group, the first from the prefix with its delimiter replaced by the delimiter's successor.
 * `prefixChars` counts characters, as `substr` does.
 */
export const listGrouped = defineStatement<
  KeyPage & { prefixChars: number; delimiter: string; delimiterSuccessor: string },
  GroupedRow
>({
  name: 'listing.grouped',
  text: `WITH RECURSIVE walk (key) AS (
      SELECT (SELECT key FROM files WHERE bucket_id = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT 1)
      UNION ALL
      SELECT (
        SELECT f.key FROM files f
        WHERE f.bucket_id = ?1 AND f.key < ?3
          AND f.key >= CASE instr(substr(walk.key, ?5 + 1), ?6) WHEN 0 THEN walk.key || char(1)
            ELSE substr(walk.key, 1, ?5 + instr(substr(walk.key, ?5 + 1), ?6) - 1) || ?7 END
        ORDER BY f.key LIMIT 1)
      FROM walk WHERE walk.key IS NOT NULL
      LIMIT ?4)
    SELECT walk.key AS position,
      CASE WHEN f.key IS NULL
        THEN substr(walk.key, 1, ?5 + instr(substr(walk.key, ?5 + 1), ?6) - 1) || ?6 END AS groupPrefix,
      f.key AS key, f.version_id AS versionId, f.size_bytes AS sizeBytes, f.etag AS etag,
      f.content_type AS contentType, f.created_at_ms AS createdAtMs, f.modified_at_ms AS modifiedAtMs
    FROM walk LEFT JOIN files f
      ON f.bucket_id = ?1 AND f.key = walk.key AND instr(substr(walk.key, ?5 + 1), ?6) = 0
    WHERE walk.key IS NOT NULL
    ORDER BY walk.key`,
  params: ['bucketId', 'from', 'to', 'limit', 'prefixChars', 'delimiter', 'delimiterSuccessor'],
  reads: ['files'],
  writes: [],
  selective: false,
  bound: 'sorts one page',
})
