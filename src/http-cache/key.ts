import { createHash } from 'node:crypto'
import { splitList } from './cache-control.ts'

/** Every input in full; JSON keeps them apart, so that no two lists of texts are the same text (R28). */
export function hashKey(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}

/** A fragment is never sent; all else of the URL counts. */
export function urlKey(url: string): string {
  const hash = url.indexOf('#')
  return hashKey(['GET', hash < 0 ? url : url.slice(0, hash)])
}

/** Lower case, sorted, each once. Undefined for `*`: nothing will ever match (RFC 9111 §4.1). */
export function selectingNames(headers: Headers): string[] | undefined {
  const names = splitList(headers.get('vary') ?? '').map((name) => name.toLowerCase())
  return names.includes('*') ? undefined : [...new Set(names)].toSorted()
}

/**
 * The values a response was chosen by. White space around commas is all that may differ (§4.1): more would need to know the
 * field. An absent field is not an empty one.
 */
export function selectingFields(names: readonly string[], request: Headers): [string, string | null][] {
  return names.map((name) => {
    const value = tokenPattern.test(name) ? request.get(name) : null
    return [name, value === null || value.includes('"') ? value : splitList(value).join(', ')]
  })
}

const tokenPattern = /^[\w!#$%&'*+.^`|~-]+$/

export function sameFields(
  a: readonly (readonly [string, string | null])[],
  b: readonly (readonly [string, string | null])[],
): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
