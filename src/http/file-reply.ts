import { CuttyError } from '../core/errors.ts'
import { type FileRecord, isPublic } from '../core/files/file.ts'
import { readCoded, readContent } from '../core/files/read.ts'
import type { ByteRange } from '../core/ports/blob-store.ts'
import type { HttpReply, HttpRequest } from './exchange.ts'
import { asAttachment } from './headers/content-disposition.ts'
import { isActiveType } from './headers/content-type.ts'
import { formatReprDigest } from './headers/digest.ts'
import { formatEtag, formatFileEtag, matchingFileForm, parseEtagList } from './headers/etag.ts'
import { formatHttpDate } from './headers/http-date.ts'
import { formatContentRange, formatUnsatisfiedRange, ifRangeAllows, parseRange } from './headers/range.ts'
import { preconditionFailed } from './file-conditions.ts'
import type { PreconditionResult } from './headers/preconditions.ts'
import { type Representation, selectRepresentation } from './representation.ts'
import type { Call } from './route.ts'

/** How a protocol shows a file: REST and S3 differ in the names of headers, and in little else. */
export interface FileView {
  /** The headers of a file, as they would be sent with all of it. */
  readonly headersOf: (file: FileRecord) => Readonly<Record<string, string>>
  /** What the request's conditions come to. */
  readonly outcome: PreconditionResult
  /** Headers in the place of the file's own, or beside them. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Answer with this part, as a range is answered, whatever the request's Range says. */
  readonly part?: ByteRange | undefined
}

/** Answers GET and HEAD of a file whose reading was authorised: RFC 9110, in the order of R4. */
export async function replyWithFile(
  { core, request, trace }: Pick<Call, 'core' | 'request' | 'trace'>,
  file: FileRecord,
  view: FileView,
): Promise<HttpReply> {
  const selected = selectRepresentation(request, file)
  // A part is cut from identity (R7).
  const representation: Representation = view.part
    ? { ...selected, form: 'identity', sizeBytes: file.sizeBytes }
    : selected
  if (view.outcome === 'precondition_failed') throw preconditionFailed()
  if (view.outcome === 'not_modified') {
    const named = parseEtagList(request.header('if-none-match') ?? '')
    const form = matchingFileForm(named, file.etag, representation.form)
    return {
      status: 304,
      headers: notModifiedHeaders(contentHeaders(file, { ...representation, form }, view)),
    }
  }

  const headers = contentHeaders(file, representation, view)
  if (representation.form !== 'identity') {
    headers['Content-Length'] = String(representation.sizeBytes)
    if (request.method === 'HEAD') return { status: 200, headers }
    return { status: 200, headers, body: await readCoded(core, file, trace.bytes) }
  }
  if (
    /\bsha-256=(?:[1-9]|10)\b/.test(request.header('want-repr-digest') ?? '') &&
    file.blob.sha256.length > 0
  ) {
    headers['Repr-Digest'] = formatReprDigest([['sha-256', file.blob.sha256]])
  }
  const range = view.part ?? selectRange(request, file)
  const length = range ? range.end - range.start + 1 : file.sizeBytes
  headers['Content-Length'] = String(length)
  // An empty part is no range: S3 answers it as it answers an empty object.
  if (length === 0) return { status: 200, headers, body: '' }
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
  if (result.kind === 'unsatisfiable') throw unsatisfiable(file)
  return result.kind === 'range' ? result.range : undefined
}

export function unsatisfiable({ sizeBytes }: FileRecord): CuttyError {
  return new CuttyError('range_not_satisfiable', `The file has ${sizeBytes} bytes.`, {
    extras: {
      headers: { 'Content-Range': formatUnsatisfiedRange(sizeBytes), 'Accept-Ranges': 'bytes' },
      sizeBytes,
    },
  })
}

function contentHeaders(
  file: FileRecord,
  { form, vary }: Representation,
  { headersOf, headers: others }: FileView,
): Record<string, string> {
  const headers: Record<string, string> = { ...headersOf(file), ...others }
  if (vary !== undefined) headers['Vary'] = vary
  if (form !== 'identity') {
    headers['Content-Encoding'] = form
    headers['ETag'] = formatFileEtag(file.etag, form)
    // What is encoded for good must not be encoded again on the way, or neither its length nor its tag is true (R17).
    headers['Cache-Control'] = withNoTransform(headers['Cache-Control'] as string)
  }
  return headers
}

function withNoTransform(cacheControl: string): string {
  const has = (cacheControl.match(cacheDirective) ?? []).some((each) => /^\s*no-transform\s*$/i.test(each))
  return has ? cacheControl : `${cacheControl}, no-transform`
}

/** A page that a user uploaded must not act as this origin (R42). */
const contentPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

/**
 * The headers of a record, which never changes: made once for as long as the pointer is kept in memory. `isolated` is for an
 * origin that holds nothing but one bucket, where a page may act as it likes.
 */
export function createFileHeaders(options: {
  metadataPrefix: string
  isolated?: boolean
}): FileView['headersOf'] {
  const { metadataPrefix, isolated = false } = options
  const ofRecord = new WeakMap<FileRecord, Readonly<Record<string, string>>>()
  return (file) => {
    let kept = ofRecord.get(file)
    if (!kept) ofRecord.set(file, (kept = makeHeaders(file, metadataPrefix, isolated)))
    return kept
  }
}

function makeHeaders(file: FileRecord, metadataPrefix: string, isolated: boolean): Record<string, string> {
  const { contentDisposition, contentEncoding, contentLanguage } = file.headers
  const disposition =
    !isolated && isActiveType(file.contentType)
      ? asAttachment(contentDisposition, file.key)
      : contentDisposition
  const headers: Record<string, string> = {
    'Content-Type': file.contentType,
    ETag: formatEtag(file.etag),
    'Last-Modified': formatHttpDate(file.modifiedAtMs),
    'Accept-Ranges': 'bytes',
    'Cache-Control': cacheControl(file),
  }
  if (!isolated) headers['Content-Security-Policy'] = contentPolicy
  if (disposition !== undefined) headers['Content-Disposition'] = disposition
  if (contentEncoding !== undefined) headers['Content-Encoding'] = contentEncoding
  if (contentLanguage !== undefined) headers['Content-Language'] = contentLanguage
  for (const name in file.metadata) headers[metadataPrefix + name] = file.metadata[name] as string
  return headers
}

/**
 * The owner's own, or: keep it, but ask before each use, since the file may be replaced. What is private is never
 * left to shared caches (R27), whatever the owner wrote.
 */
function cacheControl(file: FileRecord): string {
  const own = file.headers.cacheControl
  if (isPublic(file)) return own ?? 'public, no-cache'
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
