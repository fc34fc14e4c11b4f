import { CuttyError } from '../core/errors.ts'

/**
 * Splits a request target; the query comes without its question mark. Of an absolute target, which a client may send
 * to any server (RFC 9112 §3.2.2), scheme and host are left out.
 */
export function splitTarget(target: string): { path: string; query: string } {
  const origin = target.startsWith('/') ? '' : (/^https?:\/\/[^/?]*/i.exec(target)?.[0] ?? '')
  const from = origin.length
  const mark = target.indexOf('?', from)
  const path = mark < 0 ? target.slice(from) : target.slice(from, mark)
  return { path: path === '' ? '/' : path, query: mark < 0 ? '' : target.slice(mark + 1) }
}

/**
 * Percent-decodes a part of a path. Throws `invalid_request` for a broken escape or invalid UTF-8, where a lenient
 * decoder would put another character in the place of the one meant.
 */
export function decodePathPart(part: string): string {
  if (!part.includes('%')) return part
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw new CuttyError('invalid_request', 'The path holds a broken percent-escape or invalid UTF-8.', {
      cause,
    })
  }
}

/**
 * The parameters of a query, as HTML forms encode them (`+` is a space). Of a repeated name the values are an
 * array. Decodes as strictly as {@link decodePathPart}.
 */
export function parseQuery(query: string): Record<string, string | string[]> {
  const values: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeQueryPart(equals < 0 ? pair : pair.slice(0, equals))
    const value = decodeQueryPart(equals < 0 ? '' : pair.slice(equals + 1))
    const before = values[name]
    values[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value]
  }
  return values
}

/** One name or value of a query. */
export function decodeQueryPart(part: string): string {
  if (!/[%+]/.test(part)) return part
  try {
    return decodeURIComponent(part.replaceAll('+', ' '))
  } catch (cause) {
    throw new CuttyError('invalid_request', 'The query holds a broken percent-escape or invalid UTF-8.', {
      cause,
    })
  }
}
