import {
  type ChecksumName,
  checksumNames,
  isChecksumName,
  parseChecksumValue,
} from '../../core/checksums/checksum.ts'
import type { FileChecksum } from '../../core/files/file.ts'
import type { HttpRequest } from '../exchange.ts'
import { S3Error } from './s3-error.ts'

const headerPrefix = 'x-amz-checksum-'

export function checksumHeader(name: ChecksumName): string {
  return headerPrefix + name.toLowerCase()
}

/** The checksum that a request declares of its content: now in a header, or in a trailer behind it. */
export interface DeclaredChecksum {
  readonly algorithm: ChecksumName
  /** `undefined` when it comes in a trailer. */
  readonly digest: Uint8Array | undefined
}

/** Throws `InvalidRequest` for more than one, for one that is no digest, and for one that is announced and not there. */
export function readDeclaredChecksum(request: HttpRequest): DeclaredChecksum | undefined {
  const declared = checksumNames.flatMap((algorithm) => {
    const value = request.header(checksumHeader(algorithm))
    return value === undefined ? [] : [{ algorithm, value }]
  })
  const trailer = trailerChecksum(request)
  if (declared.length + (trailer ? 1 : 0) > 1) {
    throw new S3Error('InvalidRequest', 'Expecting a single x-amz-checksum- header or trailer.')
  }
  const [header] = declared
  if (header) {
    const digest = parseChecksumValue(header.algorithm, header.value.trim())
    if (!digest) throw invalidValue(header.algorithm)
    return { algorithm: header.algorithm, digest }
  }
  if (trailer) return { algorithm: trailer, digest: undefined }
  if (request.header('x-amz-sdk-checksum-algorithm') !== undefined) {
    throw new S3Error(
      'InvalidRequest',
      'x-amz-sdk-checksum-algorithm is there, but no x-amz-checksum-* header or x-amz-trailer to go with it.',
    )
  }
  return undefined
}

export function invalidValue(algorithm: ChecksumName): S3Error {
  return new S3Error('InvalidRequest', `Value for ${checksumHeader(algorithm)} header is invalid.`)
}

function trailerChecksum(request: HttpRequest): ChecksumName | undefined {
  const named = request.header('x-amz-trailer')?.trim().toLowerCase()
  if (named === undefined) return undefined
  const algorithm = named.startsWith(headerPrefix) ? named.slice(headerPrefix.length).toUpperCase() : ''
  if (isChecksumName(algorithm)) return algorithm
  throw new S3Error('InvalidRequest', 'The value specified in the x-amz-trailer header is not supported.')
}

/** `x-amz-checksum-algorithm` and `-type` of CreateMultipartUpload. */
export function readChecksumAlgorithm(request: HttpRequest): ChecksumName | undefined {
  const value = (
    request.header('x-amz-checksum-algorithm') ?? request.header('x-amz-sdk-checksum-algorithm')
  )?.toUpperCase()
  if (value === undefined || isChecksumName(value)) return value
  throw new S3Error('InvalidRequest', `Checksum algorithms are ${checksumNames.join(', ')}.`)
}

/** As replies have it. */
export function checksumHeaders(checksum: FileChecksum | undefined): Record<string, string> {
  if (!checksum) return {}
  return { [checksumHeader(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type }
}

/** As documents have it. */
export function checksumElements(checksum: FileChecksum | undefined): Record<string, string> {
  if (!checksum) return {}
  return { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type }
}
