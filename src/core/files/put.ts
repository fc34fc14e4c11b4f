import { Buffer } from 'node:buffer'
import type { Caller } from '../accounts/caller.ts'
import type { CompressionPolicy } from '../compression/policy.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { limits } from '../limits.ts'
import { bind, type BoundStatement, DatabaseError } from '../ports/database.ts'
import { insertBlob, insertBlobBody, releaseBlobOfFile } from '../statements/blobs.ts'
import { putFile as putFileRow } from '../statements/files.ts'
import { destinationIsAbsent, destinationIsVersion } from '../statements/guards.ts'
import { checkKey } from './names.ts'
import type { BucketRef, FileDescription, FileRecord } from './file.ts'
import { findRecord, mediaTypeOf } from './record.ts'
import { removeBlob, storeBody, type StoredBody, type StoreRequest, tooLarge } from './store.ts'

export interface PutRequest extends Omit<StoreRequest, 'policy' | 'md5' | 'bytesMax'> {
  readonly bucket: string
  /** The tag is the MD5 of the content, as S3 has it; left out, its SHA-256. */
  readonly etag?: 'md5' | undefined
  /** Left out: as the bucket says. */
  readonly visibility?: 'public' | undefined
  /** Instead of what the bucket says. */
  readonly compression?: Partial<CompressionPolicy> | undefined
  /**
   * Throws when the write must not take place over `current`. Asked before the body is read, and again for what
   * is there when the pointer is swapped.
   */
  readonly precondition?: ((current: FileRecord | undefined) => void) | undefined
}

export interface PutResult {
  readonly file: FileRecord
  /** False when a file was replaced. */
  readonly created: boolean
}

/**
 * Stores a file: its bytes under a fresh blob id first, then the pointer, in one transaction. Until that is done
 * nothing of it is visible, and if any of it fails the file that was there stays as it is (R46). When the promise
 * resolves, bytes and pointer are durable.
 */
export async function putFile(core: Core, caller: Caller, request: PutRequest): Promise<PutResult> {
  checkKey(request.key)
  if ((request.sizeBytes ?? 0) > limits.fileBytesMax) {
    throw tooLarge(limits.fileBytesMax)
  }
  const { bucket, file: current } = await findRecord(core, caller, { ...request, action: 'write' })
  request.precondition?.(current)
  core.room.take(request.sizeBytes ?? 0)

  const policy = { ...bucket.compression, ...request.compression }
  const stored = await storeBody(core, { ...request, policy, md5: request.etag === 'md5' })
  try {
    return await commitFile(core, caller, { request, bucket, current, stored })
  } catch (error) {
    removeUncommitted(core, stored, error)
    throw error
  }
}

async function commitFile(
  core: Core,
  caller: Caller,
  put: { request: PutRequest; bucket: BucketRef; current: FileRecord | undefined; stored: StoredBody },
): Promise<PutResult> {
  const { request, stored } = put
  const { precondition } = request
  let { bucket, current } = put
  for (let attempt = 0; ; attempt++) {
    let guards: BoundStatement[] = []
    if (precondition) {
      ;({ bucket, file: current } = await findRecord(core, caller, { ...request, action: 'write' }))
      precondition(current)
      guards = [guardDestination(bucket.id, request.key, current)]
    }
    const file = newRecord(core, { bucket, request, stored, current })
    try {
      const statements = [
        ...guards,
        ...insertStatements(stored, file.modifiedAtMs),
        ...replaceFile(core, file),
      ]
      const results = await core.database.batch(statements)
      return { file, created: results.at(-2)?.changes === 0 }
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error
      if (error.kind === 'foreign_key') throw new CuttyError('bucket_not_found', undefined, { cause: error })
      if (error.constraint !== 'destination') throw error
      // Somebody was faster: the precondition is asked again, about what is there now.
      if (attempt === limits.raceRetriesMax) throw new CuttyError('conflict', undefined, { cause: error })
    }
  }
}

function newRecord(
  core: Core,
  of: { bucket: BucketRef; request: PutRequest; stored: StoredBody; current: FileRecord | undefined },
): FileRecord {
  const nowMs = core.clock.now()
  const { sha256, md5, checksum } = of.stored.digests
  return {
    ...of.stored.description,
    bucket: of.bucket,
    key: of.request.key,
    versionId: core.ids.next(),
    sizeBytes: of.stored.blob.sizeBytes,
    etag: of.request.etag === 'md5' ? toHex(md5 as Uint8Array) : `sha256-${toHex(sha256)}`,
    checksum,
    visibility: of.request.visibility,
    createdAtMs: of.current?.createdAtMs ?? nowMs,
    modifiedAtMs: nowMs,
    blob: of.stored.blob,
  }
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/**
 * After a commit that failed. One that was not answered may have taken effect: its bytes must stay. The sweep finds those of one
 * that did not.
 */
export function removeUncommitted(core: Core, { blob, inline }: StoredBody, error: unknown): void {
  const isUnknown = error instanceof DatabaseError && error.kind === 'unavailable'
  if (!inline && !isUnknown) removeBlob(core, blob.id)
}

/** Writes the row of a blob, and its bytes where they belong there. */
export function insertStatements(
  { blob, inline, frameIndex }: Pick<StoredBody, 'blob' | 'inline' | 'frameIndex'>,
  nowMs: number,
): BoundStatement[] {
  const row = bind(insertBlob, {
    id: blob.id,
    location: blob.location,
    codec: blob.codec,
    level: blob.level,
    reason: blob.reason,
    gain: blob.gain ?? null,
    sizeBytes: blob.sizeBytes,
    storedBytes: blob.storedBytes,
    frameBytes: blob.frameBytes,
    frameIndex: frameIndex ?? null,
    sha256: blob.sha256,
    createdAtMs: nowMs,
  })
  return inline ? [row, bind(insertBlobBody, { id: blob.id, bytes: inline })] : [row]
}

/** Points a key at a blob that has been counted for it; what was there before loses one reference. */
export function replaceFile(
  core: Core,
  file: Omit<FileRecord, 'blob'> & { readonly blob: { readonly id: string } },
): BoundStatement[] {
  return [
    bind(releaseBlobOfFile, { bucketId: file.bucket.id, key: file.key, nowMs: core.clock.now() }),
    bind(putFileRow, {
      bucketId: file.bucket.id,
      key: file.key,
      versionId: file.versionId,
      blobId: file.blob.id,
      sizeBytes: file.sizeBytes,
      etag: file.etag,
      ...describeColumns(file),
      createdAtMs: file.createdAtMs,
      modifiedAtMs: file.modifiedAtMs,
      checksum: file.checksum ? JSON.stringify(file.checksum) : null,
      visibility: file.visibility ?? null,
    }),
  ]
}

export function describeColumns(description: FileDescription) {
  return {
    contentType: description.contentType,
    mediaType: mediaTypeOf(description.contentType),
    headers: JSON.stringify(description.headers),
    metadata: JSON.stringify(description.metadata),
    tags: JSON.stringify(description.tags),
  }
}

/** Fails the batch when the destination is no longer what the precondition was asked about. */
export function guardDestination(
  bucketId: string,
  key: string,
  present: FileRecord | undefined,
): BoundStatement {
  return present
    ? bind(destinationIsVersion, { bucketId, key, versionId: present.versionId })
    : bind(destinationIsAbsent, { bucketId, key })
}
