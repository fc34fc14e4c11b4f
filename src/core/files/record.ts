import { type Caller, type BucketAction, authorizeBucket, missingBucket } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { parsePolicy } from '../compression/policy.ts'
import { CuttyError } from '../errors.ts'
import { type FileRow, findFile } from '../statements/files.ts'
import type { BucketRef, FileRecord, Pointer } from './file.ts'

const noEntries = Object.freeze({})

function recordFromRow(row: FileRow & { key: string }, bucket: BucketRef): FileRecord {
  return {
    bucket,
    key: row.key,
    versionId: row.versionId,
    sizeBytes: row.sizeBytes,
    etag: row.etag,
    contentType: row.contentType,
    headers: parseEntries(row.headers),
    metadata: parseEntries(row.metadata),
    tags: parseEntries(row.tags),
    createdAtMs: row.createdAtMs,
    modifiedAtMs: row.modifiedAtMs,
    blob: {
      id: row.blobId,
      location: row.location,
      codec: row.codec,
      level: row.level,
      reason: row.reason,
      gain: row.gain ?? undefined,
      frameBytes: row.frameBytes,
      sizeBytes: row.sizeBytes,
      storedBytes: row.storedBytes,
      sha256: row.sha256,
      frameIndex: row.frameIndex ?? undefined,
    },
  }
}

function parseEntries(json: string): Record<string, string> {
  return json === '{}' ? noEntries : (JSON.parse(json) as Record<string, string>)
}

/**
 * Bucket and file in one read, authorised. The file is `undefined` when there is none; a bucket that does not exist
 * throws `bucket_not_found`, and one that the caller may not use, `access_denied` or `unauthenticated`.
 */
export async function findRecord(
  core: Core,
  caller: Caller,
  request: { bucket: string; key: string; action: BucketAction },
): Promise<Pointer> {
  const kept = core.pointers.read(pointerKey(request), () => readPointer(core, request))
  const found = kept instanceof Promise ? await kept : kept
  if (!found) throw missingBucket(caller, request.bucket)
  authorizeBucket(caller, request.action, found.bucket)
  return found
}

/** No key holds a NUL: the last one parts the two, whatever was given as a bucket’s name. */
function pointerKey(name: { bucket: string; key: string }): string {
  return `${name.bucket}\0${name.key}`
}

async function readPointer(core: Core, name: { bucket: string; key: string }): Promise<Pointer | undefined> {
  const [row] = await core.database.query(findFile, { bucketName: name.bucket, key: name.key })
  if (!row) return undefined
  const bucket: BucketRef = {
    id: row.bucketId,
    name: row.bucketName,
    ownerId: row.ownerId,
    visibility: row.visibility,
    compression: parsePolicy(row.compression),
  }
  const file = row.key === null ? undefined : recordFromRow(row as FileRow & { key: string }, bucket)
  return { bucket, file }
}

/** The same, where the file must exist: `file_not_found`. */
export async function findFileRecord(
  core: Core,
  caller: Caller,
  request: { bucket: string; key: string; action: BucketAction },
): Promise<FileRecord> {
  const { file } = await findRecord(core, caller, request)
  if (!file) throw new CuttyError('file_not_found', 'There is no file with this key in the bucket.')
  return file
}

/** Lower case and without parameters, for look-ups by type. */
export function mediaTypeOf(contentType: string): string {
  return (contentType.split(';', 1)[0] as string).trim().toLowerCase()
}
