import type { Core } from '../core.ts'
import { prefixSuccessor } from '../files/names.ts'
import { type BucketRow, findBucket, listBuckets, listBucketsOfOwner } from '../statements/buckets.ts'
import { countFiles, findTotals } from '../statements/jobs.ts'
import { listFilteredByKey } from '../statements/listing.ts'
import type { JobScope } from './job.ts'

/** The bucket of the scope that comes after `after` by name; `''` for the first. */
export async function nextBucket(core: Core, scope: JobScope, after: string): Promise<BucketRow | undefined> {
  const { bucket: name, ownerId } = scope
  if (name !== undefined) {
    if (name <= after) return undefined
    const [bucket] = await core.database.query(findBucket, { name })
    // It may have been deleted since, and be another one's now.
    return bucket && (ownerId === undefined || bucket.ownerId === ownerId) ? bucket : undefined
  }
  const page = { after, limit: 1 }
  const [bucket] =
    ownerId === undefined
      ? await core.database.query(listBuckets, page)
      : await core.database.query(listBucketsOfOwner, { ...page, ownerId })
  return bucket
}

/** Files that are counted for a prefix: what is beyond would take longer than a look at the progress is worth. */
const countedFilesMax = 100_000

/** Files and plaintext bytes of a scope, for its progress. */
export async function totalsOfScope(core: Core, scope: JobScope): Promise<{ files: number; bytes: number }> {
  const sum = { files: 0, bytes: 0 }
  let after = ''
  for (;;) {
    const bucket = await nextBucket(core, scope, after)
    if (!bucket) return sum
    const totals = await totalsOfBucket(core, bucket.id, scope.prefix ?? '')
    sum.files += totals.files
    sum.bytes += totals.bytes
    after = bucket.name
  }
}

async function totalsOfBucket(core: Core, bucketId: string, prefix: string) {
  const none = { files: 0, bytes: 0 }
  if (prefix === '') return (await core.database.query(findTotals, { bucketId }))[0] ?? none
  const span = { bucketId, from: prefix, to: prefixSuccessor(prefix) }
  const [end] = await core.database.query(listFilteredByKey.scanEnd, { ...span, rows: countedFilesMax })
  return (await core.database.query(countFiles, { ...span, to: end?.key ?? span.to }))[0] ?? none
}
