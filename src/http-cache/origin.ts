import { endToEnd } from './header-fields.ts'

/**
 * What stands behind the cache. A body has to come as its Content-Encoding says: `fetch` decodes bodies and leaves the field,
 * so use `fetchOrigin` for it.
 */
export type Origin = (request: Request) => Promise<Response> | Response

/** Asks it, with hop-by-hop fields removed; `ms` are for the response's head. */
export async function askOrigin(
  { request, origin }: { request: Request; origin: Origin },
  headers: Headers,
  ms: number,
): Promise<Response> {
  const timeout = new AbortController()
  const timer = setTimeout(
    () => timeout.abort(new DOMException('The origin takes too long', 'TimeoutError')),
    ms,
  )
  const init = { headers: endToEnd(headers), signal: timeout.signal, redirect: 'manual', duplex: 'half' }
  const forwarded = new Request(request, init as RequestInit)
  const late = new Promise<never>((_, reject) => {
    timeout.signal.addEventListener('abort', () => reject(timeout.signal.reason as Error))
  })
  try {
    return await Promise.race([origin(forwarded), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Codings that `fetch` undoes without telling. */
const decoded = ['gzip', 'x-gzip', 'deflate', 'br', 'zstd']

/**
 * `fetch` of another server as an origin. It asks for bodies without a coding, since `fetch` would decode them, and takes the
 * fields off that are no longer true where one comes all the same.
 */
export function fetchOrigin(base: string | URL): Origin {
  const { origin } = new URL(base)
  return async (request) => {
    const { pathname, search } = new URL(request.url)
    const headers = new Headers(request.headers)
    headers.delete('host')
    headers.set('accept-encoding', 'identity')
    const { method, body, signal } = request
    const init = { method, headers, body, signal, redirect: 'manual', duplex: 'half' }
    const response = await fetch(`${origin}${pathname}${search}`, init as RequestInit)
    const coding = response.headers.get('content-encoding')?.trim().toLowerCase()
    if (coding === undefined || !decoded.includes(coding)) return response
    const kept = new Headers(response.headers)
    kept.delete('content-encoding')
    kept.delete('content-length')
    return new Response(response.body, {
      status: response.status,
      statusText: response.statusText,
      headers: kept,
    })
  }
}
