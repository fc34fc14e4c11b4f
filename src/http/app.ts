import { anonymous, type Caller } from '../core/accounts/caller.ts'
import { authenticate } from '../core/accounts/credentials.ts'
import { createTrace, type Trace } from '../core/cache/trace.ts'
import type { Core } from '../core/core.ts'
import { CuttyError } from '../core/errors.ts'
import { idTimePrefix } from '../core/ids.ts'
import { accountRoutes } from './api/accounts.ts'
import { bucketRoutes } from './api/buckets.ts'
import { cacheRoutes } from './api/cache.ts'
import { compressionRoutes } from './api/compression.ts'
import { documentRoutes } from './api/documents.ts'
import { fileRoutes } from './api/files.ts'
import { downloadRoute } from './api/download.ts'
import { healthRoutes } from './api/health.ts'
import { jobRoutes } from './api/jobs.ts'
import { uploadRoutes } from './api/upload.ts'
import type { Delivery, HandledRequest, HttpReply, HttpRequest } from './exchange.ts'
import { formatCacheStatus, formatServerTiming } from './headers/cache-status.ts'
import { parseAuthorization } from './headers/authorization.ts'
import { byteLength, readJson, validate } from './json.ts'
import { isFailure, problemReply, toCuttyError } from './problem.ts'
import { createRouter, type Route, type RouteMatch } from './route.ts'
import { parseQuery, splitTarget } from './target.ts'

const apiRoutes: readonly Route[] = [
  downloadRoute,
  ...uploadRoutes,
  ...fileRoutes,
  ...bucketRoutes,
  ...compressionRoutes,
  ...cacheRoutes,
  ...accountRoutes,
  ...jobRoutes,
  ...healthRoutes,
]

/** Every route, the most asked for first. */
export const routes: readonly Route[] = [...apiRoutes, ...documentRoutes(apiRoutes)]

export interface App {
  /** Never rejects: what goes wrong is a reply too. */
  handle(request: HttpRequest): Promise<HandledRequest>
}

/**
 * The application: request → route → identify → validate → handle → reply, errors rendered in one place, and one
 * event for each request when its last byte is out.
 */
export function createApp(core: Core): App {
  const findRoute = createRouter(routes)
  const nextRequestId = createRequestIds(core)

  return {
    async handle(request) {
      const startedMs = core.clock.monotonic()
      const requestId = nextRequestId()
      const { path, query } = splitTarget(request.target)
      let match: RouteMatch | undefined
      let caller: Caller = anonymous
      let errorCode: string | undefined
      const trace = createTrace()
      let reply: HttpReply
      try {
        match = findRoute(request.method, path)
        const authorization = request.header('authorization')
        if (authorization !== undefined) caller = await identify(core, authorization)
        reply = await runRoute(core, request, { match, query, caller, trace })
      } catch (thrown) {
        const error = toCuttyError(thrown)
        errorCode = error.code
        if (isFailure(error)) {
          const during = `${request.method} ${match?.route.path ?? path}`
          core.observe({ type: 'failure', requestId, during, error })
        }
        reply = problemReply(error, requestId)
      }

      const delivered = (delivery: Delivery) => {
        if (delivery.failure !== undefined && !delivery.clientGone) {
          core.observe({ type: 'failure', requestId, during: `sending ${path}`, error: delivery.failure })
        }
        core.observe({
          type: 'request',
          requestId,
          method: request.method,
          route: match?.route.path ?? 'unknown',
          path,
          status: reply.status,
          bytesSent: delivery.bytesSent,
          durationMs: core.clock.monotonic() - startedMs,
          userId: caller.userId,
          errorCode,
          aborted: delivery.failure !== undefined || delivery.clientGone === true,
        })
      }
      reply.headers['Cache-Status'] = formatCacheStatus(request.method, trace)
      reply.headers['Server-Timing'] = formatServerTiming(trace, core.clock.monotonic() - startedMs)
      return { reply: finishReply(request, reply, requestId), delivered }
    },
  }
}

async function identify(core: Core, value: string): Promise<Caller> {
  const authorization = parseAuthorization(value)
  if (authorization?.scheme === 'basic') {
    const { accessKeyId, secret } = authorization
    return authenticate(core, { kind: 'access_key', accessKeyId, secret })
  }
  if (authorization?.scheme === 'bearer') {
    return authenticate(core, { kind: 'token', token: authorization.token })
  }
  throw new CuttyError('invalid_credentials', 'Use HTTP Basic with an access key, or a Bearer token.')
}

function runRoute(
  core: Core,
  request: HttpRequest,
  of: { match: RouteMatch; query: string; caller: Caller; trace: Trace },
): HttpReply | Promise<HttpReply> {
  const { route, params } = of.match
  const query = of.query === '' ? emptyQuery(route) : readQuery(route, of.query)
  const call = { core, request, caller: of.caller, trace: of.trace, params, query }
  if (!route.body) return route.handle({ ...call, body: undefined })
  return readJson(request, route.body).then((body) => route.handle({ ...call, body }))
}

function readQuery(route: Route, query: string): unknown {
  return route.query ? validate(route.query, parseQuery(query), 'query') : {}
}

/** Most requests have no query: what that means is found out once. */
const emptyQueries = new Map<Route, unknown>()

function emptyQuery(route: Route): unknown {
  let query = emptyQueries.get(route)
  if (query === undefined) emptyQueries.set(route, (query = readQuery(route, '')))
  return query
}

/** What every reply has, and what a reply to HEAD must not have. */
function finishReply(request: HttpRequest, reply: HttpReply, requestId: string): HttpReply {
  const { status, body } = reply
  const headers: Record<string, string> = reply.headers
  headers['X-Content-Type-Options'] = 'nosniff'
  headers['X-Request-Id'] = requestId
  if (typeof body === 'string' || body instanceof Uint8Array)
    headers['Content-Length'] ??= String(byteLength(body))
  return request.method === 'HEAD' ? { status, headers } : reply
}

/** Unique and short: the time the application started, random characters, a counter. */
function createRequestIds({ clock, ids }: Core): () => string {
  const start = idTimePrefix(clock.now()).slice(-6) + ids.next().slice(-4)
  let count = 0
  return () => `${start}-${(count++).toString(36)}`
}
