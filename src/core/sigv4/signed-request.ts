import { formatCanonicalQuery, parseCanonicalQuery } from './canonical-query.ts'
import type { QueryParameter } from './canonical-query.ts'
import type { SigV4Request } from './canonical-request.ts'
import type { Credential } from './credential.ts'
import { algorithm, checkScopeDate, checkSignatureForm, parseCredential } from './credential.ts'
import { formatAmzDate, parseAmzDate, parseDateHeader } from './dates.ts'
import { SigV4Error } from './errors.ts'
import type { Payload } from './payload.ts'
import { parsePayload, unsignedPayload } from './payload.ts'
import { decodePart, recodePath } from './percent.ts'

/** What a request says of its signature: legible, but not verified yet. */
export interface SignedRequest extends Credential {
  readonly form: 'header' | 'query'
  readonly request: SigV4Request
  /** In lower case and sorted; `host` is among them. */
  readonly signedHeaders: readonly string[]
  /** 64 hexadecimal digits. */
  readonly signature: string
  /** When it was signed, to the second: `YYYYMMDDTHHMMSSZ`, and in milliseconds since 1970. */
  readonly amzDate: string
  readonly signedAtMs: number
  /** Of the query form only, 1 to 604,800. */
  readonly expiresSeconds: number | undefined
  readonly payload: Payload
  /** The value of x-amz-content-sha256 as it was sent or is implied. */
  readonly payloadText: string
  /** Both in canonical form, the query without its signature. */
  readonly path: string
  readonly query: string
}

/** Seven days, as S3 has it. */
export const expiresSecondsMax = 604_800

const queryNames = new Set([
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
  'X-Amz-Content-Sha256',
])
const headerName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

/**
 * Reads the signature of a request: from `Authorization`, or from its query (a presigned URL). `undefined` when it has
 * none; an `Authorization` of another scheme than AWS's is none. SigV4Error with the reasons that need no secret:
 * `malformed`, `unsupported_algorithm`, `missing_date`, `wrong_scope`, `too_long_lived`, `missing_payload_hash`,
 * `unsupported_payload`, and `unsigned_header` for a host or `x-amz-*` header that the signature does not cover.
 */
export function readSignedRequest(
  request: SigV4Request,
  { api }: { api: string },
): SignedRequest | undefined {
  const authorization = single(request.header('authorization'))
  const byHeader = authorization !== undefined && /^\s*AWS(?:4-\S*)?(?:\s|$)/i.test(authorization)
  // Most unsigned requests have no query or a short one; parsing it would cost them.
  const mayBeSigned = byHeader || /amz|signature|%/i.test(request.query)
  if (!mayBeSigned) return undefined
  const parameters = parseCanonicalQuery(request.query)
  const byQuery = parameters.some(
    ({ name }) => name === 'X-Amz-Algorithm' || name === 'X-Amz-Credential' || name === 'X-Amz-Signature',
  )
  if (byHeader && byQuery) {
    throw new SigV4Error('malformed', 'The request is signed twice, in a header and in its query.')
  }
  const signed = byQuery
    ? readQuery(request, parameters, api)
    : byHeader
      ? readHeader(request, authorization, parameters, api)
      : undefined
  if (signed) checkHeadersSigned(signed)
  else if (isVersion2(parameters)) throw version2()
  return signed
}

function readHeader(
  request: SigV4Request,
  authorization: string,
  parameters: readonly QueryParameter[],
  api: string,
): SignedRequest {
  const fields = parseAuthorization(authorization)
  const credential = parseCredential(fields.Credential, api)
  const signature = checkSignatureForm(fields.Signature)
  const { amzDate, signedAtMs } = readDate(request)
  checkScopeDate(credential, amzDate)
  const payloadText = single(request.header('x-amz-content-sha256'))
  if (payloadText === undefined) {
    throw new SigV4Error(
      'missing_payload_hash',
      'Missing required header for this request: x-amz-content-sha256',
    )
  }
  return {
    ...credential,
    form: 'header',
    request,
    signedHeaders: parseSignedHeaders(fields.SignedHeaders),
    signature,
    amzDate,
    signedAtMs,
    expiresSeconds: undefined,
    payload: parsePayload(payloadText),
    payloadText,
    path: recodePath(request.path),
    query: formatCanonicalQuery(parameters),
  }
}

function readQuery(request: SigV4Request, parameters: readonly QueryParameter[], api: string): SignedRequest {
  const values = new Map<string, string>()
  for (const { name, value } of parameters) {
    if (!queryNames.has(name)) continue
    if (values.has(name)) throw new SigV4Error('malformed', `The query has more than one ${name}.`)
    values.set(name, decodePart(value))
  }
  const read = (name: string): string => {
    const value = values.get(name)
    if (!value) throw new SigV4Error('malformed', `A signed query needs the parameter ${name}.`)
    return value
  }
  checkAlgorithm(read('X-Amz-Algorithm'))
  const credential = parseCredential(read('X-Amz-Credential'), api)
  const signature = checkSignatureForm(read('X-Amz-Signature'))
  const amzDate = read('X-Amz-Date')
  const signedAtMs = parseAmzDate(amzDate)
  if (signedAtMs === undefined) throw malformedDate('X-Amz-Date')
  checkScopeDate(credential, amzDate)
  const payloadText = readQueryPayload(request, values)
  return {
    ...credential,
    form: 'query',
    request,
    signedHeaders: parseSignedHeaders(read('X-Amz-SignedHeaders')),
    signature,
    amzDate,
    signedAtMs,
    expiresSeconds: parseExpires(read('X-Amz-Expires')),
    payload: parsePayload(payloadText),
    payloadText,
    path: recodePath(request.path),
    query: formatCanonicalQuery(parameters, 'X-Amz-Signature'),
  }
}

/** `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`, in any order and with or without the spaces. */
function parseAuthorization(value: string): Record<'Credential' | 'SignedHeaders' | 'Signature', string> {
  const text = value.trim()
  const space = /\s/.exec(text)?.index ?? text.length
  checkAlgorithm(text.slice(0, space))
  const fields = { Credential: '', SignedHeaders: '', Signature: '' }
  for (const part of text.slice(space).split(',')) {
    const [name = '', ...values] = part.trim().split('=')
    const field = values.join('=')
    if (!isField(name, fields) || fields[name] !== '' || field === '') throw malformedAuthorization()
    fields[name] = field
  }
  if (!fields.Credential || !fields.SignedHeaders || !fields.Signature) throw malformedAuthorization()
  return fields
}

function isField<T extends object>(name: string, fields: T): name is string & keyof T {
  return Object.hasOwn(fields, name)
}

function malformedAuthorization(): SigV4Error {
  return new SigV4Error(
    'malformed',
    `Authorization must have the form: ${algorithm} Credential=…, SignedHeaders=…, Signature=…`,
  )
}

function checkAlgorithm(name: string): void {
  if (name === algorithm) return
  if (/^AWS$/i.test(name)) throw version2()
  throw new SigV4Error('unsupported_algorithm', `Sign with ${algorithm}: no other algorithm is supported.`)
}

/** Signature Version 2 in a query: `AWSAccessKeyId`, `Signature`, `Expires`. */
function isVersion2(parameters: readonly QueryParameter[]): boolean {
  return (
    parameters.some(({ name }) => name === 'AWSAccessKeyId') &&
    parameters.some(({ name }) => name === 'Signature')
  )
}

function version2(): SigV4Error {
  return new SigV4Error(
    'unsupported_algorithm',
    `Signature Version 2 is not supported. Sign with ${algorithm}.`,
  )
}

function parseSignedHeaders(text: string): readonly string[] {
  const names = text.split(';')
  for (const name of names) {
    if (!headerName.test(name)) {
      throw new SigV4Error(
        'malformed',
        'SignedHeaders must be names of headers in lower case, between semicolons.',
      )
    }
  }
  if (new Set(names).size < names.length) {
    throw new SigV4Error('malformed', 'SignedHeaders names a header twice.')
  }
  return names.toSorted()
}

function parseExpires(text: string): number {
  const seconds = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (seconds < 1) throw new SigV4Error('malformed', 'X-Amz-Expires must be a number of seconds, at least 1.')
  if (seconds > expiresSecondsMax) {
    throw new SigV4Error(
      'too_long_lived',
      `X-Amz-Expires must be at most ${expiresSecondsMax} seconds, seven days.`,
    )
  }
  return seconds
}

function readDate(request: SigV4Request): { amzDate: string; signedAtMs: number } {
  const amzDate = single(request.header('x-amz-date'))
  if (amzDate !== undefined) {
    const signedAtMs = parseAmzDate(amzDate)
    if (signedAtMs === undefined) throw malformedDate('x-amz-date')
    return { amzDate, signedAtMs }
  }
  const date = single(request.header('date'))
  if (date === undefined) {
    throw new SigV4Error('missing_date', 'A signed request needs an x-amz-date or a Date header.')
  }
  const signedAtMs = parseDateHeader(date)
  if (signedAtMs === undefined) throw malformedDate('Date')
  return { amzDate: formatAmzDate(signedAtMs), signedAtMs }
}

function malformedDate(name: string): SigV4Error {
  return new SigV4Error('malformed', `${name} must be a time such as 20130524T000000Z.`)
}

/**
 * A presigned URL signs the content's hash where it says so, in the query or in the header that is sent with it. Both are
 * a part of the canonical request, so neither can be added to a URL that was signed without.
 */
function readQueryPayload(request: SigV4Request, values: ReadonlyMap<string, string>): string {
  const header = single(request.header('x-amz-content-sha256'))
  const query = values.get('X-Amz-Content-Sha256')
  if (query !== undefined && header !== undefined && query !== header) {
    throw new SigV4Error('malformed', 'x-amz-content-sha256 differs between the query and the header.')
  }
  return query ?? header ?? unsignedPayload
}

/**
 * Whatever an `x-amz-*` header says, it must have been said by the one who signed. x-amz-content-sha256 is signed without
 * being named, as the last line of the canonical request.
 */
function checkHeadersSigned({ request, signedHeaders }: SignedRequest): void {
  const missing: string[] = signedHeaders.includes('host') ? [] : ['host']
  for (const [name] of request.headers()) {
    if (!name.startsWith('x-amz-') || name === 'x-amz-content-sha256') continue
    if (!signedHeaders.includes(name)) missing.push(name)
  }
  if (missing.length > 0) {
    throw new SigV4Error(
      'unsigned_header',
      'There were headers present in the request which were not signed',
      {
        headers: missing,
      },
    )
  }
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(', ') : value
}
