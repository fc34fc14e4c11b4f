import { Buffer } from 'node:buffer'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import { decompress } from 'lz4js'
import type { CodecName } from '../../src/core/compression/codec.ts'
import type { Core } from '../../src/core/core.ts'
import { createBucket } from '../../src/core/files/buckets.ts'
import type { BlobRef, FileDescription, FileRecord } from '../../src/core/files/file.ts'
import { putFile, type PutRequest } from '../../src/core/files/put.ts'
import { type Content, readContent } from '../../src/core/files/read.ts'
import { findFileRecord } from '../../src/core/files/record.ts'
import type { ByteRange } from '../../src/core/ports/blob-store.ts'
import { testBytes } from './test-bytes.ts'
import { openTestCore, type TestCore, withoutMemory } from './test-core.ts'

export const bucket = 'bucket'

/** A core with a bucket, and a look behind it: at the stored bytes and rows themselves. */
export interface StoredFiles extends TestCore {
  put(key: string, bytes: Uint8Array, more?: PutOptions): Promise<FileRecord>
  find(key: string): Promise<FileRecord>
  read(key: string, range?: ByteRange): Promise<Buffer>
  /** As they lie on the disk or in the row. */
  storedBytes(blob: BlobRef): Promise<Uint8Array>
  /** Puts others in their place, behind the back of the core. */
  overwriteStored(blob: BlobRef, bytes: Uint8Array): Promise<void>
  blobPath(blob: BlobRef): string
  sql<Row>(text: string, ...values: SQLInputValue[]): Row[]
  /** The same core in another process, as it were: it remembers nothing of what this one read. */
  forgetful(): Core
}

export interface PutOptions extends Partial<PutRequest> {
  readonly core?: Core
  readonly contentType?: string
  readonly headers?: FileDescription['headers']
  readonly chunkBytes?: number
}

export async function openStoredFiles(
  options: { inlineBlobBytesMax?: number; cacheBytes?: number } = {},
): Promise<StoredFiles> {
  const opened = await openTestCore({ inlineBlobBytesMax: 16 * 1024, ...options })
  const { core, admin, folder } = opened
  await createBucket(core, admin, { name: bucket, visibility: 'private' })

  const find = async (key: string) => findFileRecord(core, admin, { bucket, key, action: 'read_file' })
  const blobPath = ({ id }: BlobRef) => join(folder, 'blobs', id.slice(0, 5), id.slice(5, 7), id)
  const sql = <Row>(text: string, ...values: SQLInputValue[]): Row[] => {
    const database = new DatabaseSync(join(folder, 'cutty.db'))
    try {
      return database.prepare(text).all(...values) as Row[]
    } finally {
      database.close()
    }
  }
  return {
    ...opened,
    async put(key, bytes, { core: other, contentType, headers, chunkBytes, ...more } = {}) {
      const { file } = await putFile(other ?? core, admin, {
        bucket,
        key,
        body: chunked(bytes, chunkBytes),
        describe: () => ({
          contentType: contentType ?? 'text/plain',
          headers: headers ?? {},
          metadata: {},
          tags: {},
        }),
        ...more,
      })
      return file
    },
    find,
    async read(key, range) {
      return bytesOf(await readContent(core, await find(key), range))
    },
    async storedBytes(blob) {
      if (blob.location === 'store') return readFile(blobPath(blob))
      const [row] = sql<{ bytes: Uint8Array }>('SELECT bytes FROM blob_bodies WHERE blob_id = ?', blob.id)
      return row?.bytes as Uint8Array
    },
    async overwriteStored(blob, bytes) {
      if (blob.location === 'store') await writeFile(blobPath(blob), bytes)
      else sql('UPDATE blob_bodies SET bytes = ?2 WHERE blob_id = ?1', blob.id, bytes)
    },
    blobPath,
    sql,
    forgetful: () => ({
      ...core,
      ...withoutMemory(core.database),
      ...testBytes({ bytesMax: 0, entryBytesMax: 0 }),
    }),
  }
}

export async function* chunked(bytes: Uint8Array, size = 100_003): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export async function bytesOf(content: Content): Promise<Buffer> {
  if (content instanceof Uint8Array) return Buffer.from(content)
  const chunks: Buffer[] = []
  for await (const chunk of content) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

/** Decoders that know nothing of frames and indexes. */
export const decoders: Readonly<Record<CodecName, (coded: Uint8Array) => Uint8Array>> = {
  zstd: (coded) => zstdDecompressSync(coded),
  gzip: (coded) => gunzipSync(coded),
  deflate: (coded) => inflateSync(coded),
  brotli: (coded) => brotliDecompressSync(coded),
  lz4: (coded) => new Uint8Array(decompress(coded)),
}
