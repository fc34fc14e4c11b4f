import { compareParameters, formatCanonicalQuery } from './canonical-query.ts'
import type { QueryParameter } from './canonical-query.ts'
import { canonicalHeaderValue, formatCanonicalRequest, formatStringToSign } from './canonical-request.ts'
import type { AccessKey } from './credential.ts'
import { algorithm, formatCredential, formatScope } from './credential.ts'
import { formatAmzDate } from './dates.ts'
import { hmacHex } from './hmac.ts'
import { unsignedPayload } from './payload.ts'
import { encodePart, encodePath } from './percent.ts'
import { expiresSecondsMax } from './signed-request.ts'
import type { SigningKeys } from './signing-keys.ts'

/**
 * A presigned URL. `path` is not encoded, `/bucket/key` with whatever the key holds; nor are names and values of `query`.
 * `headers` (lower-case names) must be sent with the request exactly so. `payload` says what the content's hash must be;
 * without it any content will do. URIError for a lone surrogate in what is to be encoded, RangeError for `expiresSeconds`.
 */
export function signUrl(options: {
  method: string
  scheme: 'http' | 'https'
  /** As it is sent in the `host` header: with the port, unless it is the scheme's own. */
  host: string
  path: string
  query?: Iterable<readonly [name: string, value: string]>
  headers?: Readonly<Record<string, string>>
  payload?: string
  signedAtMs: number
  /** 1 to 604,800, seven days. */
  expiresSeconds: number
  region: string
  api?: string
  accessKey: AccessKey
  signingKeys: SigningKeys
}): string {
  const { accessKey, expiresSeconds, host, region, api = 's3' } = options
  if (!Number.isInteger(expiresSeconds) || expiresSeconds < 1 || expiresSeconds > expiresSecondsMax) {
    throw new RangeError(`A signed URL counts for 1 to ${expiresSecondsMax} seconds`)
  }
  const amzDate = formatAmzDate(options.signedAtMs)
  const credential = { accessKeyId: accessKey.accessKeyId, date: amzDate.slice(0, 8), region, api }
  const headers: Record<string, string> = { ...options.headers, host }
  const signedHeaders = Object.keys(headers).toSorted()
  const parameters: QueryParameter[] = [
    { name: 'X-Amz-Algorithm', value: algorithm },
    { name: 'X-Amz-Credential', value: encodePart(formatCredential(credential)) },
    { name: 'X-Amz-Date', value: amzDate },
    { name: 'X-Amz-Expires', value: String(expiresSeconds) },
    { name: 'X-Amz-SignedHeaders', value: signedHeaders.join('%3B') },
  ]
  if (options.payload !== undefined) {
    parameters.push({ name: 'X-Amz-Content-Sha256', value: encodePart(options.payload) })
  }
  for (const [name, value] of options.query ?? []) {
    parameters.push({ name: encodePart(name), value: encodePart(value) })
  }
  const query = formatCanonicalQuery(parameters.toSorted(compareParameters))
  const path = encodePath(options.path)
  const canonicalRequest = formatCanonicalRequest({
    method: options.method,
    path,
    query,
    headerLines: formatLines(signedHeaders, headers),
    signedHeaders,
    payload: options.payload ?? unsignedPayload,
  })
  const text = formatStringToSign({
    amzDate,
    scope: formatScope(credential),
    canonicalRequest,
    headerCharset: 'utf8',
  })
  const signature = hmacHex(options.signingKeys(credential, accessKey.secret), text)
  return `${options.scheme}://${host}${path}?${query}&X-Amz-Signature=${signature}`
}

/** The lines of headers to be signed; of names that are sorted. */
export function formatLines(
  signedHeaders: readonly string[],
  headers: Readonly<Record<string, string>>,
): string {
  let lines = ''
  for (const name of signedHeaders) lines += `${name}:${canonicalHeaderValue(headers[name]!)}\n`
  return lines
}
