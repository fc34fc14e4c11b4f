import { type Available, answer } from './answer.ts'
import { type CacheStatus, formatCacheStatus } from './cache-status.ts'
import type { Call, Loaded, Shared } from './call.ts'
import { ageMs, type Policy, policyOf, remainingMs } from './freshness.ts'
import { endToEnd, headersOf } from './header-fields.ts'
import type { StoredResponse } from './store.ts'

/** Makes responses for clients of what is stored, of what is on its way, and of what is not kept. */
export type Replies = ReturnType<typeof createReplies>

export function createReplies({ clock, name, rules }: Pick<Shared, 'clock' | 'name' | 'rules'>) {
  function policyOfEntry(entry: StoredResponse): Policy {
    return policyOf({ ...entry, headers: headersOf(entry.headers) }, rules)
  }

  /** With Age, and with our member of Cache-Status after those of caches before us. */
  function finish(request: Request, available: Available, status: CacheStatus, policy?: Policy): Response {
    if (policy) available.headers.set('age', String(Math.floor(ageMs(policy, clock()) / 1000)))
    const ttl = policy && Math.floor(remainingMs(policy, clock()) / 1000)
    available.headers.append(
      'cache-status',
      formatCacheStatus(name, { ...status, ...(ttl !== undefined && { ttl }) }),
    )
    return answer(request, available)
  }

  function fromEntry(request: Request, entry: StoredResponse, status: CacheStatus): Response {
    const { body } = entry as { body: Uint8Array<ArrayBuffer> }
    const available: Available = {
      ...entry,
      headers: headersOf(entry.headers),
      receivedMs: entry.responseMs,
      body: {
        lengthBytes: body.length,
        open: (range) => (range ? body.subarray(range.start, range.end) : body),
      },
    }
    return finish(request, available, status, policyOfEntry(entry))
  }

  function fromLoaded({ request }: Call, loaded: Loaded, status: CacheStatus): Response {
    const { head, shared, lengthBytes, policy } = loaded
    const available: Available = {
      ...head,
      headers: new Headers(head.headers),
      receivedMs: head.responseMs,
      body: { lengthBytes, open: (range) => shared.open(range) ?? emptyBody() },
    }
    return finish(request, available, status, policy)
  }

  /** A response that is not kept, as it came. */
  function passOn(request: Request, response: Response, status: CacheStatus): Response {
    const headers = endToEnd(response.headers)
    headers.append('cache-status', formatCacheStatus(name, { ...status, fwdStatus: response.status }))
    const empty = request.method === 'HEAD' || response.body === null
    return new Response(empty ? null : response.body, {
      status: response.status,
      statusText: response.statusText,
      headers,
    })
  }

  return { policyOfEntry, fromEntry, fromLoaded, passOn }
}

export function emptyBody(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() })
}
