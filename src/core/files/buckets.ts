import { authorizeBucket, type Caller, missingBucket, requireUser } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { bind, DatabaseError } from '../ports/database.ts'
import {
  type BucketRow,
  deleteEmptyBucket,
  findBucket,
  insertBucket,
  listBuckets,
  listBucketsOfOwner,
  setVisibility,
  type Visibility,
} from '../statements/buckets.ts'
import { checkBucketName } from './names.ts'

/** A bucket of the caller's. Names are unique over all users, as in S3. */
export async function createBucket(
  core: Core,
  caller: Caller,
  input: { name: string; visibility: Visibility },
): Promise<BucketRow> {
  const ownerId = requireUser(caller)
  checkBucketName(input.name)
  const bucket = { id: core.ids.next(), ...input, ownerId, createdAtMs: core.clock.now() }
  await core.database.batch([bind(insertBucket, bucket)]).catch((error: unknown) => {
    if (error instanceof DatabaseError && error.kind === 'unique') {
      throw new CuttyError('bucket_exists', `The bucket name “${input.name}” is taken.`, { cause: error })
    }
    throw error
  })
  return bucket
}

/** Without authorisation, beyond hiding from the public what does not exist. */
export async function findBucketRow(core: Core, caller: Caller, name: string): Promise<BucketRow> {
  const [bucket] = await core.database.query(findBucket, { name })
  if (!bucket) throw missingBucket(caller, name)
  return bucket
}

export async function readBucket(core: Core, caller: Caller, name: string): Promise<BucketRow> {
  const bucket = await findBucketRow(core, caller, name)
  authorizeBucket(caller, 'list', bucket)
  return bucket
}

/** The caller's buckets by name; an administrator sees everybody's. */
export async function readBuckets(
  core: Core,
  caller: Caller,
  page: { after?: string | undefined; limit: number },
): Promise<{ buckets: BucketRow[]; next: string | undefined }> {
  const ownerId = requireUser(caller)
  const request = { after: page.after ?? '', limit: page.limit + 1 }
  const buckets =
    caller.role === 'admin'
      ? await core.database.query(listBuckets, request)
      : await core.database.query(listBucketsOfOwner, { ...request, ownerId })
  const shown = buckets.slice(0, page.limit)
  return { buckets: shown, next: buckets.length > page.limit ? shown.at(-1)?.name : undefined }
}

export async function changeVisibility(
  core: Core,
  caller: Caller,
  input: { name: string; visibility: Visibility },
): Promise<BucketRow> {
  const bucket = await findBucketRow(core, caller, input.name)
  authorizeBucket(caller, 'manage', bucket)
  await core.database.batch([bind(setVisibility, { id: bucket.id, visibility: input.visibility })])
  return { ...bucket, visibility: input.visibility }
}

/** Only an empty bucket can be deleted: `bucket_not_empty`. */
export async function deleteBucket(core: Core, caller: Caller, name: string): Promise<void> {
  const bucket = await findBucketRow(core, caller, name)
  authorizeBucket(caller, 'manage', bucket)
  const [result] = await core.database
    .batch([bind(deleteEmptyBucket, { id: bucket.id })])
    .catch((error: unknown) => {
      // A file that arrived in between holds the bucket by its foreign key.
      if (error instanceof DatabaseError && error.kind === 'foreign_key') return [{ changes: 0 }]
      throw error
    })
  if (result?.changes === 0) {
    throw new CuttyError('bucket_not_empty', `The bucket “${name}” still holds files.`)
  }
}
