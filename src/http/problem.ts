import { CuttyError, type ErrorCode, errorCodes } from '../core/errors.ts'
import { DatabaseError } from '../core/ports/database.ts'
import type { HttpReply } from './exchange.ts'

/** The one place where an error becomes a status. */
const statusOf: Record<ErrorCode, number> = {
  invalid_request: 400,
  invalid_key: 400,
  invalid_bucket_name: 400,
  invalid_digest: 400,
  digest_mismatch: 400,
  body_size_mismatch: 400,
  body_incomplete: 400,
  too_large: 413,
  unsupported_media_type: 415,
  precondition_failed: 412,
  not_acceptable: 406,
  range_not_satisfiable: 416,
  invalid_part: 400,
  invalid_part_order: 400,
  part_too_small: 400,
  unauthenticated: 401,
  invalid_credentials: 401,
  access_denied: 403,
  not_found: 404,
  bucket_not_found: 404,
  file_not_found: 404,
  upload_not_found: 404,
  user_not_found: 404,
  key_not_found: 404,
  job_not_found: 404,
  method_not_allowed: 405,
  bucket_exists: 409,
  bucket_not_empty: 409,
  user_exists: 409,
  last_admin: 409,
  conflict: 409,
  storage_full: 507,
  content_damaged: 500,
  storage_unavailable: 503,
  codec_unavailable: 503,
  not_ready: 503,
  internal: 500,
}

/** Turns whatever was thrown into an error that may be shown. What we did not foresee is `internal`. */
export function toCuttyError(error: unknown): CuttyError {
  if (error instanceof CuttyError) return error
  if (error instanceof DatabaseError) {
    const code =
      error.kind === 'full'
        ? 'storage_full'
        : error.kind === 'unavailable'
          ? 'storage_unavailable'
          : 'internal'
    return new CuttyError(code, undefined, { cause: error })
  }
  return new CuttyError('internal', undefined, { cause: error })
}

/** Whether the error is ours to mend, so that its cause is reported. */
export function isFailure(error: CuttyError): boolean {
  return statusOf[error.code] >= 500
}

/** RFC 9457, with our stable `code`. */
export function problemReply(error: CuttyError, requestId: string): HttpReply {
  const status = statusOf[error.code]
  const { headers, ...extras } = error.extras as { headers?: Record<string, string> }
  const body = JSON.stringify({
    type: `/api/v1/docs#error-${error.code}`,
    title: errorCodes[error.code],
    status,
    code: error.code,
    detail: error.message,
    requestId,
    ...extras,
  })
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...(status === 401 && { 'WWW-Authenticate': 'Basic realm="cutty", charset="UTF-8"' }),
      ...(status === 503 && { 'Retry-After': '5' }),
      ...headers,
    },
    body,
  }
}

export { statusOf as problemStatuses }
