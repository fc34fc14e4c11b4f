import { defineStatement } from './define.ts'

export type Visibility = 'private' | 'public'

export interface BucketRow {
  id: string
  name: string
  ownerId: string
  visibility: Visibility
  createdAtMs: number
}

const columns = 'id, name, owner_id AS ownerId, visibility, created_at_ms AS createdAtMs'

export const insertBucket = defineStatement<{
  id: string
  name: string
  ownerId: string
  visibility: string
  createdAtMs: number
}>({
  name: 'buckets.insert',
  text: `INSERT INTO buckets (id, name, owner_id, visibility, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)`,
  params: ['id', 'name', 'ownerId', 'visibility', 'createdAtMs'],
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

export const setVisibility = defineStatement<{ id: string; visibility: string }>({
  name: 'buckets.set_visibility',
  text: `UPDATE buckets SET visibility = ?2 WHERE id = ?1`,
  params: ['id', 'visibility'],
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
