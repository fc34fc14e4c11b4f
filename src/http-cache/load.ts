import { secondsOf } from './cache-control.ts'
import type { Forwarded } from './cache-status.ts'
import type { Call, Flight, Landed, Loaded, Shared } from './call.ts'
import type { Fill } from './entries.ts'
import { allowsStaleIfError, type Policy, policyOf, remainingMs, reuseOf } from './freshness.ts'
import { endToEnd, headersOf, updateFields } from './header-fields.ts'
import { formatHttpDate } from './http-date.ts'
import { sameFields, selectingFields, selectingNames } from './key.ts'
import { askOrigin } from './origin.ts'
import { emptyBody, type Replies } from './reply.ts'
import { shareBody, within } from './shared-body.ts'
import { hasValidator, refusal, unstorableFields } from './storable.ts'
import type { StoredResponse } from './store.ts'
import { createUncacheable } from './uncacheable.ts'

/** Gets from the origin what the store has not, or not fresh enough, and keeps it. */
export function createLoader(
  { clock, rules, storable, entries, flights, onError, background, invalidate, ...limits }: Shared,
  { policyOfEntry, fromEntry, fromLoaded, passOn }: Replies,
) {
  const { entryBytesMax, collapseTimeoutMs, originTimeoutMs } = limits
  const uncacheable = createUncacheable(clock)

  /** The stored response with the fields of a 304 (RFC 9111 §3.2, §4.3.4). Kept only while it may be kept. */
  async function freshen(
    call: Call,
    entry: StoredResponse,
    update: Response,
    { fill, requestMs }: { fill: Fill; requestMs: number },
  ): Promise<StoredResponse> {
    const responseMs = clock()
    const received = new Headers(update.headers)
    // Without a Date it is from now (RFC 9110 §6.6.1), not from when the body came.
    if (!received.has('date')) received.set('date', formatHttpDate(responseMs))
    const fields = updateFields(entry.headers, received)
    const full = { ...entry, headers: fields, requestMs, responseMs }
    const policy = policyOfEntry(full)
    const like = new Response(null, { status: entry.status, headers: headersOf(fields) })
    if (refusal(new Request(call.request.url, { headers: call.request.headers }), like, policy, storable)) {
      entries.end(fill)
      await invalidate(call.request.url)
    } else {
      const kept = { ...full, ...storedParts(call, headersOf(fields), policy) }
      // Where Vary has changed, it is another response now; the old one stays until it is stale.
      background(entries.keep(fill, kept), call.context)
    }
    return full
  }

  function storedParts({ request }: Call, headers: Headers, policy: Policy) {
    const usableSeconds = Math.max(
      secondsOf(policy.directives, 'stale-while-revalidate') ?? 0,
      secondsOf(policy.directives, 'stale-if-error') ?? 0,
      hasValidator(headers) ? validatorSeconds : 0,
    )
    const kept = new Headers(headers)
    for (const field of unstorableFields(policy)) if (/^[\w-]+$/.test(field)) kept.delete(field)
    return {
      headers: [...kept],
      selecting: selectingFields(selectingNames(headers) ?? [], request.headers),
      keepUntilMs: clock() + Math.max(0, remainingMs(policy, clock())) + usableSeconds * 1000,
    }
  }

  /** Asks the origin, keeps what may be kept, answers. */
  async function load(call: Call, fwd: Forwarded, flight?: Flight): Promise<Response> {
    const { request, entry, asked } = call
    const fill = entries.begin(call.place)
    let filling = false
    try {
      const headers = entry ? conditional(request.headers, entry) : request.headers
      const requestMs = clock()
      let response: Response
      try {
        response = await askOrigin(call, headers, originTimeoutMs)
      } catch (error) {
        if (entry && allowsStaleIfError(policyOfEntry(entry), asked, clock())) {
          onError(error)
          return fromEntry(request, entry, { hit: true, fwd, detail: 'stale-if-error' })
        }
        throw error
      }
      const { status } = response
      if (entry && status === 304) {
        const tag = response.headers.get('etag')
        const stored = headersOf(entry.headers).get('etag')
        if (tag !== null && stored !== null && tag.replace(/^W\//, '') !== stored.replace(/^W\//, '')) {
          // It speaks of another one: ask again for the whole (§4.3.4).
          return await load({ ...call, entry: undefined }, fwd, flight)
        }
        filling = true
        const fresh = await freshen(call, entry, response, { fill, requestMs })
        flight?.landed.resolve({ entry: fresh })
        return fromEntry(request, fresh, { hit: true, fwd, fwdStatus: 304 })
      }
      if (
        entry &&
        serverErrors.includes(status) &&
        allowsStaleIfError(policyOfEntry(entry), asked, clock())
      ) {
        background(Promise.resolve(response.body?.cancel()), call.context)
        return fromEntry(request, entry, { hit: true, fwd, fwdStatus: status, detail: 'stale-if-error' })
      }
      const received = { status, headers: endToEnd(response.headers), requestMs, responseMs: clock() }
      if (!received.headers.has('date')) received.headers.set('date', formatHttpDate(received.responseMs))
      const policy = policyOf(received, rules)
      const lengthBytes = lengthOf(received.headers)
      const refused =
        (asked.has('no-store') && 'request-no-store') ||
        refusal(request, response, policy, storable) ||
        (lengthBytes !== undefined && lengthBytes > entryBytesMax && 'size')
      // Revoked, gone, or no longer for all: the old one must not come back, not even during an error (R33).
      const over = gone.includes(status) || (refused && status < 500 && !asked.has('no-store'))
      if (entry && over) await entries.invalidate(request.url, fill)
      if (refused) {
        if (flight) uncacheable.add(flight.key)
        return passOn(request, response, { fwd, detail: refused })
      }
      filling = true
      const shared = shareBody(response.body ?? emptyBody(), {
        lengthBytes,
        bytesMax: entryBytesMax,
        idleMs: originTimeoutMs,
      })
      const loaded: Loaded = {
        head: { ...received, statusText: response.statusText },
        shared,
        lengthBytes: response.body ? lengthBytes : 0,
        selecting: selectingFields(selectingNames(received.headers) ?? [], request.headers),
        policy,
      }
      flight?.landed.resolve({ loaded })
      const reply = fromLoaded(call, loaded, { fwd, fwdStatus: status, stored: true })
      background(keep(call, fill, loaded), call.context)
      return reply
    } finally {
      if (!filling) entries.end(fill)
    }
  }

  async function keep(call: Call, fill: Fill, { head, shared, policy }: Loaded): Promise<void> {
    const body = await shared.whole
    if (!body) return entries.end(fill)
    const { status, statusText, requestMs, responseMs } = head
    const times = { requestMs, responseMs }
    const parts = storedParts(call, head.headers, policy)
    await entries.keep(fill, { kind: 'response', status, statusText, body, ...times, ...parts })
  }

  /** The answer of a request for the same that is under way already, if it is one for this request too. */
  async function join(call: Call, flight: Flight): Promise<Response | undefined> {
    let landed: Landed | undefined
    try {
      landed = await within(flight.landed.promise, collapseTimeoutMs, 'The other request takes too long')
    } catch {
      return undefined
    }
    const policy = landed?.loaded?.policy ?? (landed?.entry && policyOfEntry(landed.entry))
    const selecting = landed?.loaded?.selecting ?? landed?.entry?.selecting ?? []
    if (!landed || !policy || reuseOf(policy, call.asked, clock()).use !== 'fresh') return undefined
    const own = selectingFields(
      selecting.map(([field]) => field),
      call.request.headers,
    )
    if (!sameFields(own, selecting)) return undefined
    const status = { hit: true, collapsed: true }
    if (landed.entry) return fromEntry(call.request, landed.entry, status)
    const { loaded } = landed
    // Its beginning may be gone already.
    const probe = loaded?.shared.open()
    if (!loaded || !probe) return undefined
    const response = fromLoaded(call, loaded, status)
    void probe.cancel()
    return response
  }

  /** One request to the origin for all that ask for the same at once, while it may be kept (R31). */
  async function loadOnce(call: Call, fwd: Forwarded): Promise<Response> {
    const { request, place } = call
    const key = JSON.stringify([place.key, place.identity ?? null])
    const own = ['range', 'if-none-match', 'if-modified-since'].some((field) => request.headers.has(field))
    const alone = (own && !call.entry) || call.asked.has('no-store') || uncacheable.has(key)
    if (alone) return load(call, fwd)
    const other = flights.get(key)
    if (other && fwd !== 'request') {
      const reply = await join(call, other)
      if (reply) return reply
    }
    if (flights.has(key)) return load(call, fwd)
    const flight: Flight = { key, place, landed: Promise.withResolvers() }
    flights.set(key, flight)
    try {
      return await load(call, fwd, flight)
    } finally {
      // Those that wait for what cannot be shared go to the origin now, all at once.
      flight.landed.resolve(undefined)
      if (flights.get(key) === flight) flights.delete(key)
    }
  }

  /** Behind the client's back, and without its conditions; one at a time (RFC 5861 §3). */
  function refresh(call: Call): void {
    const headers = new Headers(call.request.headers)
    for (const field of ['range', 'if-range', 'if-none-match', 'if-modified-since']) headers.delete(field)
    const request = new Request(call.request.url, { headers })
    const key = JSON.stringify([call.place.key, call.place.identity ?? null])
    if (flights.has(key)) return
    const work = loadOnce({ ...call, request, asked: new Map() }, 'stale')
    background(
      work.then((response) => response.body?.cancel()),
      call.context,
    )
  }

  return { load, loadOnce, refresh, freshen }
}

/** RFC 5861 §4. */
export const serverErrors = [500, 502, 503, 504]
/** They say that it must not be seen any more: never answered with something stale (R33). */
export const gone = [401, 403, 404, 410]
/** How long a response is worth keeping that can be validated. */
const validatorSeconds = 86_400

/** Our conditions in place of the client's, which are evaluated on what comes of them (RFC 9111 §4.3.1). */
export function conditional(request: Headers, entry: StoredResponse): Headers {
  const headers = new Headers(request)
  for (const field of ['if-none-match', 'if-modified-since', 'range', 'if-range']) headers.delete(field)
  const stored = headersOf(entry.headers)
  const tag = stored.get('etag')
  const modified = stored.get('last-modified')
  if (tag !== null) headers.set('if-none-match', tag)
  if (modified !== null) headers.set('if-modified-since', modified)
  return headers
}

function lengthOf(headers: Headers): number | undefined {
  const text = headers.get('content-length')
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined
}
