import type { Caller } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { limits } from '../limits.ts'
import { bind, type BoundStatement, DatabaseError } from '../ports/database.ts'
import { referenceBlob, releaseBlobOfFile } from '../statements/blobs.ts'
import { deleteFile as deleteFileRow, describeFile } from '../statements/files.ts'
import { sourceIsVersion } from '../statements/guards.ts'
import { findBucketRow } from './buckets.ts'
import { authorizeBucket } from '../accounts/caller.ts'
import { checkKey } from './names.ts'
import { describeColumns, guardDestination, replaceFile } from './put.ts'
import type { FileDescription, FileRecord } from './file.ts'
import { findFileRecord, findRecord } from './record.ts'

/** Names a file. */
export interface FileRef {
  readonly bucket: string
  readonly key: string
}

/** `private`: as the bucket says. */
export type FileVisibility = 'public' | 'private'

function visibilityOf(visibility: FileVisibility | undefined): FileRecord['visibility'] {
  return visibility === 'public' ? 'public' : undefined
}

type Precondition = (current: FileRecord | undefined) => void

/** Changes how a file is presented, or who may read it; its bytes and their ETag stay. `change` gets the present description. */
export async function changeDescription(
  core: Core,
  caller: Caller,
  request: FileRef & {
    change: (current: FileRecord) => FileDescription
    /** Left out: as it is. */
    visibility?: FileVisibility | undefined
    precondition?: Precondition | undefined
  },
): Promise<FileRecord> {
  return retryRaces(async () => {
    const current = await findFileRecord(core, caller, { ...request, action: 'write' })
    request.precondition?.(current)
    const description = request.change(current)
    const file: FileRecord = {
      ...current,
      ...description,
      visibility: visibilityOf(request.visibility ?? current.visibility),
      versionId: core.ids.next(),
      modifiedAtMs: core.clock.now(),
    }
    await core.database.batch([
      guardSource(current),
      bind(describeFile, {
        bucketId: current.bucket.id,
        key: current.key,
        versionId: file.versionId,
        ...describeColumns(file),
        modifiedAtMs: file.modifiedAtMs,
        visibility: file.visibility ?? null,
      }),
    ])
    return file
  })
}

export interface TransferRequest {
  readonly source: FileRef
  readonly destination: FileRef
  /** Replaces the description of the copy; left out, the source's is kept. */
  readonly change?: ((source: FileRecord) => FileDescription) | undefined
  /** Left out, a copy is as its bucket says, as in S3, and what is renamed stays as it is. */
  readonly visibility?: FileVisibility | undefined
  /** About the destination. */
  readonly precondition?: Precondition | undefined
}

/** Copies a file. No byte is copied: both files point at one blob, which never changes. */
export async function copyFile(core: Core, caller: Caller, request: TransferRequest): Promise<FileRecord> {
  return transfer(core, caller, request, (source) => ({
    visibility: visibilityOf(request.visibility),
    before: [bind(referenceBlob, { id: source.blob.id })],
    after: [],
  }))
}

/** Moves a file to another key or bucket, in one transaction. */
export async function renameFile(core: Core, caller: Caller, request: TransferRequest): Promise<FileRecord> {
  checkKey(request.source.key)
  await findFileRecord(core, caller, { ...request.source, action: 'write' })
  const { source, destination } = request
  if (source.bucket === destination.bucket && source.key === destination.key) {
    throw new CuttyError('invalid_request', 'Source and destination are the same file.')
  }
  return transfer(core, caller, request, (record) => ({
    visibility: visibilityOf(request.visibility ?? record.visibility),
    before: [],
    // The blob goes along: its count stays.
    after: [bind(deleteFileRow, { bucketId: record.bucket.id, key: record.key })],
  }))
}

async function transfer(
  core: Core,
  caller: Caller,
  request: TransferRequest,
  of: (source: FileRecord) => {
    visibility: FileRecord['visibility']
    before: BoundStatement[]
    after: BoundStatement[]
  },
): Promise<FileRecord> {
  checkKey(request.source.key)
  checkKey(request.destination.key)
  return retryRaces(async () => {
    const source = await findFileRecord(core, caller, {
      ...request.source,
      action: 'read_file',
      upToDate: true,
    })
    const target = await findRecord(core, caller, { ...request.destination, action: 'write' })
    request.precondition?.(target.file)
    const nowMs = core.clock.now()
    const { visibility, before, after } = of(source)
    const file: FileRecord = {
      ...source,
      ...request.change?.(source),
      visibility,
      bucket: target.bucket,
      key: request.destination.key,
      versionId: core.ids.next(),
      createdAtMs: target.file?.createdAtMs ?? nowMs,
      modifiedAtMs: nowMs,
    }
    await core.database.batch([
      guardSource(source),
      ...(request.precondition ? [guardDestination(target.bucket.id, file.key, target.file)] : []),
      ...before,
      ...replaceFile(core, file),
      ...after,
    ])
    return file
  })
}

/** Deletes a file: unreachable at once, its bytes collected later. */
export async function deleteFile(
  core: Core,
  caller: Caller,
  request: FileRef & { precondition?: Precondition | undefined },
): Promise<void> {
  await retryRaces(async () => {
    const current = await findFileRecord(core, caller, { ...request, action: 'write' })
    request.precondition?.(current)
    await core.database.batch([
      ...(request.precondition ? [guardSource(current)] : []),
      ...deleteStatements(core, current.bucket.id, current.key),
    ])
  })
}

/**
 * Deletes up to 1,000 files of a bucket; keys without a file are told, and are no error. One that no file can have is:
 * a database would put another character in the place of what it cannot store, and find another file.
 */
export async function deleteFiles(
  core: Core,
  caller: Caller,
  request: { bucket: string; keys: readonly string[] },
): Promise<{ deleted: string[]; missing: string[] }> {
  const bucket = await findBucketRow(core, caller, request.bucket)
  authorizeBucket(caller, 'write', bucket)
  const deleted: string[] = []
  const missing: string[] = []
  const keys = [...new Set(request.keys)]
  keys.forEach(checkKey)
  for (let start = 0; start < keys.length; start += limits.deleteBatchMax) {
    const part = keys.slice(start, start + limits.deleteBatchMax)
    const results = await core.database.batch(part.flatMap((key) => deleteStatements(core, bucket.id, key)))
    for (const [index, key] of part.entries()) {
      ;(results[index * 2 + 1]?.changes === 0 ? missing : deleted).push(key)
    }
  }
  return { deleted, missing }
}

function deleteStatements(core: Core, bucketId: string, key: string): BoundStatement[] {
  return [
    bind(releaseBlobOfFile, { bucketId, key, nowMs: core.clock.now() }),
    bind(deleteFileRow, { bucketId, key }),
  ]
}

function guardSource({ bucket, key, versionId, blob }: FileRecord): BoundStatement {
  return bind(sourceIsVersion, { bucketId: bucket.id, key, versionId, blobId: blob.id })
}

/** Reads again and tries again when another write came in between what was read and what was written. */
async function retryRaces<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error
      // The bucket that was found went away.
      if (error.kind === 'foreign_key') throw new CuttyError('bucket_not_found', undefined, { cause: error })
      if (error.kind !== 'guard') throw error
      if (tries === limits.raceRetriesMax) throw new CuttyError('conflict', undefined, { cause: error })
    }
  }
}
