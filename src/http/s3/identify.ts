import { anonymous, type Caller } from '../../core/accounts/caller.ts'
import type { Core } from '../../core/core.ts'
import type { SecurityEvent } from '../../core/ports/observer.ts'
import type { AccessKeyCredentialRow } from '../../core/statements/accounts.ts'
import type { ChunkSigning } from '../../core/sigv4/chunk-signature.ts'
import { SigV4Error, type SigV4Reason } from '../../core/sigv4/errors.ts'
import type { Payload } from '../../core/sigv4/payload.ts'
import { readSignedRequest, type SignedRequest } from '../../core/sigv4/signed-request.ts'
import type { SigningKeys } from '../../core/sigv4/signing-keys.ts'
import { checkTime, verifySignature } from '../../core/sigv4/verify.ts'
import type { HttpRequest } from '../exchange.ts'
import type { RequestContext } from '../protocol.ts'
import { isLinkRevoked } from '../../core/links/revoke.ts'
import { type Link, readLink, revoked } from './link.ts'
import { S3Error, type S3ErrorCode } from './s3-error.ts'
import type { createVerifiedUrls, Signed } from './verified-urls.ts'

/** Who asks, and what was signed. */
export interface Identity {
  readonly caller: Caller
  readonly signed: Signed | undefined
  /** What the signature says of the content. */
  readonly payload: Payload
  /** Of signed requests: what signed chunks of the content go on from. */
  readonly chunkSigning: ChunkSigning | undefined
  /** Of a signed URL: what more it says. */
  readonly link: Link | undefined
}

const nobody: Identity = {
  caller: anonymous,
  signed: undefined,
  payload: { kind: 'unsigned' },
  chunkSigning: undefined,
  link: undefined,
}

export interface IdentifyOptions {
  readonly signingKeys: SigningKeys
  readonly verifiedUrls: ReturnType<typeof createVerifiedUrls>
  /** Hosts that clients may have signed for beside the one that arrived here: behind a proxy that rewrites it. */
  readonly publicHosts: readonly string[]
  readonly publicOrigin: string | undefined
}

/**
 * Verifies the signature of a request; without one it is the public's, whatever else stands in `Authorization` (R40). A key
 * that was deleted, or whose user was disabled, stops as with REST.
 */
export async function identify(
  core: Core,
  request: HttpRequest,
  context: RequestContext,
  options: IdentifyOptions,
): Promise<Identity> {
  const known = options.verifiedUrls.find(request, context.query)
  const read = known ? undefined : readSigned(core, request, context)
  const signed = known?.signed ?? read
  if (!signed) return nobody
  const { accessKeyId } = signed
  const refuse = refuseFor(core, context, accessKeyId)
  const row = await findActiveKey(core, accessKeyId, refuse)
  const secret = core.secrets.open(row.secretEncrypted, accessKeyId)
  const nowMs = core.clock.now()
  const hosts = [request.header('host') ?? '', ...options.publicHosts]
  let chunkSigning: ChunkSigning
  try {
    if (known && known.secret === secret) {
      checkTime(known.signed, nowMs)
      chunkSigning = known.chunkSigning
    } else {
      const whole = read ?? readSigned(core, request, context)
      if (!whole) return nobody
      chunkSigning = verifySignature(whole, { secret, signingKeys: options.signingKeys, hosts, nowMs })
      options.verifiedUrls.add(request, { signed: whole, secret, chunkSigning })
    }
  } catch (error) {
    if (!(error instanceof SigV4Error)) throw error
    throw refuse(kindOf(error.reason, signed.form), toS3(error, signed, hosts))
  }
  const caller: Caller = { userId: row.userId, role: row.role }
  const { payload } = signed
  if (signed.form === 'header') return { caller, signed, payload, chunkSigning, link: undefined }
  const link = readLink(signed, nowMs)
  const { signedAtMs } = signed
  const { userId, linksRevokedBeforeMs } = row
  await checkLink(core, { ...link, signedAtMs, userId, linksRevokedBeforeMs }, refuse)
  return { caller, signed, payload, chunkSigning, link }
}

export type Refuse = (kind: SecurityEvent['kind'], error: S3Error) => S3Error

/** Tells of what is refused, and to whom. */
export function refuseFor(core: Core, { requestId, path }: RequestContext, accessKeyId: string): Refuse {
  return (kind, error) => {
    core.observe({ type: 'security', kind, requestId, accessKeyId, path })
    return error
  }
}

/** Whose key that is. A key that was deleted, or whose user was disabled, stops with all that it has signed. */
export async function findActiveKey(
  core: Core,
  accessKeyId: string,
  refuse: Refuse,
): Promise<AccessKeyCredentialRow> {
  const row = await core.accessKeys.read({ id: accessKeyId })
  if (row && row.disabledAtMs === null) return row
  const error = new S3Error('InvalidAccessKeyId', 'There is no active access key with this id.', {
    elements: { AWSAccessKeyId: accessKeyId },
  })
  throw refuse('unknown_key', error)
}

/** What signed URLs and forms have in common: when they begin to count, and that they were not revoked. */
export async function checkLink(
  core: Core,
  link: Pick<Link, 'id' | 'notBeforeMs'> & {
    readonly userId: string
    readonly signedAtMs: number
    readonly linksRevokedBeforeMs: number
  },
  refuse: Refuse,
): Promise<void> {
  const { id, notBeforeMs = 0, userId } = link
  if (link.signedAtMs < link.linksRevokedBeforeMs) throw refuse('url_revoked', revoked())
  if (core.clock.now() < notBeforeMs) {
    throw refuse('url_not_yet_valid', new S3Error('AccessDenied', 'Request is not valid yet'))
  }
  if (id !== undefined && (await isLinkRevoked(core, { userId, id }))) throw refuse('url_revoked', revoked())
}

function readSigned(
  core: Core,
  request: HttpRequest,
  { path, query, requestId }: RequestContext,
): SignedRequest | undefined {
  const { method, headerCharset } = request
  const header = (name: string) => request.header(name)
  const headers = () => request.headers()
  let signed: SignedRequest | undefined
  try {
    signed = readSignedRequest(
      { method, path, query, header, headers, ...(headerCharset && { headerCharset }) },
      { api: 's3' },
    )
  } catch (error) {
    if (!(error instanceof SigV4Error)) throw error
    if (error.reason === 'unsigned_header') {
      core.observe({ type: 'security', kind: 'unsigned_header', requestId, accessKeyId: undefined, path })
    }
    const { code, message, elements } = toS3(error, undefined)
    const byQuery = code === 'AuthorizationHeaderMalformed' && query.includes('X-Amz-')
    throw new S3Error(byQuery ? 'AuthorizationQueryParametersError' : code, message, {
      elements,
      cause: error,
    })
  }
  const token = 'x-amz-security-token'
  if (signed && (request.header(token) !== undefined || query.toLowerCase().includes(`${token}=`))) {
    throw new S3Error('InvalidToken', 'There are no session tokens here: sign with an access key.')
  }
  return signed
}

function kindOf(reason: SigV4Reason, form: SignedRequest['form']): SecurityEvent['kind'] {
  if (reason === 'expired') return 'url_expired'
  if (reason === 'not_yet_valid') return 'url_not_yet_valid'
  if (reason === 'skewed') return 'clock_skewed'
  return form === 'query' ? 'url_forged' : 'signature_mismatch'
}

const codes: Record<SigV4Reason, S3ErrorCode> = {
  malformed: 'AuthorizationHeaderMalformed',
  unsupported_algorithm: 'InvalidRequest',
  missing_date: 'AccessDenied',
  wrong_scope: 'AuthorizationHeaderMalformed',
  skewed: 'RequestTimeTooSkewed',
  expired: 'AccessDenied',
  not_yet_valid: 'AccessDenied',
  too_long_lived: 'AuthorizationQueryParametersError',
  unsigned_header: 'AccessDenied',
  missing_payload_hash: 'InvalidRequest',
  unsupported_payload: 'InvalidArgument',
  mismatch: 'SignatureDoesNotMatch',
}

/** With what we made of the request, so that whoever signs can compare; never with a signature (R43). */
export function toS3(
  error: SigV4Error,
  signed: Pick<SignedRequest, 'accessKeyId'> | undefined,
  hosts: readonly string[] = [],
): S3Error {
  const { canonicalRequest, stringToSign, headers } = error.details
  const hint = error.reason === 'mismatch' ? hintOfHosts(hosts) : ''
  return new S3Error(codes[error.reason], error.message + hint, {
    elements: {
      AWSAccessKeyId: signed?.accessKeyId,
      HeadersNotSigned: headers?.join(', '),
      StringToSign: stringToSign,
      CanonicalRequest: canonicalRequest,
    },
    cause: error,
  })
}

/** Behind a proxy, who signs may take this service for another host than the one that arrives here. */
function hintOfHosts([received, ...published]: readonly string[]): string {
  if (!received) return ''
  const others = published.filter((host) => host !== received)
  const known = others.length > 0 ? `, which is known to clients as ${others.join(', ')}` : ''
  return ` The host that this request was sent to is ${received}${known}: sign for that.`
}
