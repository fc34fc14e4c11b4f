import { Agent, type IncomingMessage, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { HttpAnswer, HttpFetch } from '../contracts/http/subject.ts'

/** Requests over TCP as they are written, with connections that are kept. */
export function createSocketFetch(url: string): { fetch: HttpFetch; close: () => void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const { hostname: host, port } = new URL(url)

  const fetch: HttpFetch = async (target, { method = 'GET', headers = {}, body } = {}) => {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const declared: Record<string, string> =
      bytes instanceof Uint8Array ? { 'Content-Length': String(bytes.length) } : {}
    const outgoing = request({
      agent,
      host,
      port,
      method,
      path: target,
      headers: { ...declared, ...headers },
    })
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve)
      outgoing.once('error', reject)
    })
    if (bytes === undefined || bytes instanceof Uint8Array) outgoing.end(bytes)
    else pipeline(bytes, outgoing).catch(() => {})
    return readAnswer(await answered)
  }
  return { fetch, close: () => agent.destroy() }
}

async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const headers = new Map<string, string>()
  for (let i = 0; i < response.rawHeaders.length; i += 2) {
    const [name, value] = [response.rawHeaders[i] as string, response.rawHeaders[i + 1] as string]
    const before = headers.get(name.toLowerCase())
    headers.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`)
  }
  return { status: response.statusCode as number, headers, bytes: new Uint8Array(await buffer(response)) }
}
