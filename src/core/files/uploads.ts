import { type Caller, requireUser } from '../accounts/caller.ts'
import { gatherReads } from '../cache/gathered-reads.ts'
import { type ChecksumName } from '../checksums/checksum.ts'
import { type ChecksumType, multipartChecksumTypes } from '../checksums/multipart.ts'
import type { CompressionPolicy } from '../compression/policy.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { idTimePrefix } from '../ids.ts'
import { limits } from '../limits.ts'
import { bind, type BoundStatement, DatabaseError } from '../ports/database.ts'
import { uploadIsOpen } from '../statements/guards.ts'
import {
  deleteCompletedUploads,
  deleteUpload,
  findUpload as findUploadRow,
  insertUpload,
  listOldUploads,
  listParts as listPartRows,
  releaseOtherParts,
  type UploadPartRow,
  type UploadRow,
} from '../statements/uploads.ts'
import type { BucketRef, FileDescription, FileRecord } from './file.ts'
import { checkKey } from './names.ts'
import { findRecord, parseEntries } from './record.ts'

/** An upload that is under way. */
export interface Upload extends FileDescription {
  readonly id: string
  readonly bucket: BucketRef
  readonly key: string
  readonly initiatorId: string
  readonly visibility: 'public' | undefined
  /** Instead of what the bucket says. */
  readonly compression: Partial<CompressionPolicy> | undefined
  /** Taken of every part, whether the client sends one or not. */
  readonly checksum: UploadChecksum | undefined
  readonly createdAtMs: number
}

export interface UploadChecksum {
  readonly algorithm: ChecksumName
  /** How those of the parts become that of the file. */
  readonly type: ChecksumType
}

/** Names an upload: of another bucket or key it is not found. */
export interface UploadRef {
  readonly bucket: string
  readonly key: string
  readonly uploadId: string
}

export interface CreateUploadRequest {
  readonly bucket: string
  readonly key: string
  readonly description: FileDescription
  readonly visibility?: 'public' | undefined
  readonly compression?: Partial<CompressionPolicy> | undefined
  readonly checksum?: UploadChecksum | undefined
}

/** Begins an upload. Nothing of it is visible until it is completed; after `uploadSecondsMax` it is ended. */
export async function createUpload(
  core: Core,
  caller: Caller,
  request: CreateUploadRequest,
): Promise<Upload> {
  const { key, description, visibility, compression, checksum } = request
  checkKey(key)
  const { bucket } = await findRecord(core, caller, { ...request, action: 'write' })
  if (checksum && !multipartChecksumTypes[checksum.algorithm].includes(checksum.type)) {
    throw new CuttyError(
      'invalid_request',
      `The checksum of an upload in parts by ${checksum.algorithm} is never ${checksum.type}.`,
    )
  }
  const { contentType, headers, metadata, tags } = description
  const upload: Upload = {
    id: core.ids.next(),
    bucket,
    key,
    initiatorId: requireUser(caller),
    contentType,
    headers,
    metadata,
    tags,
    visibility,
    compression,
    checksum,
    createdAtMs: core.clock.now(),
  }
  const row = bind(insertUpload, {
    id: upload.id,
    bucketId: bucket.id,
    key,
    initiatorId: upload.initiatorId,
    contentType,
    headers: JSON.stringify(headers),
    metadata: JSON.stringify(metadata),
    tags: JSON.stringify(tags),
    visibility: visibility ?? null,
    compression: compression ? JSON.stringify(compression) : null,
    checksumAlgorithm: checksum?.algorithm ?? null,
    checksumType: checksum?.type ?? null,
    createdAtMs: upload.createdAtMs,
  })
  await core.database.batch([row]).catch((error: unknown) => {
    // The bucket that was found went away.
    const isGone = error instanceof DatabaseError && error.kind === 'foreign_key'
    throw isGone ? new CuttyError('bucket_not_found', undefined, { cause: error }) : error
  })
  return upload
}

/** What a request for an upload is about, once it is known that the caller may write to the bucket (R44). */
export interface FoundUpload {
  readonly upload: Upload
  /** What its key stands for at the moment. */
  readonly current: FileRecord | undefined
  /** JSON, of one that has been completed. */
  readonly completed: string | null
}

/** Throws `upload_not_found`, as for every upload that is not of this bucket and key. */
export async function findAnyUpload(core: Core, caller: Caller, ref: UploadRef): Promise<FoundUpload> {
  checkKey(ref.key)
  // One round trip for each part that is uploaded.
  const ask = gatherReads(core.database)
  const [{ bucket, file: current }, [row]] = await Promise.all([
    findRecord(core, caller, { ...ref, action: 'write', ask }),
    ask(findUploadRow, { id: ref.uploadId }),
  ])
  if (!row || row.bucketId !== bucket.id || row.key !== ref.key) throw missingUpload()
  return { upload: uploadFromRow(row, bucket), current, completed: row.completed }
}

/** One that is under way. */
export async function findUpload(core: Core, caller: Caller, ref: UploadRef): Promise<Upload> {
  const { upload, completed } = await findAnyUpload(core, caller, ref)
  if (completed !== null) throw missingUpload()
  return upload
}

export function missingUpload(cause?: unknown): CuttyError {
  const detail = 'There is no such upload to this key: it was completed or aborted, or never begun.'
  return new CuttyError('upload_not_found', detail, { cause })
}

function uploadFromRow(row: UploadRow, bucket: BucketRef): Upload {
  const { id, key, initiatorId, contentType, createdAtMs } = row
  return {
    id,
    bucket,
    key,
    initiatorId,
    contentType,
    headers: parseEntries(row.headers),
    metadata: parseEntries(row.metadata),
    tags: parseEntries(row.tags),
    visibility: row.visibility ?? undefined,
    compression: row.compression === null ? undefined : (JSON.parse(row.compression) as CompressionPolicy),
    checksum: checksumFromRow(row),
    createdAtMs,
  }
}

export function checksumFromRow(row: {
  checksumAlgorithm: string | null
  checksumType: string | null
}): UploadChecksum | undefined {
  if (row.checksumAlgorithm === null) return undefined
  return { algorithm: row.checksumAlgorithm as ChecksumName, type: row.checksumType as ChecksumType }
}

/** Parts that are there, in the order of their numbers, after the number `after`. */
export async function listParts(
  core: Core,
  caller: Caller,
  request: UploadRef & { after: number; limit: number },
): Promise<{ upload: Upload; parts: UploadPartRow[]; next: number | undefined }> {
  const upload = await findUpload(core, caller, request)
  const { after, limit } = request
  const rows = await core.database.query(listPartRows, { uploadId: upload.id, after, limit: limit + 1 })
  const parts = rows.slice(0, limit)
  return { upload, parts, next: rows.length > limit ? (parts.at(-1)?.number ?? after) : undefined }
}

/** Ends an upload; its parts are garbage. A part that arrives at the same moment is refused. */
export async function abortUpload(core: Core, caller: Caller, ref: UploadRef): Promise<void> {
  const upload = await findUpload(core, caller, ref)
  if (!(await abort(core, upload.id))) throw missingUpload()
}

/** False when it is no longer under way. */
async function abort(core: Core, uploadId: string): Promise<boolean> {
  try {
    await core.database.batch([
      bind(uploadIsOpen, { uploadId }),
      ...releaseParts(core, uploadId, []),
      bind(deleteUpload, { id: uploadId }),
    ])
    return true
  } catch (error) {
    if (error instanceof DatabaseError && error.kind === 'guard') return false
    throw error
  }
}

/** The blobs of all parts but those `[number, blobId]`. */
export function releaseParts(
  core: Core,
  uploadId: string,
  except: readonly (readonly [number: number, blobId: string])[],
): BoundStatement[] {
  const nowMs = core.clock.now()
  return [bind(releaseOtherParts, { uploadId, parts: JSON.stringify(except), nowMs })]
}

/**
 * Ends uploads that nobody ended in `uploadSecondsMax`, as many as `expireBatchMax` at a time, and forgets those that were
 * completed some time ago. Returns how many were ended.
 */
export async function expireUploads(core: Core): Promise<number> {
  const nowMs = core.clock.now()
  const before = idTimePrefix(Math.max(0, nowMs - limits.uploadSecondsMax * 1000))
  const old = await core.database.query(listOldUploads, { before, limit: limits.expireBatchMax })
  let expired = 0
  for (const { id } of old) if (await abort(core, id)) expired++
  const beforeMs = nowMs - limits.completedUploadSeconds * 1000
  await core.database.batch([bind(deleteCompletedUploads, { beforeMs })])
  return expired
}
