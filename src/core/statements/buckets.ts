import { defineStatement } from './define.ts'

export type Visibility = 'private' | 'public'

export interface BucketRow {
  id: string
  name: string
  ownerId: string
  visibility: Visibility
  /** Its compression policy as JSON; null where it has none of its own. */
  compression: string | null
  createdAtMs: number
}

const columns = 'id, name, owner_id AS ownerId, visibility, compression, created_at_ms AS createdAtMs'

export const insertBucket = defineStatement<{
  id: string
  name: string
  ownerId: string
  visibility: string
  compression: string | null
  createdAtMs: number
}>({
  name: 'buckets.insert',
  text: `INSERT INTO buckets (id, name, owner_id, visibility, compression, created_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
  params: ['id', 'name', 'ownerId', 'visibility', 'compression', 'createdAtMs'],
  reads: ['users'],
  writes: ['buckets'],
})

export const findBucket = defineStatement<{ name: string }, BucketRow>({
  name: 'buckets.find',
  text: `SELECT ${columns} FROM buckets WHERE name = ?1`,
  params: ['name'],
  reads: ['buckets'],
  writes: [],
})

export const listBuckets = defineStatement<{ after: string; limit: number }, BucketRow>({
  name: 'buckets.list',
  text: `SELECT ${columns} FROM buckets WHERE name > ?1 ORDER BY name LIMIT ?2`,
  params: ['after', 'limit'],
  reads: ['buckets'],
  writes: [],
})

export const listBucketsOfOwner = defineStatement<
  { ownerId: string; after: string; limit: number },
  BucketRow
>({
  name: 'buckets.list_of_owner',
  text: `SELECT ${columns} FROM buckets WHERE owner_id = ?1 AND name > ?2 ORDER BY name LIMIT ?3`,
  params: ['ownerId', 'after', 'limit'],
  reads: ['buckets'],
  writes: [],
})

/** Null leaves the visibility; `setCompression` 0 leaves the policy. */
export const changeBucket = defineStatement<{
  id: string
  visibility: string | null
  setCompression: number
  compression: string | null
}>({
  name: 'buckets.change',
  text: `UPDATE buckets SET visibility = coalesce(?2, visibility),
      compression = CASE WHEN ?3 = 1 THEN ?4 ELSE compression END
    WHERE id = ?1`,
  params: ['id', 'visibility', 'setCompression', 'compression'],
  reads: ['buckets'],
  writes: ['buckets'],
})

/** Changes no row when there is a file in it. */
export const deleteEmptyBucket = defineStatement<{ id: string }>({
  name: 'buckets.delete_empty',
  text: `DELETE FROM buckets WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM files WHERE bucket_id = ?1)`,
  params: ['id'],
  reads: ['buckets', 'files'],
  writes: ['buckets'],
})
