import type { CodecName } from '../compression/codec.ts'
import type { VerdictReason } from '../compression/verdict.ts'
import { defineStatement } from './define.ts'
import { frameIndexBytesKept } from './files.ts'

/** What jobs need that look at blobs as they are stored, and put others in their place. */

export interface StoredBlobRow {
  blobId: string
  location: 'row' | 'store' | 'parts'
  codec: CodecName | 'identity'
  level: number
  reason: VerdictReason | 'unmeasured'
  gain: number | null
  frameBytes: number
  sizeBytes: number
  storedBytes: number
  sha256: Uint8Array
  /** If it is short. */
  frameIndex: Uint8Array | null
}

export const blobColumns = `o.id AS blobId, o.location AS location, o.codec AS codec, o.level AS level,
      o.reason AS reason, o.gain AS gain, o.frame_bytes AS frameBytes, o.size_bytes AS sizeBytes,
      o.stored_bytes AS storedBytes, o.sha256 AS sha256,
      CASE WHEN length(o.frame_index) <= ${frameIndexBytesKept} THEN o.frame_index END AS frameIndex`

export interface StoredFileRow extends StoredBlobRow {
  key: string
  contentType: string
  /** JSON. */
  headers: string
  /** What was tried on the blob in vain. */
  tried: string | null
}

/** Files in the order of their keys, from `from` to before `to`, with their blobs. */
export const listStoredFiles = defineStatement<
  { bucketId: string; from: string; to: string; limit: number },
  StoredFileRow
>({
  name: 'rewrite.list_files',
  text: `SELECT f.key AS key, f.content_type AS contentType, f.headers AS headers, o.tried AS tried, ${blobColumns}
    FROM files f JOIN blobs o ON o.id = f.blob_id
    WHERE f.bucket_id = ?1 AND f.key >= ?2 AND f.key < ?3 ORDER BY f.key LIMIT ?4`,
  params: ['bucketId', 'from', 'to', 'limit'],
  reads: ['files', 'blobs'],
  writes: [],
})

/** Blobs from after one id to before another, in the order of their ids. */
export const listStoredBlobs = defineStatement<
  { after: string; before: string; limit: number },
  StoredBlobRow & { referencesCount: number; damagedAtMs: number | null; files: number }
>({
  name: 'rewrite.list_blobs',
  text: `SELECT ${blobColumns}, o.references_count AS referencesCount, o.damaged_at_ms AS damagedAtMs,
      (SELECT count(*) FROM files WHERE blob_id = o.id) AS files
    FROM blobs o WHERE o.id > ?1 AND o.id < ?2 ORDER BY o.id LIMIT ?3`,
  params: ['after', 'before', 'limit'],
  reads: ['blobs', 'files'],
  writes: [],
})

export const findReferences = defineStatement<{ id: string }, { referencesCount: number }>({
  name: 'rewrite.find_references',
  text: `SELECT references_count AS referencesCount FROM blobs WHERE id = ?1`,
  params: ['id'],
  reads: ['blobs'],
  writes: [],
})

export interface FileOfBlobRow {
  bucket: string
  /** The bucket's policy as JSON, if it has one. */
  compression: string | null
  key: string
  /** JSON. */
  headers: string
}

/** Files that a blob belongs to. */
export const listFilesOfBlob = defineStatement<{ blobId: string; limit: number }, FileOfBlobRow>({
  name: 'rewrite.list_files_of_blob',
  text: `SELECT b.name AS bucket, b.compression AS compression, f.key AS key, f.headers AS headers
    FROM files f JOIN buckets b ON b.id = f.bucket_id WHERE f.blob_id = ?1 LIMIT ?2`,
  params: ['blobId', 'limit'],
  reads: ['files', 'buckets'],
  writes: [],
})

/** Files that a blob is a part of. */
export const listFilesOfPart = defineStatement<{ blobId: string; limit: number }, FileOfBlobRow>({
  name: 'rewrite.list_files_of_part',
  text: `SELECT b.name AS bucket, b.compression AS compression, f.key AS key, f.headers AS headers
    FROM blob_parts p JOIN files f ON f.blob_id = p.blob_id JOIN buckets b ON b.id = f.bucket_id
    WHERE p.part_blob_id = ?1 LIMIT ?2`,
  params: ['blobId', 'limit'],
  reads: ['blob_parts', 'files', 'buckets'],
  writes: [],
})

/** Fails the batch when no file points at the blob any more. */
export const blobIsUsed = defineStatement<{ blobId: string }>({
  name: 'rewrite.blob_is_used',
  text: `INSERT INTO guards (source) SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM files WHERE blob_id = ?1)`,
  params: ['blobId'],
  reads: ['files'],
  writes: ['guards'],
})

/** A blob that takes over all files of `oldId`: counted for them before they are moved. */
export const insertReplacement = defineStatement<{
  id: string
  location: string
  codec: string
  level: number
  reason: string
  gain: number | null
  sizeBytes: number
  storedBytes: number
  frameBytes: number
  frameIndex: Uint8Array | null
  sha256: Uint8Array
  createdAtMs: number
  oldId: string
}>({
  name: 'rewrite.insert_replacement',
  text: `INSERT INTO blobs (id, location, codec, level, reason, gain, size_bytes, stored_bytes, frame_bytes,
      frame_index, sha256, references_count, created_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, (SELECT count(*) FROM files WHERE blob_id = ?13), ?12)`,
  params: [
    'id',
    'location',
    'codec',
    'level',
    'reason',
    'gain',
    'sizeBytes',
    'storedBytes',
    'frameBytes',
    'frameIndex',
    'sha256',
    'createdAtMs',
    'oldId',
  ],
  reads: ['files'],
  writes: ['blobs'],
})

/** Nothing of a file changes that anybody sees (R3). */
export const moveFiles = defineStatement<{ oldId: string; newId: string }>({
  name: 'rewrite.move_files',
  text: `UPDATE files SET blob_id = ?2 WHERE blob_id = ?1`,
  params: ['oldId', 'newId'],
  reads: ['files'],
  writes: ['files'],
})

/** Goes after {@link moveFiles}: nothing points here now. */
export const discardBlob = defineStatement<{ id: string; nowMs: number }>({
  name: 'rewrite.discard_blob',
  text: `UPDATE blobs SET references_count = 0, garbage_since_ms = ?2 WHERE id = ?1`,
  params: ['id', 'nowMs'],
  reads: ['blobs'],
  writes: ['blobs'],
})

export const noteTried = defineStatement<{ id: string; tried: string }>({
  name: 'rewrite.note_tried',
  text: `UPDATE blobs SET tried = ?2 WHERE id = ?1`,
  params: ['id', 'tried'],
  reads: ['blobs'],
  writes: ['blobs'],
})

/** Keeps the time at which it was first noticed. */
export const noteDamage = defineStatement<{ id: string; nowMs: number }>({
  name: 'rewrite.note_damage',
  text: `UPDATE blobs SET damaged_at_ms = coalesce(damaged_at_ms, ?2) WHERE id = ?1`,
  params: ['id', 'nowMs'],
  reads: ['blobs'],
  writes: ['blobs'],
})

export const clearDamage = defineStatement<{ id: string }>({
  name: 'rewrite.clear_damage',
  text: `UPDATE blobs SET damaged_at_ms = NULL WHERE id = ?1`,
  params: ['id'],
  reads: ['blobs'],
  writes: ['blobs'],
})

/** The oldest blob, for how long there has been something to check. */
export const findFirstBlob = defineStatement<Record<string, never>, { id: string }>({
  name: 'rewrite.find_first_blob',
  text: `SELECT id FROM blobs WHERE id > '' ORDER BY id LIMIT 1`,
  params: [],
  reads: ['blobs'],
  writes: [],
})
