import { Buffer } from 'node:buffer'
import type { Caller } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { limits } from '../limits.ts'
import { bind, DatabaseError } from '../ports/database.ts'
import { uploadIsOpen } from '../statements/guards.ts'
import { putPart as putPartRow, releasePart } from '../statements/uploads.ts'
import type { ChecksumRequest, ExpectedDigests } from './body.ts'
import type { FileChecksum } from './file.ts'
import { insertStatements, removeUncommitted } from './put.ts'
import { storeBody, tooLarge } from './store.ts'
import { findUpload, missingUpload, type Upload, type UploadRef } from './uploads.ts'

export interface PutPartRequest extends UploadRef {
  /** 1 to `partsMax`. */
  readonly number: number
  readonly body: AsyncIterable<Uint8Array>
  /** As declared by the client; the body must have it. */
  readonly sizeBytes?: number | undefined
  readonly digests?: ExpectedDigests | undefined
  /** Of the upload's algorithm, if that has one; else it is verified and forgotten. */
  readonly checksum?: ChecksumRequest | undefined
}

export interface StoredPart {
  /** MD5 of the plaintext, in hexadecimal. */
  readonly etag: string
  readonly sizeBytes: number
  /** Where one was asked for, by the upload or with the part. */
  readonly checksum: FileChecksum | undefined
  readonly modifiedAtMs: number
}

/**
 * Stores a part of an upload, compressed as a file would be, under a blob of its own. One that was there under the number is
 * replaced, at once and whole. When the upload ends before the part has arrived, it is `upload_not_found`, and nothing of it
 * stays.
 */
export async function putPart(core: Core, caller: Caller, request: PutPartRequest): Promise<StoredPart> {
  const { number, key, body, sizeBytes, digests } = request
  if (!Number.isInteger(number) || number < 1 || number > limits.partsMax) {
    throw new CuttyError('invalid_request', `A part has a number from 1 to ${limits.partsMax}.`)
  }
  if ((sizeBytes ?? 0) > limits.partBytesMax) throw tooLarge(limits.partBytesMax)
  const upload = await findUpload(core, caller, request)
  const checksum = checksumFor(upload, request)
  core.room.take(sizeBytes ?? 0)

  const stored = await storeBody(core, {
    key,
    body,
    sizeBytes,
    digests,
    checksum,
    md5: true,
    describe: () => upload,
    policy: { ...upload.bucket.compression, ...upload.compression },
    bytesMax: limits.partBytesMax,
  })
  const part: StoredPart = {
    etag: Buffer.from(stored.digests.md5 as Uint8Array).toString('hex'),
    sizeBytes: stored.blob.sizeBytes,
    checksum: stored.digests.checksum,
    modifiedAtMs: core.clock.now(),
  }
  const { etag, modifiedAtMs } = part
  try {
    await core.database.batch([
      bind(uploadIsOpen, { uploadId: upload.id }),
      ...insertStatements(stored, modifiedAtMs),
      bind(releasePart, { uploadId: upload.id, number, nowMs: modifiedAtMs }),
      bind(putPartRow, {
        uploadId: upload.id,
        number,
        blobId: stored.blob.id,
        sizeBytes: part.sizeBytes,
        etag,
        checksum: upload.checksum ? (part.checksum?.value ?? null) : null,
        modifiedAtMs,
      }),
    ])
  } catch (error) {
    removeUncommitted(core, stored, error)
    if (error instanceof DatabaseError && error.kind === 'guard') throw missingUpload(error)
    throw error
  }
  return part
}

/** What is to be taken of the part: what the upload needs, held against what came with the part. */
function checksumFor({ checksum: wanted }: Upload, request: PutPartRequest): ChecksumRequest | undefined {
  const { checksum: sent } = request
  if (!wanted) return sent
  if (!sent) return { ...wanted, expected: () => undefined }
  if (sent.algorithm !== wanted.algorithm) {
    const detail = `The upload was begun with ${wanted.algorithm}; the part came with ${sent.algorithm}.`
    throw new CuttyError('invalid_request', detail)
  }
  return { ...sent, type: wanted.type }
}
