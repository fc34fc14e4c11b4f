import type { SigV4Request } from './canonical-request.ts'
import { canonicalHeaderValue, formatCanonicalRequest, formatStringToSign } from './canonical-request.ts'
import type { ChunkSigning } from './chunk-signature.ts'
import { formatScope } from './credential.ts'
import { SigV4Error } from './errors.ts'
import { hasHmac } from './hmac.ts'
import type { SignedRequest } from './signed-request.ts'
import type { SigningKeys } from './signing-keys.ts'

/** S3's 15 minutes, in which clocks may differ. */
const skewMs = 15 * 60_000

/**
 * Returns what the chunks of a signed aws-chunked body go on from, or throws why the signature does not count: `skewed`,
 * `expired`, `not_yet_valid`, or `mismatch` with the canonical request of the first host.
 *
 * `hosts` are the values that the `host` header may have been signed with, the likeliest first: the one that arrived, and
 * behind a proxy that rewrites it the public one.
 */
export function verifySignature(
  signed: SignedRequest,
  options: { secret: string; signingKeys: SigningKeys; hosts: readonly string[]; nowMs: number },
): ChunkSigning {
  checkTime(signed, options.nowMs)
  const { amzDate, signature } = signed
  const scope = formatScope(signed)
  const signingKey = options.signingKeys(signed, options.secret)
  let details: { canonicalRequest: string; stringToSign: string } | undefined
  for (const host of options.hosts) {
    const headers = formatHeaderLines(signed, host)
    const canonicalRequest = formatCanonicalRequest({
      method: signed.request.method,
      path: signed.path,
      query: signed.query,
      headerLines: headers.lines,
      signedHeaders: signed.signedHeaders,
      payload: signed.payloadText,
    })
    const { headerCharset } = signed.request
    const stringToSign = formatStringToSign({
      amzDate,
      scope,
      canonicalRequest,
      ...(headerCharset && { headerCharset }),
    })
    if (hasHmac(signature, signingKey, stringToSign) && headers.complete) {
      return { signingKey, amzDate, scope, seedSignature: signature }
    }
    details ??= { canonicalRequest, stringToSign }
  }
  throw new SigV4Error(
    'mismatch',
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    details,
  )
}

/** Of a clock that is not a number nothing is less: then nothing is accepted. */
/** `skewed`, `expired` or `not_yet_valid`. */
export function checkTime(
  { signedAtMs, expiresSeconds }: Pick<SignedRequest, 'signedAtMs' | 'expiresSeconds'>,
  nowMs: number,
): void {
  if (expiresSeconds === undefined) {
    if (!(Math.abs(nowMs - signedAtMs) <= skewMs)) {
      throw new SigV4Error(
        'skewed',
        "The difference between the request time and the server's time is too large.",
      )
    }
    return
  }
  if (!(signedAtMs - nowMs <= skewMs)) throw new SigV4Error('not_yet_valid', 'Request is not valid yet')
  if (nowMs - signedAtMs > expiresSeconds * 1000) throw new SigV4Error('expired', 'Request has expired')
}

/** Incomplete when a signed header was not sent: an empty one has the same line, but is not the same. */
function formatHeaderLines(
  { request, signedHeaders }: { request: SigV4Request; signedHeaders: readonly string[] },
  host: string,
): { lines: string; complete: boolean } {
  let lines = ''
  let complete = true
  for (const name of signedHeaders) {
    const value = name === 'host' ? host : request.header(name)
    if (value === undefined) complete = false
    lines += `${name}:${value === undefined ? '' : canonicalHeaderValue(value)}\n`
  }
  return { lines, complete }
}
