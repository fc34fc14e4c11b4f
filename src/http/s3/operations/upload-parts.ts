import type { Core } from '../../../core/core.ts'
import type { FileRecord } from '../../../core/files/file.ts'
import { listParts } from '../../../core/files/uploads.ts'
import { putPart } from '../../../core/files/put-part.ts'
import { readContent } from '../../../core/files/read.ts'
import { findFileRecord } from '../../../core/files/record.ts'
import { limits } from '../../../core/limits.ts'
import type { ByteRange } from '../../../core/ports/blob-store.ts'
import type { HttpReply, HttpRequest } from '../../exchange.ts'
import { formatEtag } from '../../headers/etag.ts'
import { checkSource } from '../conditions.ts'
import { parseCopySource } from '../copy-source.ts'
import { refuseWhatIsNotKept } from '../description.ts'
import type { Operation, S3Call } from '../operation.ts'
import { ownerElement } from '../owner.ts'
import { pageLimit } from '../page-limit.ts'
import { openPayload } from '../payload.ts'
import { S3Error } from '../s3-error.ts'
import { ofUpload, partChecksumHeader, readPartNumber, uploadOf } from '../upload-ref.ts'
import { xmlReply } from '../xml-reply.ts'

async function uploadPart(call: S3Call): Promise<HttpReply> {
  const { core, caller, request, query } = call
  refuseWhatIsNotKept(request)
  const upload = uploadOf(call)
  const number = readPartNumber(query)
  const part = await ofUpload(upload, putPart(core, caller, { ...upload, number, ...openPayload(call) }))
  return { status: 200, headers: { ETag: formatEtag(part.etag), ...partChecksumHeader(part.checksum) } }
}

async function uploadPartCopy(call: S3Call): Promise<HttpReply> {
  const { core, caller, request, query } = call
  refuseWhatIsNotKept(request)
  const upload = uploadOf(call)
  const number = readPartNumber(query)
  const source = await findFileRecord(core, caller, {
    ...parseCopySource(request),
    action: 'read_file',
    upToDate: true,
  })
  checkSource(request, source, core.clock.now())
  const range = readSourceRange(request, source)
  const sizeBytes = range ? range.end - range.start + 1 : source.sizeBytes
  if (sizeBytes > limits.partBytesMax) {
    const message = `The specified copy source is larger than the maximum allowable size for a copy source: ${limits.partBytesMax}`
    throw new S3Error('InvalidRequest', message)
  }
  const body = readSource(core, source, range)
  const part = await ofUpload(upload, putPart(core, caller, { ...upload, number, sizeBytes, body }))
  return xmlReply(200, 'CopyPartResult', {
    LastModified: new Date(part.modifiedAtMs).toISOString(),
    ETag: formatEtag(part.etag),
    ...(part.checksum && { [`Checksum${part.checksum.algorithm}`]: part.checksum.value }),
  })
}

const sourceRange = 'x-amz-copy-source-range'

/** Unlike Range: both ends are there, inside of the source, and what is anything else is refused. */
function readSourceRange(request: HttpRequest, { sizeBytes }: FileRecord): ByteRange | undefined {
  const value = request.header(sourceRange)
  if (value === undefined) return undefined
  const refuse = (message: string) =>
    new S3Error('InvalidArgument', message, {
      elements: { ArgumentName: sourceRange, ArgumentValue: value },
    })
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(value.trim()) ?? []
  const range = { start: Number(first), end: Number(last) }
  if (first === undefined || last === undefined || range.end < range.start) {
    throw refuse(
      `The ${sourceRange} value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy`,
    )
  }
  if (range.end < sizeBytes) return range
  throw refuse(`Range specified is not valid for source object of size: ${sizeBytes}`)
}

/** Opened when the first chunk is asked for, since the upload may turn out not to be there. */
async function* readSource(
  core: Core,
  file: FileRecord,
  range: ByteRange | undefined,
): AsyncGenerator<Uint8Array> {
  if (file.sizeBytes === 0) return
  const content = await readContent(core, file, range)
  if (content instanceof Uint8Array) {
    yield content
    return
  }
  // A chunk is the reader's until it asks for the next; a body's beginning is kept longer.
  for await (const chunk of content) yield new Uint8Array(chunk)
}

async function listUploadParts(call: S3Call): Promise<HttpReply> {
  const { core, caller, query, bucket, key } = call
  const upload = uploadOf(call)
  const limit = pageLimit('max-parts', query.get('max-parts'))
  const marker = 'part-number-marker'
  const after = pageLimit(marker, query.get(marker), { none: 0, most: limits.partsMax })
  const listing = await ofUpload(upload, listParts(core, caller, { ...upload, after, limit }))
  const { checksum, initiatorId, bucket: bucketRef } = listing.upload
  return xmlReply(200, 'ListPartsResult', {
    Bucket: bucket,
    Key: key,
    UploadId: upload.uploadId,
    Initiator: ownerElement(initiatorId),
    Owner: ownerElement(bucketRef.ownerId),
    StorageClass: 'STANDARD',
    PartNumberMarker: after,
    NextPartNumberMarker: listing.next ?? listing.parts.at(-1)?.number ?? 0,
    MaxParts: limit,
    IsTruncated: limit > 0 && listing.next !== undefined,
    ChecksumAlgorithm: checksum?.algorithm,
    ChecksumType: checksum?.type,
    Part: listing.parts.map((part) => ({
      PartNumber: part.number,
      LastModified: new Date(part.modifiedAtMs).toISOString(),
      ETag: formatEtag(part.etag),
      Size: part.sizeBytes,
      ...(checksum && part.checksum !== null && { [`Checksum${checksum.algorithm}`]: part.checksum }),
    })),
  })
}

/** Either parameter asks for them: what names only the other must not become a whole object. */
const parameters = ['uploadId', 'partNumber'] as const

export const partOperations: readonly Operation[] = [
  ...parameters.flatMap((parameter): Operation[] => [
    { name: 'UploadPart', method: 'PUT', scope: 'object', parameter, handle: uploadPart },
    {
      name: 'UploadPartCopy',
      method: 'PUT',
      scope: 'object',
      parameter,
      header: 'x-amz-copy-source',
      handle: uploadPartCopy,
    },
  ]),
  { name: 'ListParts', method: 'GET', scope: 'object', parameter: 'uploadId', handle: listUploadParts },
]
