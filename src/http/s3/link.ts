import { capParameters, capPrefix, type LinkCaps, readCaps } from '../../core/links/caps.ts'
import { countUse } from '../../core/links/use.ts'
import { findFileRecord, findRecord } from '../../core/files/record.ts'
import { decodePart } from '../../core/sigv4/percent.ts'
import { changedRequest, type HttpReply, type HttpRequest } from '../exchange.ts'
import type { Refuse } from './identify.ts'
import type { Operation, S3Call } from './operation.ts'
import { isCuttyError, S3Error, toS3Error } from './s3-error.ts'
import type { Signed } from './verified-urls.ts'

/** What a signed URL or form says of its use, beside who signed it. */
export interface Link extends LinkCaps {
  readonly expiresAtMs: number
  /** Of what it reads, where shared caches may keep that. */
  readonly cacheControl: string | undefined
}

/** What a signed URL says. Throws `invalid_request` for a parameter of ours that cannot be read. */
export function readLink(signed: Signed, nowMs: number): Link {
  const expiresAtMs = signed.signedAtMs + (signed.expiresSeconds ?? 0) * 1000
  // Canonical: no letter of a name is escaped.
  if (!/(^|&)x-cutty-/i.test(signed.query)) return { expiresAtMs, cacheControl: undefined }
  const given: [string, string][] = []
  for (const pair of signed.query.split('&')) {
    const equals = pair.indexOf('=')
    const name = pair.slice(0, equals)
    if (name.toLowerCase().startsWith(capPrefix))
      given.push([decodePart(name), decodePart(pair.slice(equals + 1))])
  }
  const caps = readCaps(given)
  const lifeSeconds = Math.max(0, Math.floor((expiresAtMs - nowMs) / 1000))
  return { ...caps, expiresAtMs, cacheControl: caps.isPublic ? `public, max-age=${lifeSeconds}` : undefined }
}

/** A link whose signature was verified. */
export interface VerifiedLink {
  readonly signed: { readonly accessKeyId: string }
  readonly link: Link
  readonly refuse: Refuse
}

/**
 * Does what a signed URL was made for. All that it says is enforced before the body is read; a use is counted when nothing else
 * can forbid it any more.
 */
export async function followLink(
  call: S3Call,
  operation: Operation,
  verified: VerifiedLink & { readonly signed: Signed },
): Promise<HttpReply> {
  const { link, signed, refuse } = verified
  try {
    checkHeaders(call.request, signed)
    const bounded = boundTo(link, call, operation)
    if (link.maxUses !== undefined) {
      await authorizeUse(call, operation)
      await useLink(call, verified)
    }
    return await operation.handle(bounded)
  } catch (error) {
    if (error instanceof WrongUse) throw refuse('url_wrong_scope', error)
    if (isCuttyError(error, 'access_denied')) throw refuse('url_wrong_scope', toS3Error(error))
    throw error
  }
}

/** Counts a use of a link that has a bound to them. Throws `AccessDenied` for the one too many. */
export async function useLink(
  { core, caller }: Pick<S3Call, 'core' | 'caller'>,
  { signed, link, refuse }: VerifiedLink,
): Promise<void> {
  const { id, maxUses: max, expiresAtMs } = link
  const { accessKeyId } = signed
  if (max === undefined || id === undefined || caller.userId === undefined) return
  const outcome = await countUse(core, { userId: caller.userId, id, accessKeyId, expiresAtMs, max })
  if (outcome === 'revoked') throw refuse('url_revoked', revoked())
  if (outcome === 'exhausted') {
    throw refuse('url_replayed', new S3Error('AccessDenied', `This URL was used ${max} times already.`))
  }
}

export function revoked(): S3Error {
  return new S3Error('AccessDenied', 'This URL was revoked.')
}

/** A use that the link is not for. */
class WrongUse extends S3Error {}

/** Ours mean something too, and are not covered as `x-amz-*` are (R40). */
function checkHeaders(request: HttpRequest, { signedHeaders }: Signed): void {
  const header = 'x-cutty-compression'
  if (request.header(header) === undefined || signedHeaders.includes(header)) return
  throw new S3Error('AccessDenied', 'There were headers present in the request which were not signed', {
    elements: { HeadersNotSigned: header },
  })
}

/** Those that bind some operations only. */
const bounds = ['maxBytes', 'contentType', 'maxUses', 'isPublic'] as const

const capsOf: Readonly<Record<string, readonly (typeof bounds)[number][]>> = {
  GetObject: ['maxUses', 'isPublic'],
  HeadObject: ['maxUses', 'isPublic'],
  PutObject: ['maxUses', 'maxBytes', 'contentType'],
  UploadPart: ['maxUses', 'maxBytes'],
  CreateMultipartUpload: ['maxUses', 'contentType'],
  DeleteObject: ['maxUses'],
}

/** The call within the bounds of the link. A bound that means nothing for the operation would not hold: it is refused. */
function boundTo(link: Link, call: S3Call, { name }: Operation): S3Call {
  for (const cap of bounds) {
    if (link[cap] === undefined || capsOf[name]?.includes(cap)) continue
    throw new WrongUse('AccessDenied', `${capParameters[cap]} does not go with ${name}.`)
  }
  const { contentType, maxBytes } = link
  if (contentType !== undefined && call.request.header('content-type') !== contentType) {
    throw new WrongUse(
      'AccessDenied',
      `This URL is for content of the type ${contentType}: send that Content-Type.`,
    )
  }
  return maxBytes === undefined ? call : { ...call, request: boundBody(call, maxBytes) }
}

/** A length that is declared is refused before anything of the body is read; without one, the body is cut off with an error. */
function boundBody({ request, identity }: S3Call, maxBytes: number): HttpRequest {
  const chunked = identity.payload.kind === 'chunks'
  // Held against the chunks by who decodes them; left out, it is refused there.
  const declared = chunked ? Number(request.header('x-amz-decoded-content-length')) : request.bodyBytes
  if (declared !== undefined && declared > maxBytes) throw tooLarge(declared, maxBytes)
  if (declared !== undefined) return request
  return changedRequest(request, { bodyBytes: undefined, body: cutOff(request.body, maxBytes) })
}

async function* cutOff(body: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0
  for await (const chunk of body) {
    sizeBytes += chunk.length
    if (sizeBytes > maxBytes) throw tooLarge(sizeBytes, maxBytes)
    yield chunk
  }
}

export function tooLarge(proposedBytes: number, maxBytes: number): S3Error {
  return new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size.', {
    elements: { ProposedSize: proposedBytes, MaxSizeAllowed: maxBytes },
  })
}

/** As the operation itself will: a use that is refused does not count. */
async function authorizeUse({ core, caller, bucket, key }: S3Call, { method }: Operation): Promise<void> {
  if (method === 'GET' || method === 'HEAD') {
    await findFileRecord(core, caller, { bucket, key, action: 'read_file' })
  } else {
    await findRecord(core, caller, { bucket, key, action: 'write' })
  }
}
