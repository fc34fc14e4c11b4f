import { findBucketRow } from '../../core/files/buckets.ts'
import { parseCopySource } from './copy-source.ts'
import type { S3Call } from './operation.ts'
import { S3Error } from './s3-error.ts'

/**
 * What clients say of whose bucket they think it is, so that a name which somebody else has taken meanwhile is not written to.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
 */
export async function checkExpectedOwners(call: S3Call): Promise<void> {
  const { request, bucket } = call
  const expected = request.header(ofBucket)
  if (expected !== undefined && bucket !== '') await checkOwner(call, bucket, expected)
  const expectedOfSource = request.header(ofSource)
  if (expectedOfSource !== undefined) {
    await checkOwner(call, parseCopySource(request).bucket, expectedOfSource)
  }
}

/** Few clients do. */
export function namesOwners({ request }: Pick<S3Call, 'request'>): boolean {
  return request.header(ofBucket) !== undefined || request.header(ofSource) !== undefined
}

const ofBucket = 'x-amz-expected-bucket-owner'
const ofSource = 'x-amz-source-expected-bucket-owner'

async function checkOwner({ core, caller }: S3Call, name: string, expected: string): Promise<void> {
  const { ownerId } = await findBucketRow(core, caller, name)
  if (ownerId !== expected) throw new S3Error('AccessDenied', 'The bucket is not owned by who you expect.')
}
