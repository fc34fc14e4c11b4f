import type { Caller } from '../../core/accounts/caller.ts'
import { checksumNames } from '../../core/checksums/checksum.ts'
import {
  type ChecksumType,
  checksumTypes,
  multipartChecksumTypes,
  parseCompositeValue,
} from '../../core/checksums/multipart.ts'
import type { Core } from '../../core/core.ts'
import type { CompleteRequest } from '../../core/files/complete-upload.ts'
import { type CreateUploadRequest, findUpload, type UploadRef } from '../../core/files/uploads.ts'
import { changedRequest, type HttpRequest } from '../exchange.ts'
import { checksumHeader, invalidValue, readChecksumAlgorithm } from './checksum-headers.ts'
import type { S3Call } from './operation.ts'
import { isCuttyError, S3Error } from './s3-error.ts'

/**
 * The checksum that an upload in parts is begun with. Throws `InvalidRequest` where algorithm and type do not go together.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 */
export function readUploadChecksum(request: HttpRequest): CreateUploadRequest['checksum'] {
  const algorithm = readChecksumAlgorithm(request)
  const type = readChecksumType(request)
  if (algorithm === undefined) {
    if (type === undefined) return undefined
    const message =
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.'
    throw new S3Error('InvalidRequest', message)
  }
  const [usual] = multipartChecksumTypes[algorithm]
  if (type !== undefined && !multipartChecksumTypes[algorithm].includes(type)) {
    throw new S3Error(
      'InvalidRequest',
      `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    )
  }
  return { algorithm, type: type ?? usual }
}

function readChecksumType(request: HttpRequest): ChecksumType | undefined {
  const value = request.header('x-amz-checksum-type')?.trim().toUpperCase()
  const type = checksumTypes.find((each) => each === value)
  if (type !== undefined || value === undefined) return type
  throw new S3Error('InvalidRequest', 'Value for x-amz-checksum-type header is invalid.')
}

/**
 * Of the whole, as CompleteMultipartUpload has it: not of its own document, though the headers are the same. A type without a
 * value must be the upload's too.
 */
export async function readWholeChecksum(
  { core, caller, request }: Pick<S3Call, 'core' | 'caller' | 'request'>,
  ref: UploadRef,
): Promise<CompleteRequest['checksum']> {
  const declared = checksumNames.flatMap((algorithm) => {
    const value = request.header(checksumHeader(algorithm))?.trim()
    return value === undefined ? [] : [{ algorithm, value }]
  })
  if (declared.length > 1) {
    throw new S3Error('InvalidRequest', 'Expecting a single x-amz-checksum- header.')
  }
  const type = readChecksumType(request)
  const [checksum] = declared
  if (checksum) {
    if (!parseCompositeValue(checksum.algorithm, checksum.value)) throw invalidValue(checksum.algorithm)
    return { ...checksum, type }
  }
  if (type !== undefined) await checkType(core, caller, { ref, type })
  return undefined
}

async function checkType(
  core: Core,
  caller: Caller,
  { ref, type }: { ref: UploadRef; type: ChecksumType },
): Promise<void> {
  const upload = await findUpload(core, caller, ref).catch((error: unknown) => {
    // It may have been completed already, and this be a repeated request.
    if (!isCuttyError(error, 'upload_not_found')) throw error
    return undefined
  })
  if (!upload?.checksum || upload.checksum.type === type) return
  throw new S3Error(
    'InvalidRequest',
    `The upload was created using the ${upload.checksum.type} checksum mode. The complete request must use the same checksum mode.`,
  )
}

/** The request, as those see it who would take these checksums for the ones of its content. */
export function withoutChecksums(request: HttpRequest): HttpRequest {
  const isOfWhole = (name: string) =>
    name.startsWith('x-amz-checksum-') || name === 'x-amz-sdk-checksum-algorithm'
  return changedRequest(request, {
    header: (name) => (isOfWhole(name) ? undefined : request.header(name)),
    headers: () => [...request.headers()].filter(([name]) => !isOfWhole(name)),
  })
}
