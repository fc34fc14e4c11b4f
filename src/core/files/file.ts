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

export interface BlobRef {
  readonly id: string
  readonly location: 'row' | 'store'
  readonly codec: string
  readonly storedBytes: number
  /** Of the plaintext. */
  readonly sha256: Uint8Array
}

/** What a name stands for at the moment: its bucket, and the file if there is one. */
export interface Pointer {
  readonly bucket: BucketRef
  readonly file: FileRecord | undefined
}
