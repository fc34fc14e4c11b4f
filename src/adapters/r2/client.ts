import { CuttyError } from '../../core/errors.ts'

/** https://developers.cloudflare.com/r2/api/workers/workers-api-reference/ — what is used of it. */
export interface R2BucketLike {
  head(key: string): Promise<{ readonly size: number } | null>
  get(key: string, options?: { range?: { offset: number; length: number } }): Promise<R2ObjectBodyLike | null>
  /** Takes bytes, or the readable end of a stream whose length is known beforehand. */
  put(key: string, value: unknown): Promise<unknown>
  createMultipartUpload(key: string): Promise<R2MultipartUploadLike>
  delete(keys: string[]): Promise<void>
  list(options: {
    prefix: string
    limit: number
    startAfter?: string
    cursor?: string
  }): Promise<R2ObjectsLike>
}

export interface R2ObjectBodyLike {
  /** Of the whole object. */
  readonly size: number
  readonly range?: { offset?: number; length?: number } | { suffix: number }
  readonly body: AsyncIterable<Uint8Array> & { cancel(): Promise<void> }
}

export interface R2MultipartUploadLike {
  uploadPart(partNumber: number, value: Uint8Array): Promise<R2UploadedPartLike>
  complete(parts: R2UploadedPartLike[]): Promise<unknown>
  abort(): Promise<void>
}

export interface R2UploadedPartLike {
  partNumber: number
  etag: string
}

export interface R2ObjectsLike {
  readonly objects: readonly { readonly key: string }[]
  readonly truncated: boolean
  /** Present where the listing is truncated. */
  readonly cursor?: string
}

export interface FixedLengthStreamLike {
  readonly readable: object
  readonly writable: {
    getWriter(): {
      write(chunk: Uint8Array): Promise<void>
      close(): Promise<void>
      abort(reason?: unknown): Promise<void>
    }
  }
}

/** Calls R2; whatever it throws becomes the port's error. */
export async function attempt<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw unavailable(error)
  }
}

export function unavailable(cause: unknown): CuttyError {
  return new CuttyError('storage_unavailable', undefined, { cause })
}
