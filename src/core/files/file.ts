import type { ChecksumName } from '../checksums/checksum.ts'
import type { ChecksumType } from '../checksums/multipart.ts'
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
  /** Of S3 only: REST has Cache-Control for it. */
  readonly expires?: string
}

export interface BucketRef {
  readonly id: string
  readonly name: string
  readonly ownerId: string
  readonly visibility: Visibility
  /** Everybody may read files whose keys begin like one of these; with {@link keyEnd} behind it, one is a whole key. */
  readonly publicPrefixes: readonly string[]
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
  /** As the client declared it. */
  readonly checksum: FileChecksum | undefined
  /** Everybody may read it, though the bucket is private. */
  readonly visibility: 'public' | undefined
  readonly createdAtMs: number
  readonly modifiedAtMs: number
  readonly blob: BlobRef
}

/** A checksum of S3's kind. */
export interface FileChecksum {
  readonly algorithm: ChecksumName
  /** COMPOSITE: of the checksums of the parts. */
  readonly type: ChecksumType
  /** Base64; of COMPOSITE with the number of parts, as `<base64>-<parts>`. */
  readonly value: string
}

/** How bytes are stored: one record, which copies and moves carry along (R20). */
export interface BlobRef {
  readonly id: string
  /** `parts`: in other blobs, one after another. Codec and level are then those of most of its bytes, and tell no reader anything. */
  readonly location: 'row' | 'store' | 'parts'
  readonly codec: CodecName | 'identity'
  /** Zero, as `frameBytes` is, for `identity`. Of `parts` there are no frames either. */
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
  /** Of the plaintext; of no bytes where it is not known, which is so of `parts`. */
  readonly sha256: Uint8Array
  /** Where the frames are, if that is short; longer ones are read when they are needed. */
  readonly frameIndex: Uint8Array | undefined
}

/** What a name stands for at the moment: its bucket, and the file if there is one. */
export interface Pointer {
  readonly bucket: BucketRef
  readonly file: FileRecord | undefined
}

/** Behind a public prefix that is a whole key: no key holds a NUL. */
export const keyEnd = '\0'

/** Whether everybody may read what has this key in a bucket, be it there or not. */
export function isPublicKey(bucket: BucketRef, key: string): boolean {
  if (bucket.visibility === 'public') return true
  if (bucket.publicPrefixes.length === 0) return false
  const ended = key + keyEnd
  return bucket.publicPrefixes.some((prefix) => ended.startsWith(prefix))
}

/** Whether everybody may read a file, so that shared caches may keep it (R27). */
export function isPublic(file: Pick<FileRecord, 'bucket' | 'key' | 'visibility'>): boolean {
  return file.visibility === 'public' || isPublicKey(file.bucket, file.key)
}
