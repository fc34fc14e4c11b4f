import type { Core } from '../core/core.ts'
import type { HttpReply, HttpRequest } from './exchange.ts'

/** Of replies to what may have written, and of requests that want to see at least that. */
export const bookmarkHeader = 'Cutty-Bookmark'

export const bookmarkMeaning =
  'Of a Worker with read replicas: what a reply to a request that writes had. What is read then is at least as new, whichever ' +
  'isolate answers. Elsewhere there is none, and none is needed.'

/** What is read from now on is at least as new as the client says. Throws `invalid_request`. */
export function readBookmark({ bookmarks }: Core, request: HttpRequest): void {
  if (!bookmarks) return
  const signed = request.header('cutty-bookmark')
  if (signed !== undefined) bookmarks.atLeast(signed)
}

export function giveBookmark({ bookmarks }: Core, request: HttpRequest, reply: HttpReply): HttpReply {
  if (!bookmarks || request.method === 'GET' || request.method === 'HEAD') return reply
  const signed = bookmarks.latest()
  const headers: Record<string, string> = reply.headers
  if (signed !== undefined) headers[bookmarkHeader] = signed
  return reply
}
