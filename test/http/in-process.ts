import { CuttyError } from '../../src/core/errors.ts'
import type { App } from '../../src/http/app.ts'
import type { HandledRequest, HttpRequest } from '../../src/http/exchange.ts'
import type { HttpAnswer, HttpFetch, HttpInit } from '../contracts/http/subject.ts'

/** Calls the application without a network in between, in whatever runtime this is. */
export function createInProcessFetch(app: App): HttpFetch {
  return async (target, init = {}) => {
    const handled = await app.handle(createRequest(target, init))
    const { reply } = handled
    const bytes = await readReply(handled)
    const headers = new Map(Object.entries(reply.headers).map(([name, value]) => [name.toLowerCase(), value]))
    return { status: reply.status, headers, bytes } satisfies HttpAnswer
  }
}

const encoder = new TextEncoder()

export function createRequest(target: string, init: HttpInit): HttpRequest {
  const headers = new Map(
    Object.entries(init.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  )
  // Every request of HTTP/1.1 has one.
  if (!headers.has('host')) headers.set('host', 'cutty.test')
  const body = typeof init.body === 'string' ? encoder.encode(init.body) : init.body
  if (body === undefined || body instanceof Uint8Array) {
    if (!headers.has('content-length') && body) headers.set('content-length', String(body.length))
  }
  const declared = headers.get('content-length')
  const chunked = body !== undefined && !(body instanceof Uint8Array)
  const bodyBytes = declared === undefined ? (chunked ? undefined : 0) : Number(declared)
  let bytesReceived = 0
  return {
    method: init.method ?? 'GET',
    target,
    header: (name) => headers.get(name),
    headers: () => headers,
    bodyBytes,
    body: readBody(body, { declared: bodyBytes, count: (bytes) => (bytesReceived += bytes) }),
    get bytesReceived() {
      return bytesReceived
    },
  }
}

/** As an entry promises: what ends before its declared length has not arrived whole. */
async function* readBody(
  body: Exclude<HttpInit['body'], string>,
  { declared, count }: { declared: number | undefined; count: (bytes: number) => void },
) {
  let sizeBytes = 0
  const chunks = body instanceof Uint8Array ? [body] : (body ?? [])
  for await (const chunk of chunks) {
    sizeBytes += chunk.length
    count(chunk.length)
    // Memory of its own: what a request hands out stays as it is.
    if (chunk.length > 0) yield new Uint8Array(chunk)
  }
  if (declared !== undefined && sizeBytes < declared) {
    throw new CuttyError('body_incomplete', 'The connection ended before the whole body had arrived.')
  }
}

async function readReply(handled: HandledRequest) {
  const { body } = handled.reply
  if (typeof body === 'string' || body instanceof Uint8Array || body === undefined) {
    const bytes = typeof body === 'string' ? encoder.encode(body) : new Uint8Array(body ?? [])
    handled.delivered({ bytesSent: bytes.length })
    return bytes
  }
  const chunks: Uint8Array[] = []
  let bytesSent = 0
  try {
    for await (const chunk of body) {
      bytesSent += chunk.length
      // The memory of a chunk is used again for the next one.
      chunks.push(new Uint8Array(chunk))
    }
  } catch (failure) {
    handled.delivered({ bytesSent, failure })
    throw failure
  }
  handled.delivered({ bytesSent })
  const bytes = new Uint8Array(bytesSent)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}
