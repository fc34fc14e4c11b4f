/** Cache-Control (RFC 9111 §5.2) and targeted fields such as CDN-Cache-Control (RFC 9213). */

/** Names in lower case; `true` stands for no value. Of a directive that is given twice, the first counts (§4.2.1). */
export type Directives = ReadonlyMap<string, string | true>

/** 68 years: what §1.2.2 asks for where a number is too large to be kept. */
export const secondsMax = 2_147_483_648

/** Quoted values lose their quotes: both forms are to be accepted (§5.2). White space around `=` makes a value unusable. */
export function parseCacheControl(text: string | null): Directives {
  const directives = new Map<string, string | true>()
  for (const part of splitList(text ?? '')) {
    const equals = part.indexOf('=')
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase()
    if (name !== '' && !directives.has(name))
      directives.set(name, equals < 0 ? true : unquote(part.slice(equals + 1), part[equals - 1]))
  }
  return directives
}

function unquote(text: string, before: string | undefined): string {
  // As it stands, so that no number is found in it.
  if (before === ' ' || before === '\t' || /^\s/.test(text)) return ` ${text}`
  return /^".*"$/s.test(text) ? text.slice(1, -1).replaceAll(/\\(.)/gs, '$1') : text
}

/** Members of a comma-separated list, trimmed, without empty ones; commas in quotes do not separate. */
export function splitList(text: string): string[] {
  if (!text.includes('"')) {
    return text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
  }
  const parts: string[] = []
  let part = ''
  let quoted = false
  for (let index = 0; index < text.length; index++) {
    const char = text[index] as string
    if (char === ',' && !quoted) {
      parts.push(part)
      part = ''
      continue
    }
    if (char === '"') quoted = !quoted
    part += char
    if (quoted && char === '\\') part += text[++index] ?? ''
  }
  parts.push(part)
  return parts.map((each) => each.trim()).filter((each) => each !== '')
}

/** Undefined where it is absent; 0 where it is no number, since an invalid lifetime is to be taken for stale (§4.2.1). */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name)
  if (value === undefined) return undefined
  return typeof value === 'string' && /^\d+$/.test(value) ? Math.min(Number(value), secondsMax) : 0
}

/** Field names of the qualified forms `no-cache="a, b"` and `private="a"`; empty for the bare form (§5.2.2.4, §5.2.2.7). */
export function fieldsOf(directives: Directives, name: string): string[] {
  const value = directives.get(name)
  return typeof value === 'string' ? splitList(value).map((field) => field.toLowerCase()) : []
}

/** The bare form, or a qualified one that names nothing. */
export function hasBare(directives: Directives, name: string): boolean {
  return directives.has(name) && fieldsOf(directives, name).length === 0
}

/** Pragma counts only where there is no Cache-Control (§5.4). */
export function requestDirectives(headers: Headers): Directives {
  const text = headers.get('cache-control')
  if (text !== null) return parseCacheControl(text)
  return parseCacheControl(headers.get('pragma')).has('no-cache')
    ? new Map([['no-cache', true as const]])
    : new Map()
}

const sfKey = /^[a-z*][a-z0-9_.*-]*/
const sfItem =
  /^(?:-?\d{1,12}\.\d{1,3}|-?\d{1,15}(?![\d.])|"(?:[ !#-[\]-~]|\\["\\])*"|[A-Za-z*][\w:/!#$%&'*+.^`|~-]*|\?[01]|:[A-Za-z0-9+/=]*:|@-?\d{1,15})/
const sfParameter = /^; *[a-z*][a-z0-9_.*-]*/
const numbers = ['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error']

/**
 * A dictionary of structured fields (RFC 9651 §4.2.2), as RFC 9213 §2.1 wants it. Undefined where it is empty, does not
 * parse, or has a lifetime that is no integer: then the field is as good as absent.
 */
export function parseTargeted(text: string | null): Directives | undefined {
  let rest = (text ?? '').trim()
  const directives = new Map<string, string | true>()
  while (rest !== '') {
    const key = sfKey.exec(rest)?.[0]
    if (key === undefined) return undefined
    rest = rest.slice(key.length)
    let value: string | true = true
    if (rest.startsWith('=')) {
      const item = sfItem.exec(rest.slice(1))?.[0]
      if (item === undefined) return undefined
      rest = rest.slice(1 + item.length)
      value = item === '?1' ? true : item
    }
    for (let parameter = sfParameter.exec(rest)?.[0]; parameter; parameter = sfParameter.exec(rest)?.[0]) {
      rest = rest.slice(parameter.length)
      if (rest.startsWith('=')) {
        const item = sfItem.exec(rest.slice(1))?.[0]
        if (item === undefined) return undefined
        rest = rest.slice(1 + item.length)
      }
    }
    if (numbers.includes(key) && !(typeof value === 'string' && /^\d+$/.test(value))) return undefined
    // In a dictionary the last one counts.
    directives.delete(key)
    if (value !== '?0') directives.set(key, typeof value === 'string' ? unquote(value, undefined) : value)
    const comma = /^[ \t]*(,[ \t]*(?=.)|$)/s.exec(rest)
    if (!comma) return undefined
    rest = rest.slice(comma[0].length)
  }
  return directives.size === 0 ? undefined : directives
}
