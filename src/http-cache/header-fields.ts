/** Which header fields belong to a connection, to a body, or to an answer without one. */

type Fields = readonly (readonly [name: string, value: string])[]

/** RFC 9110 §7.6.1 and RFC 9111 §3.1. Proxy-Authenticate is a conversation with a proxy, which is not ours to repeat. */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** A copy without what is meant for one connection, the fields that Connection lists included. */
export function endToEnd(headers: Headers): Headers {
  const listed = (headers.get('connection') ?? '').split(',').map((name) => name.trim().toLowerCase())
  const kept = new Headers(headers)
  // A field's name that is none would throw.
  for (const name of [...hopByHop, ...listed]) if (kept.has(safeName(name))) kept.delete(name)
  return kept
}

function safeName(name: string): string {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name) ? name : 'connection'
}

/** They describe the stored body, which a 304 does not bring (RFC 9111 §3.2, R32). */
const ofTheBody = ['content-length', 'content-encoding', 'content-range']

/** The stored fields, with those of a 304 or a HEAD in place of the ones that have the same name (RFC 9111 §3.2, §4.3.5). */
export function updateFields(stored: Fields, update: Headers): [string, string][] {
  const fresh = [...endToEnd(update)].filter(([name]) => !ofTheBody.includes(name))
  const replaced = new Set(fresh.map(([name]) => name))
  // The age of a validated response begins anew, with the validation (§4.3.4).
  replaced.add('age')
  return [
    ...stored.filter(([name]) => !replaced.has(name)).map(([name, value]): [string, string] => [name, value]),
    ...fresh,
  ]
}

/** For a 304: no field that describes the body it does not have (RFC 9110 §15.4.5). */
export function withoutBodyFields(headers: Headers): Headers {
  const kept = new Headers(headers)
  for (const name of headers.keys()) {
    if (name.startsWith('content-') && name !== 'content-location' && name !== 'content-security-policy')
      kept.delete(name)
  }
  return kept
}

/** `Headers` of pairs; a value that fetch does not allow cannot come from a `Response` in the first place. */
export function headersOf(fields: Fields): Headers {
  const headers = new Headers()
  for (const [name, value] of fields) headers.append(name, value)
  return headers
}
