import { abortUpload, createUpload } from '../../../core/files/uploads.ts'
import { completeUpload, type ListedPart } from '../../../core/files/complete-upload.ts'
import { listUploads } from '../../../core/files/list-uploads.ts'
import { limits } from '../../../core/limits.ts'
import type { HttpReply, HttpRequest } from '../../exchange.ts'
import { parseCompressionHeader } from '../../headers/compression.ts'
import { formatEtag } from '../../headers/etag.ts'
import { splitTarget } from '../../target.ts'
import { checksumElements } from '../checksum-headers.ts'
import { writeCondition } from '../conditions.ts'
import { describeObject, readCannedAcl, readTagHeader, refuseWhatIsNotKept } from '../description.ts'
import { listedTextOf } from '../encoding-type.ts'
import { objectLocation } from '../object-location.ts'
import type { Operation, S3Call } from '../operation.ts'
import { ownerElement } from '../owner.ts'
import { pageLimit } from '../page-limit.ts'
import { readXmlPayload } from '../payload.ts'
import { S3Error } from '../s3-error.ts'
import { readUploadChecksum, readWholeChecksum, withoutChecksums } from '../upload-checksum.ts'
import { checksumOfElement, ofUpload, parsePartNumber, refusePartNumber, uploadOf } from '../upload-ref.ts'
import { xmlReply } from '../xml-reply.ts'
import { children, textOf, type XmlElement } from '../xml-read.ts'

async function createMultipartUpload(call: S3Call): Promise<HttpReply> {
  const { core, caller, request, bucket, key } = call
  refuseWhatIsNotKept(request)
  const upload = await createUpload(core, caller, {
    bucket,
    key,
    description: { ...describeObject(request), tags: readTagHeader(request) },
    visibility: readCannedAcl(request) === 'public' ? 'public' : undefined,
    compression: parseCompressionHeader(request.header('x-cutty-compression')),
    checksum: readUploadChecksum(request),
  })
  const { checksum } = upload
  return xmlReply(
    200,
    'InitiateMultipartUploadResult',
    { Bucket: bucket, Key: key, UploadId: upload.id },
    checksum && { 'x-amz-checksum-algorithm': checksum.algorithm, 'x-amz-checksum-type': checksum.type },
  )
}

async function completeMultipartUpload(call: S3Call): Promise<HttpReply> {
  const { core, caller, request, bucket, key } = call
  const upload = uploadOf(call)
  const checksum = await readWholeChecksum(call, upload)
  const sizeBytes = readObjectSize(request)
  const precondition = writeCondition(request)
  const parts = await readListedParts(call)
  const { file } = await ofUpload(
    upload,
    completeUpload(core, caller, { ...upload, parts, checksum, sizeBytes, precondition }),
  )
  return xmlReply(200, 'CompleteMultipartUploadResult', {
    Location: objectLocation(call, splitTarget(call.request.target).path),
    Bucket: bucket,
    Key: key,
    ETag: formatEtag(file.etag),
    ...checksumElements(file.checksum),
  })
}

async function readListedParts({ request, identity }: S3Call): Promise<ListedPart[]> {
  const root = 'CompleteMultipartUpload'
  const document = await readXmlPayload({ identity, request: withoutChecksums(request) }, root).catch(
    (error: unknown) => {
      const isEmpty = error instanceof S3Error && error.code === 'MissingRequestBodyError'
      throw isEmpty ? malformed('The parts of the upload are missing.') : error
    },
  )
  const listed = children(document, 'Part')
  if (listed.length === 0) throw malformed('There must be a Part at least.')
  if (listed.length > limits.partsMax) throw malformed(`There can be ${limits.partsMax} parts at most.`)
  return listed.map(readListedPart)
}

function readListedPart(element: XmlElement): ListedPart {
  const text = textOf(element, 'PartNumber')?.trim() ?? ''
  const etag = textOf(element, 'ETag')?.trim()
  if (etag === undefined || !/^-?\d+$/.test(text)) throw malformed('A Part has a PartNumber and an ETag.')
  const number = parsePartNumber(text) ?? refusePartNumber('PartNumber', text)
  return { number, etag: etag.replace(/^"(.*)"$/s, '$1'), checksum: checksumOfElement(element) }
}

function malformed(message: string): S3Error {
  return new S3Error('MalformedXML', message)
}

function readObjectSize(request: HttpRequest): number | undefined {
  const name = 'x-amz-mp-object-size'
  const value = request.header(name)?.trim()
  if (value === undefined) return undefined
  if (/^\d{1,15}$/.test(value)) return Number(value)
  throw new S3Error('InvalidRequest', `Value for ${name} header is invalid.`)
}

async function abortMultipartUpload(call: S3Call): Promise<HttpReply> {
  const upload = uploadOf(call)
  await ofUpload(upload, abortUpload(call.core, call.caller, upload))
  return { status: 204, headers: {} }
}

async function listMultipartUploads(call: S3Call): Promise<HttpReply> {
  const { core, caller, query, bucket } = call
  const write = listedTextOf(query)
  const limit = pageLimit('max-uploads', query.get('max-uploads'))
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  const keyMarker = query.get('key-marker') ?? ''
  // S3 has no use for it without a key.
  const uploadIdMarker = keyMarker === '' ? '' : (query.get('upload-id-marker') ?? '')
  const { uploads, commonPrefixes, next } = await listUploads(core, caller, {
    bucket,
    prefix,
    delimiter: writable(delimiter),
    keyMarker: writable(keyMarker),
    uploadIdMarker: writable(uploadIdMarker),
    // No key holds a NUL, and not every database could tell.
    limit: prefix.includes('\0') ? 0 : limit,
  })
  return xmlReply(200, 'ListMultipartUploadsResult', {
    Bucket: bucket,
    KeyMarker: write(keyMarker),
    UploadIdMarker: uploadIdMarker,
    NextKeyMarker: next && write(next.keyMarker),
    NextUploadIdMarker: next?.uploadIdMarker,
    Prefix: write(prefix),
    Delimiter: delimiter === '' ? undefined : write(delimiter),
    EncodingType: query.get('encoding-type') || undefined,
    MaxUploads: limit,
    IsTruncated: next !== undefined,
    Upload: uploads.map(({ id, key, initiatorId, createdAtMs, checksum }) => ({
      Key: write(key),
      UploadId: id,
      Initiator: ownerElement(initiatorId),
      Owner: ownerElement(initiatorId),
      StorageClass: 'STANDARD',
      Initiated: new Date(createdAtMs).toISOString(),
      ChecksumAlgorithm: checksum?.algorithm,
      ChecksumType: checksum?.type,
    })),
    CommonPrefixes: commonPrefixes.map((each) => ({ Prefix: write(each) })),
  })
}

/** Up to the first NUL; `undefined` of nothing. */
function writable(text: string): string | undefined {
  return text.split('\0', 1)[0] || undefined
}

export const multipartOperations: readonly Operation[] = [
  {
    name: 'CreateMultipartUpload',
    method: 'POST',
    scope: 'object',
    parameter: 'uploads',
    notes: 'An upload that nobody ends is ended after seven days.',
    handle: createMultipartUpload,
  },
  {
    name: 'CompleteMultipartUpload',
    method: 'POST',
    scope: 'object',
    parameter: 'uploadId',
    notes: 'Repeated within a day, it answers the same.',
    handle: completeMultipartUpload,
  },
  {
    name: 'AbortMultipartUpload',
    method: 'DELETE',
    scope: 'object',
    parameter: 'uploadId',
    handle: abortMultipartUpload,
  },
  {
    name: 'ListMultipartUploads',
    method: 'GET',
    scope: 'bucket',
    parameter: 'uploads',
    handle: listMultipartUploads,
  },
]
