import type { FileRecord } from '../../core/files/file.ts'
import { countFileParts, readFileParts } from '../../core/files/parts.ts'
import type { ByteRange } from '../../core/ports/blob-store.ts'
import { checksumHeader, checksumHeaders } from './checksum-headers.ts'
import type { S3Call } from './operation.ts'
import { readPartNumber } from './upload-ref.ts'
import { S3Error } from './s3-error.ts'

export interface FoundPart {
  /** Of an empty part `end` is one less than `start`. */
  readonly range: ByteRange
  /** `undefined` of what did not come in parts, of which part 1 is all there is. */
  readonly partsCount: number | undefined
  /** The part's own, where it has one. */
  readonly checksumHeaders: Readonly<Record<string, string>>
}

/**
 * The part that `?partNumber=` of GetObject or HeadObject asks for, by the number it was uploaded under. Throws `InvalidPartNumber` for one that is not there.
 */
export async function findPart(
  { core, request, query }: Pick<S3Call, 'core' | 'request' | 'query'>,
  file: FileRecord,
): Promise<FoundPart> {
  const number = readPartNumber(query)
  if (request.header('range') !== undefined) {
    throw new S3Error('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter')
  }
  const partsCount = await countFileParts(core, file)
  if (partsCount === undefined) {
    if (number > 1) throw notSatisfiable(number, 1)
    const range = { start: 0, end: file.sizeBytes - 1 }
    return { range, partsCount, checksumHeaders: checksumHeaders(file.checksum) }
  }
  const [part] = await readFileParts(core, file, { after: number - 1, limit: 1 })
  if (part?.number !== number) throw notSatisfiable(number, partsCount)
  const { startBytes, sizeBytes, checksum } = part
  const hasChecksum = checksum !== undefined && file.checksum !== undefined
  return {
    range: { start: startBytes, end: startBytes + sizeBytes - 1 },
    partsCount,
    checksumHeaders: hasChecksum ? { [checksumHeader(file.checksum.algorithm)]: checksum } : {},
  }
}

function notSatisfiable(number: number, partsCount: number): S3Error {
  return new S3Error('InvalidPartNumber', 'The requested partnumber is not satisfiable', {
    elements: { PartNumberRequested: number, ActualPartCount: partsCount },
  })
}
