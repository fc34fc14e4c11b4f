import { fieldsOf, hasBare } from './cache-control.ts'
import { heuristicStatuses, type Policy } from './freshness.ts'
import { selectingNames } from './key.ts'

/** Codes whose meaning for a cache is known here, for `must-understand` (RFC 9111 §5.2.2.3). */
const understood = [200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501]

export interface StorableOptions {
  /** Set-Cookie does not forbid to keep a response (RFC 9111 §7.3), where it says itself how long. False refuses all. */
  readonly storeSetCookie: boolean
}

/** Why a response to a GET may not be kept by a shared cache, or undefined when it may (RFC 9111 §3). */
export function refusal(
  request: Request,
  response: Response,
  policy: Policy,
  { storeSetCookie }: StorableOptions,
): string | undefined {
  const { status, headers } = response
  const { directives } = policy
  if (request.method !== 'GET') return 'method'
  if (status < 200 || status === 206 || status === 304) return 'status'
  const mustUnderstand = directives.has('must-understand')
  if (mustUnderstand && !understood.includes(status)) return 'must-understand'
  if (directives.has('no-store') && !mustUnderstand) return 'no-store'
  if (hasBare(directives, 'private')) return 'private'
  const shared = directives.has('public') || directives.has('s-maxage') || directives.has('must-revalidate')
  if (request.headers.has('authorization') && !shared) return 'authorization'
  if (selectingNames(headers) === undefined) return 'vary'
  if (!policy.explicit && !directives.has('public') && !heuristicStatuses.includes(status)) return 'status'
  if (headers.has('set-cookie') && !(storeSetCookie && policy.explicit)) return 'set-cookie'
  // Not forbidden, but of no use: it could never be sent again.
  if (policy.lifetimeSeconds === 0 && !hasValidator(headers) && !directives.has('stale-if-error'))
    return 'no-freshness'
  return undefined
}

export function hasValidator(headers: Headers): boolean {
  return headers.has('etag') || headers.has('last-modified')
}

/** Fields that may be passed on once, but not kept: `no-cache="…"`, `private="…"` (RFC 9111 §5.2.2.4, §5.2.2.7). */
export function unstorableFields({ directives }: Policy): string[] {
  return [...fieldsOf(directives, 'no-cache'), ...fieldsOf(directives, 'private')]
}
