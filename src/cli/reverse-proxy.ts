import { once } from 'node:events'
import {
  createServer,
  request as httpRequest,
  Agent,
  type IncomingMessage,
  type InformationEvent,
  type ServerResponse,
} from 'node:http'
import { Agent as TlsAgent, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createHttpCache, createMemoryStore } from '../http-cache/index.ts'

export interface ReverseProxyOptions {
  readonly origin: URL
  readonly host: string
  readonly port: number
  /** Memory for responses. One of them may take an eighth of it. */
  readonly cacheBytes: number
  /** For the origin to begin its response, and between its chunks. */
  readonly timeoutMs: number
  /** What went wrong with a request. */
  readonly onError?: (error: unknown) => void
}

export interface ReverseProxy {
  readonly url: string
  stop(): Promise<void>
}

type Pairs = readonly (readonly [name: string, value: string])[]

/** `fetch` knows no such requests, or changes them: they pass by the cache. */
const beyondFetch = ['CONNECT', 'TRACE', 'TRACK']
const bodiless = [204, 205, 304]

/** HTTP/1.1 in front, the origin behind, the cache in between. Bodies are streamed both ways. */
export async function startReverseProxy(options: ReverseProxyOptions): Promise<ReverseProxy> {
  const { origin, host, port, cacheBytes, timeoutMs, onError = () => {} } = options
  const cache = createHttpCache({
    store: createMemoryStore({ bytesMax: cacheBytes }),
    entryBytesMax: Math.max(1, Math.floor(cacheBytes / 8)),
    originTimeoutMs: timeoutMs,
    onError,
  })
  const ask = createUpstream({ origin, timeoutMs })

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const target = pathOf(incoming.url as string)
    const method = incoming.method as string
    const onInterim = (interim: InformationEvent) => passInterim(interim, outgoing)
    const headers = forwardedFields(incoming, origin)
    const hasBody =
      incoming.headers['transfer-encoding'] !== undefined ||
      Number(incoming.headers['content-length'] ?? 0) > 0
    // `URL` folds dots and escapes, which the origin may tell apart: such a target is no key.
    const url = URL.canParse(target, origin) ? new URL(target, origin) : undefined
    const exact = url?.origin === origin.origin && `${url.pathname}${url.search}` === target
    const odd = !exact || beyondFetch.includes(method) || (hasBody && (method === 'GET' || method === 'HEAD'))
    if (odd)
      return send(
        await ask({ method, target, headers, onInterim, body: hasBody ? incoming : undefined }),
        method,
        outgoing,
      )

    const body = hasBody ? (Readable.toWeb(incoming) as unknown as ReadableStream<Uint8Array>) : null
    const init = { method, headers: headers.map((pair): [string, string] => [...pair]), body, duplex: 'half' }
    const response = await cache.fetch(new Request(url, init as RequestInit), (request) =>
      ask({
        // A HEAD may set off the GET that refreshes what has become stale.
        method: request.method,
        target,
        headers: [...request.headers],
        body: request.body ? Readable.fromWeb(request.body) : undefined,
        signal: request.signal,
        onInterim,
      }),
    )
    await send(response, method, outgoing)
  }

  const server = createServer({ keepAliveTimeout: 65_000, noDelay: true }, (incoming, outgoing) => {
    handle(incoming, outgoing).catch((error: unknown) => {
      onError(error)
      refuse(error, outgoing)
    })
  })
  server.listen(port, host)
  await once(server, 'listening')
  const { address, family, port: taken } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      ask.close()
      await closed
    },
  }
}

/** A target in absolute form names a host too (RFC 9112 §3.2.2); ours is the origin all the same. */
function pathOf(target: string): string {
  const match = /^https?:\/\/[^/?#]*(.*)$/i.exec(target)
  if (!match) return target
  return match[1]?.startsWith('/') ? match[1] : `/${match[1]}`
}

/** The client's fields, with the origin's Host, and who asked whom (RFC 9110 §7.6.3). */
function forwardedFields({ rawHeaders, socket, httpVersion }: IncomingMessage, origin: URL): Pairs {
  const pairs: [string, string][] = []
  const forwardedFor: string[] = []
  let host = ''
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name, value] = [rawHeaders[index] as string, rawHeaders[index + 1] as string]
    const lower = name.toLowerCase()
    if (lower === 'host') host = value
    else if (lower === 'x-forwarded-for') forwardedFor.push(value)
    // `node:http` has answered 100-continue already. The others are ours to say.
    else if (!['expect', 'x-forwarded-host', 'x-forwarded-proto'].includes(lower)) pairs.push([name, value])
  }
  return [
    ['Host', origin.host],
    ...pairs,
    ['X-Forwarded-For', [...forwardedFor, socket.remoteAddress ?? 'unknown'].join(', ')],
    ['X-Forwarded-Host', host],
    ['X-Forwarded-Proto', 'http'],
    ['Via', `${httpVersion} cutty`],
  ]
}

interface UpstreamRequest {
  readonly method: string
  readonly target: string
  readonly headers: Pairs
  readonly body: Readable | undefined
  readonly signal?: AbortSignal
  readonly onInterim?: (response: InformationEvent) => void
}

/** By `node:http` rather than `fetch`, which would decode bodies. */
function createUpstream({ origin, timeoutMs }: { origin: URL; timeoutMs: number }) {
  const tls = origin.protocol === 'https:'
  const agent = tls ? new TlsAgent({ keepAlive: true }) : new Agent({ keepAlive: true })
  const hop = [
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
  ]

  function once(asked: UpstreamRequest): Promise<Response> {
    const { promise, resolve, reject } = Promise.withResolvers<Response>()
    const headers = asked.headers.filter(([name]) => !hop.includes(name.toLowerCase())).flat()
    const path = asked.target
    const request = (tls ? httpsRequest : httpRequest)(origin, { method: asked.method, path, agent, headers })
    const late = () => request.destroy(new DOMException('The origin takes too long', 'TimeoutError'))
    request.setTimeout(timeoutMs, late)
    asked.signal?.addEventListener('abort', late)
    if (asked.onInterim) request.on('information', asked.onInterim)
    request.on('response', (incoming) => {
      // With bytes that nobody has taken yet it is the client who is slow.
      request.removeListener('timeout', late)
      request.on('timeout', () => incoming.readableLength === 0 && late())
      try {
        resolve(responseOf(incoming, asked.method))
      } catch (error) {
        incoming.destroy()
        reject(error)
      }
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      // The origin has closed a connection that stood idle, at the moment it was used: that says nothing about it.
      const again = request.reusedSocket && error.code === 'ECONNRESET' && !asked.body
      if (again) once(asked).then(resolve, reject)
      else reject(error)
    })
    if (asked.body) pipeline(asked.body, request).catch(reject)
    else request.end()
    return promise
  }
  return Object.assign(once, { close: () => agent.destroy() })
}

function responseOf(incoming: IncomingMessage, method: string): Response {
  const headers = new Headers()
  for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
    headers.append(incoming.rawHeaders[index] as string, incoming.rawHeaders[index + 1] as string)
  }
  const status = incoming.statusCode as number
  const empty = method === 'HEAD' || bodiless.includes(status)
  if (empty) incoming.resume()
  const body = empty ? null : (Readable.toWeb(incoming) as unknown as ReadableStream<Uint8Array>)
  return new Response(body, { status, statusText: incoming.statusMessage ?? '', headers })
}

/** RFC 9110 §15.2 asks for it. Node can send these two; 100 is between neighbours. */
function passInterim({ statusCode, headers }: InformationEvent, outgoing: ServerResponse): void {
  if (outgoing.headersSent || outgoing.destroyed) return
  if (statusCode === 102) outgoing.writeProcessing()
  const { link, ...others } = headers
  if (statusCode !== 103 || link === undefined) return
  outgoing.writeEarlyHints({ link, ...(others as Record<string, string>) })
}

async function send(response: Response, method: string, outgoing: ServerResponse): Promise<void> {
  const { status, statusText, headers, body } = response
  const fields = [...headers].filter(([name]) => name !== 'transfer-encoding' && name !== 'connection').flat()
  if (outgoing.destroyed) return body?.cancel()
  outgoing.writeHead(status, statusText, [...fields, 'Via', '1.1 cutty'])
  if (body === null || method === 'HEAD' || bodiless.includes(status)) {
    outgoing.end()
    return body?.cancel()
  }
  // A client that hangs up ends its own stream; what is to be kept is read on.
  await pipeline(Readable.fromWeb(body), outgoing).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  })
}

/** Problem details (RFC 9457); after the head, only breaking off tells that the rest will not come (R25). */
function refuse(error: unknown, outgoing: ServerResponse): void {
  if (outgoing.headersSent || outgoing.destroyed) return void outgoing.socket?.resetAndDestroy()
  const late = error instanceof Error && error.name === 'TimeoutError'
  const status = late ? 504 : 502
  const title = late
    ? 'The origin did not answer in time'
    : 'The origin could not be reached, or gave no valid response'
  const body = JSON.stringify({ type: 'about:blank', title, status })
  const headers = {
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Status': 'cutty; fwd=miss; detail=origin-failed',
    Via: '1.1 cutty',
  }
  outgoing.writeHead(status, headers).end(body)
}
