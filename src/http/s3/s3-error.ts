import { CuttyError, type ErrorCode } from '../../core/errors.ts'
import { toCuttyError } from '../problem.ts'

/**
 * S3's error codes that we use, with their statuses.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
const statuses = {
  AccessDenied: 403,
  AccessForbidden: 403,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  BadDigest: 400,
  BadRequest: 400,
  BucketAlreadyExists: 409,
  BucketAlreadyOwnedByYou: 409,
  BucketNotEmpty: 409,
  ConditionalRequestConflict: 409,
  EntityTooLarge: 400,
  EntityTooSmall: 400,
  ExpiredToken: 400,
  IllegalLocationConstraintException: 400,
  IncompleteBody: 400,
  InsufficientStorage: 507,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidBucketName: 400,
  InvalidChunkSizeError: 400,
  InvalidDigest: 400,
  InvalidPart: 400,
  InvalidPartNumber: 416,
  InvalidPartOrder: 400,
  InvalidPolicyDocument: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidStorageClass: 400,
  InvalidTag: 400,
  InvalidToken: 400,
  InvalidURI: 400,
  KeyTooLongError: 400,
  MalformedACLError: 400,
  MalformedPOSTRequest: 400,
  MalformedPolicy: 400,
  MalformedTrailerError: 400,
  MalformedXML: 400,
  MaxPostPreDataLengthExceededError: 400,
  MetadataTooLarge: 400,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  MissingRequestBodyError: 400,
  MissingSecurityHeader: 400,
  NoSuchBucket: 404,
  NoSuchBucketPolicy: 404,
  NoSuchCORSConfiguration: 404,
  NoSuchKey: 404,
  NoSuchLifecycleConfiguration: 404,
  NoSuchPublicAccessBlockConfiguration: 404,
  NoSuchTagSet: 404,
  NoSuchUpload: 404,
  NoSuchVersion: 404,
  NoSuchWebsiteConfiguration: 404,
  NotAcceptable: 406,
  NotFound: 404,
  NotImplemented: 501,
  ObjectLockConfigurationNotFoundError: 404,
  OperationAborted: 409,
  OwnershipControlsNotFoundError: 404,
  PreconditionFailed: 412,
  ReplicationConfigurationNotFoundError: 404,
  RequestTimeTooSkewed: 403,
  ServerSideEncryptionConfigurationNotFoundError: 404,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  UnexpectedContent: 400,
  UnsupportedMediaType: 415,
  XAmzContentSHA256Mismatch: 400,
} as const

export type S3ErrorCode = keyof typeof statuses

export interface S3ErrorDetails {
  /** Further elements of the document. */
  readonly elements?: Readonly<Record<string, string | number | undefined>>
  readonly headers?: Record<string, string>
  readonly cause?: unknown
}

/** Thrown by what knows S3's own word for it; everything else throws a CuttyError, which is translated. */
export class S3Error extends Error {
  override readonly name = 'S3Error'
  readonly code: S3ErrorCode
  readonly status: number
  readonly elements: Readonly<Record<string, string | number | undefined>>
  readonly headers: Record<string, string>

  constructor(
    code: S3ErrorCode,
    message: string,
    { elements = {}, headers = {}, cause }: S3ErrorDetails = {},
  ) {
    super(message, { cause })
    this.code = code
    this.status = statuses[code]
    this.elements = elements
    this.headers = headers
  }
}

const codeOf: Record<ErrorCode, S3ErrorCode> = {
  invalid_request: 'InvalidRequest',
  invalid_key: 'InvalidArgument',
  invalid_bucket_name: 'InvalidBucketName',
  invalid_digest: 'InvalidDigest',
  digest_mismatch: 'BadDigest',
  body_size_mismatch: 'IncompleteBody',
  body_incomplete: 'IncompleteBody',
  too_large: 'EntityTooLarge',
  unsupported_media_type: 'UnsupportedMediaType',
  precondition_failed: 'PreconditionFailed',
  not_acceptable: 'NotAcceptable',
  range_not_satisfiable: 'InvalidRange',
  // S3 tells the public nothing else either.
  unauthenticated: 'AccessDenied',
  invalid_credentials: 'InvalidAccessKeyId',
  access_denied: 'AccessDenied',
  not_found: 'NotFound',
  bucket_not_found: 'NoSuchBucket',
  file_not_found: 'NoSuchKey',
  user_not_found: 'NotFound',
  key_not_found: 'NotFound',
  job_not_found: 'NotFound',
  upload_not_found: 'NoSuchUpload',
  invalid_part: 'InvalidPart',
  invalid_part_order: 'InvalidPartOrder',
  part_too_small: 'EntityTooSmall',
  method_not_allowed: 'MethodNotAllowed',
  bucket_exists: 'BucketAlreadyExists',
  bucket_not_empty: 'BucketNotEmpty',
  user_exists: 'InvalidRequest',
  last_admin: 'InvalidRequest',
  conflict: 'ConditionalRequestConflict',
  storage_full: 'InsufficientStorage',
  content_damaged: 'InternalError',
  storage_unavailable: 'ServiceUnavailable',
  codec_unavailable: 'ServiceUnavailable',
  not_ready: 'ServiceUnavailable',
  internal: 'InternalError',
}

/** Whatever was thrown, in S3's words. */
export function toS3Error(thrown: unknown): S3Error {
  if (thrown instanceof S3Error) return thrown
  const error = toCuttyError(thrown)
  const { headers, keyBytesMax } = error.extras as { headers?: Record<string, string>; keyBytesMax?: number }
  const code = keyBytesMax === undefined ? codeOf[error.code] : 'KeyTooLongError'
  // Who is nobody here is told otherwise by REST.
  const message =
    error.code === 'unauthenticated' ? 'Access Denied: sign the request with an access key.' : error.message
  return new S3Error(code, message, { cause: error, ...(headers && { headers }) })
}

/** Whether it is ours to mend, so that its cause is reported. */
export function isS3Failure({ status, code }: S3Error): boolean {
  return status >= 500 && code !== 'NotImplemented'
}

/** What a caller may not know apart: not there, or not for them. */
export function isCuttyError(thrown: unknown, code: ErrorCode): boolean {
  return thrown instanceof CuttyError && thrown.code === code
}
