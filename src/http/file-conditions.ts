import { CuttyError } from '../core/errors.ts'
import type { FileRecord } from '../core/files/file.ts'
import type { HttpRequest } from './exchange.ts'
import { evaluatePreconditions } from './headers/preconditions.ts'
import type { Call } from './route.ts'

/** Throws what RFC 9110 §13 says; 304 is for reads only and returned. */
export function checkPreconditions(
  request: HttpRequest,
  method: string,
  file: FileRecord | undefined,
  nowMs: number,
) {
  return evaluatePreconditions({
    method,
    headers: {
      ifMatch: request.header('if-match'),
      ifNoneMatch: request.header('if-none-match'),
      ifModifiedSince: request.header('if-modified-since'),
      ifUnmodifiedSince: request.header('if-unmodified-since'),
    },
    etagHash: file?.etag,
    lastModifiedMs: file?.modifiedAtMs,
    nowMs,
  })
}

export const preconditionFailed = () =>
  new CuttyError('precondition_failed', 'The file is not (or no longer) what the request’s conditions say.')

/** The precondition of a write, or `undefined` when there is none, which makes the write cheaper. */
export function writePrecondition({
  core,
  request,
}: Call): ((current: FileRecord | undefined) => void) | undefined {
  const conditional = ['if-match', 'if-none-match', 'if-unmodified-since'].some(
    // An empty value matches nothing; it is not the same as none.
    (name) => request.header(name) !== undefined,
  )
  if (!conditional) return undefined
  return (current) => {
    if (checkPreconditions(request, request.method, current, core.clock.now()) !== 'proceed')
      throw preconditionFailed()
  }
}
