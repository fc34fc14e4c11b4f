import type { CodecName } from '../compression/codec.ts'
import type { VerdictReason } from '../compression/verdict.ts'
import { defineStatement } from './define.ts'

/** A file joined with its bucket and its blob: all that a GET needs, in one row. */
export interface FileRow {
  bucketId: string
  bucketName: string
  ownerId: string
  visibility: 'private' | 'public'
  /** The bucket's policy as JSON, if it has one. */
  compression: string | null
  /** A list as JSON, if there are any. */
  publicPrefixes: string | null
  /** Null, like everything below, when the bucket exists and the file does not. */
  key: string | null
  versionId: string
  blobId: string
  sizeBytes: number
  etag: string
  contentType: string
  headers: string
  metadata: string
  tags: string
  /** JSON. */
  checksum: string | null
  fileVisibility: 'public' | null
  createdAtMs: number
  modifiedAtMs: number
  location: 'row' | 'store' | 'parts'
  codec: CodecName | 'identity'
  level: number
  reason: VerdictReason | 'unmeasured'
  gain: number | null
  frameBytes: number
  storedBytes: number
  sha256: Uint8Array
  frameIndex: Uint8Array | null
}

/** Longer indexes, of files above some 120 MiB, would make what is kept of each pointer too large. */
export const frameIndexBytesKept = 1024

export const findFile = defineStatement<{ bucketName: string; key: string }, FileRow>({
  name: 'files.find',
  text: `SELECT b.id AS bucketId, b.name AS bucketName, b.owner_id AS ownerId, b.visibility AS visibility,
      b.compression AS compression, b.public_prefixes AS publicPrefixes,
      f.key AS key, f.version_id AS versionId, f.blob_id AS blobId, f.size_bytes AS sizeBytes, f.etag AS etag,
      f.content_type AS contentType, f.headers AS headers, f.metadata AS metadata, f.tags AS tags,
      f.checksum AS checksum, f.visibility AS fileVisibility,
      f.created_at_ms AS createdAtMs, f.modified_at_ms AS modifiedAtMs,
      o.location AS location, o.codec AS codec, o.level AS level, o.reason AS reason, o.gain AS gain,
      o.frame_bytes AS frameBytes, o.stored_bytes AS storedBytes, o.sha256 AS sha256,
      CASE WHEN length(o.frame_index) <= ${frameIndexBytesKept} THEN o.frame_index END AS frameIndex
    FROM buckets b
    LEFT JOIN files f ON f.bucket_id = b.id AND f.key = ?2
    LEFT JOIN blobs o ON o.id = f.blob_id
    WHERE b.name = ?1`,
  params: ['bucketName', 'key'],
  reads: ['buckets', 'files', 'blobs'],
  writes: [],
})

interface FileValues {
  bucketId: string
  key: string
  versionId: string
  blobId: string
  sizeBytes: number
  etag: string
  contentType: string
  mediaType: string
  headers: string
  metadata: string
  tags: string
  createdAtMs: number
  modifiedAtMs: number
  checksum: string | null
  visibility: string | null
  [name: string]: string | number | null
}

/** Points a key at a blob: the one write that makes a file visible, or another. */
export const putFile = defineStatement<FileValues>({
  name: 'files.put',
  text: `INSERT INTO files (bucket_id, key, version_id, blob_id, size_bytes, etag, content_type,
      media_type, headers, metadata, tags, created_at_ms, modified_at_ms, checksum, visibility)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
    ON CONFLICT (bucket_id, key) DO UPDATE SET version_id = excluded.version_id, blob_id = excluded.blob_id,
      size_bytes = excluded.size_bytes, etag = excluded.etag, content_type = excluded.content_type,
      media_type = excluded.media_type, headers = excluded.headers, metadata = excluded.metadata, tags = excluded.tags,
      modified_at_ms = excluded.modified_at_ms, checksum = excluded.checksum, visibility = excluded.visibility`,
  params: [
    'bucketId',
    'key',
    'versionId',
    'blobId',
    'sizeBytes',
    'etag',
    'contentType',
    'mediaType',
    'headers',
    'metadata',
    'tags',
    'createdAtMs',
    'modifiedAtMs',
    'checksum',
    'visibility',
  ],
  reads: ['files'],
  writes: ['files'],
  writesRow: ['bucketId', 'key'],
})

export const describeFile = defineStatement<{
  bucketId: string
  key: string
  versionId: string
  contentType: string
  mediaType: string
  headers: string
  metadata: string
  tags: string
  modifiedAtMs: number
  visibility: string | null
}>({
  name: 'files.describe',
  text: `UPDATE files SET version_id = ?3, content_type = ?4, media_type = ?5, headers = ?6, metadata = ?7,
      tags = ?8, modified_at_ms = ?9, visibility = ?10
    WHERE bucket_id = ?1 AND key = ?2`,
  params: [
    'bucketId',
    'key',
    'versionId',
    'contentType',
    'mediaType',
    'headers',
    'metadata',
    'tags',
    'modifiedAtMs',
    'visibility',
  ],
  reads: ['files'],
  writes: ['files'],
  writesRow: ['bucketId', 'key'],
})

export const deleteFile = defineStatement<{ bucketId: string; key: string }>({
  name: 'files.delete',
  text: `DELETE FROM files WHERE bucket_id = ?1 AND key = ?2`,
  params: ['bucketId', 'key'],
  reads: ['files'],
  writes: ['files'],
  writesRow: ['bucketId', 'key'],
})
