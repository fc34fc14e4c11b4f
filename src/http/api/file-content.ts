import { z } from 'zod'
import { CuttyError } from '../../core/errors.ts'
import { changeDescription, deleteFile } from '../../core/files/change.ts'
import { checkKey } from '../../core/files/names.ts'
import { putFile } from '../../core/files/put.ts'
import { readContent } from '../../core/files/read.ts'
import { type FileRecord, findFileRecord } from '../../core/files/record.ts'
import type { ByteRange } from '../../core/ports/blob-store.ts'
import type { HttpReply, HttpRequest } from '../exchange.ts'
import { asAttachment } from '../headers/content-disposition.ts'
import { isActiveType } from '../headers/content-type.ts'
import { parseContentMd5, parseDigestHeader } from '../headers/digest.ts'
import { formatEtag } from '../headers/etag.ts'
import { formatHttpDate } from '../headers/http-date.ts'
import { evaluatePreconditions } from '../headers/preconditions.ts'
import { formatContentRange, formatUnsatisfiedRange, ifRangeAllows, parseRange } from '../headers/range.ts'
import { jsonReply, noContent } from '../json.ts'
import { type Call, defineRoute, type Route } from '../route.ts'
import { changeOf, describeUpload, metadataHeaders } from './file-description.ts'
import { description, describeFile, fileShape } from './schemas.ts'

const tag = 'Files'

const keyQuery = z.strictObject({
  key: z.string().meta({
    description: 'The key, instead of the path: for keys with `.` or `..` segments, which clients fold away.',
  }),
})

const readHeaders = {
  Range: 'One range of bytes.',
  'If-Match': 'Go on only if the file has one of these ETags.',
  'If-None-Match': 'Go on only if it has none of them.',
  'If-Modified-Since': 'Go on only if it was changed since.',
  'If-Unmodified-Since': 'Go on only if it was not changed since.',
  'If-Range': 'Send the range only if the file has this ETag, else all of it.',
}

const writeHeaders = {
  'If-Match': 'Write only over a file with one of these ETags (compare and swap).',
  'If-None-Match': '`*`: create only.',
}

/** The file that a request means: named by the rest of its path, or by its query. */
function fileOf(call: Call): { bucket: string; key: string } {
  const named = { ...(call.query as object), ...call.params } as { bucket: string; key?: string }
  const { bucket, key } = named
  if (key === undefined)
    throw new CuttyError('invalid_key', 'Name the file in the path or by the key parameter.')
  checkKey(key)
  return { bucket, key }
}

/** Throws what RFC 9110 §13 says; 304 is for reads only and returned. */
function checkPreconditions(
  request: HttpRequest,
  method: string,
  file: FileRecord | undefined,
  nowMs: number,
) {
  return evaluatePreconditions({
    method,
    headers: {
      ifMatch: request.header('if-match'),
      ifNoneMatch: request.header('if-none-match'),
      ifModifiedSince: request.header('if-modified-since'),
      ifUnmodifiedSince: request.header('if-unmodified-since'),
    },
    etagHash: file?.etag,
    lastModifiedMs: file?.modifiedAtMs,
    nowMs,
  })
}

const preconditionFailed = () =>
  new CuttyError('precondition_failed', 'The file is not (or no longer) what the request’s conditions say.')

/** The precondition of a write, or `undefined` when there is none, which makes the write cheaper. */
function writePrecondition({ core, request }: Call): ((current: FileRecord | undefined) => void) | undefined {
  const conditional = ['if-match', 'if-none-match', 'if-unmodified-since'].some(
    // An empty value matches nothing; it is not the same as none.
    (name) => request.header(name) !== undefined,
  )
  if (!conditional) return undefined
  return (current) => {
    if (checkPreconditions(request, request.method, current, core.clock.now()) !== 'proceed')
      throw preconditionFailed()
  }
}

async function getFile(
  call: Call<{ download?: string | undefined; info?: string | undefined }>,
): Promise<HttpReply> {
  const { core, caller, request, query } = call
  const action = query.info === undefined ? 'read_file' : 'list'
  const file = await findFileRecord(core, caller, { ...fileOf(call), action })
  if (query.info !== undefined) return jsonReply(200, describeFile(file), { ETag: formatEtag(file.etag) })

  const headers = contentHeaders(file, { download: query.download !== undefined })
  const outcome = checkPreconditions(request, request.method, file, core.clock.now())
  if (outcome === 'precondition_failed') throw preconditionFailed()
  if (outcome === 'not_modified') return { status: 304, headers: notModifiedHeaders(headers) }

  const range = selectRange(request, file)
  const length = range ? range.end - range.start + 1 : file.sizeBytes
  headers['Content-Length'] = String(length)
  if (range) headers['Content-Range'] = formatContentRange(range, file.sizeBytes)
  const status = range ? 206 : 200
  // HEAD is answered from the row alone (R6).
  if (request.method === 'HEAD') return { status, headers }
  return { status, headers, body: await readContent(core, file, range) }
}

/** Range is defined for GET only (§14.2); HEAD ignores it. */
function selectRange(request: HttpRequest, file: FileRecord): ByteRange | undefined {
  const value = request.method === 'GET' ? request.header('range') : undefined
  if (value === undefined || !ifRangeAllows(request.header('if-range'), file.etag)) return undefined
  const result = parseRange(value, file.sizeBytes)
  if (result.kind === 'unsatisfiable') {
    throw new CuttyError('range_not_satisfiable', `The file has ${file.sizeBytes} bytes.`, {
      extras: {
        headers: { 'Content-Range': formatUnsatisfiedRange(file.sizeBytes), 'Accept-Ranges': 'bytes' },
        sizeBytes: file.sizeBytes,
      },
    })
  }
  return result.kind === 'range' ? result.range : undefined
}

/** A page that a user uploaded must not act as this origin (R42). */
const contentPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

/** The headers of a record, which never changes: made once for as long as the pointer is kept in memory. */
const headersOfRecord = new WeakMap<FileRecord, Readonly<Record<string, string>>>()

function contentHeaders(file: FileRecord, { download }: { download: boolean }): Record<string, string> {
  let headers = headersOfRecord.get(file)
  if (!headers) headersOfRecord.set(file, (headers = makeHeaders(file)))
  if (!download) return { ...headers }
  return { ...headers, 'Content-Disposition': asAttachment(file.headers.contentDisposition, file.key) }
}

function makeHeaders(file: FileRecord): Record<string, string> {
  const { contentDisposition, contentEncoding, contentLanguage } = file.headers
  const disposition = isActiveType(file.contentType)
    ? asAttachment(contentDisposition, file.key)
    : contentDisposition
  const headers: Record<string, string> = {
    'Content-Type': file.contentType,
    ETag: formatEtag(file.etag),
    'Last-Modified': formatHttpDate(file.modifiedAtMs),
    'Accept-Ranges': 'bytes',
    'Cache-Control': cacheControl(file),
    'Content-Security-Policy': contentPolicy,
  }
  if (disposition !== undefined) headers['Content-Disposition'] = disposition
  if (contentEncoding !== undefined) headers['Content-Encoding'] = contentEncoding
  if (contentLanguage !== undefined) headers['Content-Language'] = contentLanguage
  for (const name in file.metadata) headers[`X-Cutty-Meta-${name}`] = file.metadata[name] as string
  return headers
}

/**
 * The owner's own, or: keep it, but ask before each use, since the file may be replaced. What is private is never
 * left to shared caches (R27), whatever the owner wrote.
 */
function cacheControl({ bucket, headers }: FileRecord): string {
  const own = headers.cacheControl
  if (bucket.visibility === 'public') return own ?? 'public, no-cache'
  if (own === undefined) return 'private, no-cache'
  const written = (own.match(cacheDirective) ?? []).map((directive) => directive.trim())
  const kept = written.filter(
    (directive) => directive !== '' && !/^(public|s-maxage)\s*(=|$)/i.test(directive),
  )
  // `private="field"` keeps that field only to oneself.
  const closed = kept.some((directive) => /^(private|no-store)$/i.test(directive))
  if (closed && kept.length === written.length) return own
  return (closed ? kept : ['private', ...kept]).join(', ')
}

/** RFC 9111 §5.2: a list; commas may stand in quotes. */
const cacheDirective = /(?:[^,"]|"(?:[^"\\]|\\.)*"|")+/g

/** §15.4.5: validators and what steers caches, nothing about a body that is not there (R5). */
function notModifiedHeaders(headers: Record<string, string>): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of ['ETag', 'Last-Modified', 'Cache-Control', 'Vary', 'Content-Location']) {
    if (headers[name] !== undefined) kept[name] = headers[name]
  }
  return kept
}

async function putContent(call: Call): Promise<HttpReply> {
  const { core, caller, request } = call
  const target = fileOf(call)
  if (request.header('content-range') !== undefined) {
    // RFC 9110 §14.5: storing a part as the whole would destroy the file.
    throw new CuttyError('invalid_request', 'A PUT with Content-Range is not supported; send the whole file.')
  }
  const { file, created } = await putFile(core, caller, {
    ...target,
    body: request.body,
    sizeBytes: request.bodyBytes,
    digests: expectedDigests(request),
    describe: describeUpload(request, target.key),
    precondition: writePrecondition(call),
  })
  return jsonReply(created ? 201 : 200, describeFile(file), {
    ETag: formatEtag(file.etag),
    Location: locationOf(file),
  })
}

/** Content and representation are the same here: what is sent is what is stored, its own coding included. */
function expectedDigests(request: HttpRequest) {
  const contentMd5 = request.header('content-md5')
  const digests = new Map<'md5' | 'sha' | 'sha-256' | 'sha-512', Uint8Array>()
  if (contentMd5 !== undefined) digests.set('md5', parseContentMd5(contentMd5))
  for (const name of ['Content-Digest', 'Repr-Digest']) {
    const value = request.header(name.toLowerCase())
    if (value === undefined) continue
    for (const [algorithm, digest] of parseDigestHeader(value, name)) {
      const other = digests.get(algorithm)
      if (other?.some((byte, index) => byte !== digest[index])) {
        throw new CuttyError('digest_mismatch', `The request declares two different ${algorithm} digests.`)
      }
      digests.set(algorithm, digest)
    }
  }
  return digests
}

/** A path where it can say the key; a query where clients would fold its dots away. */
export function locationOf(file: FileRecord): string {
  const base = `/api/v1/buckets/${file.bucket.name}/files`
  const folded = file.key.split('/').some((segment) => segment === '.' || segment === '..')
  return folded
    ? `${base}?key=${encodeURIComponent(file.key)}`
    : `${base}/${file.key.split('/').map(encodeURIComponent).join('/')}`
}

async function patchFile(call: Call<unknown, z.infer<typeof patchBody>>): Promise<HttpReply> {
  const { core, caller, body } = call
  const file = await changeDescription(core, caller, {
    ...fileOf(call),
    change: (current) => changeOf(current, body),
    precondition: writePrecondition(call),
  })
  return jsonReply(200, describeFile(file), { ETag: formatEtag(file.etag) })
}

const patchBody = z.strictObject(description).partial()

/** The same route twice: with the key in the path, and in the query. */
function withKey(route: Route): Route[] {
  return [
    { ...route, query: z.strictObject({}) },
    { ...route, path: route.path.replace('/{key…}', ''), query: keyQuery },
  ]
}

const path = '/api/v1/buckets/{bucket}/files/{key…}'
const problem = (text: string) => ({ description: text, type: 'application/problem+json' })

export const getRoute = defineRoute({
  method: 'GET',
  path,
  tag,
  summary: 'Download a file',
  description:
    'Ranges and conditions follow RFC 9110. HTML, SVG and other types that browsers run are sent as attachments.',
  query: z.strictObject({
    download: z.string().optional().meta({ description: 'When present: send as an attachment.' }),
    info: z.string().optional().meta({ description: 'When present: describe the file as JSON instead.' }),
  }),
  headers: readHeaders,
  responses: {
    200: { description: 'The content', type: '*/*' },
    206: { description: 'A range of it', type: '*/*' },
    304: { description: 'Not modified' },
    404: problem('No such file'),
    412: problem('A condition does not hold'),
    416: problem('The range lies outside the file'),
  },
  handle: getFile,
})

export const fileContentRoutes: Route[] = [
  getRoute,
  ...withKey(
    defineRoute({
      method: 'PUT',
      path,
      tag,
      summary: 'Upload a file',
      description:
        'The body is the file. Nothing is stored unless all of it arrives and matches what was declared; when the ' +
        'reply comes, it is durable.',
      rawBody: { type: '*/*', description: 'The content' },
      headers: {
        ...writeHeaders,
        ...metadataHeaders,
        'Content-MD5': 'MD5 of the content, base64. Checked.',
        'Content-Digest': 'RFC 9530, sha-256, sha-512 or md5. Checked.',
        'Repr-Digest': 'The same.',
      },
      responses: {
        200: { description: 'Replaced', schema: fileShape },
        201: { description: 'Created', schema: fileShape },
        400: problem('The body is not what was declared'),
        412: problem('A condition does not hold'),
        507: problem('No room left'),
      },
      handle: putContent,
    }),
  ),
  ...withKey(
    defineRoute({
      method: 'PATCH',
      path,
      tag,
      summary: 'Change a file’s type, headers, metadata or tags',
      description: 'What is left out stays; null removes. `metadata` and `tags` are replaced as a whole.',
      body: patchBody,
      headers: writeHeaders,
      responses: { 200: { description: 'The file', schema: fileShape } },
      handle: patchFile,
    }),
  ),
  ...withKey(
    defineRoute({
      method: 'DELETE',
      path,
      tag,
      summary: 'Delete a file',
      headers: { 'If-Match': writeHeaders['If-Match'] },
      responses: { 204: { description: 'Deleted' }, 404: problem('No such file') },
      handle: async (call) => {
        await deleteFile(call.core, call.caller, { ...fileOf(call), precondition: writePrecondition(call) })
        return noContent()
      },
    }),
  ),
]
