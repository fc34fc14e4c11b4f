/**
 * Every error that a caller can meet. `code` is stable and part of the interface; `detail` is a sentence for
 * people and says what was wrong and what is accepted. Internal text goes into `cause`, which is logged and
 * never shown. How a code becomes a status is `http/problem.ts`.
 */
export const errorCodes = {
  // The request
  invalid_request: 'The request is not valid',
  invalid_key: 'The file key is not valid',
  invalid_bucket_name: 'The bucket name is not valid',
  invalid_digest: 'The digest header cannot be read',
  digest_mismatch: 'The content does not match its digest',
  body_size_mismatch: 'The body has another length than declared',
  body_incomplete: 'The body ended early',
  too_large: 'The content is too large',
  unsupported_media_type: 'The content type is not supported',
  precondition_failed: 'A precondition does not hold',
  not_acceptable: 'No form of the file is acceptable',
  range_not_satisfiable: 'The range lies outside the file',
  invalid_part: 'A part is not as it was uploaded',
  invalid_part_order: 'The parts are not in the order of their numbers',
  part_too_small: 'A part is too small',
  // Who asks
  unauthenticated: 'Authentication is required',
  invalid_credentials: 'The credentials are not valid',
  access_denied: 'Access denied',
  // What there is
  not_found: 'Not found',
  bucket_not_found: 'There is no such bucket',
  file_not_found: 'There is no such file',
  upload_not_found: 'There is no such upload',
  user_not_found: 'There is no such user',
  key_not_found: 'There is no such credential',
  job_not_found: 'There is no such job',
  method_not_allowed: 'The method is not allowed here',
  bucket_exists: 'The bucket name is taken',
  bucket_not_empty: 'The bucket is not empty',
  user_exists: 'The e-mail address is taken',
  last_admin: 'The last administrator stays',
  conflict: 'The file changed meanwhile',
  // Us
  storage_full: 'There is no room left',
  content_damaged: 'The content is damaged',
  storage_unavailable: 'The storage cannot be reached',
  codec_unavailable: 'The file cannot be decoded here',
  not_ready: 'The service is not ready',
  internal: 'Internal error',
} as const

export type ErrorCode = keyof typeof errorCodes

export class CuttyError extends Error {
  override readonly name = 'CuttyError'
  readonly code: ErrorCode
  /** Members that the error's reader may use: a field's name, a limit. Shown. */
  readonly extras: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    detail: string = `${errorCodes[code]}.`,
    options: { cause?: unknown; extras?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(detail, { cause: options.cause })
    this.code = code
    this.extras = options.extras ?? {}
  }
}
