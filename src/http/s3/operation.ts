import type { Caller } from '../../core/accounts/caller.ts'
import type { Trace } from '../../core/cache/trace.ts'
import type { Core } from '../../core/core.ts'
import type { HttpReply, HttpRequest } from '../exchange.ts'
import type { RequestContext } from '../protocol.ts'
import type { Identity, IdentifyOptions } from './identify.ts'
import type { S3Query } from './query.ts'
import { S3Error } from './s3-error.ts'

export type Scope = 'service' | 'bucket' | 'object'
export type S3Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'

/** What an operation gets. The signature, if there is one, has been verified. */
export interface S3Call {
  readonly core: Core
  readonly request: HttpRequest
  readonly caller: Caller
  readonly identity: Identity
  readonly trace: Trace
  readonly requestId: string
  /** Empty, as `key` is, where the operation's scope has none. */
  readonly bucket: string
  readonly key: string
  readonly query: S3Query
  /** Whether nothing else lives at this origin: virtual-host style. */
  readonly isolated: boolean
  /** For what learns of its caller from the content: a form. */
  readonly context: RequestContext
  readonly signing: IdentifyOptions
}

/** An operation as data: the table of them dispatches, and makes the reference (docs/reference/s3.md). */
export interface Operation {
  /** As S3's API reference calls it. */
  readonly name: string
  readonly method: S3Method
  readonly scope: Scope
  /** The query parameter that asks for it; left out, it is the plain one of its method. */
  readonly parameter?: string
  /** A header that asks for it, beside the parameter or alone. */
  readonly header?: string
  /** For the reference: what is particular here. */
  readonly notes?: string
  /** For the reference: what of it is not offered. */
  readonly lacks?: string
  readonly handle: (call: S3Call) => HttpReply | Promise<HttpReply>
}

/** An operation of S3 that is not offered: asked for, it is `NotImplemented`, never a silent success. */
export type AbsentOperation = Omit<Operation, 'handle'>

/**
 * Finds the operation of a request, whether it is offered or not; `undefined` where there is none. Those that ask for more come
 * first: a parameter and a header, a parameter, a header.
 */
export function createDispatcher(offered: readonly Operation[], absent: readonly AbsentOperation[]) {
  const table = new Map<string, (Operation | AbsentOperation)[]>()
  for (const each of [...offered, ...absent]) {
    const place = `${each.method} ${each.scope}`
    table.set(place, [...(table.get(place) ?? []), each])
  }
  // Of a bucket `?acl` is not the bucket: DELETE must not delete it.
  const subresources = new Map<Scope, Set<string>>()
  for (const { scope, parameter } of [...offered, ...absent]) {
    if (parameter === undefined || modifiers.has(parameter)) continue
    subresources.set(scope, (subresources.get(scope) ?? new Set()).add(parameter))
  }
  const weight = ({ parameter, header }: AbsentOperation) => (parameter ? 2 : 0) + (header ? 1 : 0)
  for (const operations of table.values()) operations.sort((a, b) => weight(b) - weight(a))

  return (request: HttpRequest, scope: Scope, query: S3Query): Operation | AbsentOperation | undefined => {
    for (const operation of table.get(`${request.method} ${scope}`) ?? []) {
      const { parameter, header } = operation
      if (parameter !== undefined && !query.has(parameter)) continue
      if (header !== undefined && request.header(header) === undefined) continue
      if (parameter === undefined && query.size > 0) {
        const named = subresources.get(scope)
        if (named && [...query.keys()].some((name) => named.has(name))) break
      }
      return operation
    }
    return undefined
  }
}

/** Throws `NotImplemented` for an operation that is not offered, and `MethodNotAllowed` where there is none. */
export function requireOffered(
  operation: Operation | AbsentOperation | undefined,
  { method }: HttpRequest,
  scope: Scope,
): Operation {
  if (!operation) {
    throw new S3Error('MethodNotAllowed', `${method} means nothing for ${what[scope]}.`, {
      elements: { Method: method, ResourceType: scope.toUpperCase() },
    })
  }
  if ('handle' in operation) return operation
  throw new S3Error('NotImplemented', `${operation.name} is not offered here.`, {
    elements: { Operation: operation.name },
  })
}

/** They ask for an operation with one method, and with others say more about it. */
const modifiers: ReadonlySet<string> = new Set(['partNumber'])

const what: Record<Scope, string> = { service: 'the service', bucket: 'a bucket', object: 'an object' }
