import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  request as httpRequest,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { version } from '../core/version.ts'
import { CommandError, ReplyError, UsageError } from './failure.ts'

/** A cutty, by its URL. Every method throws `ReplyError` for what the server refuses, `CommandError` when it cannot be reached. */
export interface Connection {
  /** A request with a JSON body or none, and its JSON reply; `undefined` when there is no content. */
  call<T>(method: string, path: string, body?: object): Promise<T>
  /** A request whose reply is read by the caller. */
  open(path: string): Promise<IncomingMessage>
  /** A request with a body of any length and a JSON reply. */
  send<T>(method: string, path: string, upload: Upload): Promise<T>
  close(): void
}

export interface Upload {
  readonly headers: Readonly<Record<string, string>>
  /** Ended early when the server answers before it is through. */
  readonly body: AsyncIterable<Uint8Array>
  /** `undefined` when it is not known beforehand. */
  readonly sizeBytes: number | undefined
}

const defaultUrl = 'http://127.0.0.1:8787'
/** A server that says nothing for so long is gone. */
const silenceMsMax = 120_000
/** Before a long body the server is asked; one that does not answer the question gets the body anyway (RFC 9110 §10.1.1). */
const continueMs = 1000
const askFromBytes = 1024 ** 2

type Environment = Readonly<Record<string, string | undefined>>

export function createConnection(options: { url: string | undefined; env: Environment }): Connection {
  const base = parseUrl(options.url, options.env)
  const authorization = readCredentials(options.env)
  const secure = base.protocol === 'https:'
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true })
  /** Of the latest change: what is asked for after it shall be as new, whoever answers. Ordered as text. */
  let bookmark = ''
  const noteBookmark = (reply: IncomingMessage) => {
    const given = reply.headers['cutty-bookmark']
    if (typeof given === 'string' && given > bookmark) bookmark = given
  }

  const begin = (method: string, path: string, headers: Readonly<Record<string, string>> = {}) => {
    const request = (secure ? httpsRequest : httpRequest)({
      agent,
      // A URL keeps the brackets of an IPv6 address; a socket does not want them.
      host: base.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: base.port || (secure ? 443 : 80),
      method,
      // As it is: a URL object would fold dot segments.
      path: base.pathname.replace(/\/$/, '') + path,
      headers: {
        Host: base.host,
        'User-Agent': `cutty/${version}`,
        ...(authorization && { Authorization: authorization }),
        ...(bookmark && { 'Cutty-Bookmark': bookmark }),
        ...headers,
      },
    })
    request.setTimeout(silenceMsMax, () =>
      request.destroy(new Error(`no sign of life for ${silenceMsMax / 1000} seconds`)),
    )
    const reply = new Promise<IncomingMessage>((resolve, reject) => {
      request.on('response', (response) => {
        noteBookmark(response)
        resolve(response)
      })
      request.on('error', (cause) =>
        reject(new CommandError(`Cannot reach ${base.origin}: ${reasonOf(cause)}`, { cause })),
      )
    })
    return { request, reply }
  }
  const check = async (reply: IncomingMessage) => {
    const status = reply.statusCode as number
    if (status >= 200 && status < 300) return reply
    throw replyError(reply, await buffer(reply).catch(() => Buffer.alloc(0)), authorization === undefined)
  }

  return {
    async call<T>(method: string, path: string, body?: object) {
      const text = body && JSON.stringify(body)
      const { request, reply } = begin(method, path, {
        ...(text && { 'Content-Type': 'application/json', 'Content-Length': `${Buffer.byteLength(text)}` }),
      })
      request.end(text)
      return readJson<T>(await check(await reply))
    },
    async open(path) {
      const { request, reply } = begin('GET', path)
      request.end()
      return check(await reply)
    },
    async send<T>(method: string, path: string, { headers, body, sizeBytes }: Upload) {
      const asks = sizeBytes === undefined || sizeBytes >= askFromBytes
      const { request, reply } = begin(method, path, {
        ...headers,
        ...(sizeBytes !== undefined && { 'Content-Length': `${sizeBytes}` }),
        ...(asks && { Expect: '100-continue' }),
      })
      try {
        await sendBody(request, { body, asks, reply })
        return await readJson<T>(await check(await reply))
      } catch (error) {
        request.destroy()
        throw error
      }
    },
    close: () => agent.destroy(),
  }
}

async function sendBody(
  request: ClientRequest,
  { body, asks, reply }: { body: AsyncIterable<Uint8Array>; asks: boolean; reply: Promise<IncomingMessage> },
): Promise<void> {
  let answered = false
  const settled = reply.then(
    () => (answered = true),
    () => (answered = true),
  )
  if (asks) {
    const allowed = new Promise<void>((resolve) => {
      request.once('continue', resolve)
      setTimeout(resolve, continueMs).unref()
    })
    request.flushHeaders()
    await Promise.race([allowed, settled])
    if (answered) return
  }
  for await (const chunk of body) {
    if (answered) return
    const flows = request.write(chunk)
    if (!flows) await Promise.race([new Promise((resolve) => request.once('drain', resolve)), settled])
  }
  if (!answered) request.end()
}

async function readJson<T>(reply: IncomingMessage): Promise<T> {
  const text = (await readAll(reply)).toString()
  if (text === '') return undefined as T
  try {
    return JSON.parse(text) as T
  } catch (cause) {
    throw new CommandError('The server’s answer is not JSON. Is this the URL of a cutty?', { cause })
  }
}

async function readAll(reply: IncomingMessage): Promise<Buffer> {
  try {
    return await buffer(reply)
  } catch (cause) {
    throw new CommandError('The connection ended before the whole answer had arrived.', { cause })
  }
}

function replyError(reply: IncomingMessage, body: Buffer, anonymous: boolean): ReplyError {
  const status = reply.statusCode as number
  const problem = parseProblem(reply, body)
  if (!problem) {
    const line = [status, reply.statusMessage].filter(Boolean).join(' ')
    return new ReplyError(`The server answered ${line}, and not as a cutty does. Is the URL right?`, {
      status,
    })
  }
  const hint =
    status === 401 && anonymous
      ? ' The command takes them from CUTTY_ACCESS_KEY_ID and CUTTY_SECRET_ACCESS_KEY, or from CUTTY_TOKEN.'
      : ''
  return new ReplyError(`${problem.detail}${hint}`, { status, ...problem })
}

function parseProblem(reply: IncomingMessage, body: Buffer) {
  if (!reply.headers['content-type']?.startsWith('application/problem+json')) return undefined
  try {
    const { detail, code, requestId } = JSON.parse(body.toString()) as Record<string, unknown>
    return { detail: String(detail), code: String(code), requestId: String(requestId) }
  } catch {
    return undefined
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there. Is the server running (cutty serve)?',
  ENOTFOUND: 'the host name is not known.',
  EAI_AGAIN: 'the host name is not known.',
  ECONNRESET: 'the connection was closed.',
  EPIPE: 'the connection was closed.',
}

function reasonOf(cause: Error): string {
  return reasons[(cause as NodeJS.ErrnoException).code ?? ''] ?? `${cause.message || String(cause)}.`
}

function parseUrl(given: string | undefined, env: Environment): URL {
  const [text, source] =
    given === undefined ? [env['CUTTY_URL'] || defaultUrl, 'CUTTY_URL'] : [given, '--url']
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new UsageError(`${source} must be an http or https URL without a query, not “${text}”.`)
  }
  if (url.username !== '' || url.password !== '') {
    // Not repeated: it may hold a secret.
    throw new UsageError(`${source} must not hold credentials: they go into CUTTY_ACCESS_KEY_ID and so on.`)
  }
  return url
}

/** From the environment only: what stands on a command line, every user of the machine can see. */
function readCredentials(env: Environment): string | undefined {
  const token = env['CUTTY_TOKEN']
  const id = env['CUTTY_ACCESS_KEY_ID']
  const secret = env['CUTTY_SECRET_ACCESS_KEY']
  if (token && (id || secret)) {
    throw new UsageError('CUTTY_TOKEN and an access key are both set: which of them is meant?')
  }
  for (const [name, value] of Object.entries({ CUTTY_TOKEN: token, CUTTY_ACCESS_KEY_ID: id })) {
    if (value && !/^[!-~]+$/.test(value)) throw new UsageError(`${name} has characters that it cannot have.`)
  }
  if (token) return `Bearer ${token}`
  if (!id && !secret) return undefined
  if (!id || !secret) {
    throw new UsageError('CUTTY_ACCESS_KEY_ID and CUTTY_SECRET_ACCESS_KEY go together.')
  }
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
}
