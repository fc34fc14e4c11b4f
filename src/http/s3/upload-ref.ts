import { type ChecksumName, checksumNames } from '../../core/checksums/checksum.ts'
import { CuttyError, type ErrorCode } from '../../core/errors.ts'
import type { UploadRef } from '../../core/files/uploads.ts'
import { limits } from '../../core/limits.ts'
import { checksumHeader } from './checksum-headers.ts'
import type { S3Call } from './operation.ts'
import type { S3Query } from './query.ts'
import { S3Error, type S3ErrorCode, type S3ErrorDetails } from './s3-error.ts'
import type { XmlElement } from './xml-read.ts'

/** The upload that a request names. */
export function uploadOf({ bucket, key, query }: Pick<S3Call, 'bucket' | 'key' | 'query'>): UploadRef {
  const uploadId = query.get('uploadId')
  // Not every database could tell a text with a NUL from what stands before it.
  if (uploadId?.includes('\0')) throw new S3Error('NoSuchUpload', 'There is no such upload.')
  if (uploadId) return { bucket, key, uploadId }
  throw new S3Error('InvalidArgument', 'The parameter uploadId is missing.', {
    elements: { ArgumentName: 'uploadId', ArgumentValue: uploadId },
  })
}

/** `?partNumber=`, in S3's words where it is none. */
export function readPartNumber(query: S3Query): number {
  const text = query.get('partNumber') ?? ''
  return parsePartNumber(text) ?? refusePartNumber('partNumber', text)
}

/** `undefined` for what is no number of a part. */
export function parsePartNumber(text: string): number | undefined {
  const number = Number(text)
  return /^\d{1,15}$/.test(text) && number >= 1 && number <= limits.partsMax ? number : undefined
}

export function refusePartNumber(name: string, text: string): never {
  const message = `Part number must be an integer between 1 and ${limits.partsMax}, inclusive`
  throw new S3Error('InvalidArgument', message, {
    elements: { ArgumentName: name, ArgumentValue: text },
  })
}

type Extras = Readonly<Record<string, string | number | undefined>>

/** What S3's documents tell beside the code. */
const explained: Partial<
  Record<ErrorCode, [S3ErrorCode, (extras: Extras, uploadId: string) => S3ErrorDetails['elements']]>
> = {
  upload_not_found: ['NoSuchUpload', (_, UploadId) => ({ UploadId })],
  invalid_part: [
    'InvalidPart',
    ({ partNumber, etag }, UploadId) => ({ UploadId, PartNumber: partNumber, ETag: etag }),
  ],
  invalid_part_order: ['InvalidPartOrder', (_, UploadId) => ({ UploadId })],
  part_too_small: [
    'EntityTooSmall',
    ({ sizeBytes, minimumBytes, partNumber, etag }) => ({
      ProposedSize: sizeBytes,
      MinSizeAllowed: minimumBytes,
      PartNumber: partNumber,
      ETag: etag,
    }),
  ],
  too_large: ['EntityTooLarge', ({ bytesMax }) => ({ MaxSizeAllowed: bytesMax })],
}

/** What the core did for an upload; of what goes wrong, S3 tells more than of other things. */
export async function ofUpload<T>({ uploadId }: UploadRef, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const found = error instanceof CuttyError ? explained[error.code] : undefined
    if (!found) throw error
    const { message, extras } = error as CuttyError
    const [code, elements] = found
    throw new S3Error(code, message, { elements: elements(extras as Extras, uploadId), cause: error })
  }
}

/** Of a part: its value alone, as its type is that of the upload. */
export function partChecksumHeader(
  checksum: { algorithm: ChecksumName; value: string } | undefined,
): Record<string, string> {
  return checksum ? { [checksumHeader(checksum.algorithm)]: checksum.value } : {}
}

/** The checksum that an element names; of no algorithm the second. Throws `MalformedXML` for more than one. */
export function checksumOfElement(element: XmlElement): string | undefined {
  const values = checksumNames.flatMap(
    (name) => element.children.find((child) => child.name === `Checksum${name}`)?.text.trim() ?? [],
  )
  if (values.length > 1) throw new S3Error('MalformedXML', 'Of a part there can be one checksum.')
  return values[0]
}
