import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { Core } from '../../src/core/core.ts'
import type { FileDescription, FileRecord } from '../../src/core/files/file.ts'
import {
  abortUpload,
  createUpload,
  type CreateUploadRequest,
  type Upload,
} from '../../src/core/files/uploads.ts'
import { type CompleteRequest, completeUpload } from '../../src/core/files/complete-upload.ts'
import { putPart, type PutPartRequest } from '../../src/core/files/put-part.ts'
import { deleteFile } from '../../src/core/files/change.ts'
import { readContent } from '../../src/core/files/read.ts'
import type { ByteRange } from '../../src/core/ports/blob-store.ts'
import { bucket, openStage } from './jobs/stage.ts'
import { bytesOf, chunked } from './stored-files.ts'

export const description: FileDescription = { contentType: 'text/plain', headers: {}, metadata: {}, tags: {} }

export const md5 = (bytes: Uint8Array | string) => createHash('md5').update(bytes).digest('hex')

/** R49, said in another way. */
export function multipartEtag(parts: readonly Uint8Array[]): string {
  const digests = parts.map((part) => createHash('md5').update(part).digest())
  return `${md5(Buffer.concat(digests))}-${parts.length}`
}

export type Uploads = Awaited<ReturnType<typeof openUploads>>

/** A core with a bucket, in which files are uploaded in parts of any size. */
export async function openUploads(options?: Parameters<typeof openStage>[0]) {
  const stage = await openStage(options)
  const { core, admin } = stage
  const refOf = ({ id, key }: Upload) => ({ bucket, key, uploadId: id })

  const begin = (key: string, more: Partial<CreateUploadRequest> = {}) =>
    createUpload(core, admin, { bucket, key, description, ...more })
  const put = (
    upload: Upload,
    number: number,
    bytes: Uint8Array,
    { core: other = core, ...more }: Partial<PutPartRequest> & { core?: Core } = {},
  ) => putPart(other, admin, { ...refOf(upload), number, body: chunked(bytes), ...more })
  const complete = (
    upload: Upload,
    parts: readonly (readonly [number: number, bytes: Uint8Array])[],
    { core: other = core, ...more }: Partial<CompleteRequest> & { core?: Core } = {},
  ) =>
    completeUpload(other, admin, {
      ...refOf(upload),
      parts: parts.map(([number, bytes]) => ({ number, etag: md5(bytes) })),
      partBytesMin: 0,
      ...more,
    })

  return {
    ...stage,
    refOf,
    begin,
    /** A part by its bytes. */
    putPart: put,
    /** Of parts by their bytes. */
    complete,
    remove: (key: string) => deleteFile(core, admin, { bucket, key }),
    abort: (upload: Upload) => abortUpload(core, admin, refOf(upload)),
    /** A file of these parts. */
    async upload(key: string, parts: readonly Uint8Array[], more: Partial<CreateUploadRequest> = {}) {
      const upload = await begin(key, more)
      for (const [index, part] of parts.entries()) await put(upload, index + 1, part)
      return complete(
        upload,
        parts.map((part, index) => [index + 1, part]),
      )
    },
    async readRange(file: FileRecord, range?: ByteRange): Promise<Buffer> {
      return bytesOf(await readContent(core, file, range))
    },
    /** Rows of a table. */
    count: (table: string) =>
      stage.sqlite<{ count: number }>(`SELECT count(*) AS count FROM ${table}`)[0]?.count,
  }
}
