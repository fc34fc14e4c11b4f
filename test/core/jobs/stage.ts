import { Buffer } from 'node:buffer'
import { readdir, readFile, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import type { CompressionPolicy } from '../../../src/core/compression/policy.ts'
import type { Core } from '../../../src/core/core.ts'
import { createBucket } from '../../../src/core/files/buckets.ts'
import type { FileRecord, StoredHeaders } from '../../../src/core/files/file.ts'
import { putFile } from '../../../src/core/files/put.ts'
import { readContent } from '../../../src/core/files/read.ts'
import { findFileRecord } from '../../../src/core/files/record.ts'
import { createJob, type JobRequest, type JobView, readJob } from '../../../src/core/jobs/jobs.ts'
import type { Pause } from '../../../src/core/jobs/rate.ts'
import { createJobRunner } from '../../../src/core/jobs/runner.ts'
import { openTestCore, type TestCore } from '../test-core.ts'

export const bucket = 'bucket'
/** Nobody waits in a test. */
export const noPause: Pause = async () => {}

/** Words that compress, and better with more effort. */
export function words(bytes: number, seed = 1): Uint8Array {
  let state = seed
  const next = (bound: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  const vocabulary = Array.from({ length: 400 }, () => next(36 ** 6).toString(36))
  let text = ''
  while (text.length < bytes) text += `${vocabulary[next(vocabulary.length)]} `
  return new Uint8Array(Buffer.from(text.slice(0, bytes)))
}

export interface PutOptions {
  readonly contentType?: string
  readonly headers?: StoredHeaders
  readonly compression?: Partial<CompressionPolicy>
}

export type Stage = Awaited<ReturnType<typeof openStage>>

/** A core with a bucket, and ways to look behind it. */
export async function openStage(options: Parameters<typeof openTestCore>[0] = { cacheBytes: 0 }) {
  const opened: TestCore = await openTestCore(options)
  const { core, admin, folder } = opened
  await createBucket(core, admin, { name: bucket, visibility: 'private' })

  const sqlite = <T>(text: string, ...values: (string | Uint8Array)[]): T[] => {
    const database = new DatabaseSync(join(folder, 'cutty.db'), { timeout: 5000 })
    try {
      return database.prepare(text).all(...values) as T[]
    } finally {
      database.close()
    }
  }
  const pathOf = (id: string) => join(folder, 'blobs', id.slice(0, 5), id.slice(5, 7), id)
  const record = (key: string, of = bucket) =>
    findFileRecord(core, admin, { bucket: of, key, action: 'read_file' })

  return {
    ...opened,
    sqlite,
    record,
    async put(key: string, bytes: Uint8Array, { contentType, headers, compression }: PutOptions = {}) {
      const describe = () => ({
        contentType: contentType ?? 'text/plain',
        headers: headers ?? {},
        metadata: {},
        tags: {},
      })
      const request = { bucket, key, body: once(bytes), describe, compression, sizeBytes: bytes.length }
      return (await putFile(core, admin, request)).file
    },
    async read(key: string): Promise<Buffer> {
      const content = await readContent(core, await record(key))
      const chunks: Buffer[] = []
      for await (const chunk of content instanceof Uint8Array ? [content] : content)
        chunks.push(Buffer.from(chunk))
      return Buffer.concat(chunks)
    },
    /** As it was before there was compression. */
    forget(id: string) {
      sqlite(`UPDATE blobs SET reason = 'unmeasured', gain = NULL WHERE id = ?`, id)
      sqlite(`DELETE FROM storage_totals`)
      sqlite(`INSERT INTO storage_totals
        SELECT f.bucket_id, f.media_type, b.codec, b.reason, count(*), sum(b.size_bytes), sum(b.stored_bytes)
        FROM files f JOIN blobs b ON b.id = f.blob_id GROUP BY 1, 2, 3, 4`)
    },
    async flip(id: string, at: number) {
      const bytes = await readFile(pathOf(id))
      bytes[at] = (bytes[at] as number) ^ 1
      await writeFile(pathOf(id), bytes)
    },
    cut: (id: string, bytes: number) => truncate(pathOf(id), bytes),
    lose: (id: string) => unlink(pathOf(id)),
    restore: (id: string, bytes: Uint8Array) => writeFile(pathOf(id), bytes),
    stored: (id: string) => readFile(pathOf(id)),
    storedIds: async () =>
      (await readdir(join(folder, 'blobs'), { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
        .toSorted(),
    /** Queues a job and does it. */
    async run(request: JobRequest, inCore: Core = core): Promise<JobView> {
      const { id } = await createJob(core, admin, request)
      await createJobRunner(inCore, { pause: noPause }).run()
      return readJob(core, admin, id)
    },
    /** Counts and totals are what the rows say, and no file points at nothing. */
    expectSound() {
      expect(
        sqlite(`SELECT id FROM blobs b WHERE references_count <> (SELECT count(*) FROM files WHERE blob_id = b.id)
            + (SELECT count(*) FROM upload_parts WHERE blob_id = b.id)
            + (SELECT count(*) FROM blob_parts WHERE part_blob_id = b.id)
          OR (garbage_since_ms IS NULL) <> (references_count > 0)`),
      ).toEqual([])
      expect(sqlite(`SELECT key FROM files WHERE blob_id NOT IN (SELECT id FROM blobs)`)).toEqual([])
      expect(sqlite(`SELECT * FROM storage_totals ORDER BY 1, 2, 3, 4`)).toEqual(
        sqlite(`SELECT f.bucket_id, f.media_type, b.codec, b.reason, count(*) AS files,
            sum(b.size_bytes) AS size_bytes, sum(b.stored_bytes) AS stored_bytes
          FROM files f JOIN blobs b ON b.id = f.blob_id GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`),
      )
    },
  }
}

/** All that anybody sees of a file. */
export function seen(file: FileRecord) {
  const { blob, ...rest } = file
  return { ...rest, sha256: Buffer.from(blob.sha256).toString('hex') }
}

async function* once(bytes: Uint8Array) {
  yield bytes
}
