import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { CuttyError, errorCodes } from '../core/errors.ts'
import type { App } from '../http/app.ts'
import type { Delivery, HandledRequest, HttpReply, HttpRequest } from '../http/exchange.ts'
import { countReceived } from './upload-memory.ts'

/** A key of 1,024 bytes takes three times that in a path, metadata up to 8 KiB. */
const headBytesMax = 32_768

/**
 * The application behind `node:http`. No `Request`, no `Response` and no web stream in between: with them a 1 KiB
 * GET takes a third longer, and a large body half of its speed (decisions/002-own-exchange.md).
 */
export function createHttpServer(app: App): Server {
  const server = createServer({
    maxHeaderSize: headBytesMax,
    headersTimeout: 60_000,
    // An upload may take hours; one that stands still is ended by the idle time-out.
    requestTimeout: 0,
    keepAliveTimeout: 65_000,
    noDelay: true,
  })
  server.timeout = 120_000
  server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
    void serve(app, new NodeRequest(incoming, undefined), incoming, response)
  })
  // With `Expect: 100-continue` a refusal costs the client no upload: we say "continue" when the body is read.
  server.on('checkContinue', (incoming: IncomingMessage, response: ServerResponse) => {
    void serve(app, new NodeRequest(incoming, response), incoming, response)
  })
  server.on('clientError', refuseUnreadable)
  return server
}

/** What Node's parser refuses never becomes a request; the client is told why all the same. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const timedOut = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const status = tooLarge
    ? '431 Request Header Fields Too Large'
    : timedOut
      ? '408 Request Timeout'
      : '400 Bad Request'
  const detail = tooLarge
    ? `The request’s head may have at most ${headBytesMax} bytes.`
    : timedOut
      ? 'The request’s head did not arrive in time.'
      : 'This is no HTTP/1.1 request. All but ASCII must be percent-encoded in its target.'
  const body = JSON.stringify({
    type: '/api/v1/docs#error-invalid_request',
    title: errorCodes.invalid_request,
    status: Number.parseInt(status, 10),
    code: 'invalid_request',
    detail,
  })
  const head = [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

async function serve(app: App, request: HttpRequest, incoming: IncomingMessage, response: ServerResponse) {
  const handled = await app.handle(request)
  const { reply } = handled
  if (response.destroyed) {
    await closeBody(reply.body)
    return handled.delivered({ bytesSent: 0, clientGone: true })
  }
  const draining = !(response.req.socket.server as Server | undefined)?.listening
  if (draining) response.setHeader('Connection', 'close')
  response.writeHead(reply.status, reply.headers)
  if (request.bodyBytes !== 0 && !incoming.complete) lingerOn(incoming, response)
  await send(handled, reply, response)
}

/** What was opened for a body that nobody will read. */
async function closeBody(body: HttpReply['body']): Promise<void> {
  if (typeof body !== 'object' || body instanceof Uint8Array) return
  await body[Symbol.asyncIterator]().return?.()
}

async function send(handled: HandledRequest, { body }: HttpReply, response: ServerResponse): Promise<void> {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    if (body instanceof Uint8Array && body.length <= joinedBytesMax) response.end(latin1(body), 'latin1')
    else response.end(body)
    return handled.delivered({ bytesSent: body?.length ?? 0 })
  }
  const delivery = await sendChunks(body, response)
  handled.delivered(delivery)
}

/** Up to this size a body is sent as text: Node then joins it to the head, and one small write is a tenth faster than two parts. */
const joinedBytesMax = 2048

/** Each byte as the character of its number: Node writes the very bytes again. */
function latin1({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1')
}

async function sendChunks(body: AsyncIterable<Uint8Array>, response: ServerResponse): Promise<Delivery> {
  let bytesSent = 0
  // What is written between the end of the socket and the event that tells of it is dropped by Node, and its callback with it.
  let onClose = () => {}
  response.once('close', () => onClose())
  try {
    for await (const chunk of body) {
      if (response.destroyed) return { bytesSent, clientGone: true }
      // The chunk's memory is used again for the next one: it has to be out first.
      const out = await new Promise<boolean>((resolve) => {
        onClose = () => resolve(false)
        response.write(chunk, (error) => resolve(!error))
      })
      if (!out) return { bytesSent, clientGone: true }
      bytesSent += chunk.length
    }
    response.end()
    return { bytesSent }
  } catch (failure) {
    // The head has promised a length: breaking off is the only honest way to say that it will not come (R25).
    reset(response)
    return { bytesSent, failure }
  }
}

/**
 * By a reset where there is one: Firefox takes a gzip body that ends early for a whole one when the connection is closed in an
 * orderly way, whatever its Content-Length says.
 */
function reset({ socket }: ServerResponse): void {
  socket?.resetAndDestroy()
}

const lingerBytesMax = 64 * 1024 ** 2
const lingerMs = 10_000

/**
 * A reply that comes before the end of the upload. To close at once would reset the connection and could take the
 * reply away from the client; to read on for ever would be a gift to an attacker.
 */
function lingerOn(incoming: IncomingMessage, response: ServerResponse): void {
  let bytes = 0
  const end = () => incoming.socket.destroy()
  response.once('finish', () => {
    if (incoming.complete) return
    const timer = setTimeout(end, lingerMs).unref()
    incoming.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length
      if (bytes > lingerBytesMax) end()
    })
    incoming.once('close', () => clearTimeout(timer))
    incoming.on('error', () => {})
  })
}

class NodeRequest implements HttpRequest {
  readonly method: string
  readonly target: string
  readonly #incoming: IncomingMessage
  readonly #expectant: ServerResponse | undefined
  bytesReceived = 0

  constructor(incoming: IncomingMessage, expectant: ServerResponse | undefined) {
    this.method = incoming.method as string
    this.target = incoming.url as string
    this.#incoming = incoming
    this.#expectant = expectant
  }

  header(name: string): string | undefined {
    const value = this.#incoming.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  *headers(): Generator<readonly [string, string]> {
    for (const name in this.#incoming.headers) yield [name, this.header(name) as string]
  }

  get bodyBytes(): number | undefined {
    const value = this.#incoming.headers['content-length']
    if (value !== undefined) return Number(value)
    return this.#incoming.headers['transfer-encoding'] === undefined ? 0 : undefined
  }

  get body(): AsyncIterable<Uint8Array> {
    return readBody(this.#incoming, this.#expectant, (bytes) => (this.bytesReceived += bytes))
  }
}

async function* readBody(
  incoming: IncomingMessage,
  expectant: ServerResponse | undefined,
  count: (bytes: number) => void,
) {
  expectant?.writeContinue()
  try {
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      count((chunk as Uint8Array).length)
      countReceived((chunk as Uint8Array).length)
      yield chunk as Uint8Array
    }
  } catch (cause) {
    throw new CuttyError('body_incomplete', 'The connection ended before the whole body had arrived.', {
      cause,
    })
  }
}
