import type { Caller } from '../core/accounts/caller.ts'
import { authenticate } from '../core/accounts/credentials.ts'
import type { Core } from '../core/core.ts'
import { CuttyError } from '../core/errors.ts'
import { createSigningKeys } from '../core/sigv4/signing-keys.ts'
import { accessLogRoutes } from './api/access-log.ts'
import { accountRoutes } from './api/accounts.ts'
import { bucketRoutes } from './api/buckets.ts'
import { cacheRoutes } from './api/cache.ts'
import { compressionRoutes } from './api/compression.ts'
import { databaseRoutes } from './api/database.ts'
import { documentRoutes } from './api/documents.ts'
import { fileRoutes } from './api/files.ts'
import { downloadRoute } from './api/download.ts'
import { healthRoutes } from './api/health.ts'
import { jobRoutes } from './api/jobs.ts'
import { presignedUrlRoutes } from './api/presigned-urls.ts'
import { uploadRoutes } from './api/upload.ts'
import { giveBookmark, readBookmark } from './bookmark.ts'
import type { HttpReply } from './exchange.ts'
import { parseAuthorization } from './headers/authorization.ts'
import { readJson, validate } from './json.ts'
import { isFailure, problemReply, toCuttyError } from './problem.ts'
import type { Protocol, RequestContext } from './protocol.ts'
import { type Call, createRouter, type Route, type RouteMatch } from './route.ts'
import { parseQuery } from './target.ts'

const apiRoutes: readonly Route[] = [
  downloadRoute,
  ...uploadRoutes,
  ...fileRoutes,
  ...bucketRoutes,
  ...compressionRoutes,
  ...cacheRoutes,
  ...databaseRoutes,
  ...accountRoutes,
  ...presignedUrlRoutes,
  ...jobRoutes,
  ...accessLogRoutes,
  ...healthRoutes,
]

/** Every route, the most asked for first. */
export const routes: readonly Route[] = [...apiRoutes, ...documentRoutes(apiRoutes)]

/** The REST API: route → identify → validate → handle, JSON in and out, errors as problem documents. */
export function createRest(core: Core, { publicOrigin }: { publicOrigin?: string | undefined }): Protocol {
  const signing = { signingKeys: createSigningKeys(), publicOrigin }
  const findRoute = createRouter(routes)
  return {
    async answer(request, context) {
      const match = findRoute(request.method, context.path)
      context.route = match.route.path
      context.bucket = match.params['bucket']
      readBookmark(core, request)
      const authorization = request.header('authorization')
      if (authorization !== undefined) context.caller = await identify(core, authorization)
      const reply = runRoute({ core, request, signing }, match, context)
      return core.bookmarks ? giveBookmark(core, request, await reply) : reply
    },
    renderError(thrown, _request, { requestId }) {
      const error = toCuttyError(thrown)
      return {
        reply: problemReply(error, requestId),
        code: error.code,
        ...(isFailure(error) && { failure: error }),
      }
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
  of: Pick<Call, 'core' | 'request' | 'signing'>,
  { route, params }: RouteMatch,
  context: RequestContext,
): HttpReply | Promise<HttpReply> {
  const query = context.query === '' ? emptyQuery(route) : readQuery(route, context.query)
  const { caller, trace } = context
  const call = { ...of, caller, trace, params, query }
  if (!route.body) return route.handle({ ...call, body: undefined })
  return readJson(of.request, route.body).then((body) => route.handle({ ...call, body }))
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
