import type { Core } from '../../core/core.ts'
import { CuttyError } from '../../core/errors.ts'
import { reservedBucketNames } from '../../core/files/names.ts'
import { createSigningKeys } from '../../core/sigv4/signing-keys.ts'
import type { HttpReply, HttpRequest } from '../exchange.ts'
import type { Protocol, RequestContext } from '../protocol.ts'
import { absentOperations } from './operations/absent.ts'
import { aclOperations } from './operations/acl.ts'
import { type Address, addressOf, bucketOfHost } from './address.ts'
import { attributeOperations } from './operations/attributes.ts'
import { AwsChunkedError, type AwsChunkedReason } from './aws-chunked.ts'
import { bucketDefaultOperations } from './operations/bucket-defaults.ts'
import { bucketOperations } from './operations/buckets.ts'
import { addCorsHeaders, corsHeaders, preflight } from './cors.ts'
import { corsOperations } from './operations/cors-configuration.ts'
import { deleteObjectsOperations } from './operations/delete-objects.ts'
import { checkExpectedOwners, namesOwners } from './expected-owner.ts'
import { identify, refuseFor } from './identify.ts'
import { followLink } from './link.ts'
import { listingOperations } from './operations/listing.ts'
import { multipartOperations } from './operations/multipart.ts'
import { objectOperations } from './operations/objects.ts'
import { createDispatcher, type Operation, requireOffered, type S3Call } from './operation.ts'
import { policyOperations } from './operations/policy.ts'
import { postOperations } from './operations/post-object.ts'
import { parseS3Query } from './query.ts'
import { isS3Failure, S3Error, type S3ErrorCode, toS3Error } from './s3-error.ts'
import { taggingOperations } from './operations/tagging.ts'
import { partOperations } from './operations/upload-parts.ts'
import { createVerifiedUrls } from './verified-urls.ts'
import { xmlReply } from './xml-reply.ts'

export interface S3Options {
  /** Below these hosts, lower case and without a port, the first labels are a bucket: `bucket.base`. */
  readonly baseDomains?: readonly string[] | undefined
  /** `https://files.example.com`: where clients see this service, if a proxy stands before it. */
  readonly publicOrigin?: string | undefined
}

/** Every operation that is offered. */
export const operations: readonly Operation[] = [
  ...bucketOperations,
  ...listingOperations,
  ...objectOperations,
  ...deleteObjectsOperations,
  ...taggingOperations,
  ...aclOperations,
  ...corsOperations,
  ...policyOperations,
  ...bucketDefaultOperations,
  ...multipartOperations,
  ...partOperations,
  ...attributeOperations,
  ...postOperations,
]

/**
 * S3 at the root of the origin: address → verify the signature → find the operation → handle, XML in and out. Same files, same
 * caches and same rules as REST: both only translate to the core.
 */
export function createS3(
  core: Core,
  { baseDomains = [], publicOrigin }: S3Options,
): Protocol & { speaks(request: HttpRequest, context: RequestContext): boolean } {
  const findOperation = createDispatcher(operations, absentOperations)
  const identifyOptions = {
    signingKeys: createSigningKeys(),
    verifiedUrls: createVerifiedUrls(),
    publicHosts: publicOrigin === undefined ? [] : [new URL(publicOrigin).host],
    publicOrigin,
  }

  const perform = async (
    request: HttpRequest,
    context: RequestContext,
    address: Address,
  ): Promise<HttpReply> => {
    const { bucket = '', key = '', isolated } = address
    const scope = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object'
    const query = parseS3Query(context.query)
    const asked = findOperation(request, scope, query)
    if (asked) context.route = asked.name
    const identity = await identify(core, request, context, identifyOptions)
    context.caller = identity.caller
    const operation = requireOffered(asked, request, scope)
    const { caller } = identity
    const { trace, requestId } = context
    const call: S3Call = {
      core,
      request,
      caller,
      identity,
      trace,
      requestId,
      bucket,
      key,
      query,
      isolated,
      context,
      signing: identifyOptions,
    }
    if (namesOwners(call)) await checkExpectedOwners(call)
    const { signed, link } = identity
    const reply = await (signed && link
      ? followLink(call, operation, { signed, link, refuse: refuseFor(core, context, signed.accessKeyId) })
      : operation.handle(call))
    reply.headers['x-amz-request-id'] = requestId
    return reply
  }

  return {
    speaks(request, { path, query }) {
      if (bucketOfHost(request.header('host'), baseDomains) !== undefined) return true
      if (path !== '/') return !isReserved(path)
      // The public's GET of the root is a browser's.
      return request.method !== 'GET' && request.method !== 'HEAD' ? true : isSigned(request, query)
    },

    async answer(request, context) {
      const address = addressOf(request, context.path, baseDomains)
      context.bucket = address.bucket
      if (request.method === 'OPTIONS') {
        context.route = 'Preflight'
        return preflight(core, address, request)
      }
      if (request.header('origin') === undefined) return perform(request, context, address)
      const cors = await corsHeaders(core, address.bucket, request)
      try {
        const reply = await perform(request, context, address)
        addCorsHeaders(reply.headers, cors)
        return reply
      } catch (thrown) {
        // A page may read an error of a bucket that lets it read.
        const { code, message, elements, headers, cause } = asS3Error(thrown)
        const error = new S3Error(code, message, { elements, headers: { ...headers }, cause })
        addCorsHeaders(error.headers, cors)
        throw error
      }
    },

    renderError(thrown, _request, { path, requestId }) {
      const error = asS3Error(thrown)
      // No document where there is no body (R5): a read that has not changed.
      const { Resource = path, ...elements } = error.elements
      const reply = xmlReply(
        error.status,
        'Error',
        {
          Code: error.code,
          Message: error.message,
          ...elements,
          Resource,
          RequestId: requestId,
        },
        { 'x-amz-request-id': requestId, ...error.headers },
        '',
      )
      if (error.status === 503) reply.headers['Retry-After'] = '5'
      return { reply, code: error.code, ...(isS3Failure(error) && { failure: error.cause ?? error }) }
    },
  }
}

function isReserved(path: string): boolean {
  const slash = path.indexOf('/', 1)
  return reservedBucketNames.has(slash < 0 ? path.slice(1) : path.slice(1, slash))
}

function isSigned(request: HttpRequest, query: string): boolean {
  const authorization = request.header('authorization')
  return (
    (authorization !== undefined && /^\s*AWS/i.test(authorization)) ||
    /X-Amz-(Algorithm|Credential|Signature)=/i.test(query)
  )
}

const chunkedCodes: Record<AwsChunkedReason, S3ErrorCode> = {
  incomplete: 'IncompleteBody',
  malformed: 'InvalidRequest',
  malformed_trailer: 'MalformedTrailerError',
  wrong_length: 'IncompleteBody',
  mismatch: 'SignatureDoesNotMatch',
}

function asS3Error(thrown: unknown): S3Error {
  if (thrown instanceof AwsChunkedError) {
    return new S3Error(chunkedCodes[thrown.reason], thrown.message, { cause: thrown })
  }
  // The one digest by SHA-256 that S3 knows is that of the signature.
  if (
    thrown instanceof CuttyError &&
    thrown.code === 'digest_mismatch' &&
    thrown.extras['algorithm'] === 'sha-256'
  ) {
    return new S3Error(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
      { cause: thrown },
    )
  }
  return toS3Error(thrown)
}
