import { authorizeBucket, type Caller } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { limits } from '../limits.ts'
import {
  type FileListRow,
  type GroupedRow,
  listByKey,
  listByKeyDescending,
  listByModified,
  listByModifiedDescending,
  listBySize,
  listBySizeDescending,
  listByType,
  listByTypeDescending,
  listFilteredByKey,
  listFilteredByKeyDescending,
  listGrouped,
} from '../statements/listing.ts'
import { findBucketRow } from './buckets.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { keyCeiling, prefixSuccessor } from './names.ts'

export interface ListRequest {
  readonly bucket: string
  readonly prefix: string
  /** Keys that go on alike up to the next delimiter are folded into one common prefix. */
  readonly delimiter?: string | undefined
  /** A media type, or a class of them such as `image/*`. */
  readonly type?: string | undefined
  readonly sort: 'key' | 'modified' | 'size'
  readonly order: 'asc' | 'desc'
  /** 1 to 1,000: files and common prefixes together. */
  readonly limit: number
  /** Of the page before. */
  readonly cursor?: string | undefined
  /** Of a first page by key, upwards: only what comes after this key, or this common prefix; either need not be there. */
  readonly after?: string | undefined
}

export interface FileListing {
  readonly files: readonly FileListRow[]
  readonly commonPrefixes: readonly string[]
  /** Whose they are: the bucket's. */
  readonly ownerId: string
  /**
   * Where the next page starts; `undefined` at the end and only there. A page may be shorter than its limit: where
   * no index serves a filter, a page looks at so many rows and no more.
   */
  readonly nextCursor: string | undefined
}

/**
 * A page of a bucket's files in the byte order of their keys (R48), or by time or size. Pages follow one another by
 * key, so files that come and go meanwhile are neither shown twice nor make others be left out.
 */
export async function listFiles(core: Core, caller: Caller, request: ListRequest): Promise<FileListing> {
  const bucket = await findBucketRow(core, caller, request.bucket, { kept: true })
  authorizeBucket(caller, 'list', bucket)
  return { ...(await listPage(core, bucket.id, request)), ownerId: bucket.ownerId }
}

type Page = Omit<FileListing, 'ownerId'>

function listPage(core: Core, bucketId: string, request: ListRequest): Promise<Page> {
  const { delimiter, sort, order } = request
  if (delimiter) {
    if (sort !== 'key' || order !== 'asc' || request.type) {
      throw new CuttyError('invalid_request', 'A delimiter goes with sort=key, order=asc and without a type.')
    }
    return listGroups(core, bucketId, { ...request, delimiter })
  }
  return sort === 'key' ? listKeys(core, bucketId, request) : listSorted(core, bucketId, { ...request, sort })
}

/** The least key of a first page. */
function startOf({ prefix, delimiter, after }: ListRequest): string {
  if (!after) return prefix
  const isGroup =
    delimiter &&
    after.startsWith(prefix) &&
    after.length >= prefix.length + delimiter.length &&
    after.indexOf(delimiter, prefix.length) === after.length - delimiter.length
  return maximum(prefix, isGroup ? aboveGroup(after, delimiter) : above(after))
}

/** The least key above those of a group. */
function aboveGroup(groupPrefix: string, delimiter: string): string {
  return groupPrefix.slice(0, -delimiter.length) + prefixSuccessor(delimiter)
}

async function listGroups(
  core: Core,
  bucketId: string,
  request: ListRequest & { delimiter: string },
): Promise<Page> {
  const { prefix, delimiter, limit } = request
  const delimiterSuccessor = prefixSuccessor(delimiter)
  const [from = startOf(request)] = decodeCursor(request, ['string'])
  const rows = await core.rows.read(listGrouped, {
    bucketId,
    from: maximum(from, prefix),
    to: prefixSuccessor(prefix),
    limit: limit + 1,
    prefixChars: Array.from(prefix).length,
    delimiter,
    delimiterSuccessor,
  })
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const resume =
    last?.groupPrefix == null ? above(last?.position ?? '') : aboveGroup(last.groupPrefix, delimiter)
  return {
    files: shown.filter((row): row is GroupedRow & FileListRow => row.groupPrefix === null),
    commonPrefixes: shown.flatMap((row) => row.groupPrefix ?? []),
    nextCursor: rows.length > limit ? encodeCursor(request, [resume]) : undefined,
  }
}

interface KeySpan {
  readonly bucketId: string
  readonly from: string
  readonly to: string
  readonly limit: number
}

async function listKeys(core: Core, bucketId: string, request: ListRequest): Promise<Page> {
  const { prefix, limit, order, type } = request
  const [position] = decodeCursor(request, ['string'])
  const end = prefixSuccessor(prefix)
  const span: KeySpan = {
    bucketId,
    from: order === 'desc' ? prefix : position === undefined ? startOf(request) : maximum(position, prefix),
    to: order === 'desc' && position !== undefined ? minimum(position, end) : end,
    limit: limit + 1,
  }
  const { rows, scanned } = await readKeys(core, span, { order, type })
  const files = rows.slice(0, limit)
  const last = rows.length > limit ? files.at(-1) : undefined
  // Upwards a page begins at its cursor, downwards it ends right below it.
  const resume = last ? (order === 'asc' ? above(last.key) : last.key) : scanned
  return { files, commonPrefixes: [], nextCursor: resume && encodeCursor(request, [resume]) }
}

async function readKeys(
  core: Core,
  span: KeySpan,
  { order, type }: Pick<ListRequest, 'order' | 'type'>,
): Promise<{ rows: readonly FileListRow[]; scanned?: string }> {
  const { read } = core.rows
  const ascending = order === 'asc'
  if (!type) return { rows: await read(ascending ? listByKey : listByKeyDescending, span) }
  if (!type.endsWith('/*')) {
    const ofType = { ...span, mediaType: type.toLowerCase() }
    return { rows: await read(ascending ? listByType : listByTypeDescending, ofType) }
  }
  // A class of types has no index in this order: look at so many rows and no more.
  const { page, scanEnd } = ascending ? listFilteredByKey : listFilteredByKeyDescending
  const [typeFrom, typeTo] = typeRange(type)
  const [stop] = await read(scanEnd, { ...span, rows: limits.listScanRowsMax })
  if (!stop) return { rows: await read(page, { ...span, typeFrom, typeTo }) }
  const bounded = ascending ? { ...span, to: stop.key } : { ...span, from: above(stop.key) }
  const rows = await read(page, { ...bounded, typeFrom, typeTo })
  return { rows, scanned: ascending ? stop.key : above(stop.key) }
}

/** The least key above another; no key holds a NUL. */
function above(key: string): string {
  return `${key}\u0001`
}

const sortedStatements = {
  modified: { asc: listByModified, desc: listByModifiedDescending },
  size: { asc: listBySize, desc: listBySizeDescending },
}

/** By time or size; prefix and type filter what the scan of that index meets. */
async function listSorted(
  core: Core,
  bucketId: string,
  request: ListRequest & { sort: 'modified' | 'size' },
): Promise<Page> {
  const { prefix, limit, order, sort, type } = request
  const { page, scanEnd } = sortedStatements[sort][order]
  const first = order === 'asc' ? { value: -1, key: '' } : { value: Number.MAX_SAFE_INTEGER, key: keyCeiling }
  const beyond =
    order === 'asc' ? { value: Number.MAX_SAFE_INTEGER, key: keyCeiling } : { value: -1, key: '' }
  const [value = first.value, key = first.key] = decodeCursor(request, ['number', 'string'])
  const [typeFrom, typeTo] = typeRange(type)

  const filtered = prefix !== '' || type !== undefined
  const [scanned] = filtered
    ? await core.rows.read(scanEnd, { bucketId, value, key, rows: limits.listScanRowsMax - 1 })
    : []
  const last = scanned ?? beyond
  const rows = await core.rows.read(page, {
    bucketId,
    value,
    key,
    lastValue: last.value,
    lastKey: last.key,
    from: prefix,
    to: prefixSuccessor(prefix),
    typeFrom,
    typeTo,
    limit: limit + 1,
  })
  const files = rows.slice(0, limit)
  const lastShown = files.at(-1)
  if (rows.length > limit && lastShown) {
    const position = sort === 'size' ? lastShown.sizeBytes : lastShown.modifiedAtMs
    return { files, commonPrefixes: [], nextCursor: encodeCursor(request, [position, lastShown.key]) }
  }
  const nextCursor = scanned ? encodeCursor(request, [scanned.value, scanned.key]) : undefined
  return { files, commonPrefixes: [], nextCursor }
}

function typeRange(type: string | undefined): [string, string] {
  if (type === undefined) return ['', keyCeiling]
  const lower = type.toLowerCase()
  return lower.endsWith('/*')
    ? [lower.slice(0, -1), prefixSuccessor(lower.slice(0, -1))]
    : [lower, above(lower)]
}

const encoder = new TextEncoder()

/** As SQLite compares text, by the bytes of UTF-8; JavaScript's own order differs above U+FFFF. */
export function compareText(a: string, b: string): number {
  const [left, right] = [encoder.encode(a), encoder.encode(b)]
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = (left[i] as number) - (right[i] as number)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

function minimum(a: string, b: string): string {
  return compareText(a, b) <= 0 ? a : b
}

function maximum(a: string, b: string): string {
  return compareText(a, b) >= 0 ? a : b
}
