import { copyFile, deleteFile } from '../../../core/files/change.ts'
import type { FileRecord } from '../../../core/files/file.ts'
import { putFile } from '../../../core/files/put.ts'
import { findFileRecord } from '../../../core/files/record.ts'
import { countRead } from '../../../core/cache/read-counts.ts'
import type { HttpReply } from '../../exchange.ts'
import { createFileHeaders, replyWithFile } from '../../file-reply.ts'
import { asAttachment } from '../../headers/content-disposition.ts'
import { isActiveType } from '../../headers/content-type.ts'
import { formatEtag } from '../../headers/etag.ts'
import { parseCompressionHeader } from '../../headers/compression.ts'
import { checksumElements, checksumHeaders } from '../checksum-headers.ts'
import { checkSource, readOutcome, writeCondition } from '../conditions.ts'
import { parseCopySource } from '../copy-source.ts'
import { describeObject, readCannedAcl, readTagHeader, refuseWhatIsNotKept } from '../description.ts'
import type { Operation, S3Call } from '../operation.ts'
import { openPayload } from '../payload.ts'
import { findPart, type FoundPart } from '../parts.ts'
import { S3Error, isCuttyError } from '../s3-error.ts'
import { checkVersion } from '../versions.ts'
import { xmlReply } from '../xml-reply.ts'

const sharedOrigin = createFileHeaders({ metadataPrefix: 'x-amz-meta-' })
const ownOrigin = createFileHeaders({ metadataPrefix: 'x-amz-meta-', isolated: true })

async function getObject(call: S3Call): Promise<HttpReply> {
  const { core, caller, request, trace, bucket, key, isolated } = call
  checkVersion(call)
  const finding = findFileRecord(core, caller, {
    bucket,
    key,
    action: 'read_file',
    upToDate: false,
    found: trace.rows,
  })
  const file = finding instanceof Promise ? await finding : finding
  const part = call.query.has('partNumber') ? await findPart(call, file) : undefined
  const overrides = responseOverrides(call, file)
  const reply = await replyWithFile(call, file, {
    headersOf: isolated ? ownOrigin : sharedOrigin,
    outcome: readOutcome(request, file, core.clock.now()),
    part: part?.range,
    headers: { ...overrides, ...(part && partHeaders(part)) },
  })
  const tagsCount = Object.keys(file.tags).length
  if (tagsCount > 0) reply.headers['x-amz-tagging-count'] = String(tagsCount)
  // A part has its own, and a range has none.
  if (reply.status < 300 && request.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED') {
    if (part) Object.assign(reply.headers, part.checksumHeaders)
    else if (reply.status === 200) Object.assign(reply.headers, checksumHeaders(file.checksum))
  }
  if (request.method === 'GET') countRead(core, { bucket, key })
  return reply
}

function partHeaders({ partsCount }: FoundPart): Record<string, string> {
  return partsCount === undefined ? {} : { 'x-amz-mp-parts-count': String(partsCount) }
}

const overridable = {
  'response-content-type': 'Content-Type',
  'response-content-language': 'Content-Language',
  'response-expires': 'Expires',
  'response-cache-control': 'Cache-Control',
  'response-content-disposition': 'Content-Disposition',
  'response-content-encoding': 'Content-Encoding',
} as const

/** What the request wants said in the place of the object's own: only of what was signed (R41). */
function responseOverrides(call: S3Call, file: FileRecord): Record<string, string> {
  const headers: Record<string, string> = {}
  const { expires } = file.headers
  if (expires !== undefined) headers['Expires'] = expires
  if (call.query.size > 0) {
    for (const [parameter, header] of Object.entries(overridable)) {
      const value = call.query.get(parameter)
      if (value === undefined) continue
      if (!call.identity.signed) {
        throw new S3Error('InvalidRequest', `${parameter} needs a signed request.`)
      }
      if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
        throw new S3Error('InvalidArgument', `${parameter} holds what no header can carry.`)
      }
      headers[header] = value
    }
  }
  const { cacheControl } = call.identity.link ?? {}
  if (cacheControl !== undefined) headers['Cache-Control'] = cacheControl
  const type = headers['Content-Type']
  // What a page may do here does not depend on who calls it one (R42).
  if (!call.isolated && isActiveType(type ?? file.contentType)) {
    const wanted = headers['Content-Disposition'] ?? file.headers.contentDisposition
    headers['Content-Disposition'] = asAttachment(wanted, file.key)
  }
  return headers
}

async function putObject(call: S3Call): Promise<HttpReply> {
  const { core, caller, request, bucket, key } = call
  refuseWhatIsNotKept(request)
  const description = { ...describeObject(request), tags: readTagHeader(request) }
  const payload = openPayload(call)
  const { file } = await putFile(core, caller, {
    bucket,
    key,
    ...payload,
    describe: () => description,
    etag: 'md5',
    visibility: readCannedAcl(request) === 'public' ? 'public' : undefined,
    compression: parseCompressionHeader(request.header('x-cutty-compression')),
    precondition: writeCondition(request),
  })
  return {
    status: 200,
    headers: { ETag: formatEtag(file.etag), ...checksumHeaders(file.checksum) },
  }
}

async function copyObject(call: S3Call): Promise<HttpReply> {
  const { core, caller, request, bucket, key } = call
  refuseWhatIsNotKept(request)
  const source = parseCopySource(request)
  const replaces = directiveOf(call, 'x-amz-metadata-directive') === 'REPLACE'
  const replacesTags = directiveOf(call, 'x-amz-tagging-directive') === 'REPLACE'
  if (!replaces && !replacesTags && source.bucket === bucket && source.key === key) {
    throw new S3Error(
      'InvalidRequest',
      'A copy of an object onto itself must change something: x-amz-metadata-directive: REPLACE.',
    )
  }
  const described = replaces ? describeObject(request) : undefined
  const tags = replacesTags ? readTagHeader(request) : undefined
  const file = await copyFile(core, caller, {
    source,
    destination: { bucket, key },
    change: (current) => {
      checkSource(request, current, core.clock.now())
      const { contentType, headers, metadata } = described ?? current
      return { contentType, headers, metadata, tags: tags ?? current.tags }
    },
    visibility: readCannedAcl(request) === 'public' ? 'public' : undefined,
    precondition: writeCondition(request),
  })
  return xmlReply(200, 'CopyObjectResult', {
    LastModified: new Date(file.modifiedAtMs).toISOString(),
    ETag: formatEtag(file.etag),
    ...checksumElements(file.checksum),
  })
}

function directiveOf({ request }: S3Call, name: string): 'COPY' | 'REPLACE' {
  const value = request.header(name) ?? 'COPY'
  if (value === 'COPY' || value === 'REPLACE') return value
  throw new S3Error('InvalidArgument', `${name} must be COPY or REPLACE.`, {
    elements: { ArgumentName: name, ArgumentValue: value },
  })
}

async function deleteObject(call: S3Call): Promise<HttpReply> {
  const { core, caller, request, bucket, key } = call
  checkVersion(call)
  const precondition = writeCondition(request)
  await deleteFile(core, caller, { bucket, key, precondition }).catch((error: unknown) => {
    // What is not there is deleted, unless the client said that it is.
    if (precondition === undefined && isCuttyError(error, 'file_not_found')) return
    throw error
  })
  return { status: 204, headers: {} }
}

export const objectOperations: readonly Operation[] = [
  { name: 'GetObject', method: 'GET', scope: 'object', handle: getObject },
  { name: 'HeadObject', method: 'HEAD', scope: 'object', handle: getObject },
  { name: 'PutObject', method: 'PUT', scope: 'object', handle: putObject },
  { name: 'CopyObject', method: 'PUT', scope: 'object', header: 'x-amz-copy-source', handle: copyObject },
  { name: 'DeleteObject', method: 'DELETE', scope: 'object', handle: deleteObject },
]
