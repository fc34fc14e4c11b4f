import { defineStatement } from './define.ts'

/**
 * Conditions that a batch of writes depends on. Each inserts a row into `guards`, where every insert fails, if
 * its condition does not hold; so it goes first in a batch and takes the batch down with it. The
 * failure names the guard (`DatabaseError.constraint`). This is how a batch says "only if" without an interactive
 * transaction, which D1 does not have.
 */

/**
 * The source is still this version: what was looked at is what is copied, renamed or changed. And its bytes are still in that
 * blob: recompression puts another in its place and leaves the version.
 */
export const sourceIsVersion = defineStatement<{
  bucketId: string
  key: string
  versionId: string
  blobId: string
}>({
  name: 'guards.source_is_version',
  text: `INSERT INTO guards (source)
    SELECT 1 WHERE NOT EXISTS (
      SELECT 1 FROM files WHERE bucket_id = ?1 AND key = ?2 AND version_id = ?3 AND blob_id = ?4)`,
  params: ['bucketId', 'key', 'versionId', 'blobId'],
  reads: ['files'],
  writes: ['guards'],
})

/** The destination is still this version. */
export const destinationIsVersion = defineStatement<{ bucketId: string; key: string; versionId: string }>({
  name: 'guards.destination_is_version',
  text: `INSERT INTO guards (destination)
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM files WHERE bucket_id = ?1 AND key = ?2 AND version_id = ?3)`,
  params: ['bucketId', 'key', 'versionId'],
  reads: ['files'],
  writes: ['guards'],
})

/** The destination does not exist (`If-None-Match: *`). */
export const destinationIsAbsent = defineStatement<{ bucketId: string; key: string }>({
  name: 'guards.destination_is_absent',
  text: `INSERT INTO guards (destination)
    SELECT 1 WHERE EXISTS (SELECT 1 FROM files WHERE bucket_id = ?1 AND key = ?2)`,
  params: ['bucketId', 'key'],
  reads: ['files'],
  writes: ['guards'],
})

/** Another administrator than this one is left. */
export const anotherAdminIsLeft = defineStatement<{ userId: string }>({
  name: 'guards.another_admin_is_left',
  text: `INSERT INTO guards (last_admin)
    SELECT 1 WHERE NOT EXISTS (
      SELECT 1 FROM users WHERE role = 'admin' AND disabled_at_ms IS NULL AND id <> ?1)`,
  params: ['userId'],
  reads: ['users'],
  writes: ['guards'],
  selective: false,
  bound: 'rare, and stops at the first administrator who is left',
})

/** The upload has neither been completed nor aborted. */
export const uploadIsOpen = defineStatement<{ uploadId: string }>({
  name: 'guards.upload_is_open',
  text: `INSERT INTO guards (upload)
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM uploads WHERE id = ?1 AND completed_at_ms IS NULL)`,
  params: ['uploadId'],
  reads: ['uploads'],
  writes: ['guards'],
})

/** The parts are those that were looked at: `parts` is JSON, `[[number, blobId], …]`. */
export const partsAreThese = defineStatement<{ uploadId: string; parts: string }>({
  name: 'guards.parts_are_these',
  text: `INSERT INTO guards (parts)
    SELECT 1 WHERE EXISTS (
      SELECT 1 FROM json_each(?2) listed
      LEFT JOIN upload_parts p ON p.upload_id = ?1 AND p.number = json_extract(listed.value, '$[0]')
      WHERE p.blob_id IS NOT json_extract(listed.value, '$[1]'))`,
  params: ['uploadId', 'parts'],
  reads: ['upload_parts'],
  writes: ['guards'],
})
