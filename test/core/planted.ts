import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Core } from '../../src/core/core.ts'
import { keyCeiling } from '../../src/core/files/names.ts'
import { type FileListRow, listByType } from '../../src/core/statements/listing.ts'

/** As somebody does it with SQLite's own shell, beside the server whose folder it is. */
export function plantIn(folder: string, text: string): void {
  const database = new DatabaseSync(join(folder, 'cutty.db'), { timeout: 5000 })
  database.exec(text)
  database.close()
}

/** So many files, the keys numbered on from `from`; all are of one bucket, `b`, and of one blob, `o`. */
export function plantFilesIn(folder: string, { count, from = 1 }: { count: number; from?: number }): void {
  plantIn(
    folder,
    `
    INSERT INTO blobs (id, location, codec, size_bytes, stored_bytes, frame_bytes, sha256, references_count, created_at_ms)
      VALUES ('o', 'row', 'identity', 1, 1, 1, x'00', 0, 0) ON CONFLICT DO NOTHING;
    INSERT INTO buckets (id, name, owner_id, visibility, created_at_ms)
      SELECT 'b', 'bucket', id, 'private', 0 FROM users WHERE true ON CONFLICT DO NOTHING;
    WITH RECURSIVE n (i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${from + count - 1})
    INSERT INTO files (bucket_id, key, version_id, blob_id, size_bytes, etag, content_type, media_type, headers, metadata,
        tags, created_at_ms, modified_at_ms)
      SELECT 'b', printf('%08d', i), 'v', 'o', 1, 'e', 'text/plain', 'text/plain', '{}', '{}', '{}', 0, i FROM n;
    UPDATE blobs SET references_count = references_count + ${count} WHERE id = 'o'`,
  )
}

/** A page of theirs by media type, which is found by an index of its own. */
export function listPlantedTypes({ database }: Core): Promise<FileListRow[]> {
  return database.query(listByType, {
    bucketId: 'b',
    from: '',
    to: keyCeiling,
    limit: 10,
    mediaType: 'text/plain',
  })
}
