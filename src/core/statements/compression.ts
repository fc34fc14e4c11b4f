import { defineStatement } from './define.ts'

/** Blobs that a scrub found damaged, and none found whole since. */
export const countDamaged = defineStatement<Record<string, never>, { count: number }>({
  name: 'compression.count_damaged',
  text: `SELECT count(*) AS count FROM blobs WHERE damaged_at_ms IS NOT NULL`,
  params: [],
  reads: ['blobs'],
  writes: [],
})

/** What files take, and how many they are; of shared blobs each counts. */
export interface TotalsRow {
  files: number
  sizeBytes: number
  storedBytes: number
}

const sums = `coalesce(sum(t.files), 0) AS files, coalesce(sum(t.size_bytes), 0) AS sizeBytes,
      coalesce(sum(t.stored_bytes), 0) AS storedBytes`

/** Of whose files totals are: where their rows are, and by what those of one bucket come together. */
const parts = {
  // Every row belongs to a bucket: to go through the buckets and find each one's takes 3 ms for 3,000, and all rows 1 ms.
  everybody: {
    params: ['limit'],
    source: 'FROM storage_totals t',
    ofBuckets: '',
    bucket: 't.bucket_id',
  },
  owner: {
    params: ['limit', 'ownerId'],
    source: 'FROM buckets b CROSS JOIN storage_totals t ON t.bucket_id = b.id WHERE b.owner_id = ?2',
    ofBuckets: 'WHERE b.owner_id = ?2',
    // As the index has them: nothing is sorted.
    bucket: 'b.name, b.id',
  },
  bucket: {
    params: ['limit', 'bucketId'],
    source: 'FROM storage_totals t WHERE t.bucket_id = ?2',
    ofBuckets: 'WHERE b.id = ?2',
    bucket: 't.bucket_id',
  },
} as const

/** Totals as a whole and by what they can be told apart by, the largest first. */
function totalsOf(whose: keyof typeof parts) {
  /** Of the ids each looks at its own. */
  type Asked = { limit: number; ownerId: string; bucketId: string }
  const { params, source, ofBuckets, bucket } = parts[whose]
  const reads = whose === 'owner' ? ['buckets', 'storage_totals'] : ['storage_totals']

  const unselective = {
    selective: false,
    bound: 'reads totals: a row for each bucket, type, codec and verdict',
  } as const
  const by = <As extends string>(column: 'media_type' | 'codec' | 'reason', as: As) =>
    defineStatement<Asked, TotalsRow & Record<As, string>>({
      name: `compression.totals_of_${whose}_by_${column}`,
      text: `SELECT t.${column} AS ${as}, ${sums} ${source}
    GROUP BY t.${column} ORDER BY storedBytes DESC, t.${column} LIMIT ?1`,
      params,
      reads,
      writes: [],
      ...unselective,
    })
  /** What stands for each largest group is looked up afterwards: names are long, and most groups are not shown. */
  const ofLargest = `largest.files AS files, largest.size_bytes AS sizeBytes, largest.stored_bytes AS storedBytes`
  const largest = (id: string, rest: string) => `
    FROM (
      SELECT ${id} AS id, sum(t.files) AS files, sum(t.size_bytes) AS size_bytes, sum(t.stored_bytes) AS stored_bytes
      ${rest} ORDER BY 4 DESC, 1 LIMIT ?1) largest`

  return {
    /** One row. */
    sum: defineStatement<Asked, TotalsRow>({
      name: `compression.totals_of_${whose}`,
      text: `SELECT ${sums} ${source} LIMIT ?1`,
      params,
      reads,
      writes: [],
      ...(whose === 'everybody' && unselective),
    }),
    byBucket: defineStatement<Asked, TotalsRow & Record<'bucket', string>>({
      name: `compression.totals_of_${whose}_by_bucket`,
      text: `SELECT n.name AS bucket, ${ofLargest} ${largest('t.bucket_id', `${source} GROUP BY ${bucket}`)}
    CROSS JOIN buckets n ON n.id = largest.id ORDER BY largest.stored_bytes DESC, n.name`,
      params,
      reads: ['buckets', 'storage_totals'],
      writes: [],
      ...unselective,
    }),
    /** Through the buckets in the order of their owners, so that nothing is sorted but the owners. */
    byUser: defineStatement<Asked, TotalsRow & Record<'userId' | 'name', string>>({
      name: `compression.totals_of_${whose}_by_user`,
      text: `SELECT u.id AS userId, u.name AS name, ${ofLargest} ${largest(
        'b.owner_id',
        `FROM buckets b CROSS JOIN storage_totals t ON t.bucket_id = b.id ${ofBuckets} GROUP BY b.owner_id`,
      )}
    CROSS JOIN users u ON u.id = largest.id ORDER BY largest.stored_bytes DESC, largest.id`,
      params,
      reads: ['buckets', 'storage_totals', 'users'],
      writes: [],
      ...unselective,
    }),
    byMediaType: by('media_type', 'mediaType'),
    byCodec: by('codec', 'codec'),
    byReason: by('reason', 'reason'),
  }
}

export const totalsOfEverybody = totalsOf('everybody')
export const totalsOfOwner = totalsOf('owner')
export const totalsOfBucket = totalsOf('bucket')
