import type { z } from 'zod'
import type { Caller } from '../core/accounts/caller.ts'
import type { Trace } from '../core/cache/trace.ts'
import type { Core } from '../core/core.ts'
import { CuttyError } from '../core/errors.ts'
import type { SigningKeys } from '../core/sigv4/signing-keys.ts'
import type { HttpReply, HttpRequest } from './exchange.ts'
import { decodePathPart } from './target.ts'

export type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'

/** What makes links to this service. */
export interface Signing {
  readonly signingKeys: SigningKeys
  /** Where clients see this service, if that is configured. */
  readonly publicOrigin: string | undefined
}

/** What a handler gets. `params`, `query` and `body` have been validated by the route's schemas. */
export interface Call<Query = unknown, Body = unknown> {
  readonly core: Core
  readonly request: HttpRequest
  readonly caller: Caller
  /** Where what is read comes from: told to who reads. */
  readonly trace: Trace
  /** For what is signed. */
  readonly signing: Signing
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: Body
}

/**
 * A route as data: one declaration validates requests, dispatches them, and describes them in the OpenAPI
 * document. In `path`, `{name}` is a segment and `{name…}`, at the end only, all that is left.
 */
export interface Route<Query = unknown, Body = unknown> {
  readonly method: Method
  readonly path: string
  readonly summary: string
  readonly description?: string
  readonly tag: string
  /** Schema of the query; unknown parameters are refused. */
  readonly query?: z.ZodType<Query>
  /** Schema of a JSON body. */
  readonly body?: z.ZodType<Body>
  /** A body that is not JSON: its media type and what it is. */
  readonly rawBody?: { readonly type: string; readonly description: string }
  /** Request headers that mean something here, for the document. */
  readonly headers?: Readonly<Record<string, string>>
  readonly responses: Readonly<Record<number, ResponseDescription>>
  readonly handle: (call: Call<Query, Body>) => HttpReply | Promise<HttpReply>
}

export interface ResponseDescription {
  readonly description: string
  readonly schema?: z.ZodType
  readonly type?: string
}

/** Keeps the types of the schemas for the handler, and forgets them for the table. */
export function defineRoute<Query = unknown, Body = unknown>(route: Route<Query, Body>): Route {
  return route as Route
}

export interface RouteMatch {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

/**
 * Finds a route by method and raw path. HEAD is answered by GET's route. Throws `not_found`, or `method_not_allowed`
 * with the methods that there are.
 */
export function createRouter(routes: readonly Route[]): (method: string, path: string) => RouteMatch {
  const compiled = routes.map((route) => ({ route, ...compilePath(route.path) }))
  const byMethod = new Map<string, typeof compiled>()
  for (const entry of compiled) {
    const methods = entry.route.method === 'GET' ? ['GET', 'HEAD'] : [entry.route.method]
    for (const method of methods) byMethod.set(method, [...(byMethod.get(method) ?? []), entry])
  }

  return (method, path) => {
    for (const { route, pattern, names } of byMethod.get(method) ?? []) {
      const match = pattern.exec(path)
      if (!match) continue
      const params: Record<string, string> = {}
      for (let i = 0; i < names.length; i++)
        params[names[i] as string] = decodePathPart(match[i + 1] as string)
      return { route, params }
    }
    const allowed = compiled.filter(({ pattern }) => pattern.test(path)).map(({ route }) => route.method)
    if (allowed.length === 0) throw new CuttyError('not_found', 'There is nothing at this path.')
    const allow = [...new Set(allowed.flatMap((each) => (each === 'GET' ? ['GET', 'HEAD'] : [each])))].join(
      ', ',
    )
    throw new CuttyError('method_not_allowed', `This path answers ${allow}.`, {
      extras: { headers: { Allow: allow } },
    })
  }
}

function compilePath(path: string): { pattern: RegExp; names: string[] } {
  const names: string[] = []
  const source = path
    .replace(/[.*+?^$()|[\]\\]/g, '\\$&')
    .replace(/\{(\w+)(…?)\}/g, (_, name: string, rest: string) => {
      names.push(name)
      return rest ? '(.+)' : '([^/]+)'
    })
  return { pattern: new RegExp(`^${source}$`), names }
}
