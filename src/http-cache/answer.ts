import { splitList } from './cache-control.ts'
import { withoutBodyFields } from './header-fields.ts'
import { parseHttpDate } from './http-date.ts'

/** A response that is at hand, complete or on its way. */
export interface Available {
  readonly status: number
  readonly statusText: string
  /** As they are to be sent, with Age and Cache-Status. */
  readonly headers: Headers
  readonly body: AvailableBody
  readonly receivedMs: number
}

export interface AvailableBody {
  /** Undefined while it is not known. */
  readonly lengthBytes: number | undefined
  /** `end` is exclusive. */
  open(range?: { start: number; end: number }): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null
}

const bodiless = [204, 205, 304]

/** What the client gets: the client's own conditions and range are ours to evaluate (RFC 9111 §4.3.2). */
export function answer(request: Request, available: Available): Response {
  const { status, statusText, headers, body } = available
  const known = body.lengthBytes
  if (status === 200) {
    if (notModified(request.headers, available)) {
      return new Response(null, { status: 304, headers: withoutBodyFields(headers) })
    }
    const range =
      request.method === 'GET' && known !== undefined ? rangeOf(request.headers, available) : 'whole'
    if (range === 'unsatisfiable') {
      const kept = withoutBodyFields(headers)
      kept.set('content-range', `bytes */${known}`)
      kept.set('content-length', '0')
      return new Response(null, { status: 416, headers: kept })
    }
    if (range !== 'whole') {
      headers.set('content-range', `bytes ${range.start}-${range.end - 1}/${known}`)
      headers.set('content-length', String(range.end - range.start))
      return new Response(body.open(range), { status: 206, headers })
    }
  }
  if (bodiless.includes(status)) return new Response(null, { status, statusText, headers })
  if (known !== undefined) headers.set('content-length', String(known))
  return new Response(request.method === 'HEAD' ? null : body.open(), { status, statusText, headers })
}

/** If-None-Match goes before If-Modified-Since (RFC 9110 §13.2.2); without Last-Modified, Date is taken (RFC 9111 §4.3.2). */
function notModified(request: Headers, { headers, receivedMs }: Available): boolean {
  const tags = request.get('if-none-match')
  if (tags !== null) {
    const own = headers.get('etag')
    if (tags.trim() === '*') return true
    return own !== null && splitList(tags).some((tag) => opaque(tag) === opaque(own))
  }
  const sinceMs = parseHttpDate(request.get('if-modified-since'), receivedMs)
  if (sinceMs === undefined) return false
  const modifiedMs =
    parseHttpDate(headers.get('last-modified'), receivedMs) ??
    parseHttpDate(headers.get('date'), receivedMs) ??
    receivedMs
  return modifiedMs <= sinceMs
}

/** Weak comparison: RFC 9110 §8.8.3.2. */
function opaque(tag: string): string {
  return tag.replace(/^W\//, '')
}

/** One range of bytes; several, or another unit, get the whole, which RFC 9110 §14.2 allows. */
function rangeOf(
  request: Headers,
  { headers, body, receivedMs }: Available,
): 'whole' | 'unsatisfiable' | { start: number; end: number } {
  const match = /^bytes=[ \t]*(?:(\d+)-(\d*)|-(\d+))[ \t]*$/i.exec(request.get('range') ?? '')
  const condition = request.get('if-range')
  if (!match || (condition !== null && !stillSame(condition, headers, receivedMs))) return 'whole'
  const length = body.lengthBytes as number
  const [, first, last, suffix] = match
  if (suffix !== undefined) {
    const start = Math.max(0, length - Number(suffix))
    return Number(suffix) === 0 || length === 0 ? 'unsatisfiable' : { start, end: length }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return 'whole'
  if (start >= length) return 'unsatisfiable'
  return { start, end: last === '' ? length : Math.min(length, Number(last) + 1) }
}

/** If-Range compares strongly; a date is strong when it was a second old or more when it was sent (RFC 9110 §8.8.2.2, §13.1.5). */
function stillSame(condition: string, headers: Headers, nowMs: number): boolean {
  if (condition.startsWith('"')) return condition === headers.get('etag')
  const modified = headers.get('last-modified')
  const modifiedMs = parseHttpDate(modified, nowMs)
  const dateMs = parseHttpDate(headers.get('date'), nowMs)
  return (
    condition === modified && dateMs !== undefined && modifiedMs !== undefined && dateMs - modifiedMs >= 1000
  )
}
