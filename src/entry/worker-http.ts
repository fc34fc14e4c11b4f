import { CuttyError } from '../core/errors.ts'
import type { App } from '../http/app.ts'
import type { HttpReply, HttpRequest } from '../http/exchange.ts'

/** The application behind a `fetch` handler: Workers, and whatever else has `Request` and `Response`. */
export async function serveFetch(app: App, request: Request): Promise<Response> {
  const { reply, delivered } = await app.handle(fromFetch(request))
  const { body } = reply
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    delivered({ bytesSent: body?.length ?? 0 })
    return toResponse(reply, body)
  }
  const sizeBytes = Number(reply.headers['Content-Length'])
  // A body of known length keeps its Content-Length; the runtime moves the bytes without waking this code.
  const { readable, writable } = new FixedLengthStream(sizeBytes)
  void pump(body, writable).then(
    () => delivered({ bytesSent: sizeBytes }),
    (failure: unknown) => delivered({ bytesSent: 0, failure }),
  )
  return toResponse(reply, readable)
}

async function pump(body: AsyncIterable<Uint8Array>, writable: WritableStream<Uint8Array>): Promise<void> {
  if (body instanceof ReadableStream) return body.pipeTo(writable)
  const writer = writable.getWriter()
  try {
    for await (const chunk of body) await writer.write(chunk)
    await writer.close()
  } catch (error) {
    await writer.abort(error)
    throw error
  }
}

function toResponse(reply: HttpReply, body: string | Uint8Array | ReadableStream | undefined): Response {
  // What the client stored under a coding is sent as it is, not encoded again (R17).
  const encoded = reply.headers['Content-Encoding'] !== undefined
  return new Response(body ?? null, {
    status: reply.status,
    headers: reply.headers,
    ...(encoded && { encodeBody: 'manual' }),
  })
}

function fromFetch(request: Request): HttpRequest {
  const { headers, url } = request
  const declared = headers.get('content-length')
  const bodyBytes = request.body === null ? 0 : declared === null ? undefined : Number(declared)
  const hostStart = url.indexOf('//') + 2
  const hostEnd = url.indexOf('/', hostStart)
  let bytesReceived = 0
  return {
    method: request.method,
    // Behind scheme and host, as it is: a URL parser would fold what is left to fold.
    target: url.slice(hostEnd),
    scheme: url.startsWith('https:') ? 'https' : 'http',
    header(name) {
      if (name === 'accept-encoding') return clientAcceptEncoding(request) ?? undefined
      // A request of another Worker has none but that of its URL.
      return headers.get(name) ?? (name === 'host' ? url.slice(hostStart, hostEnd) : undefined)
    },
    headerCharset: 'utf8',
    headers: () => headers,
    bodyBytes,
    body: readBody(request.body, { bodyBytes, count: (bytes) => (bytesReceived += bytes) }),
    get bytesReceived() {
      return bytesReceived
    },
  }
}

/**
 * Cloudflare puts its own wishes in the place of the client's, and hands these on beside them; empty where there were none.
 * https://developers.cloudflare.com/workers/runtime-apis/request/#incomingrequestcfproperties
 */
function clientAcceptEncoding(request: Request): string | null {
  const { cf } = request as { cf?: { clientAcceptEncoding?: string } }
  return cf?.clientAcceptEncoding ?? request.headers.get('accept-encoding')
}

const chunkBytes = 256 * 1024

async function* readBody(
  body: ReadableStream<Uint8Array> | null,
  { bodyBytes, count }: { bodyBytes: number | undefined; count: (bytes: number) => void },
): AsyncGenerator<Uint8Array> {
  if (!body) return
  try {
    for await (const chunk of readLargeChunks(
      body,
      Math.max(1, Math.min(chunkBytes, bodyBytes ?? chunkBytes)),
    )) {
      count(chunk.length)
      yield chunk
    }
  } catch (cause) {
    throw new CuttyError('body_incomplete', 'The connection ended before the whole body had arrived.', {
      cause,
    })
  }
}

/** By itself workerd gives 4 KiB at a time, which takes five times as long. */
async function* readLargeChunks(
  body: ReadableStream<Uint8Array>,
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  const reader = openByobReader(body)
  if (!reader) return yield* body
  let ended = false
  try {
    while (!ended) {
      const { done, value } = await reader.readAtLeast(sizeBytes, new Uint8Array(sizeBytes))
      ended = done
      if (value && value.length > 0) yield value
    }
  } finally {
    if (!ended) await reader.cancel().catch(() => {})
  }
}

/** A stream that was made in JavaScript, as another Worker's may be, has no such reader. */
function openByobReader(body: ReadableStream<Uint8Array>): WorkersByobReader | undefined {
  try {
    return body.getReader({ mode: 'byob' }) as WorkersByobReader
  } catch {
    return undefined
  }
}
