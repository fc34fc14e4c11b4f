import { type Caller, type BucketAction, authorizeBucket, missingBucket } from '../accounts/caller.ts'
import type { Ask } from '../cache/gathered-reads.ts'
import { lifetimes } from '../cache/lifetimes.ts'
import type { QueryCache } from '../cache/query-cache.ts'
import type { Found } from '../cache/trace.ts'
import type { Core } from '../core.ts'
import { parsePolicy } from '../compression/policy.ts'
import { CuttyError } from '../errors.ts'
import { type FileRow, findFile } from '../statements/files.ts'
import {
  type BucketRef,
  type FileRecord,
  isPublic,
  isPublicKey,
  type Pointer,
  type FileChecksum,
} from './file.ts'

const noEntries = Object.freeze({})
const none: readonly string[] = Object.freeze([])

function recordFromRow(row: FileRow & { key: string }, bucket: BucketRef): FileRecord {
  return {
    bucket,
    key: row.key,
    versionId: row.versionId,
    sizeBytes: row.sizeBytes,
    etag: row.etag,
    checksum: row.checksum === null ? undefined : (JSON.parse(row.checksum) as FileChecksum),
    visibility: row.fileVisibility ?? undefined,
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

export function parseEntries(json: string): Record<string, string> {
  return json === '{}' ? noEntries : (JSON.parse(json) as Record<string, string>)
}

/**
 * Bucket and file in one read, authorised. The file is `undefined` when there is none; a bucket that does not exist
 * throws `bucket_not_found`, and one that the caller may not use, `access_denied` or `unauthenticated`. At once, if the rows are
 * in memory.
 */
export function findRecord(core: Core, caller: Caller, request: RecordRequest): Pointer | Promise<Pointer> {
  const { bucket: bucketName, key, action, found, ask } = request
  const upToDate = request.upToDate ?? action !== 'read_file'
  const read = core.pointers.read({ bucketName, key }, { upToDate, found, ask })
  return read instanceof Promise
    ? read.then((pointer) => authorized(caller, request, pointer))
    : authorized(caller, request, read)
}

function authorized(
  caller: Caller,
  { bucket, key, action }: RecordRequest,
  pointer: Pointer | undefined,
): Pointer {
  if (!pointer) throw missingBucket(caller, bucket)
  // Of what is not there nothing may be told but where everything is public.
  const { file } = pointer
  const isOpen = file ? isPublic(file) : isPublicKey(pointer.bucket, key)
  if (action !== 'read_file' || !isOpen) authorizeBucket(caller, action, pointer.bucket)
  return pointer
}

export interface RecordRequest {
  readonly bucket: string
  readonly key: string
  readonly action: BucketAction
  /** Whether it may be no older than this call. By default, unless a file is only read. */
  readonly upToDate?: boolean
  readonly found?: Found | undefined
  /** Asks the database, together with what else is asked for (`core/cache/gathered-reads.ts`). */
  readonly ask?: Ask | undefined
}

/** Names and what they stand for. A blob's row is not among what they depend on: what is read of it never changes. */
export function pointersOf(rows: QueryCache): Core['pointers'] {
  return rows.namespace({
    statement: findFile,
    make: pointerFromRows,
    dependsOn: (pointer, { key }, on) =>
      pointer ? [on('buckets', [pointer.bucket.id]), on('files', [pointer.bucket.id, key])] : [on('buckets')],
    lifetime: lifetimes.pointer,
    // Whoever has just uploaded a file shall find it.
    isAbsent: (pointer) => !pointer?.file,
  })
}

function pointerFromRows([row]: readonly FileRow[]): Pointer | undefined {
  if (!row) return undefined
  const bucket: BucketRef = {
    id: row.bucketId,
    name: row.bucketName,
    ownerId: row.ownerId,
    visibility: row.visibility,
    publicPrefixes: row.publicPrefixes === null ? none : (JSON.parse(row.publicPrefixes) as string[]),
    compression: parsePolicy(row.compression),
  }
  const file = row.key === null ? undefined : recordFromRow(row as FileRow & { key: string }, bucket)
  return { bucket, file }
}

/** The same, where the file must exist: `file_not_found`. */
export function findFileRecord(
  core: Core,
  caller: Caller,
  request: RecordRequest,
): FileRecord | Promise<FileRecord> {
  const found = findRecord(core, caller, request)
  return found instanceof Promise ? found.then(requireFile) : requireFile(found)
}

function requireFile({ file }: Pointer): FileRecord {
  if (!file) throw new CuttyError('file_not_found', 'There is no file with this key in the bucket.')
  return file
}

/** Lower case and without parameters, for look-ups by type. */
export function mediaTypeOf(contentType: string): string {
  return (contentType.split(';', 1)[0] as string).trim().toLowerCase()
}
