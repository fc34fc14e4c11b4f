import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import worker from '../../src/entry/worker.ts'
import { httpContract } from '../contracts/http.ts'
import type { HttpAnswer, HttpFetch } from '../contracts/http/subject.ts'

const admin = { accessKeyId: 'TEST_ADMIN', secretAccessKey: 'a-secret-for-tests-only' }
const bindings = {
  BLOBS: env.BLOBS,
  DB: env.DB,
  CUTTY_MASTER_KEY: 'a master key of over 32 characters',
  CUTTY_ADMIN_ACCESS_KEY_ID: admin.accessKeyId,
  CUTTY_ADMIN_SECRET_ACCESS_KEY: admin.secretAccessKey,
}

const fetch: HttpFetch = async (target, { method = 'GET', headers = {}, body } = {}) => {
  const content =
    body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : streamOf(body)
  const { init, cf } = throughEdge(headers)
  const sent: RequestInit & { cf: object } = { method, headers: init, cf, body: content as Request['body'] }
  const request = new Request(`http://cutty.test${target}`, sent)
  const response = await worker.fetch(request, bindings)
  const answer: HttpAnswer = {
    status: response.status,
    headers: new Map(response.headers),
    bytes: new Uint8Array(await response.arrayBuffer()),
  }
  return answer
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

httpContract('HTTP in workerd, over D1 and R2', async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  const runJobs = () => worker.scheduled(undefined, bindings)
  return { fetch, admin, racers: 20, runJobs, stop: async () => {} }
})
