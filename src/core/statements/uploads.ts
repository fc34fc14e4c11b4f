import type { CodecName } from '../compression/codec.ts'
import type { VerdictReason } from '../compression/verdict.ts'
import { released } from './blobs.ts'
import { defineStatement } from './define.ts'

/** Uploads in parts, as long as they are under way. */

interface UploadValues {
  id: string
  bucketId: string
  key: string
  initiatorId: string
  contentType: string
  /** JSON, as are the next two. */
  headers: string
  metadata: string
  tags: string
  visibility: 'public' | null
  /** JSON. */
  compression: string | null
  checksumAlgorithm: string | null
  checksumType: string | null
  createdAtMs: number
  [name: string]: string | number | null
}

export const insertUpload = defineStatement<UploadValues>({
  name: 'uploads.insert',
  text: `INSERT INTO uploads (id, bucket_id, key, initiator_id, content_type, headers, metadata, tags, visibility,
      compression, checksum_algorithm, checksum_type, created_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)`,
  params: [
    'id',
    'bucketId',
    'key',
    'initiatorId',
    'contentType',
    'headers',
    'metadata',
    'tags',
    'visibility',
    'compression',
    'checksumAlgorithm',
    'checksumType',
    'createdAtMs',
  ],
  reads: ['buckets', 'users'],
  writes: ['uploads'],
})

export interface UploadRow {
  id: string
  bucketId: string
  key: string
  initiatorId: string
  contentType: string
  headers: string
  metadata: string
  tags: string
  visibility: 'public' | null
  compression: string | null
  checksumAlgorithm: string | null
  checksumType: string | null
  createdAtMs: number
  completedAtMs: number | null
  /** JSON; null while it is under way. */
  completed: string | null
}

const columns = `id, bucket_id AS bucketId, key, initiator_id AS initiatorId, content_type AS contentType, headers,
      metadata, tags, visibility, compression, checksum_algorithm AS checksumAlgorithm,
      checksum_type AS checksumType, created_at_ms AS createdAtMs`

export const findUpload = defineStatement<{ id: string }, UploadRow>({
  name: 'uploads.find',
  text: `SELECT ${columns}, completed_at_ms AS completedAtMs, completed FROM uploads WHERE id = ?1`,
  params: ['id'],
  reads: ['uploads'],
  writes: [],
})

export interface UploadListRow {
  id: string
  key: string
  initiatorId: string
  checksumAlgorithm: string | null
  checksumType: string | null
  createdAtMs: number
}

/** Those under way after (`key`, `id`), with keys before `to`. */
export const listUploads = defineStatement<
  { bucketId: string; key: string; id: string; to: string; limit: number },
  UploadListRow
>({
  name: 'uploads.list',
  text: `SELECT id, key, initiator_id AS initiatorId, checksum_algorithm AS checksumAlgorithm,
      checksum_type AS checksumType, created_at_ms AS createdAtMs
    FROM uploads
    WHERE completed_at_ms IS NULL AND bucket_id = ?1 AND (key, id) > (?2, ?3) AND key < ?4
    ORDER BY key, id LIMIT ?5`,
  params: ['bucketId', 'key', 'id', 'to', 'limit'],
  reads: ['uploads'],
  writes: [],
})

/** Those under way that were begun before the time of an id, the oldest first. */
export const listOldUploads = defineStatement<{ before: string; limit: number }, { id: string }>({
  name: 'uploads.list_old',
  text: `SELECT id FROM uploads WHERE id < ?1 AND completed_at_ms IS NULL ORDER BY id LIMIT ?2`,
  params: ['before', 'limit'],
  reads: ['uploads'],
  writes: [],
})

export const noteCompleted = defineStatement<{ id: string; nowMs: number; completed: string }>({
  name: 'uploads.note_completed',
  text: `UPDATE uploads SET completed_at_ms = ?2, completed = ?3 WHERE id = ?1`,
  params: ['id', 'nowMs', 'completed'],
  reads: ['uploads'],
  writes: ['uploads'],
})

/** Takes its parts along, whose blobs must have been released. */
export const deleteUpload = defineStatement<{ id: string }>({
  name: 'uploads.delete',
  text: `DELETE FROM uploads WHERE id = ?1`,
  params: ['id'],
  reads: ['uploads'],
  writes: ['uploads', 'upload_parts'],
})

/** Of which nobody will ask any more. */
export const deleteCompletedUploads = defineStatement<{ beforeMs: number }>({
  name: 'uploads.delete_completed',
  text: `DELETE FROM uploads WHERE completed_at_ms < ?1`,
  params: ['beforeMs'],
  reads: ['uploads'],
  writes: ['uploads', 'upload_parts'],
})

export const putPart = defineStatement<{
  uploadId: string
  number: number
  blobId: string
  sizeBytes: number
  etag: string
  checksum: string | null
  modifiedAtMs: number
}>({
  name: 'uploads.put_part',
  text: `INSERT INTO upload_parts (upload_id, number, blob_id, size_bytes, etag, checksum, modified_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (upload_id, number) DO UPDATE SET blob_id = excluded.blob_id, size_bytes = excluded.size_bytes,
      etag = excluded.etag, checksum = excluded.checksum, modified_at_ms = excluded.modified_at_ms`,
  params: ['uploadId', 'number', 'blobId', 'sizeBytes', 'etag', 'checksum', 'modifiedAtMs'],
  reads: ['uploads', 'upload_parts'],
  writes: ['upload_parts'],
})

export interface UploadPartRow {
  number: number
  blobId: string
  sizeBytes: number
  etag: string
  checksum: string | null
  modifiedAtMs: number
}

/** After the number `after`. */
export const listParts = defineStatement<{ uploadId: string; after: number; limit: number }, UploadPartRow>({
  name: 'uploads.list_parts',
  text: `SELECT number, blob_id AS blobId, size_bytes AS sizeBytes, etag, checksum, modified_at_ms AS modifiedAtMs
    FROM upload_parts WHERE upload_id = ?1 AND number > ?2 ORDER BY number LIMIT ?3`,
  params: ['uploadId', 'after', 'limit'],
  reads: ['upload_parts'],
  writes: [],
})

export interface StoredPartRow extends UploadPartRow {
  storedBytes: number
  codec: CodecName | 'identity'
  level: number
  reason: VerdictReason | 'unmeasured'
}

/** The same, with how they are stored. */
export const listStoredParts = defineStatement<
  { uploadId: string; after: number; limit: number },
  StoredPartRow
>({
  name: 'uploads.list_stored_parts',
  text: `SELECT p.number AS number, p.blob_id AS blobId, p.size_bytes AS sizeBytes, p.etag AS etag,
      p.checksum AS checksum, p.modified_at_ms AS modifiedAtMs, o.stored_bytes AS storedBytes, o.codec AS codec,
      o.level AS level, o.reason AS reason
    FROM upload_parts p CROSS JOIN blobs o ON o.id = p.blob_id
    WHERE p.upload_id = ?1 AND p.number > ?2 ORDER BY p.number LIMIT ?3`,
  params: ['uploadId', 'after', 'limit'],
  reads: ['upload_parts', 'blobs'],
  writes: [],
})

/** Goes before the statement that replaces a part. */
export const releasePart = defineStatement<{ uploadId: string; number: number; nowMs: number }>({
  name: 'uploads.release_part',
  text: `UPDATE blobs SET ${released('?3')}
    WHERE id = (SELECT blob_id FROM upload_parts WHERE upload_id = ?1 AND number = ?2)`,
  params: ['uploadId', 'number', 'nowMs'],
  reads: ['blobs', 'upload_parts'],
  writes: ['blobs'],
})

/** All parts but those listed: `parts` is JSON, `[[number, …], …]`. Goes before they are deleted. */
export const releaseOtherParts = defineStatement<{ uploadId: string; parts: string; nowMs: number }>({
  name: 'uploads.release_other_parts',
  text: `UPDATE blobs SET ${released('?3')}
    WHERE id IN (
      SELECT blob_id FROM upload_parts
      WHERE upload_id = ?1
        AND number NOT IN (SELECT json_extract(listed.value, '$[0]') FROM json_each(?2) listed))`,
  params: ['uploadId', 'parts', 'nowMs'],
  reads: ['blobs', 'upload_parts'],
  writes: ['blobs'],
})

export const deleteParts = defineStatement<{ uploadId: string }>({
  name: 'uploads.delete_parts',
  text: `DELETE FROM upload_parts WHERE upload_id = ?1`,
  params: ['uploadId'],
  reads: ['upload_parts'],
  writes: ['upload_parts'],
})

/** Of all uploads to a bucket, if there is no file in it: goes before the bucket is deleted. */
export const releasePartsOfBucket = defineStatement<{ bucketId: string; nowMs: number }>({
  name: 'uploads.release_parts_of_bucket',
  text: `UPDATE blobs SET ${released('?2')}
    WHERE id IN (
      SELECT p.blob_id FROM uploads u CROSS JOIN upload_parts p ON p.upload_id = u.id
      WHERE u.bucket_id = ?1 AND u.completed_at_ms IS NULL)
      AND NOT EXISTS (SELECT 1 FROM files WHERE bucket_id = ?1)`,
  params: ['bucketId', 'nowMs'],
  reads: ['blobs', 'uploads', 'upload_parts', 'files'],
  writes: ['blobs'],
})
