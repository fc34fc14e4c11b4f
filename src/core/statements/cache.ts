import type { CodecName } from '../compression/codec.ts'
import { defineStatement } from './define.ts'

/** What the administration of the caches needs. */

export interface CachedFileRow {
  key: string
  /** JSON. */
  tags: string
  blobId: string
  codec: CodecName | 'identity'
  frameBytes: number
  sizeBytes: number
}

/** Files in the order of their keys, from `from` to before `to`, with what their bytes are cached under. */
export const listCachedFiles = defineStatement<
  { bucketId: string; from: string; to: string; limit: number },
  CachedFileRow
>({
  name: 'cache.list_files',
  text: `SELECT f.key AS key, f.tags AS tags, o.id AS blobId, o.codec AS codec, o.frame_bytes AS frameBytes,
      o.size_bytes AS sizeBytes
    FROM files f JOIN blobs o ON o.id = f.blob_id
    WHERE f.bucket_id = ?1 AND f.key >= ?2 AND f.key < ?3 ORDER BY f.key LIMIT ?4`,
  params: ['bucketId', 'from', 'to', 'limit'],
  reads: ['files', 'blobs'],
  writes: [],
})

const dayMs = 86_400_000

/** As many halvings as there were midnights from the last read to a time; none where the clock went back. */
const countAt = (nowMs: string) => `count >> min(62, max(0, ${nowMs} / ${dayMs} - last_read_ms / ${dayMs}))`

/** `count` more reads, the last of them at `lastReadMs`. */
export const addFileReads = defineStatement<{
  bucket: string
  key: string
  count: number
  lastReadMs: number
}>({
  name: 'cache.add_file_reads',
  text: `INSERT INTO file_reads (bucket, key, count, last_read_ms) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (bucket, key) DO UPDATE SET count = (${countAt('excluded.last_read_ms')}) + excluded.count,
      last_read_ms = max(last_read_ms, excluded.last_read_ms)`,
  params: ['bucket', 'key', 'count', 'lastReadMs'],
  reads: ['file_reads'],
  writes: ['file_reads'],
})

/** The most read, the first of them the most. Sorts all rows, of which there are few: see {@link trimFileReads}. */
export const listMostRead = defineStatement<
  { nowMs: number; limit: number },
  { bucket: string; key: string; count: number }
>({
  name: 'cache.list_most_read',
  text: `SELECT bucket, key, ${countAt('?1')} AS count FROM file_reads WHERE bucket > ''
    ORDER BY 3 DESC, last_read_ms DESC LIMIT ?2`,
  params: ['nowMs', 'limit'],
  reads: ['file_reads'],
  writes: [],
  selective: false,
  bound: 'sorts a table that is kept to some 2,000 rows',
})

/** Leaves the `kept` most read. */
export const trimFileReads = defineStatement<{ nowMs: number; kept: number }>({
  name: 'cache.trim_file_reads',
  text: `DELETE FROM file_reads WHERE (bucket, key) IN (
      SELECT bucket, key FROM file_reads WHERE bucket > ''
      ORDER BY ${countAt('?1')} DESC, last_read_ms DESC LIMIT -1 OFFSET ?2)`,
  params: ['nowMs', 'kept'],
  reads: ['file_reads'],
  writes: ['file_reads'],
  selective: false,
  bound: 'sorts a table that is kept to some 2,000 rows',
})

/** Of a file that is gone. */
export const deleteFileReads = defineStatement<{ bucket: string; key: string }>({
  name: 'cache.delete_file_reads',
  text: `DELETE FROM file_reads WHERE bucket = ?1 AND key = ?2`,
  params: ['bucket', 'key'],
  reads: ['file_reads'],
  writes: ['file_reads'],
})
