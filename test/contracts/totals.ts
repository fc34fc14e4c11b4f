import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Caller } from '../../src/core/accounts/caller.ts'
import { testBytes } from '../core/test-bytes.ts'
import type { CompressionPolicy } from '../../src/core/compression/policy.ts'
import type { Core } from '../../src/core/core.ts'
import { CuttyError } from '../../src/core/errors.ts'
import { createBucket, deleteBucket } from '../../src/core/files/buckets.ts'
import {
  changeDescription,
  copyFile,
  deleteFile,
  deleteFiles,
  renameFile,
} from '../../src/core/files/change.ts'
import { collectGarbage } from '../../src/core/files/collect.ts'
import type { FileDescription } from '../../src/core/files/file.ts'
import { abortUpload, createUpload } from '../../src/core/files/uploads.ts'
import { completeUpload, type ListedPart } from '../../src/core/files/complete-upload.ts'
import { putPart } from '../../src/core/files/put-part.ts'
import { putFile } from '../../src/core/files/put.ts'
import { bind, type Database, type Statement } from '../../src/core/ports/database.ts'
import { defineStatement } from '../../src/core/statements/define.ts'
import { statements } from '../../src/core/statements/registry.ts'
import { createMemoryCore } from '../core/memory-core.ts'
import { createTestClock } from '../core/test-clock.ts'
import { randomBytes, textBytes } from '../core/compression/samples.ts'
import { addUser, deleteUser } from './database-statements.ts'

interface Total {
  bucketId: string
  mediaType: string
  codec: string
  reason: string
  files: number
  sizeBytes: number
  storedBytes: number
}

const kept = defineStatement<Record<string, never>, Total>({
  name: 'contract.totals_kept',
  text: `SELECT bucket_id AS bucketId, media_type AS mediaType, codec, reason, files, size_bytes AS sizeBytes,
      stored_bytes AS storedBytes
    FROM storage_totals ORDER BY bucket_id, media_type, codec, reason`,
  params: [],
  reads: ['storage_totals'],
  writes: [],
})

const counted = defineStatement<Record<string, never>, Total>({
  name: 'contract.totals_counted',
  text: `SELECT f.bucket_id AS bucketId, f.media_type AS mediaType, b.codec, b.reason, count(*) AS files,
      sum(b.size_bytes) AS sizeBytes, sum(b.stored_bytes) AS storedBytes
    FROM files f JOIN blobs b ON b.id = f.blob_id
    GROUP BY f.bucket_id, f.media_type, b.codec, b.reason
    ORDER BY f.bucket_id, f.media_type, b.codec, b.reason`,
  params: [],
  reads: ['files', 'blobs'],
  writes: [],
})

/** What a database must be created with. */
export const totalsStatements: readonly Statement[] = [
  ...statements,
  kept,
  counted,
  addUser,
  deleteUser,
] as unknown as readonly Statement[]

const text = textBytes(20_000)
const noise = randomBytes(20_000)
const bodies = [
  new Uint8Array(),
  text.subarray(0, 500),
  text,
  text.subarray(0, 7000),
  noise,
  noise.subarray(1),
]
const types = ['text/plain', 'Text/Plain; charset=utf-8', 'image/png', 'application/octet-stream']
const policies: Partial<CompressionPolicy>[] = [
  { mode: 'auto' },
  { mode: 'off' },
  { mode: 'gzip' },
  { mode: 'deflate', minimumGain: 0.99 },
]
const buckets = ['totals-one', 'totals-two']

const place = fc.record({ bucket: fc.constantFrom(...buckets), key: fc.constantFrom('a', 'b', 'c') })
const description = fc
  .constantFrom(...types)
  .map((contentType): FileDescription => ({ contentType, headers: {}, metadata: {}, tags: {} }))

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      at: place,
      body: fc.constantFrom(...bodies),
      description,
      compression: fc.constantFrom(...policies),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('copy' as const, 'rename' as const),
      at: place,
      to: place,
      description: fc.option(description, { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('parts' as const),
      at: place,
      bodies: fc.array(fc.constantFrom(...bodies), { minLength: 1, maxLength: 3 }),
      description,
      end: fc.constantFrom('complete' as const, 'abort' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('describe' as const), at: place, description }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'deleteMany' as const), at: place }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('collect' as const), at: place }) },
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

async function run(core: Core, caller: Caller, wanted: Step): Promise<unknown> {
  const { at } = wanted
  if (wanted.do === 'put') {
    async function* body() {
      if (wanted.do === 'put') yield wanted.body
    }
    const describeAs = () => wanted.description
    return putFile(core, caller, {
      ...at,
      body: body(),
      describe: describeAs,
      compression: wanted.compression,
    })
  }
  if (wanted.do === 'parts') return upload(core, caller, wanted)
  if (wanted.do === 'copy' || wanted.do === 'rename') {
    const change = wanted.description && (() => wanted.description as FileDescription)
    const request = { source: at, destination: wanted.to, change }
    return wanted.do === 'copy' ? copyFile(core, caller, request) : renameFile(core, caller, request)
  }
  if (wanted.do === 'describe') {
    return changeDescription(core, caller, { ...at, change: () => wanted.description })
  }
  if (wanted.do === 'delete') return deleteFile(core, caller, at)
  if (wanted.do === 'deleteMany')
    return deleteFiles(core, caller, { bucket: at.bucket, keys: ['a', 'b', at.key] })
  return collectGarbage(core, { graceMs: 0 })
}

async function upload(core: Core, caller: Caller, wanted: Step & { do: 'parts' }): Promise<unknown> {
  const { at, description } = wanted
  const { id: uploadId } = await createUpload(core, caller, { ...at, description })
  const parts: ListedPart[] = []
  for (const [index, bytes] of wanted.bodies.entries()) {
    async function* body() {
      yield bytes
    }
    const number = index + 1
    const { etag } = await putPart(core, caller, { ...at, uploadId, number, body: body() })
    parts.push({ number, etag })
  }
  if (wanted.end === 'abort') return abortUpload(core, caller, { ...at, uploadId })
  return completeUpload(core, caller, { ...at, uploadId, parts, partBytesMin: 0 })
}

/** The totals of `storage_totals` are those of its files, after whatever was done: kept by triggers, on every database. */
export function totalsContract(
  name: string,
  options: { runs: number; create: () => Promise<{ database: Database; cleanup: () => Promise<void> }> },
): void {
  describe(`storage totals on ${name}`, () => {
    test('are what a count of all files would say, after every step', async () => {
      const { database, cleanup } = await options.create()
      const clock = createTestClock()
      const core = createMemoryCore({
        database,
        clock,
        background: { run: (_name, work) => void work() },
        ...testBytes({ bytesMax: 0, entryBytesMax: 0 }),
      })
      const userId = core.ids.next()
      const caller: Caller = { role: 'user', userId }
      const user = { id: userId, name: 'Totals', email: `${userId}@example.org` }
      await database.batch([bind(addUser, user)])

      let steps = 0
      const check = async (sequence: readonly Step[]) => {
        for (const bucket of buckets)
          await createBucket(core, caller, { name: bucket, visibility: 'private' })
        for (const each of sequence) {
          clock.advance(1000)
          // What is not there cannot be copied or deleted; nothing may change then.
          await run(core, caller, each).catch((error: unknown) => {
            if (!(error instanceof CuttyError) || !/not_found|invalid_request/.test(error.code)) throw error
          })
          const truth = await database.query(counted, {})
          expect(await database.query(kept, {}), JSON.stringify(each.do)).toEqual(truth)
          steps += truth.length > 0 ? 1 : 0
        }
        for (const bucket of buckets) {
          await deleteFiles(core, caller, { bucket, keys: ['a', 'b', 'c'] })
          await deleteBucket(core, caller, bucket)
        }
        expect(await database.query(kept, {})).toEqual([])
        clock.advance(1000)
        await collectGarbage(core, { graceMs: 0 })
      }
      try {
        const sequences = fc.array(step, { minLength: 20, maxLength: 40 })
        await fc.assert(fc.asyncProperty(sequences, check), { seed: 45, numRuns: options.runs })
        expect(steps).toBeGreaterThan(options.runs * 10)
      } finally {
        await database.batch([bind(deleteUser, { id: userId })]).catch(() => {})
        await cleanup()
      }
    })
  })
}
