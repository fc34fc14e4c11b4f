import { authorizeBucket, type Caller } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { limits } from '../limits.ts'
import { listUploads as listUploadRows, type UploadListRow } from '../statements/uploads.ts'
import { findBucketRow } from './buckets.ts'
import { compareText } from './list.ts'
import { prefixSuccessor } from './names.ts'
import { checksumFromRow, type UploadChecksum } from './uploads.ts'

export interface ListUploadsRequest {
  readonly bucket: string
  readonly prefix: string
  /** Keys that go on alike up to the next delimiter are folded into one common prefix. */
  readonly delimiter?: string | undefined
  /** After this key; with `uploadIdMarker` also those of this key whose ids come after that. */
  readonly keyMarker?: string | undefined
  readonly uploadIdMarker?: string | undefined
  /** Uploads and common prefixes together. */
  readonly limit: number
}

export interface ListedUpload {
  readonly id: string
  readonly key: string
  readonly initiatorId: string
  readonly checksum: UploadChecksum | undefined
  readonly createdAtMs: number
}

export interface UploadListing {
  readonly uploads: readonly ListedUpload[]
  readonly commonPrefixes: readonly string[]
  /** The markers of the next page; `undefined` at the end. Without `uploadId` where a common prefix was the last. */
  readonly next: { readonly keyMarker: string; readonly uploadIdMarker: string | undefined } | undefined
}

/** Above every id. */
const idCeiling = '~'

interface Position {
  readonly key: string
  readonly id: string
}

/** Uploads under way, by the byte order of their keys (R48) and then by when they were begun. */
export async function listUploads(
  core: Core,
  caller: Caller,
  request: ListUploadsRequest,
): Promise<UploadListing> {
  const bucket = await findBucketRow(core, caller, request.bucket)
  authorizeBucket(caller, 'write', bucket)
  const { prefix, limit } = request
  const uploads: ListedUpload[] = []
  const commonPrefixes: string[] = []
  let last: Position = { key: '', id: '' }
  let position = startOf(request)
  for (;;) {
    const rows = await core.database.query(listUploadRows, {
      bucketId: bucket.id,
      ...position,
      to: prefixSuccessor(prefix),
      // Of one that is folded there may be many more.
      limit: request.delimiter ? limits.listPageMax : limit + 1,
    })
    for (const row of rows) {
      if (compareText(row.key, position.key) < 0) continue
      if (uploads.length + commonPrefixes.length === limit) {
        const isEnd = limit === 0
        const next = { keyMarker: last.key, uploadIdMarker: last.id || undefined }
        return { uploads, commonPrefixes, next: isEnd ? undefined : next }
      }
      const folded = fold(row.key, request)
      if (folded === undefined) {
        uploads.push(listedUpload(row))
        last = position = { key: row.key, id: row.id }
      } else {
        commonPrefixes.push(folded)
        last = { key: folded, id: '' }
        position = { key: prefixSuccessor(folded), id: '' }
      }
    }
    if (rows.length < (request.delimiter ? limits.listPageMax : limit + 1)) {
      return { uploads, commonPrefixes, next: undefined }
    }
  }
}

function startOf(request: ListUploadsRequest): Position {
  const { prefix, keyMarker, uploadIdMarker } = request
  if (keyMarker === undefined || compareText(keyMarker, prefix) < 0) return { key: prefix, id: '' }
  // The last page ended with it: what is folded into it was shown.
  if (fold(keyMarker, request) === keyMarker) return { key: prefixSuccessor(keyMarker), id: '' }
  return { key: keyMarker, id: uploadIdMarker ?? idCeiling }
}

function fold(key: string, { prefix, delimiter }: ListUploadsRequest): string | undefined {
  if (!delimiter || !key.startsWith(prefix)) return undefined
  const at = key.indexOf(delimiter, prefix.length)
  return at === -1 ? undefined : key.slice(0, at + delimiter.length)
}

function listedUpload(row: UploadListRow): ListedUpload {
  const { id, key, initiatorId, createdAtMs } = row
  return { id, key, initiatorId, createdAtMs, checksum: checksumFromRow(row) }
}
