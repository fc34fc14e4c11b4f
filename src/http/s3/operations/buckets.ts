import { Buffer } from 'node:buffer'
import { requireUser } from '../../../core/accounts/caller.ts'
import {
  createBucket,
  deleteBucket,
  findBucketRow,
  readBucket,
  readBuckets,
} from '../../../core/files/buckets.ts'
import { limits } from '../../../core/limits.ts'
import type { BucketRow } from '../../../core/statements/buckets.ts'
import type { HttpReply } from '../../exchange.ts'
import { readCannedAcl } from '../description.ts'
import type { Operation, S3Call } from '../operation.ts'
import { ownerElement } from '../owner.ts'
import { readXmlPayload } from '../payload.ts'
import { integerOf } from '../query.ts'
import { isCuttyError, S3Error } from '../s3-error.ts'
import { xmlReply } from '../xml-reply.ts'
import { textOf, type XmlElement } from '../xml-read.ts'

/** There are no regions: this is what those are told who ask. */
const region = 'us-east-1'

async function listBuckets(call: S3Call): Promise<HttpReply> {
  const { caller, query } = call
  // Another endpoint of S3's has the same method and path.
  if (query.get('x-id') === 'ListDirectoryBuckets') {
    throw new S3Error('NotImplemented', 'ListDirectoryBuckets is not offered here.')
  }
  const ownerId = requireUser(caller)
  const limit = integerOf(query, 'max-buckets', { min: 1, max: limits.bucketPageMax })
  const token = query.get('continuation-token')
  const prefix = query.get('prefix') ?? ''
  const { buckets, next } = await bucketPage(call, {
    prefix,
    after: token ? readToken(token) : undefined,
    limit: limit ?? limits.bucketPageMax,
  })
  return xmlReply(200, 'ListAllMyBucketsResult', {
    Owner: ownerElement(ownerId),
    Buckets: {
      Bucket: buckets.map(({ name, createdAtMs }) => ({
        Name: name,
        CreationDate: new Date(createdAtMs).toISOString(),
        // S3 tells it of the paged form only.
        BucketRegion: limit === undefined ? undefined : region,
      })),
    },
    ContinuationToken: next === undefined ? undefined : Buffer.from(next).toString('base64url'),
    Prefix: prefix === '' ? undefined : prefix,
  })
}

async function bucketPage(
  { core, caller }: S3Call,
  { prefix, after, limit }: { prefix: string; after: string | undefined; limit: number },
): Promise<{ buckets: BucketRow[]; next: string | undefined }> {
  // No other prefix has a bucket.
  if (!/^[a-z0-9.-]*$/.test(prefix)) return { buckets: [], next: undefined }
  const below = prefix === '' ? '' : belowPrefix(prefix)
  const start = after !== undefined && after > below ? after : below
  const { buckets, next } = await readBuckets(core, caller, { after: start, limit })
  const shown = buckets.filter(({ name }) => name.startsWith(prefix))
  return { buckets: shown, next: shown.length === buckets.length ? next : undefined }
}

/** Above every bucket's name that comes before those with the prefix, and below these: names are ASCII. */
function belowPrefix(prefix: string): string {
  const last = prefix.length - 1
  return `${prefix.slice(0, last)}${String.fromCharCode(prefix.charCodeAt(last) - 1)}\u{10FFFF}`
}

function readToken(token: string): string {
  const name = Buffer.from(token, 'base64url').toString()
  if (/^[a-z0-9.-]+$/.test(name)) return name
  throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect', {
    elements: { ArgumentName: 'continuation-token' },
  })
}

async function createBucketOperation(call: S3Call): Promise<HttpReply> {
  const { core, caller, request, bucket: name } = call
  const ownerId = requireUser(caller)
  refuseUnkeptHeaders(call)
  const visibility = readCannedAcl(request) ?? 'private'
  await checkConfiguration(call)
  await createBucket(core, caller, { name, visibility }).catch(async (error: unknown) => {
    if (!isCuttyError(error, 'bucket_exists')) throw error
    const existing = await findBucketRow(core, caller, name)
    if (existing.ownerId !== ownerId) throw error
    throw new S3Error(
      'BucketAlreadyOwnedByYou',
      'Your previous request to create the named bucket succeeded and you already own it.',
      { elements: { BucketName: name }, cause: error },
    )
  })
  return { status: 200, headers: { Location: `/${name}` } }
}

function refuseUnkeptHeaders({ request }: S3Call): void {
  const locked = request.header('x-amz-bucket-object-lock-enabled')
  if (locked !== undefined && locked.toLowerCase() !== 'false') {
    throw new S3Error('NotImplemented', 'Object lock is not offered here.')
  }
  const ownership = request.header('x-amz-object-ownership')
  // The owner of the bucket owns what is in it, and ACLs apply: that is this one.
  if (ownership !== undefined && ownership !== 'BucketOwnerPreferred') {
    throw new S3Error('NotImplemented', 'Of x-amz-object-ownership, BucketOwnerPreferred is offered here.')
  }
  const namespace = request.header('x-amz-bucket-namespace')
  if (namespace !== undefined && namespace !== 'global') {
    throw new S3Error('NotImplemented', 'Of x-amz-bucket-namespace, global is offered here.')
  }
}

/** Any region will do, since there are none. */
async function checkConfiguration(call: S3Call): Promise<void> {
  const document = await readXmlPayload(call, 'CreateBucketConfiguration').catch((error: unknown) => {
    if (error instanceof S3Error && error.code === 'MissingRequestBodyError') return undefined
    throw error
  })
  for (const name of ['Bucket', 'Location', 'Tags']) {
    if (document?.children.some((child) => child.name === name)) {
      throw new S3Error('NotImplemented', `${name} of a CreateBucketConfiguration is not offered here.`)
    }
  }
  checkRegion(document)
}

function checkRegion(document: XmlElement | undefined): void {
  const named = document && textOf(document, 'LocationConstraint')
  if (named === undefined || /^[A-Za-z0-9-]{0,64}$/.test(named)) return
  throw new S3Error('IllegalLocationConstraintException', 'The location constraint is no name of a region.')
}

async function deleteBucketOperation({ core, caller, bucket }: S3Call): Promise<HttpReply> {
  await deleteBucket(core, caller, bucket)
  return { status: 204, headers: {} }
}

async function headBucket({ core, caller, bucket }: S3Call): Promise<HttpReply> {
  await readBucket(core, caller, bucket)
  return { status: 200, headers: { 'x-amz-bucket-region': region } }
}

async function getBucketLocation({ core, caller, bucket }: S3Call): Promise<HttpReply> {
  await readBucket(core, caller, bucket)
  // Which is how S3 says us-east-1.
  return xmlReply(200, 'LocationConstraint', '')
}

export const bucketOperations: readonly Operation[] = [
  {
    name: 'ListBuckets',
    method: 'GET',
    scope: 'service',
    notes: 'Administrators see the buckets of everybody. `bucket-region` is ignored.',
    handle: listBuckets,
  },
  {
    name: 'CreateBucket',
    method: 'PUT',
    scope: 'bucket',
    notes:
      'Any region will do, since there are none. `x-amz-acl: public-read` lets everybody read the objects in it.',
    lacks:
      'object lock, tags in the configuration, directory buckets, ACLs other than `private` and `public-read`.',
    handle: createBucketOperation,
  },
  {
    name: 'DeleteBucket',
    method: 'DELETE',
    scope: 'bucket',
    notes: 'Ends uploads that are under way.',
    handle: deleteBucketOperation,
  },
  { name: 'HeadBucket', method: 'HEAD', scope: 'bucket', handle: headBucket },
  {
    name: 'GetBucketLocation',
    method: 'GET',
    scope: 'bucket',
    parameter: 'location',
    notes: 'Always empty, which means us-east-1.',
    handle: getBucketLocation,
  },
]
