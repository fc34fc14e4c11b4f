import { authorizeBucket, type Caller, missingBucket, requireUser } from '../accounts/caller.ts'
import type { CompressionPolicy } from '../compression/policy.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { bind, DatabaseError } from '../ports/database.ts'
import {
  type BucketRow,
  changeBucket as changeBucketRow,
  changeBucketSettings as changeBucketSettingsRow,
  deleteEmptyBucket,
  findBucket,
  insertBucket,
  listBuckets,
  listBucketsOfOwner,
  type Visibility,
} from '../statements/buckets.ts'
import { releasePartsOfBucket } from '../statements/uploads.ts'
import { checkBucketName } from './names.ts'

const noSettings = { cors: null, tags: null, policy: null, publicPrefixes: null }

/** A bucket of the caller's. Names are unique over all users, as in S3. */
export async function createBucket(
  core: Core,
  caller: Caller,
  input: { name: string; visibility: Visibility; compression?: Partial<CompressionPolicy> | undefined },
): Promise<BucketRow> {
  const ownerId = requireUser(caller)
  const { name, visibility } = input
  checkBucketName(name)
  const compression = input.compression ? JSON.stringify(input.compression) : null
  const bucket: BucketRow = {
    ...noSettings,
    id: core.ids.next(),
    name,
    visibility,
    compression,
    ownerId,
    createdAtMs: core.clock.now(),
  }
  await core.database
    .batch([
      bind(insertBucket, {
        id: bucket.id,
        name,
        visibility,
        compression,
        ownerId,
        createdAtMs: bucket.createdAtMs,
      }),
    ])
    .catch((error: unknown) => {
      if (error instanceof DatabaseError && error.kind === 'unique') {
        throw new CuttyError('bucket_exists', `The bucket name “${input.name}” is taken.`, { cause: error })
      }
      throw error
    })
  return bucket
}

/**
 * Without authorisation, beyond hiding from the public what does not exist. Never older than this call, unless it is `kept`:
 * for who only reads.
 */
export async function findBucketRow(
  core: Core,
  caller: Caller,
  name: string,
  { kept = false } = {},
): Promise<BucketRow> {
  const [bucket] = await (kept
    ? core.rows.read(findBucket, { name })
    : core.database.query(findBucket, { name }))
  if (!bucket) throw missingBucket(caller, name)
  return bucket
}

export async function readBucket(core: Core, caller: Caller, name: string): Promise<BucketRow> {
  const bucket = await findBucketRow(core, caller, name, { kept: true })
  authorizeBucket(caller, 'list', bucket)
  return bucket
}

/** The caller's buckets by name; an administrator sees everybody's. */
export async function readBuckets(
  core: Core,
  caller: Caller,
  page: { after?: string | undefined; limit: number },
): Promise<{ buckets: readonly BucketRow[]; next: string | undefined }> {
  const ownerId = requireUser(caller)
  const request = { after: page.after ?? '', limit: page.limit + 1 }
  const buckets =
    caller.role === 'admin'
      ? await core.rows.read(listBuckets, request)
      : await core.rows.read(listBucketsOfOwner, { ...request, ownerId })
  const shown = buckets.slice(0, page.limit)
  return { buckets: shown, next: buckets.length > page.limit ? shown.at(-1)?.name : undefined }
}

/** What is left out stays; `compression: null` goes back to the default policy. Files that are there stay as they are. */
export async function changeBucket(
  core: Core,
  caller: Caller,
  input: {
    name: string
    visibility?: Visibility | undefined
    compression?: Partial<CompressionPolicy> | null | undefined
  },
): Promise<BucketRow> {
  const bucket = await findBucketRow(core, caller, input.name)
  authorizeBucket(caller, 'manage', bucket)
  const { visibility, compression } = input
  const policy = compression ? JSON.stringify(compression) : null
  const setCompression = compression === undefined ? 0 : 1
  await core.database.batch([
    bind(changeBucketRow, {
      id: bucket.id,
      visibility: visibility ?? null,
      setCompression,
      compression: policy,
    }),
  ])
  return {
    ...bucket,
    visibility: visibility ?? bucket.visibility,
    compression: setCompression ? policy : bucket.compression,
  }
}

/** S3's settings of a bucket, as JSON where it is S3 that says what is in them; null: none. */
export interface BucketSettings {
  readonly cors?: string | null | undefined
  readonly tags?: string | null | undefined
  readonly policy?: string | null | undefined
  /** Everybody may read files whose keys begin like one of these. */
  readonly publicPrefixes?: readonly string[] | null | undefined
}

/** What is left out stays. */
export async function changeBucketSettings(
  core: Core,
  caller: Caller,
  input: BucketSettings & { name: string },
): Promise<BucketRow> {
  const bucket = await findBucketRow(core, caller, input.name)
  authorizeBucket(caller, 'manage', bucket)
  const { cors, tags, policy } = input
  const publicPrefixes = input.publicPrefixes?.length ? JSON.stringify(input.publicPrefixes) : null
  const isSet = (value: unknown) => (value === undefined ? 0 : 1)
  await core.database.batch([
    bind(changeBucketSettingsRow, {
      id: bucket.id,
      setCors: isSet(cors),
      cors: cors ?? null,
      setTags: isSet(tags),
      tags: tags ?? null,
      setPolicy: isSet(policy),
      policy: policy ?? null,
      setPublicPrefixes: isSet(input.publicPrefixes),
      publicPrefixes,
    }),
  ])
  return {
    ...bucket,
    cors: cors === undefined ? bucket.cors : cors,
    tags: tags === undefined ? bucket.tags : tags,
    policy: policy === undefined ? bucket.policy : policy,
    publicPrefixes: input.publicPrefixes === undefined ? bucket.publicPrefixes : publicPrefixes,
  }
}

/** Only an empty bucket can be deleted: `bucket_not_empty`. Uploads under way end, as in S3's general purpose buckets. */
export async function deleteBucket(core: Core, caller: Caller, name: string): Promise<void> {
  const bucket = await findBucketRow(core, caller, name)
  authorizeBucket(caller, 'manage', bucket)
  const [, result] = await core.database
    .batch([
      bind(releasePartsOfBucket, { bucketId: bucket.id, nowMs: core.clock.now() }),
      bind(deleteEmptyBucket, { id: bucket.id }),
    ])
    .catch((error: unknown) => {
      // A file that arrived in between holds the bucket by its foreign key.
      if (error instanceof DatabaseError && error.kind === 'foreign_key')
        return [{ changes: 0 }, { changes: 0 }]
      throw error
    })
  if (result?.changes === 0) {
    throw new CuttyError('bucket_not_empty', `The bucket “${name}” still holds files.`)
  }
}
