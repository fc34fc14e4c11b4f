import { formatCanonicalQuery, parseCanonicalQuery } from './canonical-query.ts'
import { formatCanonicalRequest, formatStringToSign } from './canonical-request.ts'
import type { ChunkSigning } from './chunk-signature.ts'
import type { AccessKey } from './credential.ts'
import { algorithm, formatCredential, formatScope } from './credential.ts'
import { formatAmzDate } from './dates.ts'
import { hmacHex } from './hmac.ts'
import { recodePath } from './percent.ts'
import { formatLines } from './sign-url.ts'
import type { SigningKeys } from './signing-keys.ts'

/**
 * Signs a request in the header form: returns the headers to be sent with it beside those that were given, and what the
 * chunks of its body go on from. `path` and `query` are raw, as they will be sent; `headers` (lower-case names) are all
 * signed. `payload` is the content's SHA-256 in hexadecimal digits or one of the words of `payload.ts`.
 */
export function signRequest(options: {
  method: string
  host: string
  path: string
  query?: string
  headers?: Readonly<Record<string, string>>
  payload: string
  signedAtMs: number
  region: string
  api?: string
  accessKey: AccessKey
  signingKeys: SigningKeys
}): { headers: Record<string, string>; chunks: ChunkSigning } {
  const { accessKey, region, api = 's3' } = options
  const amzDate = formatAmzDate(options.signedAtMs)
  const credential = { accessKeyId: accessKey.accessKeyId, date: amzDate.slice(0, 8), region, api }
  const scope = formatScope(credential)
  const added = { 'x-amz-content-sha256': options.payload, 'x-amz-date': amzDate }
  const headers: Record<string, string> = { ...options.headers, ...added, host: options.host }
  const signedHeaders = Object.keys(headers).toSorted()
  const canonicalRequest = formatCanonicalRequest({
    method: options.method,
    path: recodePath(options.path),
    query: formatCanonicalQuery(parseCanonicalQuery(options.query ?? '')),
    headerLines: formatLines(signedHeaders, headers),
    signedHeaders,
    payload: options.payload,
  })
  const signingKey = options.signingKeys(credential, accessKey.secret)
  const text = formatStringToSign({ amzDate, scope, canonicalRequest })
  const seedSignature = hmacHex(signingKey, text)
  const authorization =
    `${algorithm} Credential=${formatCredential(credential)}, ` +
    `SignedHeaders=${signedHeaders.join(';')}, Signature=${seedSignature}`
  return { headers: { ...added, authorization }, chunks: { signingKey, amzDate, scope, seedSignature } }
}
