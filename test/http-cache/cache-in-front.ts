import {
  createHttpCache,
  createMemoryStore,
  type HttpCacheOptions,
  type Origin,
} from '../../src/http-cache/index.ts'

export const startMs = Date.UTC(2026, 10, 21, 12)

/** A cache before an origin that is counted, with a clock that only tests move. */
export function cacheInFront(origin: Origin, options: Partial<HttpCacheOptions> = {}) {
  let nowMs = startMs
  const asked: Request[] = []
  const errors: unknown[] = []
  const cache = createHttpCache({
    store: createMemoryStore({ bytesMax: 4 * 1024 ** 2 }),
    clock: () => nowMs,
    onError: (error) => errors.push(error),
    ...options,
  })
  const counted: Origin = (request) => {
    asked.push(request)
    return origin(request)
  }
  return {
    cache,
    asked,
    errors,
    pass: (seconds: number) => (nowMs += seconds * 1000),
    now: () => nowMs,
    /** Without waiting for what goes on behind it. */
    raw: (path: string, init?: RequestInit) =>
      cache.fetch(new Request(`http://a.test${path}`, init), counted),
    async get(path: string, init?: RequestInit) {
      const response = await cache.fetch(new Request(`http://a.test${path}`, init), counted)
      const text = await response.text()
      await cache.settled()
      return {
        status: response.status,
        text,
        headers: response.headers,
        said: response.headers.get('cache-status'),
      }
    },
  }
}

/** A response with a stream, of which nothing knows the length. */
export function reply(text: string | null, headers: Record<string, string> = {}, status = 200): Response {
  return new Response(text === null ? null : new Response(text).body, { status, headers })
}

export function chunks(...parts: (string | Error)[]): ReadableStream<Uint8Array> {
  let index = 0
  return new ReadableStream(
    {
      pull(controller) {
        const part = parts[index++]
        if (part === undefined) controller.close()
        else if (part instanceof Error) controller.error(part)
        else controller.enqueue(new TextEncoder().encode(part))
      },
    },
    { highWaterMark: 0 },
  )
}
