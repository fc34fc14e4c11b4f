import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { Caller } from '../accounts/caller.ts'
import { type ChecksumName, formatChecksumValue, parseChecksumValue } from '../checksums/checksum.ts'
import {
  type ChecksumType,
  formatCompositeValue,
  multipartChecksum,
  parseCompositeValue,
} from '../checksums/multipart.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { limits } from '../limits.ts'
import { bind, type BoundStatement, DatabaseError } from '../ports/database.ts'
import { insertBlobParts } from '../statements/blob-parts.ts'
import { partsAreThese, uploadIsOpen } from '../statements/guards.ts'
import { deleteParts, listStoredParts, noteCompleted, type StoredPartRow } from '../statements/uploads.ts'
import type { BlobRef, FileChecksum, FileRecord } from './file.ts'
import { guardDestination, insertStatements, replaceFile } from './put.ts'
import { tooLarge } from './store.ts'
import { findAnyUpload, missingUpload, releaseParts, type Upload, type UploadRef } from './uploads.ts'

/** A part as the client names it. */
export interface ListedPart {
  readonly number: number
  /** As `putPart` gave it; without quotes. */
  readonly etag: string
  /** Base64, if the client names it too. */
  readonly checksum?: string | undefined
}

export interface CompleteRequest extends UploadRef {
  /** In the order of their numbers. Others that were uploaded are dropped. */
  readonly parts: readonly ListedPart[]
  /** Throws when the write must not take place over `current`. */
  readonly precondition?: ((current: FileRecord | undefined) => void) | undefined
  /** Of the whole, as the upload's checksum is. */
  readonly checksum?:
    | {
        readonly value: string
        readonly algorithm?: ChecksumName | undefined
        readonly type?: ChecksumType | undefined
      }
    | undefined
  /** Of the whole. */
  readonly sizeBytes?: number | undefined
  /** Of all parts but the last. Default: `partBytesMin` of the limits. */
  readonly partBytesMin?: number | undefined
}

/** The file as it was when the upload was completed. */
export type CompletedFile = Omit<FileRecord, 'blob'>

export interface CompleteResult {
  readonly file: CompletedFile
  /** False when a file was replaced. */
  readonly created: boolean
}

/** What is kept of an upload that was completed, as JSON. */
interface Completed extends Pick<
  FileRecord,
  'versionId' | 'sizeBytes' | 'etag' | 'checksum' | 'createdAtMs' | 'modifiedAtMs'
> {
  readonly partsHash: string
  readonly created: boolean
}

/**
 * Makes a file of the parts of an upload, in one transaction: no byte is moved. Whoever asks again for the same, because the
 * answer was lost or another was faster, gets the same answer for `completedUploadSeconds`.
 */
export async function completeUpload(
  core: Core,
  caller: Caller,
  request: CompleteRequest,
): Promise<CompleteResult> {
  checkOrder(request.parts)
  const partsHash = hashOf(request.parts)
  for (let attempt = 0; ; attempt++) {
    const { upload, current, completed } = await findAnyUpload(core, caller, request)
    if (completed !== null) return repeated(upload, JSON.parse(completed) as Completed, partsHash)
    request.precondition?.(current)
    const stored = await readStoredParts(core, upload.id)
    const parts = matchParts(request, stored, upload)
    try {
      return await commit(core, { request, upload, current, parts, partsHash })
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.kind !== 'guard') throw error
      // A part was replaced, the upload ended, or the precondition is to be asked about another file: look again.
      if (attempt === limits.raceRetriesMax) throw new CuttyError('conflict', undefined, { cause: error })
    }
  }
}

function checkOrder(parts: readonly ListedPart[]): void {
  if (parts.length === 0)
    throw new CuttyError('invalid_request', 'An upload is completed with a part at least.')
  const index = parts.findIndex(({ number }, i) => i > 0 && number <= (parts[i - 1] as ListedPart).number)
  if (index === -1) return
  const { number } = parts[index] as ListedPart
  const detail = `Part ${number} is listed after part ${(parts[index - 1] as ListedPart).number}.`
  throw new CuttyError('invalid_part_order', detail, { extras: { partNumber: number } })
}

/** Of the names by which the client knows them. */
function hashOf(parts: readonly ListedPart[]): string {
  const names = parts.map(({ number, etag }) => [number, etag.toLowerCase()])
  return createHash('sha256').update(JSON.stringify(names)).digest('hex')
}

function repeated(upload: Upload, completed: Completed, partsHash: string): CompleteResult {
  const { created, partsHash: completedHash, ...properties } = completed
  if (partsHash !== completedHash) throw missingUpload()
  return { file: fileOf(upload, properties), created }
}

function fileOf(upload: Upload, properties: Omit<Completed, 'partsHash' | 'created'>): CompletedFile {
  const { bucket, key, contentType, headers, metadata, tags, visibility } = upload
  const { checksum } = properties
  return { bucket, key, contentType, headers, metadata, tags, visibility, ...properties, checksum }
}

async function readStoredParts(core: Core, uploadId: string): Promise<Map<number, StoredPartRow>> {
  const parts = new Map<number, StoredPartRow>()
  let after = 0
  for (;;) {
    const limit = limits.listPageMax
    const rows = await core.database.query(listStoredParts, { uploadId, after, limit })
    for (const row of rows) parts.set(row.number, row)
    if (rows.length < limit) return parts
    after = (rows.at(-1) as StoredPartRow).number
  }
}

/** The rows of what the client lists, or why it cannot be had. */
function matchParts(
  request: CompleteRequest,
  stored: ReadonlyMap<number, StoredPartRow>,
  upload: Upload,
): StoredPartRow[] {
  const { partBytesMin = limits.partBytesMin } = request
  let sizeBytes = 0
  const parts = request.parts.map((listed, index) => {
    const { number, etag, checksum } = listed
    const row = stored.get(number)
    const extras = { uploadId: upload.id, partNumber: number, etag }
    if (!row || row.etag !== etag.toLowerCase()) {
      const detail = row ? `Part ${number} has another ETag.` : `There is no part ${number}.`
      throw new CuttyError('invalid_part', detail, { extras })
    }
    if (checksum !== undefined && row.checksum !== null && checksum !== row.checksum) {
      throw new CuttyError('invalid_part', `Part ${number} has another checksum.`, { extras })
    }
    if (row.sizeBytes < partBytesMin && index < request.parts.length - 1) {
      throw new CuttyError(
        'part_too_small',
        `Part ${number} has ${row.sizeBytes} bytes; all but the last must have ${partBytesMin}.`,
        { extras: { ...extras, sizeBytes: row.sizeBytes, minimumBytes: partBytesMin } },
      )
    }
    sizeBytes += row.sizeBytes
    return row
  })
  if (sizeBytes > limits.fileBytesMax) throw tooLarge(limits.fileBytesMax)
  if (request.sizeBytes !== undefined && request.sizeBytes !== sizeBytes) {
    const detail = `The parts have ${sizeBytes} bytes together, not ${request.sizeBytes}.`
    throw new CuttyError('invalid_request', detail)
  }
  return parts
}

async function commit(
  core: Core,
  of: {
    request: CompleteRequest
    upload: Upload
    current: FileRecord | undefined
    parts: readonly StoredPartRow[]
    partsHash: string
  },
): Promise<CompleteResult> {
  const { request, upload, current, parts, partsHash } = of
  const nowMs = core.clock.now()
  const blob = parts.length === 1 ? undefined : compositeOf(core, parts)
  const blobId = blob?.id ?? (parts[0] as StoredPartRow).blobId
  const properties = {
    versionId: core.ids.next(),
    sizeBytes: sum(parts, 'sizeBytes'),
    etag: etagOf(parts),
    checksum: checksumOf(request, upload, parts),
    createdAtMs: current?.createdAtMs ?? nowMs,
    modifiedAtMs: nowMs,
  }
  const file = fileOf(upload, properties)
  const created = current === undefined
  const completed: Completed = { ...properties, created, partsHash }
  const listed = parts.map(({ number, blobId }) => [number, blobId] as const)
  const uploadId = upload.id
  // Whether a file is replaced is part of what is remembered, so it must be so.
  const guard: BoundStatement[] =
    request.precondition || created ? [guardDestination(upload.bucket.id, upload.key, current)] : []
  await core.database.batch([
    bind(uploadIsOpen, { uploadId }),
    bind(partsAreThese, { uploadId, parts: JSON.stringify(listed) }),
    ...guard,
    ...(blob ? insertStatements({ blob, inline: undefined, frameIndex: undefined }, nowMs) : []),
    bind(insertBlobParts, { blobId, parts: boundariesOf(parts) }),
    ...releaseParts(core, uploadId, listed),
    ...replaceFile(core, { ...file, blob: { id: blobId } }),
    bind(noteCompleted, { id: uploadId, nowMs, completed: JSON.stringify(completed) }),
    bind(deleteParts, { uploadId }),
  ])
  return { file, created }
}

/** MD5 of the MD5s of the parts, and how many they are (R49). */
function etagOf(parts: readonly StoredPartRow[]): string {
  const hash = createHash('md5')
  for (const { etag } of parts) hash.update(etag, 'hex')
  return `${hash.digest('hex')}-${parts.length}`
}

function sum(parts: readonly StoredPartRow[], of: 'sizeBytes' | 'storedBytes'): number {
  return parts.reduce((total, part) => total + part[of], 0)
}

/** A blob that has no bytes of its own. Statistics take it for what most of its bytes are. */
function compositeOf(core: Core, parts: readonly StoredPartRow[]): BlobRef {
  const bytes = new Map<string, number>()
  const kindOf = ({ codec, level, reason }: StoredPartRow) => `${codec} ${level} ${reason}`
  let most = parts[0] as StoredPartRow
  for (const part of parts) {
    const kind = kindOf(part)
    bytes.set(kind, (bytes.get(kind) ?? 0) + part.sizeBytes)
    if ((bytes.get(kind) as number) > (bytes.get(kindOf(most)) as number)) most = part
  }
  const sizeBytes = sum(parts, 'sizeBytes')
  const storedBytes = sum(parts, 'storedBytes')
  const { codec, level, reason } = most
  return {
    id: core.ids.next(),
    location: 'parts',
    codec,
    level,
    reason,
    gain: codec === 'identity' || sizeBytes === 0 ? undefined : 1 - storedBytes / sizeBytes,
    frameBytes: 0,
    sizeBytes,
    storedBytes,
    sha256: new Uint8Array(0),
    frameIndex: undefined,
  }
}

/** JSON for `blob_parts`: 10,000 parts with SHA-256 come to 1.2 MB, of the 2 MB that D1 takes. */
function boundariesOf(parts: readonly StoredPartRow[]): string {
  let endBytes = 0
  return JSON.stringify(
    parts.map(({ number, blobId, sizeBytes, checksum }) => {
      endBytes += sizeBytes
      // What is one part only is that part's own blob.
      return [number, endBytes, sizeBytes, parts.length === 1 ? null : blobId, checksum]
    }),
  )
}

/** Of the whole, held against what the client says. */
function checksumOf(
  { checksum: declared }: CompleteRequest,
  { checksum: wanted }: Upload,
  parts: readonly StoredPartRow[],
): FileChecksum | undefined {
  if (!wanted) {
    if (!declared) return undefined
    throw new CuttyError('invalid_request', 'The upload was begun without a checksum: none is known of it.')
  }
  const { algorithm, type } = wanted
  const ofParts = parts.map(({ checksum, sizeBytes }) => ({
    digest: parseChecksumValue(algorithm, checksum ?? '') as Uint8Array,
    sizeBytes,
  }))
  const digest = multipartChecksum(algorithm, type, ofParts)
  if (declared) compareChecksum(declared, { ...wanted, digest, partCount: parts.length })
  const value =
    type === 'COMPOSITE' ? formatCompositeValue(digest, parts.length) : formatChecksumValue(digest)
  return { algorithm, type, value }
}

function compareChecksum(
  declared: NonNullable<CompleteRequest['checksum']>,
  actual: { algorithm: ChecksumName; type: ChecksumType; digest: Uint8Array; partCount: number },
): void {
  const { algorithm, type, digest, partCount } = actual
  if ((declared.algorithm ?? algorithm) !== algorithm || (declared.type ?? type) !== type) {
    throw new CuttyError('invalid_request', `The upload was begun with a checksum by ${algorithm}, ${type}.`)
  }
  const parsed =
    type === 'COMPOSITE'
      ? parseCompositeValue(algorithm, declared.value)
      : { digest: parseChecksumValue(algorithm, declared.value), partCount: undefined }
  if (!parsed?.digest) throw new CuttyError('invalid_request', `That is no checksum by ${algorithm}.`)
  const isSame = Buffer.compare(parsed.digest, digest) === 0 && (parsed.partCount ?? partCount) === partCount
  if (isSame) return
  throw new CuttyError('digest_mismatch', `The ${algorithm} of the whole is another than the one declared.`, {
    extras: { algorithm, received: formatChecksumValue(digest) },
  })
}
