import {
  type Directives,
  hasBare,
  parseCacheControl,
  parseTargeted,
  secondsMax,
  secondsOf,
} from './cache-control.ts'
import { parseHttpDate } from './http-date.ts'

/** What a response says about being kept, read once. Times are milliseconds since 1970. */
export interface Policy {
  readonly directives: Directives
  /** Whether the directives are those of a field that is meant for caches such as this one (RFC 9213). */
  readonly targeted: boolean
  /** How long it is fresh; 0 where it does not say (RFC 9111 §4.2.1). */
  readonly lifetimeSeconds: number
  /** Whether it says so itself, rather than a heuristic. */
  readonly explicit: boolean
  /** Its age when it came (§4.2.3). */
  readonly initialAgeMs: number
  readonly responseMs: number
}

export interface ReceivedHead {
  readonly status: number
  readonly headers: Headers
  readonly requestMs: number
  readonly responseMs: number
}

export interface PolicyOptions {
  /** Fields that go before Cache-Control, the most specific first, in lower case. */
  readonly targetedFields: readonly string[]
  readonly heuristics: boolean
}

/** Status codes that may be kept without a word about it (RFC 9110 §15.1). 206 is never kept here. */
export const heuristicStatuses = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]

const heuristicSecondsMax = 86_400

export function policyOf(head: ReceivedHead, { targetedFields, heuristics }: PolicyOptions): Policy {
  const { headers, responseMs } = head
  let directives: Directives | undefined
  for (const name of targetedFields) directives ??= parseTargeted(headers.get(name))
  const targeted = directives !== undefined
  directives ??= parseCacheControl(headers.get('cache-control'))
  const dateMs = parseHttpDate(headers.get('date'), responseMs) ?? responseMs

  let seconds = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age')
  // A targeted field puts Expires aside along with Cache-Control (RFC 9213 §2.2).
  if (seconds === undefined && !targeted && headers.has('expires')) {
    // Anything that is no date, "0" above all, is in the past (§5.3).
    const expiresMs = parseHttpDate(headers.get('expires'), responseMs) ?? 0
    seconds = Math.max(0, Math.min(secondsMax, (expiresMs - dateMs) / 1000))
  }
  const explicit = seconds !== undefined
  if (seconds === undefined && heuristics) seconds = heuristicSeconds(head, { directives, dateMs })
  return {
    directives,
    targeted,
    lifetimeSeconds: seconds ?? 0,
    explicit,
    initialAgeMs: initialAgeMs({ ...head, dateMs, ageSeconds: parseAge(headers.get('age')) }),
    responseMs,
  }
}

/** A tenth of the time since the last change (§4.2.2), for at most a day. */
function heuristicSeconds(
  { status, headers, responseMs }: ReceivedHead,
  { directives, dateMs }: { directives: Directives; dateMs: number },
): number | undefined {
  if (!heuristicStatuses.includes(status) && !directives.has('public')) return undefined
  const modifiedMs = parseHttpDate(headers.get('last-modified'), responseMs)
  if (modifiedMs === undefined || modifiedMs > dateMs) return undefined
  return Math.min(heuristicSecondsMax, Math.floor((dateMs - modifiedMs) / 10_000))
}

/** The first member of what may have become a list; what is no number is ignored (§5.1). */
export function parseAge(text: string | null): number {
  const first = text?.split(',')[0]?.trim() ?? ''
  return /^\d+$/.test(first) ? Math.min(Number(first), secondsMax) : 0
}

/** `corrected_initial_age` of §4.2.3. A clock behind the origin's does not make it negative. */
export function initialAgeMs(times: {
  dateMs: number
  ageSeconds: number
  requestMs: number
  responseMs: number
}): number {
  const apparentMs = Math.max(0, times.responseMs - times.dateMs)
  const delayMs = Math.max(0, times.responseMs - times.requestMs)
  return Math.max(apparentMs, times.ageSeconds * 1000 + delayMs)
}

/** `current_age` of §4.2.3. */
export function ageMs({ initialAgeMs, responseMs }: Policy, nowMs: number): number {
  return initialAgeMs + Math.max(0, nowMs - responseMs)
}

/** How long it is fresh yet; below 0 it is stale. At 0 it is stale already: `lifetime > age` is fresh (§4.2). */
export function remainingMs(policy: Policy, nowMs: number): number {
  return policy.lifetimeSeconds * 1000 - ageMs(policy, nowMs)
}

/** Never to be used stale, whoever asks for it (§4.2.4, §5.2.2.2, §5.2.2.8, §5.2.2.10). */
export function forbidsStale({ directives }: Policy): boolean {
  return (
    hasBare(directives, 'no-cache') ||
    directives.has('must-revalidate') ||
    directives.has('proxy-revalidate') ||
    directives.has('s-maxage')
  )
}

export type Reuse =
  | { readonly use: 'fresh' }
  /** The client takes it stale (max-stale), or the origin lets us refresh it behind the client's back (RFC 5861 §3). */
  | { readonly use: 'stale'; readonly refresh: boolean }
  /** `request`: it is fresh, but the client wants more. The parameter `fwd` of RFC 9211. */
  | { readonly use: 'never'; readonly because: 'stale' | 'request' }

/** Whether a stored response answers a request without asking the origin (RFC 9111 §4). */
export function reuseOf(policy: Policy, asked: Directives, nowMs: number): Reuse {
  if (asked.has('no-cache')) return { use: 'never', because: 'request' }
  const leftMs = remainingMs(policy, nowMs)
  const fresh = leftMs > 0 && !hasBare(policy.directives, 'no-cache')
  const maxAge = secondsOf(asked, 'max-age')
  if (maxAge !== undefined && ageMs(policy, nowMs) > maxAge * 1000 - (maxAge === 0 ? 1 : 0)) {
    return { use: 'never', because: fresh ? 'request' : 'stale' }
  }
  const minFresh = secondsOf(asked, 'min-fresh')
  if (minFresh !== undefined && leftMs < minFresh * 1000) {
    return { use: 'never', because: fresh ? 'request' : 'stale' }
  }
  if (fresh) return { use: 'fresh' }
  if (forbidsStale(policy)) return { use: 'never', because: 'stale' }
  const maxStale = asked.get('max-stale') === true ? secondsMax : secondsOf(asked, 'max-stale')
  if (maxStale !== undefined && -leftMs <= maxStale * 1000) return { use: 'stale', refresh: false }
  // With max-age or min-fresh the client has said that it does not want a stale one.
  const whileSeconds = secondsOf(policy.directives, 'stale-while-revalidate') ?? 0
  if (maxAge === undefined && minFresh === undefined && -leftMs < whileSeconds * 1000) {
    return { use: 'stale', refresh: true }
  }
  return { use: 'never', because: 'stale' }
}

/** Whether it may stand in for an error of the origin (RFC 5861 §4). The request may allow it too. */
export function allowsStaleIfError(policy: Policy, asked: Directives, nowMs: number): boolean {
  if (forbidsStale(policy) || asked.has('no-cache')) return false
  const seconds = Math.max(
    secondsOf(policy.directives, 'stale-if-error') ?? 0,
    secondsOf(asked, 'stale-if-error') ?? 0,
  )
  return seconds > 0 && -remainingMs(policy, nowMs) < seconds * 1000
}
