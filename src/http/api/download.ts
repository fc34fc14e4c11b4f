import { z } from 'zod'
import { CuttyError } from '../../core/errors.ts'
import type { FileRecord } from '../../core/files/file.ts'
import { readCoded, readContent } from '../../core/files/read.ts'
import { findFileRecord } from '../../core/files/record.ts'
import type { ByteRange } from '../../core/ports/blob-store.ts'
import type { HttpReply, HttpRequest } from '../exchange.ts'
import { asAttachment } from '../headers/content-disposition.ts'
import { isActiveType } from '../headers/content-type.ts'
import { formatReprDigest } from '../headers/digest.ts'
import { formatEtag, formatFileEtag, matchingFileForm, parseEtagList } from '../headers/etag.ts'
import { formatHttpDate } from '../headers/http-date.ts'
import { formatContentRange, formatUnsatisfiedRange, ifRangeAllows, parseRange } from '../headers/range.ts'
import { jsonReply } from '../json.ts'
import { problem } from '../openapi.ts'
import { type Call, defineRoute } from '../route.ts'
import { countDownload } from './count-download.ts'
import { checkPreconditions, preconditionFailed } from './file-conditions.ts'
import { fileOf, filePath, tag } from './file-target.ts'
import { type Representation, selectRepresentation } from './representation.ts'
import { describeFile } from './schemas.ts'

async function getFile(
  call: Call<{ download?: string | undefined; info?: string | undefined }>,
): Promise<HttpReply> {
  const { core, caller, request, query, trace } = call
  const action = query.info === undefined ? 'read_file' : 'list'
  const { bucket, key } = fileOf(call)
  const finding = findFileRecord(core, caller, { bucket, key, action, upToDate: false, found: trace.rows })
  // What is in memory is not waited for: each turn of the queue costs as much as the look-up.
  const file = finding instanceof Promise ? await finding : finding
  if (query.info !== undefined) return jsonReply(200, describeFile(file), { ETag: formatEtag(file.etag) })

  const representation = selectRepresentation(request, file)
  const download = query.download !== undefined
  const outcome = checkPreconditions(request, request.method, file, core.clock.now())
  if (outcome === 'precondition_failed') throw preconditionFailed()
  if (outcome === 'not_modified') {
    const named = parseEtagList(request.header('if-none-match') ?? '')
    const form = matchingFileForm(named, file.etag, representation.form)
    return {
      status: 304,
      headers: notModifiedHeaders(contentHeaders(file, { ...representation, form }, { download })),
    }
  }

  const headers = contentHeaders(file, representation, { download })
  if (representation.form !== 'identity') {
    headers['Content-Length'] = String(representation.sizeBytes)
    if (request.method === 'HEAD') return { status: 200, headers }
    return { status: 200, headers, body: await readCoded(core, file, trace.bytes) }
  }
  if (/\bsha-256=(?:[1-9]|10)\b/.test(request.header('want-repr-digest') ?? '')) {
    headers['Repr-Digest'] = formatReprDigest([['sha-256', file.blob.sha256]])
  }
  const range = selectRange(request, file)
  const length = range ? range.end - range.start + 1 : file.sizeBytes
  headers['Content-Length'] = String(length)
  if (range) {
    headers['Content-Range'] = formatContentRange(range, file.sizeBytes)
    // A part that is encoded on the way is a part of nothing.
    headers['Cache-Control'] = withNoTransform(headers['Cache-Control'] as string)
  }
  const status = range ? 206 : 200
  // HEAD is answered from the row alone (R6).
  if (request.method === 'HEAD') return { status, headers }
  const content = readContent(core, file, range, trace.bytes)
  return { status, headers, body: content instanceof Promise ? await content : content }
}

/** Range is defined for GET only (§14.2); HEAD ignores it. Never of an encoded form (R7). */
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

function contentHeaders(
  file: FileRecord,
  { form, vary }: Representation,
  { download }: { download: boolean },
): Record<string, string> {
  let kept = headersOfRecord.get(file)
  if (!kept) headersOfRecord.set(file, (kept = makeHeaders(file)))
  const headers: Record<string, string> = { ...kept }
  if (vary !== undefined) headers['Vary'] = vary
  if (form !== 'identity') {
    headers['Content-Encoding'] = form
    headers['ETag'] = formatFileEtag(file.etag, form)
    // What is encoded for good must not be encoded again on the way, or neither its length nor its tag is true (R17).
    headers['Cache-Control'] = withNoTransform(headers['Cache-Control'] as string)
  }
  if (download) headers['Content-Disposition'] = asAttachment(file.headers.contentDisposition, file.key)
  return headers
}

function withNoTransform(cacheControl: string): string {
  const has = (cacheControl.match(cacheDirective) ?? []).some((each) => /^\s*no-transform\s*$/i.test(each))
  return has ? cacheControl : `${cacheControl}, no-transform`
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

const readHeaders = {
  'Accept-Encoding':
    'A file that is compressed at rest is sent as it is stored where this asks for that coding, else decoded.',
  Range: 'One range of bytes.',
  'If-Match': 'Go on only if the file has one of these ETags.',
  'If-None-Match': 'Go on only if it has none of them.',
  'If-Modified-Since': 'Go on only if it was changed since.',
  'If-Unmodified-Since': 'Go on only if it was not changed since.',
  'Want-Repr-Digest': '`sha-256=1`: send the SHA-256 of the whole file as Repr-Digest (RFC 9530).',
  'If-Range': 'Send the range only if the file has this ETag, else all of it.',
}

export const downloadRoute = defineRoute({
  method: 'GET',
  path: filePath,
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
    406: problem('Every form of the file is refused by Accept-Encoding'),
    412: problem('A condition does not hold'),
    416: problem('The range lies outside the file'),
  },
  handle: (call) => getFile(call).then((reply) => countDownload(call, reply)),
})
