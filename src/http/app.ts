import { anonymous } from '../core/accounts/caller.ts'
import { createTrace } from '../core/cache/trace.ts'
import type { Core } from '../core/core.ts'
import { idTimePrefix } from '../core/ids.ts'
import type { Delivery, HandledRequest, HttpReply, HttpRequest } from './exchange.ts'
import { formatCacheStatus, formatServerTiming } from './headers/cache-status.ts'
import { byteLength } from './json.ts'
import type { RequestContext } from './protocol.ts'
import { createRest } from './rest.ts'
import { createS3, type S3Options } from './s3/s3.ts'
import { splitTarget } from './target.ts'

export interface App {
  /** Never rejects: what goes wrong is a reply too. */
  handle(request: HttpRequest): Promise<HandledRequest>
}

/**
 * The application: request → protocol → identify → authorise → handle → reply, errors rendered in one place for each protocol,
 * and one event for each request when its last byte is out.
 */
export function createApp(core: Core, options: S3Options = {}): App {
  const rest = createRest(core, options)
  const s3 = createS3(core, options)
  const nextRequestId = createRequestIds(core)

  return {
    async handle(request) {
      const startedMs = core.clock.monotonic()
      const requestId = nextRequestId()
      const { path, query } = splitTarget(request.target)
      const trace = createTrace()
      const context: RequestContext = {
        requestId,
        path,
        query,
        trace,
        caller: anonymous,
        bucket: undefined,
        route: 'unknown',
      }
      const protocol = s3.speaks(request, context) ? s3 : rest
      let errorCode: string | undefined
      let reply: HttpReply
      try {
        reply = await protocol.answer(request, context)
      } catch (thrown) {
        const { reply: rendered, code, failure } = protocol.renderError(thrown, request, context)
        reply = rendered
        errorCode = code
        if (failure !== undefined) {
          const during = `${request.method} ${context.route === 'unknown' ? path : context.route}`
          core.observe({ type: 'failure', requestId, during, error: failure })
        }
      }

      const delivered = (delivery: Delivery) => {
        if (delivery.failure !== undefined && !delivery.clientGone) {
          core.observe({ type: 'failure', requestId, during: `sending ${path}`, error: delivery.failure })
        }
        core.observe({
          type: 'request',
          requestId,
          method: request.method,
          route: context.route,
          bucket: context.bucket,
          path,
          status: reply.status,
          bytesReceived: request.bytesReceived,
          bytesSent: delivery.bytesSent,
          durationMs: core.clock.monotonic() - startedMs,
          userId: context.caller.userId,
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

/** What every reply has, and what a reply to HEAD must not have. */
function finishReply(request: HttpRequest, reply: HttpReply, requestId: string): HttpReply {
  const { status, body } = reply
  const headers: Record<string, string> = reply.headers
  headers['X-Content-Type-Options'] = 'nosniff'
  headers['X-Request-Id'] = requestId
  if (typeof body === 'string' || body instanceof Uint8Array)
    headers['Content-Length'] ??= String(byteLength(body))
  if (request.method === 'HEAD') return { status, headers }
  // Without it Node would send nothing in chunks.
  if (body === undefined && status !== 204 && status !== 304) headers['Content-Length'] ??= '0'
  return reply
}

/** Unique and short: the time the application started, random characters, a counter. */
function createRequestIds({ clock, ids }: Core): () => string {
  const start = idTimePrefix(clock.now()).slice(-6) + ids.next().slice(-4)
  let count = 0
  return () => `${start}-${(count++).toString(36)}`
}
