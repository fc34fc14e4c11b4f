import {
  checksumSizeBytes,
  createChecksum,
  formatChecksumValue,
  parseChecksumValue,
  type ChecksumName,
} from './checksum.ts'
import { combineChecksums, type ChecksumPart, type CrcName } from './combine.ts'

/** How the checksums of parts become one: that of all bytes, or one of the parts' digests. */
export const checksumTypes = ['COMPOSITE', 'FULL_OBJECT'] as const

export type ChecksumType = (typeof checksumTypes)[number]

/**
 * The types of a multipart upload, the one meant by default first, as S3 has them:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 * What is uploaded in one piece is FULL_OBJECT always.
 */
export const multipartChecksumTypes: Readonly<
  Record<ChecksumName, readonly [ChecksumType, ...ChecksumType[]]>
> = {
  CRC32: ['COMPOSITE', 'FULL_OBJECT'],
  CRC32C: ['COMPOSITE', 'FULL_OBJECT'],
  CRC64NVME: ['FULL_OBJECT'],
  SHA1: ['COMPOSITE'],
  SHA256: ['COMPOSITE'],
}

/** The checksum of the parts' digests, one after another. S3 shows it by `formatCompositeValue`. */
export function compositeChecksum(name: ChecksumName, digests: readonly Uint8Array[]): Uint8Array {
  const checksum = createChecksum(name)
  for (const digest of digests) {
    if (digest.length !== checksumSizeBytes[name]) {
      throw new RangeError(`${name} has ${checksumSizeBytes[name]} bytes, not ${digest.length}`)
    }
    checksum.update(digest)
  }
  return checksum.digest()
}

/** The digest of a multipart upload, of a type that `multipartChecksumTypes` allows; else RangeError. */
export function multipartChecksum(
  name: ChecksumName,
  type: ChecksumType,
  parts: readonly ChecksumPart[],
): Uint8Array {
  if (!multipartChecksumTypes[name].includes(type)) throw new RangeError(`${name} is never ${type}`)
  if (type === 'FULL_OBJECT') return combineChecksums(name as CrcName, parts)
  return compositeChecksum(
    name,
    parts.map(({ digest }) => digest),
  )
}

/** `<base64>-<number of parts>`: headers and listings have it, GetObjectAttributes leaves the number out. */
export function formatCompositeValue(digest: Uint8Array, partCount: number): string {
  return `${formatChecksumValue(digest)}-${partCount}`
}

/** A composite checksum, with the number of parts or without; `undefined` unless it is one. */
export function parseCompositeValue(
  name: ChecksumName,
  text: string,
): { digest: Uint8Array; partCount: number | undefined } | undefined {
  // No base64 has a hyphen; as many digits as S3 has parts.
  const match = /^([^-]+)(?:-([1-9][0-9]{0,4}))?$/.exec(text)
  const digest = match ? parseChecksumValue(name, match[1]!) : undefined
  if (!match || !digest) return undefined
  return { digest, partCount: match[2] === undefined ? undefined : Number(match[2]) }
}
