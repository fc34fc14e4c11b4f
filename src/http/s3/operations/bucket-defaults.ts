import { readBucket } from '../../../core/files/buckets.ts'
import type { Operation } from '../operation.ts'
import { S3Error, type S3ErrorCode } from '../s3-error.ts'
import { xmlReply } from '../xml-reply.ts'
import type { XmlContent } from '../xml-write.ts'

/** A read of what no bucket has here: a document, or the error that says so. */
interface Default {
  readonly name: string
  readonly parameter: string
  readonly answer:
    | { readonly root: string; readonly content?: XmlContent }
    | { code: S3ErrorCode; message: string }
}

/** As S3 answers for a bucket that never had it, since clients look before they go on. */
const defaults: readonly Default[] = [
  {
    name: 'GetBucketAccelerateConfiguration',
    parameter: 'accelerate',
    answer: { root: 'AccelerateConfiguration' },
  },
  {
    name: 'GetBucketEncryption',
    parameter: 'encryption',
    answer: {
      code: 'ServerSideEncryptionConfigurationNotFoundError',
      message: 'The server side encryption configuration was not found',
    },
  },
  {
    name: 'GetBucketLifecycleConfiguration',
    parameter: 'lifecycle',
    answer: { code: 'NoSuchLifecycleConfiguration', message: 'The lifecycle configuration does not exist' },
  },
  { name: 'GetBucketLogging', parameter: 'logging', answer: { root: 'BucketLoggingStatus' } },
  {
    name: 'GetBucketNotificationConfiguration',
    parameter: 'notification',
    answer: { root: 'NotificationConfiguration' },
  },
  {
    name: 'GetBucketOwnershipControls',
    parameter: 'ownershipControls',
    answer: {
      code: 'OwnershipControlsNotFoundError',
      message: 'The bucket ownership controls were not found',
    },
  },
  {
    name: 'GetBucketReplication',
    parameter: 'replication',
    answer: {
      code: 'ReplicationConfigurationNotFoundError',
      message: 'The replication configuration was not found',
    },
  },
  {
    name: 'GetBucketRequestPayment',
    parameter: 'requestPayment',
    answer: { root: 'RequestPaymentConfiguration', content: { Payer: 'BucketOwner' } },
  },
  { name: 'GetBucketVersioning', parameter: 'versioning', answer: { root: 'VersioningConfiguration' } },
  {
    name: 'GetBucketWebsite',
    parameter: 'website',
    answer: {
      code: 'NoSuchWebsiteConfiguration',
      message: 'The specified bucket does not have a website configuration',
    },
  },
  {
    name: 'GetObjectLockConfiguration',
    parameter: 'object-lock',
    answer: {
      code: 'ObjectLockConfigurationNotFoundError',
      message: 'Object Lock configuration does not exist for this bucket',
    },
  },
  {
    name: 'GetPublicAccessBlock',
    parameter: 'publicAccessBlock',
    answer: {
      code: 'NoSuchPublicAccessBlockConfiguration',
      message: 'The public access block configuration was not found',
    },
  },
]

export const bucketDefaultOperations: readonly Operation[] = defaults.map(({ name, parameter, answer }) => ({
  name,
  method: 'GET',
  scope: 'bucket',
  parameter,
  lacks: 'setting it.',
  notes: 'Answers as S3 does for a bucket that never had it.',
  async handle({ core, caller, bucket }) {
    await readBucket(core, caller, bucket)
    if ('root' in answer) return xmlReply(200, answer.root, answer.content ?? '')
    throw new S3Error(answer.code, answer.message, { elements: { BucketName: bucket } })
  },
}))
