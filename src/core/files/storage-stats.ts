import { type Caller, requireUser } from '../accounts/caller.ts'
import { gatherReads } from '../cache/gathered-reads.ts'
import type { Core } from '../core.ts'
import { limits } from '../limits.ts'
import {
  countDamaged,
  totalsOfBucket,
  totalsOfEverybody,
  totalsOfOwner,
  type TotalsRow,
} from '../statements/compression.ts'
import { readBucket } from './buckets.ts'

export interface StorageStats {
  readonly totals: TotalsRow
  readonly byBucket: readonly (TotalsRow & { bucket: string })[]
  readonly byUser: readonly (TotalsRow & { userId: string; name: string })[]
  readonly byMediaType: readonly (TotalsRow & { mediaType: string })[]
  readonly byCodec: readonly (TotalsRow & { codec: string })[]
  /** The verdict on the content. */
  readonly byReason: readonly (TotalsRow & { reason: string })[]
  /** As far as scrubs have found; for administrators. */
  readonly damagedBlobs: number | undefined
}

/**
 * What the caller's files take, an administrator's view being of everybody's; or those of one bucket. The `listPageMax`
 * largest entries of each kind. Every file counts with all of its blob, shared or not.
 */
export async function readStorageStats(
  core: Core,
  caller: Caller,
  request: { bucket?: string | undefined },
): Promise<StorageStats> {
  const userId = requireUser(caller)
  const { bucket } = request
  const { rows, database } = core
  // What is not in memory comes in one round trip, and is of one moment.
  const ask = gatherReads(database)
  const bucketId = bucket === undefined ? '' : (await readBucket(core, caller, bucket)).id
  const ofAll = caller.role === 'admin' ? totalsOfEverybody : totalsOfOwner
  const totals = bucket === undefined ? ofAll : totalsOfBucket
  const asked = { limit: limits.listPageMax, ownerId: userId, bucketId }
  const [sum, byBucket, byUser, byMediaType, byCodec, byReason, damaged] = await Promise.all([
    rows.read(totals.sum, asked, { ask }),
    rows.read(totals.byBucket, asked, { ask }),
    rows.read(totals.byUser, asked, { ask }),
    rows.read(totals.byMediaType, asked, { ask }),
    rows.read(totals.byCodec, asked, { ask }),
    rows.read(totals.byReason, asked, { ask }),
    caller.role === 'admin' ? rows.read(countDamaged, {}, { ask }) : [],
  ])
  return {
    totals: sum[0] as TotalsRow,
    byBucket,
    byUser,
    byMediaType,
    byCodec,
    byReason,
    damagedBlobs: damaged[0]?.count,
  }
}
