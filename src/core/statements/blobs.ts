import { defineStatement } from './define.ts'

/** A new blob, pointed at by one file. */
export const insertBlob = defineStatement<{
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
}>({
  name: 'blobs.insert',
  text: `INSERT INTO blobs (id, location, codec, level, reason, gain, size_bytes, stored_bytes, frame_bytes,
      frame_index, sha256, references_count, created_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1, ?12)`,
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
  ],
  reads: [],
  writes: ['blobs'],
})

export const insertBlobBody = defineStatement<{ id: string; bytes: Uint8Array }>({
  name: 'blobs.insert_body',
  text: `INSERT INTO blob_bodies (blob_id, bytes) VALUES (?1, ?2)`,
  params: ['id', 'bytes'],
  reads: ['blobs'],
  writes: ['blob_bodies'],
})

export const findBlobBody = defineStatement<{ id: string }, { bytes: Uint8Array }>({
  name: 'blobs.find_body',
  text: `SELECT bytes FROM blob_bodies WHERE blob_id = ?1`,
  params: ['id'],
  reads: ['blob_bodies'],
  writes: [],
})

/** Where the frames of a blob are. */
export const findFrameIndex = defineStatement<{ id: string }, { bytes: Uint8Array | null }>({
  name: 'blobs.find_frame_index',
  text: `SELECT frame_index AS bytes FROM blobs WHERE id = ?1`,
  params: ['id'],
  reads: ['blobs'],
  writes: [],
})

/** One more file points here. */
export const referenceBlob = defineStatement<{ id: string }>({
  name: 'blobs.reference',
  text: `UPDATE blobs SET references_count = references_count + 1, garbage_since_ms = NULL WHERE id = ?1`,
  params: ['id'],
  reads: ['blobs'],
  writes: ['blobs'],
})

/** What a blob becomes that one file, or one part of an upload, points at no longer. */
export const released = (nowMs: string) => `references_count = references_count - 1,
      garbage_since_ms = CASE WHEN references_count = 1 THEN ${nowMs} ELSE NULL END`

/** Goes before the statement that repoints or deletes a file: its present blob has one file less. */
export const releaseBlobOfFile = defineStatement<{ bucketId: string; key: string; nowMs: number }>({
  name: 'blobs.release_of_file',
  text: `UPDATE blobs SET ${released('?3')}
    WHERE id = (SELECT blob_id FROM files WHERE bucket_id = ?1 AND key = ?2)`,
  params: ['bucketId', 'key', 'nowMs'],
  reads: ['blobs', 'files'],
  writes: ['blobs'],
})

/** Blobs that nothing has pointed at since `beforeMs`, oldest garbage first. */
export const findGarbage = defineStatement<
  { beforeMs: number; limit: number },
  { id: string; location: string; sizeBytes: number; frameBytes: number }
>({
  name: 'blobs.find_garbage',
  text: `SELECT id, location, size_bytes AS sizeBytes, frame_bytes AS frameBytes FROM blobs WHERE garbage_since_ms < ?1 ORDER BY garbage_since_ms LIMIT ?2`,
  params: ['beforeMs', 'limit'],
  reads: ['blobs'],
  writes: [],
})

/** Takes a body of the database along, and where its parts were. */
export const deleteGarbage = defineStatement<{ id: string }>({
  name: 'blobs.delete_garbage',
  text: `DELETE FROM blobs WHERE id = ?1 AND references_count = 0`,
  params: ['id'],
  reads: ['blobs'],
  writes: ['blobs', 'blob_bodies', 'blob_parts'],
})

/** Ids of blobs in the store that have a row, from `first` to `last`, both included. */
export const findBlobsBetween = defineStatement<{ first: string; last: string }, { id: string }>({
  name: 'blobs.find_between',
  text: `SELECT id FROM blobs WHERE id >= ?1 AND id <= ?2 AND location = 'store' ORDER BY id`,
  params: ['first', 'last'],
  reads: ['blobs'],
  writes: [],
})
