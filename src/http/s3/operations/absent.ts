import type { AbsentOperation, S3Method, Scope } from '../operation.ts'

/** Subresources of which no operation of these methods is offered, by S3's names of the operations. */
function absent(
  scope: Scope,
  parameter: string,
  names: Partial<Record<S3Method, string | readonly string[]>>,
): AbsentOperation[] {
  return Object.entries(names).flatMap(([method, named]) =>
    [named].flat().map((name) => ({ name, method: method as S3Method, scope, parameter })),
  )
}

/**
 * What S3's API reference has and is not offered, reads of what a bucket never had apart: those are answered as S3 does of such a
 * bucket (`bucket-defaults.ts`). https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
 */
export const absentOperations: readonly AbsentOperation[] = [
  { name: 'WriteGetObjectResponse', method: 'POST', scope: 'service' },
  ...absent('bucket', 'abac', { GET: 'GetBucketAbac', PUT: 'PutBucketAbac' }),
  ...absent('bucket', 'accelerate', { PUT: 'PutBucketAccelerateConfiguration' }),
  ...absent('bucket', 'analytics', {
    GET: ['ListBucketAnalyticsConfigurations', 'GetBucketAnalyticsConfiguration'],
    PUT: 'PutBucketAnalyticsConfiguration',
    DELETE: 'DeleteBucketAnalyticsConfiguration',
  }),
  ...absent('bucket', 'encryption', { PUT: 'PutBucketEncryption', DELETE: 'DeleteBucketEncryption' }),
  ...absent('bucket', 'intelligent-tiering', {
    GET: ['ListBucketIntelligentTieringConfigurations', 'GetBucketIntelligentTieringConfiguration'],
    PUT: 'PutBucketIntelligentTieringConfiguration',
    DELETE: 'DeleteBucketIntelligentTieringConfiguration',
  }),
  ...absent('bucket', 'inventory', {
    GET: ['ListBucketInventoryConfigurations', 'GetBucketInventoryConfiguration'],
    PUT: 'PutBucketInventoryConfiguration',
    DELETE: 'DeleteBucketInventoryConfiguration',
  }),
  ...absent('bucket', 'lifecycle', {
    PUT: 'PutBucketLifecycleConfiguration',
    DELETE: 'DeleteBucketLifecycle',
  }),
  ...absent('bucket', 'logging', { PUT: 'PutBucketLogging' }),
  ...absent('bucket', 'metadataAnnotationTable', {
    PUT: 'UpdateBucketMetadataAnnotationTableConfiguration',
  }),
  ...absent('bucket', 'metadataConfiguration', {
    GET: 'GetBucketMetadataConfiguration',
    POST: 'CreateBucketMetadataConfiguration',
    DELETE: 'DeleteBucketMetadataConfiguration',
  }),
  ...absent('bucket', 'metadataInventoryTable', { PUT: 'UpdateBucketMetadataInventoryTableConfiguration' }),
  ...absent('bucket', 'metadataJournalTable', { PUT: 'UpdateBucketMetadataJournalTableConfiguration' }),
  ...absent('bucket', 'metadataTable', {
    GET: 'GetBucketMetadataTableConfiguration',
    POST: 'CreateBucketMetadataTableConfiguration',
    DELETE: 'DeleteBucketMetadataTableConfiguration',
  }),
  ...absent('bucket', 'metrics', {
    GET: ['ListBucketMetricsConfigurations', 'GetBucketMetricsConfiguration'],
    PUT: 'PutBucketMetricsConfiguration',
    DELETE: 'DeleteBucketMetricsConfiguration',
  }),
  ...absent('bucket', 'notification', { PUT: 'PutBucketNotificationConfiguration' }),
  ...absent('bucket', 'object-lock', { PUT: 'PutObjectLockConfiguration' }),
  ...absent('bucket', 'ownershipControls', {
    PUT: 'PutBucketOwnershipControls',
    DELETE: 'DeleteBucketOwnershipControls',
  }),
  ...absent('bucket', 'publicAccessBlock', {
    PUT: 'PutPublicAccessBlock',
    DELETE: 'DeletePublicAccessBlock',
  }),
  ...absent('bucket', 'replication', { PUT: 'PutBucketReplication', DELETE: 'DeleteBucketReplication' }),
  ...absent('bucket', 'requestPayment', { PUT: 'PutBucketRequestPayment' }),
  ...absent('bucket', 'session', { GET: 'CreateSession' }),
  ...absent('bucket', 'versioning', { PUT: 'PutBucketVersioning' }),
  ...absent('bucket', 'website', { PUT: 'PutBucketWebsite', DELETE: 'DeleteBucketWebsite' }),
  ...absent('object', 'annotation', {
    GET: ['ListObjectAnnotations', 'GetObjectAnnotation'],
    PUT: 'PutObjectAnnotation',
    DELETE: 'DeleteObjectAnnotation',
  }),
  ...absent('object', 'encryption', { PUT: 'UpdateObjectEncryption' }),
  ...absent('object', 'legal-hold', { GET: 'GetObjectLegalHold', PUT: 'PutObjectLegalHold' }),
  ...absent('object', 'renameObject', { PUT: 'RenameObject' }),
  ...absent('object', 'restore', { POST: 'RestoreObject' }),
  ...absent('object', 'retention', { GET: 'GetObjectRetention', PUT: 'PutObjectRetention' }),
  ...absent('object', 'select', { POST: 'SelectObjectContent' }),
  ...absent('object', 'torrent', { GET: 'GetObjectTorrent' }),
]
