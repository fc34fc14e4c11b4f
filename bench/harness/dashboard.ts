import { setTimeout as sleep } from 'node:timers/promises'
import type { Caller } from '../../src/core/accounts/caller.ts'
import type { Core } from '../../src/core/core.ts'
import { createBucket, readBuckets } from '../../src/core/files/buckets.ts'
import { listFiles } from '../../src/core/files/list.ts'
import { putFile } from '../../src/core/files/put.ts'
import { findFileRecord } from '../../src/core/files/record.ts'
import { readStorageStats } from '../../src/core/files/storage-stats.ts'
import type { Database } from '../../src/core/ports/database.ts'
import { createDice } from './many-keys.ts'
import type { Measurement } from './scenario.ts'

export const bucketCount = 20
export const filesPerBucket = 200
/** One write after so many reads. */
export const readsPerWrite = 19
const folders = 10
const pageFiles = 100
/** Of a bucket, at the beginning of its list. */
const watchedFiles = 10

/** The same, `delayMs` away. */
export function distant(database: Database, delayMs: number): Database {
  return {
    ...database,
    capabilities: { embedded: false, exclusive: false, inlineBlobBytesMax: 0, staleMsMax: 0 },
    async query(statement, params) {
      await sleep(delayMs)
      return database.query(statement, params)
    },
    async queryTogether(reads) {
      await sleep(delayMs)
      return database.queryTogether(reads)
    },
    async batch(bound) {
      await sleep(delayMs)
      return database.batch(bound)
    },
  }
}

/** What was written last, by bucket and key. */
export type Written = Map<string, Map<string, { etag: string; sizeBytes: number }>>

/** Zipf 1.0: the n-th bucket is looked at, and written to, an n-th as often as the first. */
function drawBucket(dice: (sides: number) => number): number {
  const shares = Array.from({ length: bucketCount }, (_, bucket) => 1 / (bucket + 1))
  let left = (dice(1e6) / 1e6) * shares.reduce((sum, share) => sum + share, 0)
  return shares.findIndex((share) => (left -= share) < 0)
}

const bucketName = (bucket: number) => `bucket-${String(bucket).padStart(2, '0')}`
const keyName = (file: number) => `folder-${file % folders}/file-${String(file).padStart(4, '0')}.txt`
let texts = 0

async function write(of: { core: Core; caller: Caller; written: Written }, bucket: string, key: string) {
  const bytes = new TextEncoder().encode(`text ${texts++} of ${key}`.padEnd(20 + (texts % 50)))
  const body = (async function* () {
    yield bytes
  })()
  const describe = () => ({ contentType: 'text/plain', headers: {}, metadata: {}, tags: {} })
  const { file } = await putFile(of.core, of.caller, { bucket, key, body, describe })
  of.written.get(bucket)?.set(key, { etag: file.etag, sizeBytes: bytes.length })
}

export async function fill(of: { core: Core; caller: Caller; written: Written }): Promise<void> {
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const name = bucketName(bucket)
    await createBucket(of.core, of.caller, { name, visibility: 'private' })
    of.written.set(name, new Map())
    await Promise.all(Array.from({ length: filesPerBucket }, (_, file) => write(of, name, keyName(file))))
  }
}

/**
 * What a page that shows buckets, their files and what they take reads, one after the other, with a write in between now and
 * then; what the first `warmUp` reads take is not counted. Throws when an answer is not what was written last.
 */
export async function watch(of: {
  core: Core
  caller: Caller
  written: Written
  reads: number
  warmUp: number
  seed: number
}): Promise<Measurement> {
  const { core, caller, written } = of
  const dice = createDice(of.seed)
  const kinds = { buckets: 0, listing: 0, totals: 0, file: 0 }
  let writesMs = 0
  for (let done = 0; done < of.warmUp + of.reads; done++) {
    const counts = done >= of.warmUp
    const bucket = bucketName(drawBucket(dice))
    const kind = (['buckets', 'listing', 'listing', 'totals', 'file', 'file', 'file'] as const)[done % 7]!
    const startedMs = performance.now()
    const check = await readers[kind]({ core, caller, bucket, number: dice(1000) })
    if (counts) kinds[kind] += performance.now() - startedMs
    if (!check(written)) throw new Error(`${kind} of ${bucket}: not what was written last`)
    if (done % readsPerWrite === 0) {
      const beganMs = performance.now()
      await write(of, bucketName(drawBucket(dice)), keyName(dice(filesPerBucket)))
      if (counts) writesMs += performance.now() - beganMs
    }
  }
  const readsMs = Object.values(kinds).reduce((sum, ms) => sum + ms, 0)
  return {
    readsMs,
    bucketsMs: kinds.buckets,
    listingMs: kinds.listing,
    totalsMs: kinds.totals,
    fileMs: kinds.file,
    writesMs,
  }
}

interface Reading {
  readonly core: Core
  readonly caller: Caller
  readonly bucket: string
  readonly number: number
}

const listingQueries = [
  { sort: 'key', order: 'asc', delimiter: '/' },
  { sort: 'modified', order: 'desc' },
] as const

type Check = (written: Written) => boolean

const readers: Record<'buckets' | 'listing' | 'totals' | 'file', (of: Reading) => Promise<Check>> = {
  async buckets({ core, caller }) {
    const { buckets } = await readBuckets(core, caller, { limit: pageFiles })
    return (written) => buckets.length === written.size
  },
  async listing({ core, caller, bucket, number }) {
    const query = listingQueries[number % listingQueries.length]!
    const page = await listFiles(core, caller, { bucket, prefix: '', limit: pageFiles, ...query })
    if ('delimiter' in query) return () => page.commonPrefixes.length === folders
    return (written) =>
      page.files.length === pageFiles &&
      page.files.every(({ key, etag }) => written.get(bucket)?.get(key)?.etag === etag)
  },
  async totals({ core, caller }) {
    const { totals } = await readStorageStats(core, caller, {})
    return (written) => {
      const files = [...written.values()].flatMap((each) => [...each.values()])
      const sizeBytes = files.reduce((sum, each) => sum + each.sizeBytes, 0)
      return totals.files === files.length && totals.sizeBytes === sizeBytes
    }
  },
  async file({ core, caller, bucket, number }) {
    const key = keyName(number % watchedFiles)
    const { etag } = await findFileRecord(core, caller, { bucket, key, action: 'read_file' })
    return (written) => written.get(bucket)?.get(key)?.etag === etag
  },
}
