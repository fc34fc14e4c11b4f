import type { CodecName } from '../compression/codec.ts'
import type { CompressionPolicy } from '../compression/policy.ts'
import type { VerdictReason } from '../compression/verdict.ts'
import type { Visibility } from '../statements/buckets.ts'

/** Headers that belong to the client: kept and returned byte for byte (R16). */
export interface StoredHeaders {
  readonly contentDisposition?: string
  readonly contentEncoding?: string
  readonly contentLanguage?: string
  readonly cacheControl?: string
}

export interface BucketRef {
  readonly id: string
  readonly name: string
  readonly ownerId: string
  readonly visibility: Visibility
  /** Of its files to come. */
  readonly compression: CompressionPolicy
}

/** What a file is called and how it is presented. */
export interface FileDescription {
  /** As the client gave it, or as it was found out. */
  readonly contentType: string
  readonly headers: StoredHeaders
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
}

export interface FileRecord extends FileDescription {
  readonly bucket: BucketRef
  readonly key: string
  /** Fresh with every change of bytes or description. */
  readonly versionId: string
  /** Length of the plaintext. */
  readonly sizeBytes: number
  /** Opaque text of the strong validator, without quotes; derives from the plaintext (R3). */
  readonly etag: string
  readonly createdAtMs: number
  readonly modifiedAtMs: number
  readonly blob: BlobRef
}

/** How bytes are stored: one record, which copies and moves carry along (R20). */
export interface BlobRef {
  readonly id: string
  readonly location: 'row' | 'store'
  readonly codec: CodecName | 'identity'
  /** Zero, as `frameBytes` is, for `identity`. */
  readonly level: number
  /** Why it is stored like this: a VerdictReason, or `unmeasured` for what was stored before there were any. */
  readonly reason: VerdictReason | 'unmeasured'
  /** Share of the plaintext that was saved when it was decided, where it was measured. */
  readonly gain: number | undefined
  /** Plaintext bytes of a frame. */
  readonly frameBytes: number
  /** Of the plaintext. */
  readonly sizeBytes: number
  /** Of the blob, its index included. */
  readonly storedBytes: number
  /** Of the plaintext. */
  readonly sha256: Uint8Array
  /** Where the frames are, if that is short; longer ones are read when they are needed. */
  readonly frameIndex: Uint8Array | undefined
}

/** What a name stands for at the moment: its bucket, and the file if there is one. */
export interface Pointer {
  readonly bucket: BucketRef
  readonly file: FileRecord | undefined
}
