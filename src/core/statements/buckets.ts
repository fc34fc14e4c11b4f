import { defineStatement } from './define.ts'

export type Visibility = 'private' | 'public'

export interface BucketRow {
  id: string
  name: string
  ownerId: string
  visibility: Visibility
  /** Its compression policy as JSON; null where it has none of its own. */
  compression: string | null
  /** S3's settings as JSON; null where there are none. */
  cors: string | null
  tags: string | null
  policy: string | null
  /** A list of prefixes as JSON: everybody may read files whose keys begin so. */
  publicPrefixes: string | null
  createdAtMs: number
}

const columns = `id, name, owner_id AS ownerId, visibility, compression, cors, tags, policy,
      public_prefixes AS publicPrefixes, created_at_ms AS createdAtMs`

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
  writesRow: ['id'],
})

export const findBucket = defineStatement<{ name: string }, BucketRow>({
  name: 'buckets.find',
  text: `SELECT ${columns} FROM buckets WHERE name = ?1`,
  params: ['name'],
  reads: ['buckets'],
  writes: [],
})

export const findBucketCors = defineStatement<{ name: string }, { cors: string }>({
  name: 'buckets.find_cors',
  text: `SELECT cors FROM buckets WHERE name = ?1 AND cors IS NOT NULL`,
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
  writesRow: ['id'],
})

/** Each is left as it is where its `set…` is 0. */
export const changeBucketSettings = defineStatement<{
  id: string
  setCors: number
  cors: string | null
  setTags: number
  tags: string | null
  setPolicy: number
  policy: string | null
  setPublicPrefixes: number
  publicPrefixes: string | null
}>({
  name: 'buckets.change_settings',
  text: `UPDATE buckets SET cors = CASE WHEN ?2 = 1 THEN ?3 ELSE cors END,
      tags = CASE WHEN ?4 = 1 THEN ?5 ELSE tags END,
      policy = CASE WHEN ?6 = 1 THEN ?7 ELSE policy END,
      public_prefixes = CASE WHEN ?8 = 1 THEN ?9 ELSE public_prefixes END
    WHERE id = ?1`,
  params: [
    'id',
    'setCors',
    'cors',
    'setTags',
    'tags',
    'setPolicy',
    'policy',
    'setPublicPrefixes',
    'publicPrefixes',
  ],
  reads: ['buckets'],
  writes: ['buckets'],
  writesRow: ['id'],
})

/** Changes no row when there is a file in it. Takes its uploads along. */
export const deleteEmptyBucket = defineStatement<{ id: string }>({
  name: 'buckets.delete_empty',
  text: `DELETE FROM buckets WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM files WHERE bucket_id = ?1)`,
  params: ['id'],
  reads: ['buckets', 'files'],
  writes: ['buckets', 'uploads'],
})
