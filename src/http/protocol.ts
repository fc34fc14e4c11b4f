import type { Caller } from '../core/accounts/caller.ts'
import type { Trace } from '../core/cache/trace.ts'
import type { HttpReply, HttpRequest } from './exchange.ts'

/** What becomes known of a request while it is answered. */
export interface RequestContext {
  readonly requestId: string
  /** Of the target, as it was sent; the query without its question mark. */
  readonly path: string
  readonly query: string
  readonly trace: Trace
  caller: Caller
  /** Its name, as the request has it. */
  bucket: string | undefined
  /** A route's template, or an operation's name: bounded, so it may label a metric. */
  route: string
}

/** A language that this service speaks: REST, and S3. */
export interface Protocol {
  /** Rejects with what goes wrong, which is an error of the core's or of the protocol's own. */
  answer(request: HttpRequest, context: RequestContext): Promise<HttpReply>
  renderError(error: unknown, request: HttpRequest, context: RequestContext): ErrorReply
}

export interface ErrorReply {
  readonly reply: HttpReply
  /** Stable. */
  readonly code: string
  /** With every cause, where the error is ours to mend. */
  readonly failure?: unknown
}
