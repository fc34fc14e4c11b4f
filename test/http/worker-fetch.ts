import type worker from '../../src/entry/worker.ts'
import type { Env } from '../../src/entry/worker.ts'
import type { HttpAnswer, HttpFetch } from '../contracts/http/subject.ts'

/** Calls the Worker in its own runtime, as Cloudflare does. */
export function createWorkerFetch({ fetch }: Pick<typeof worker, 'fetch'>, bindings: Env): HttpFetch {
  return async (target, { method = 'GET', headers = {}, body } = {}) => {
    const content =
      body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : streamOf(body)
    const { init, cf } = throughEdge(headers)
    const sent: RequestInit & { cf: object } = { method, headers: init, cf, body: content as Request['body'] }
    const request = new Request(`http://cutty.test${target}`, sent)
    const response = await fetch(request, bindings)
    const answer: HttpAnswer = {
      status: response.status,
      headers: new Map(response.headers),
      bytes: new Uint8Array(await response.arrayBuffer()),
    }
    return answer
  }
}

/**
 * What Cloudflare makes of a request's Accept-Encoding before a Worker sees it: its own, and the client's in `cf`.
 * https://developers.cloudflare.com/fundamentals/reference/http-headers/#accept-encoding
 */
function throughEdge(headers: Readonly<Record<string, string>>) {
  const own = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'accept-encoding')
  const wish = Object.entries(headers).find(([name]) => name.toLowerCase() === 'accept-encoding')
  return {
    init: { ...Object.fromEntries(own), 'Accept-Encoding': 'gzip, br' },
    cf: { clientAcceptEncoding: wish?.[1] ?? '' },
  }
}

function streamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}
