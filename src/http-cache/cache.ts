import { requestDirectives } from './cache-control.ts'
import { type Forwarded, formatCacheStatus } from './cache-status.ts'
import type { Call, Flight, Shared } from './call.ts'
import { createEntries, type Found } from './entries.ts'
import { allowsStaleIfError, type PolicyOptions, reuseOf } from './freshness.ts'
import { headersOf } from './header-fields.ts'
import { createLoader, gone, serverErrors } from './load.ts'
import { askOrigin, type Origin } from './origin.ts'
import { createReplies } from './reply.ts'
import type { HttpCacheStore } from './store.ts'

export interface HttpCacheOptions {
  readonly store: HttpCacheStore
  /** Milliseconds since 1970. */
  readonly clock?: () => number
  /**
   * Who asks, in full, where responses depend on it beyond what Vary says. It is hashed into the key; responses of one identity
   * are never given to another. Undefined for those who share.
   */
  readonly identity?: (request: Request) => string | undefined
  /** Guess a lifetime from Last-Modified where the response gives none (RFC 9111 §4.2.2). Default: false. */
  readonly heuristics?: boolean
  /** Fields that go before Cache-Control, the most specific first (RFC 9213). Default: CDN-Cache-Control. */
  readonly targetedFields?: readonly string[]
  /** Keep responses with Set-Cookie that give their lifetime themselves, as RFC 9111 §7.3 has it. Default: true. */
  readonly storeSetCookie?: boolean
  /** Larger bodies are passed on without being kept. As much memory is needed for each that is under way. Default: 8 MiB. */
  readonly entryBytesMax?: number
  /** How long a request waits for another's answer before it goes to the origin itself. Default: 5 s. */
  readonly collapseTimeoutMs?: number
  /** For the head of a response, and for each chunk of a body that is kept. Default: 30 s. */
  readonly originTimeoutMs?: number
  /** For a read of the store; then it is passed over. Default: 250 ms. */
  readonly storeTimeoutMs?: number
  /** In Cache-Status. Default: cutty. */
  readonly name?: string
  /** Told what went wrong behind a request that was answered all the same. */
  readonly onError?: (error: unknown) => void
}

export interface HttpCacheContext {
  /** Keeps the runtime alive for work after the response: that of Workers, if there is one. */
  waitUntil?(work: Promise<unknown>): void
}

export interface HttpCache {
  /**
   * The stored response, or the origin's. Rejects with what `origin` rejects with, or with a `TimeoutError`, when nothing that
   * is stored may stand in for it. `request` is used up, as by `fetch`.
   */
  fetch(request: Request, origin: Origin, context?: HttpCacheContext): Promise<Response>
  /** Forgets all responses of a URL. Requests that are under way will not bring them back. */
  invalidate(url: string): Promise<void>
  /** When all that goes on behind answers has ended. */
  settled(): Promise<void>
}

/** A shared cache (RFC 9111) for any handler that takes a `Request` and gives a `Response`. */
export function createHttpCache(options: HttpCacheOptions): HttpCache {
  const clock = options.clock ?? Date.now
  const name = options.name ?? 'cutty'
  const originTimeoutMs = options.originTimeoutMs ?? 30_000
  const onError = options.onError ?? (() => {})
  const rules: PolicyOptions = {
    heuristics: options.heuristics ?? false,
    targetedFields: (options.targetedFields ?? ['cdn-cache-control']).map((field) => field.toLowerCase()),
  }
  const entries = createEntries({
    store: options.store,
    storeTimeoutMs: options.storeTimeoutMs ?? 250,
    identity: options.identity,
    clock,
    onStoreError: onError,
  })
  const flights = new Map<string, Flight>()
  const working = new Set<Promise<unknown>>()

  function background(work: Promise<unknown>, context: HttpCacheContext): void {
    const caught: Promise<unknown> = work.catch(onError).finally(() => working.delete(caught))
    working.add(caught)
    context.waitUntil?.(caught)
  }

  const shared: Shared = {
    clock,
    name,
    rules,
    storable: { storeSetCookie: options.storeSetCookie ?? true },
    entryBytesMax: options.entryBytesMax ?? 8 * 1024 ** 2,
    collapseTimeoutMs: options.collapseTimeoutMs ?? 5000,
    originTimeoutMs,
    entries,
    flights,
    onError,
    background,
    invalidate,
  }
  const replies = createReplies(shared)
  const { policyOfEntry, fromEntry, passOn } = replies
  const { load, loadOnce, refresh, freshen } = createLoader(shared, replies)

  async function invalidate(url: string): Promise<void> {
    for (const [key, { place }] of flights)
      if (place.key === entries.place(new Request(url)).key) flights.delete(key)
    await entries.invalidate(url)
  }

  /** What changes something invalidates what it names (RFC 9111 §4.4); a response to it is never kept. */
  async function passMethod(call: Call): Promise<Response> {
    const { request } = call
    const response = await askOrigin(call, request.headers, originTimeoutMs)
    if (!safeMethods.includes(request.method) && response.status >= 200 && response.status < 400) {
      const here = new URL(request.url)
      const named = [response.headers.get('location'), response.headers.get('content-location')].flatMap(
        (reference) => {
          const url = reference === null ? null : URL.parse(reference, here)
          // Others cannot make us forget what is not theirs.
          return url?.origin === here.origin ? [url.href] : []
        },
      )
      await Promise.all([request.url, ...named].map(invalidate))
    }
    return passOn(request, response, { fwd: 'method' })
  }

  /** A HEAD that nothing stored answers: its response tells whether the stored one is still right (RFC 9111 §4.3.5). */
  async function passHead(call: Call, fwd: Forwarded): Promise<Response> {
    const { request, place, entry, asked } = call
    const fill = entries.begin(place)
    const requestMs = clock()
    const standIn = entry && allowsStaleIfError(policyOfEntry(entry), asked, requestMs) ? entry : undefined
    let response: Response
    try {
      response = await askOrigin(call, request.headers, originTimeoutMs)
    } catch (error) {
      entries.end(fill)
      if (!standIn) throw error
      onError(error)
      return fromEntry(request, standIn, { hit: true, fwd, detail: 'stale-if-error' })
    }
    if (standIn && serverErrors.includes(response.status)) {
      entries.end(fill)
      return fromEntry(request, standIn, {
        hit: true,
        fwd,
        fwdStatus: response.status,
        detail: 'stale-if-error',
      })
    }
    if (entry && response.status === 200) {
      const stored = headersOf([...entry.headers, ['content-length', String(entry.body.length)]])
      const same = ['etag', 'last-modified', 'content-length'].every((field) => {
        const value = response.headers.get(field)
        return value === null || (stored.get(field) ?? value).split(', ').includes(value)
      })
      if (same) await freshen(call, entry, response, { fill, requestMs })
      else {
        entries.end(fill)
        await invalidate(request.url)
      }
    } else {
      entries.end(fill)
      if (entry && gone.includes(response.status)) await invalidate(request.url)
    }
    return passOn(request, response, { fwd })
  }

  async function fetch(request: Request, origin: Origin, context: HttpCacheContext = {}): Promise<Response> {
    const place = entries.place(request)
    const asked = requestDirectives(request.headers)
    const base = { request, origin, context, place, asked, entry: undefined }
    if (request.method !== 'GET' && request.method !== 'HEAD') return passMethod(base)
    // They ask about the origin's state, not about a copy (RFC 9111 §4.3.2).
    const bypass = request.headers.has('if-match') || request.headers.has('if-unmodified-since')
    const found: Found = bypass
      ? { entry: undefined, because: 'uri-miss' }
      : await entries.find(place, request.headers)
    let fwd: Forwarded = bypass ? 'bypass' : asked.has('no-store') ? 'request' : 'uri-miss'
    if (!found.entry && fwd === 'uri-miss') fwd = found.because
    if (found.entry && !asked.has('no-store')) {
      const reuse = reuseOf(policyOfEntry(found.entry), asked, clock())
      if (reuse.use !== 'never') {
        if (reuse.use === 'stale' && reuse.refresh) refresh({ ...base, entry: found.entry })
        return fromEntry(request, found.entry, {
          hit: true,
          ...(reuse.use === 'stale' && { detail: reuse.refresh ? 'stale-while-revalidate' : 'max-stale' }),
        })
      }
      fwd = reuse.because
    }
    if (asked.has('only-if-cached')) {
      const status = formatCacheStatus(name, { fwd, detail: 'only-if-cached' })
      return new Response(null, { status: 504, headers: { 'cache-status': status } })
    }
    const call = { ...base, entry: found.entry }
    if (request.method === 'HEAD') return passHead(call, fwd)
    return bypass ? load(call, fwd) : loadOnce(call, fwd)
  }

  return {
    fetch,
    invalidate,
    async settled() {
      while (working.size > 0) await Promise.all(working)
    },
  }
}

/** RFC 9110 §9.2.1, and those of the IANA registry that only read. Unknown ones may change something (§4.4). */
const safeMethods = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'REPORT', 'SEARCH', 'QUERY']
