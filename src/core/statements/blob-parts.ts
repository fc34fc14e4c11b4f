import { released } from './blobs.ts'
import { defineStatement } from './define.ts'
import { blobColumns, type StoredBlobRow } from './rewrite.ts'

/** Where the parts of what was uploaded in parts begin and end, and where their bytes are. */

export interface BlobPartRow extends StoredBlobRow {
  number: number
  /** In the plaintext of the whole, of the first byte after the part. */
  endBytes: number
}

/** Blobs that make up another, from the one that has the byte at `position` on. Empty parts have no byte. */
export const findPartBlobs = defineStatement<
  { blobId: string; position: number; limit: number },
  BlobPartRow
>({
  name: 'blob_parts.find_blobs',
  text: `SELECT p.number AS number, p.end_bytes AS endBytes, ${blobColumns}
    FROM blob_parts p CROSS JOIN blobs o ON o.id = p.part_blob_id
    WHERE p.blob_id = ?1 AND p.end_bytes > ?2 ORDER BY p.end_bytes, p.number LIMIT ?3`,
  params: ['blobId', 'position', 'limit'],
  reads: ['blob_parts', 'blobs'],
  writes: [],
})

export interface PartRow {
  number: number
  endBytes: number
  sizeBytes: number
  /** Base64, of the file's algorithm. */
  checksum: string | null
}

/** Parts of a file, after the number `after`. */
export const listBlobParts = defineStatement<{ blobId: string; after: number; limit: number }, PartRow>({
  name: 'blob_parts.list',
  text: `SELECT number, end_bytes AS endBytes, size_bytes AS sizeBytes, checksum FROM blob_parts
    WHERE blob_id = ?1 AND number > ?2 ORDER BY number LIMIT ?3`,
  params: ['blobId', 'after', 'limit'],
  reads: ['blob_parts'],
  writes: [],
})

/** One row, whose count is zero where there are no parts. */
export const countBlobParts = defineStatement<{ blobId: string }, { count: number }>({
  name: 'blob_parts.count',
  text: `SELECT count(*) AS count FROM blob_parts WHERE blob_id = ?1`,
  params: ['blobId'],
  reads: ['blob_parts'],
  writes: [],
})

/** `parts` is JSON: `[[number, endBytes, sizeBytes, partBlobId or null, checksum or null], …]`. */
export const insertBlobParts = defineStatement<{ blobId: string; parts: string }>({
  name: 'blob_parts.insert',
  text: `INSERT INTO blob_parts (blob_id, number, end_bytes, size_bytes, part_blob_id, checksum)
    SELECT ?1, json_extract(listed.value, '$[0]'), json_extract(listed.value, '$[1]'),
      json_extract(listed.value, '$[2]'), json_extract(listed.value, '$[3]'), json_extract(listed.value, '$[4]')
    FROM json_each(?2) listed`,
  params: ['blobId', 'parts'],
  reads: ['blobs'],
  writes: ['blob_parts'],
})

/** For a blob that has the same bytes as another, in one piece. */
export const copyBlobParts = defineStatement<{ from: string; to: string }>({
  name: 'blob_parts.copy',
  text: `INSERT INTO blob_parts (blob_id, number, end_bytes, size_bytes, part_blob_id, checksum)
    SELECT ?2, number, end_bytes, size_bytes, NULL, checksum FROM blob_parts WHERE blob_id = ?1`,
  params: ['from', 'to'],
  reads: ['blob_parts', 'blobs'],
  writes: ['blob_parts'],
})

/** The blobs of which a composite consists that is garbage; goes before the statement that deletes it. */
export const releasePartBlobs = defineStatement<{ id: string; sinceMs: number }>({
  name: 'blob_parts.release_blobs',
  text: `UPDATE blobs SET ${released('?2')}
    WHERE id IN (SELECT part_blob_id FROM blob_parts WHERE blob_id = ?1)
      AND (SELECT references_count FROM blobs WHERE id = ?1) = 0`,
  params: ['id', 'sinceMs'],
  reads: ['blobs', 'blob_parts'],
  writes: ['blobs'],
})
