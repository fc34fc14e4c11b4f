import { type Caller, requireUser } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { limits } from '../limits.ts'
import { countDamaged, totalsOfEverybody, totalsOfOwner, type TotalsRow } from '../statements/compression.ts'
import { readBucket } from './buckets.ts'
import { keyCeiling } from './names.ts'

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
  const isShownAll = bucket !== undefined || caller.role === 'admin'
  if (bucket !== undefined) await readBucket(core, caller, bucket)
  // No name has a control character.
  const [from, to] = bucket === undefined ? ['', keyCeiling] : [bucket, `${bucket}\u0001`]
  const { rows } = core
  const totals = isShownAll ? totalsOfEverybody : totalsOfOwner
  const span = { from, to, limit: limits.listPageMax, owner: userId }
  const [sum, byBucket, byUser, byMediaType, byCodec, byReason, damaged] = await Promise.all([
    rows.read(totals.sum, span),
    rows.read(totals.byBucket, span),
    rows.read(totals.byUser, span),
    rows.read(totals.byMediaType, span),
    rows.read(totals.byCodec, span),
    rows.read(totals.byReason, span),
    caller.role === 'admin' ? rows.read(countDamaged, {}) : [],
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
