import { Buffer } from 'node:buffer'
import { readBucket } from '../../../core/files/buckets.ts'
import { compareText, type FileListing, listFiles } from '../../../core/files/list.ts'
import type { FileListRow } from '../../../core/statements/listing.ts'
import type { HttpReply } from '../../exchange.ts'
import { formatEtag } from '../../headers/etag.ts'
import { listedTextOf } from '../encoding-type.ts'
import type { Operation, S3Call } from '../operation.ts'
import { ownerElement } from '../owner.ts'
import { pageLimit } from '../page-limit.ts'
import type { S3Query } from '../query.ts'
import { S3Error } from '../s3-error.ts'
import { xmlReply } from '../xml-reply.ts'
import type { XmlContent } from '../xml-write.ts'

/** What all listings of objects have. */
interface ListingRequest {
  readonly prefix: string
  /** Empty: none. */
  readonly delimiter: string
  readonly limit: number
  readonly write: (text: string) => string
}

interface Page extends Pick<FileListing, 'files' | 'commonPrefixes' | 'ownerId'> {
  /** The key or common prefix that the next page goes on after; `undefined` at the end. */
  readonly next: string | undefined
}

function readListing({ query }: Pick<S3Call, 'query'>): ListingRequest {
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    limit: pageLimit('max-keys', query.get('max-keys')),
    write: listedTextOf(query),
  }
}

/** Keys and common prefixes after `after`, which may be either, be it there or not. */
async function readPage(
  { core, caller, bucket }: S3Call,
  { prefix, delimiter, limit }: ListingRequest,
  after: string | undefined,
): Promise<Page> {
  // No key holds a NUL, and not every database could tell.
  if (limit === 0 || prefix.includes('\0')) {
    const { ownerId } = await readBucket(core, caller, bucket)
    return { files: [], commonPrefixes: [], ownerId, next: undefined }
  }
  const listing = await listFiles(core, caller, {
    bucket,
    prefix,
    delimiter: delimiter.includes('\0') ? undefined : delimiter,
    sort: 'key',
    order: 'asc',
    limit,
    after: after?.split('\0', 1)[0],
  })
  const { files, commonPrefixes, ownerId, nextCursor } = listing
  const lastKey = files.at(-1)?.key ?? ''
  const lastGroup = commonPrefixes.at(-1) ?? ''
  const last = compareText(lastKey, lastGroup) > 0 ? lastKey : lastGroup
  return { files, commonPrefixes, ownerId, next: nextCursor === undefined ? undefined : last }
}

async function listObjects(call: S3Call): Promise<HttpReply> {
  const listing = readListing(call)
  const marker = call.query.get('marker') ?? ''
  const page = await readPage(call, listing, marker)
  const { write, delimiter } = listing
  return xmlReply(200, 'ListBucketResult', {
    Name: call.bucket,
    Prefix: write(listing.prefix),
    Marker: write(marker),
    // Without a delimiter clients take the last key.
    NextMarker: delimiter === '' || page.next === undefined ? undefined : write(page.next),
    ...commonElements(call.query, listing, page),
    Contents: page.files.map((file) => objectElements(file, listing, ownerElement(page.ownerId))),
    CommonPrefixes: prefixElements(page, listing),
  })
}

async function listObjectsV2(call: S3Call): Promise<HttpReply> {
  const { query } = call
  const listType = query.get('list-type')
  if (listType !== '2') {
    throw new S3Error('InvalidArgument', 'list-type can be 2 only.', {
      elements: { ArgumentName: 'list-type', ArgumentValue: listType },
    })
  }
  const listing = readListing(call)
  const token = query.get('continuation-token')
  const startAfter = query.get('start-after')
  // Where both are there, the page before has come past the beginning.
  const page = await readPage(call, listing, token ? readToken(token) : startAfter)
  const { write } = listing
  const owner = query.get('fetch-owner') === 'true' ? ownerElement(page.ownerId) : undefined
  return xmlReply(200, 'ListBucketResult', {
    Name: call.bucket,
    Prefix: write(listing.prefix),
    StartAfter: startAfter === undefined ? undefined : write(startAfter),
    ContinuationToken: token,
    NextContinuationToken: page.next === undefined ? undefined : writeToken(page.next),
    KeyCount: page.files.length + page.commonPrefixes.length,
    ...commonElements(query, listing, page),
    Contents: page.files.map((file) => objectElements(file, listing, owner)),
    CommonPrefixes: prefixElements(page, listing),
  })
}

/** Of a bucket that never had versions: of each key one, called `null`. */
async function listObjectVersions(call: S3Call): Promise<HttpReply> {
  const { query } = call
  const listing = readListing(call)
  const keyMarker = query.get('key-marker') ?? ''
  const versionIdMarker = query.get('version-id-marker') ?? ''
  if (keyMarker === '' && versionIdMarker !== '') {
    throw new S3Error('InvalidArgument', 'A version-id marker cannot be specified without a key marker.', {
      elements: { ArgumentName: 'version-id-marker', ArgumentValue: versionIdMarker },
    })
  }
  const page = await readPage(call, listing, keyMarker)
  const { write } = listing
  const { next } = page
  const isKey = next !== undefined && next === page.files.at(-1)?.key
  return xmlReply(200, 'ListVersionsResult', {
    Name: call.bucket,
    Prefix: write(listing.prefix),
    KeyMarker: write(keyMarker),
    VersionIdMarker: versionIdMarker,
    NextKeyMarker: next === undefined ? undefined : write(next),
    NextVersionIdMarker: isKey ? 'null' : undefined,
    ...commonElements(query, listing, page),
    Version: page.files.map((file) => ({
      VersionId: 'null',
      IsLatest: true,
      ...objectElements(file, listing, ownerElement(page.ownerId)),
    })),
    CommonPrefixes: prefixElements(page, listing),
  })
}

function commonElements(query: S3Query, { delimiter, limit, write }: ListingRequest, { next }: Page) {
  return {
    MaxKeys: limit,
    Delimiter: delimiter === '' ? undefined : write(delimiter),
    EncodingType: query.get('encoding-type') || undefined,
    IsTruncated: next !== undefined,
  }
}

function objectElements(file: FileListRow, { write }: ListingRequest, owner: XmlContent) {
  return {
    Key: write(file.key),
    LastModified: new Date(file.modifiedAtMs).toISOString(),
    ETag: formatEtag(file.etag),
    Size: file.sizeBytes,
    Owner: owner,
    StorageClass: 'STANDARD',
  }
}

function prefixElements({ commonPrefixes }: Page, { write }: ListingRequest): XmlContent {
  return commonPrefixes.map((prefix) => ({ Prefix: write(prefix) }))
}

/** Opaque to clients, and nothing that they could not say as `start-after`. */
function writeToken(after: string): string {
  return Buffer.from(after).toString('base64url')
}

function readToken(token: string): string {
  const after = Buffer.from(token, 'base64url').toString()
  if (writeToken(after) === token) return after
  throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect', {
    elements: { ArgumentName: 'continuation-token' },
  })
}

export const listingOperations: readonly Operation[] = [
  { name: 'ListObjects', method: 'GET', scope: 'bucket', handle: listObjects },
  {
    name: 'ListObjectsV2',
    method: 'GET',
    scope: 'bucket',
    parameter: 'list-type',
    notes: 'A group of keys is left out where `start-after` or a marker is the common prefix itself.',
    handle: listObjectsV2,
  },
  {
    name: 'ListObjectVersions',
    method: 'GET',
    scope: 'bucket',
    parameter: 'versions',
    notes: 'Buckets have no versions: of each object there is one, called `null`.',
    handle: listObjectVersions,
  },
]
