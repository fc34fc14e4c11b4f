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

/**
 * Totals of the buckets whose names are from `from` to before `to`, as a whole and by what they can be told apart by, the
 * largest first. Goes through the buckets and finds each one's totals by its id.
 */
function totalsOf(whose: 'everybody' | 'owner') {
  /** Everybody's statements do not look at `owner`. */
  type Span = { from: string; to: string; limit: number; owner: string }
  const ofOwner = whose === 'owner'
  const params = ofOwner ? (['from', 'to', 'limit', 'owner'] as const) : (['from', 'to', 'limit'] as const)
  const source = `FROM buckets b CROSS JOIN storage_totals t ON t.bucket_id = b.id`
  const where = `WHERE b.name >= ?1 AND b.name < ?2${ofOwner ? ' AND b.owner_id = ?4' : ''}`
  const reads = ['buckets', 'storage_totals']

  const by = <Name extends string>(name: string, of: { columns: string; group: string; users?: true }) =>
    defineStatement<Span, TotalsRow & Record<Name, string>>({
      name: `compression.totals_of_${whose}_by_${name}`,
      text: `SELECT ${of.columns}, ${sums} ${source}${of.users ? ' JOIN users u ON u.id = b.owner_id' : ''} ${where}
    GROUP BY ${of.group} ORDER BY storedBytes DESC, ${of.group} LIMIT ?3`,
      params,
      reads: of.users ? [...reads, 'users'] : reads,
      writes: [],
    })

  return {
    /** One row. */
    sum: defineStatement<Span, TotalsRow>({
      name: `compression.totals_of_${whose}`,
      text: `SELECT ${sums} ${source} ${where} LIMIT ?3`,
      params,
      reads,
      writes: [],
    }),
    byBucket: by<'bucket'>('bucket', { columns: 'b.name AS bucket', group: 'b.name' }),
    byUser: by<'userId' | 'name'>('user', {
      columns: 'b.owner_id AS userId, u.name AS name',
      // Hidden from the planner, who would go through all buckets by their owners instead.
      group: `b.owner_id || ''`,
      users: true,
    }),
    byMediaType: by<'mediaType'>('media_type', {
      columns: 't.media_type AS mediaType',
      group: 't.media_type',
    }),
    byCodec: by<'codec'>('codec', { columns: 't.codec AS codec', group: 't.codec' }),
    byReason: by<'reason'>('reason', { columns: 't.reason AS reason', group: 't.reason' }),
  }
}

export const totalsOfEverybody = totalsOf('everybody')
export const totalsOfOwner = totalsOf('owner')
