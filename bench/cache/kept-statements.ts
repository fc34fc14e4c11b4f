/**
 * What it takes to read statements from SQLite in this process, to find their rows in memory, and to miss and keep them:
 * for decisions/020. `node bench/cache/kept-statements.ts`
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createQueryCache } from '../../src/core/cache/query-cache.ts'
import { createSingleFlight } from '../../src/core/cache/single-flight.ts'
import { createBucket } from '../../src/core/files/buckets.ts'
import { createReadRows } from '../../src/core/kept-statements.ts'
import { systemClock } from '../../src/core/ports/clock.ts'
import { bind, type Database, type Params, type Statement } from '../../src/core/ports/database.ts'
import { findUser, listAccessKeys } from '../../src/core/statements/accounts.ts'
import { insertBlob } from '../../src/core/statements/blobs.ts'
import { findBucket, listBuckets } from '../../src/core/statements/buckets.ts'
import { countDamaged, totalsOfEverybody } from '../../src/core/statements/compression.ts'
import { putFile } from '../../src/core/statements/files.ts'
import { listByKey, listBySize, listFilteredByKey, listGrouped } from '../../src/core/statements/listing.ts'
import { openApplication } from '../signing/application.ts'

const bucketCount = 300
const fileCount = 20_000
const ceiling = '\u{10ffff}'

const folder = mkdtempSync(join(tmpdir(), 'cutty-kept-'))
const application = await openApplication(folder)
const { core, admin } = application
try {
  const bucketId = await fill()
  // All are kept of a database that is elsewhere; this one is as near as before.
  const { database } = core
  const far = { ...database, capabilities: { ...database.capabilities, embedded: false, exclusive: true } }
  console.log('| statement | rows | SQLite µs | hit µs | miss µs | even from |')
  console.log('| --- | --- | --- | --- | --- | --- |')
  for (const [statement, params, name] of cases(bucketId)) await measure(far, statement, params, name)
} finally {
  await application.close()
  rmSync(folder, { recursive: true })
}

/** Half of the files in the first bucket, whose id is returned. */
async function fill(): Promise<string> {
  const ids: string[] = []
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    ids.push((await createBucket(core, admin, { name: `bucket-${bucket}`, visibility: 'private' })).id)
  }
  for (let first = 0; first < fileCount; first += 500) {
    const batch = Array.from({ length: 500 }, (_, index) => statementsOf(first + index, ids))
    await core.database.batch(batch.flat())
  }
  return ids[0]!
}

function statementsOf(file: number, bucketIds: readonly string[]) {
  const id = core.ids.next()
  const bucketId = bucketIds[file % 2 === 0 ? 0 : file % bucketCount]!
  const how = { location: 'store', codec: file % 3 === 0 ? 'zstd' : 'gzip', level: 3, reason: 'compressed' }
  const sizes = { sizeBytes: file, storedBytes: file, frameBytes: 0, frameIndex: null, gain: 0.5 } as const
  const blob = { id, ...how, ...sizes, sha256: new Uint8Array(32), createdAtMs: 1 }
  const key = `photos/${file % 40}/${String(file).padStart(8, '0')}-beach.jpg`
  const described = { contentType: 'image/jpeg', mediaType: file % 4 === 0 ? 'image/png' : 'image/jpeg' }
  const texts = { headers: '{}', metadata: '{}', tags: '{}', checksum: null, visibility: null }
  const etag = `sha256-${'0123456789abcdef'.repeat(4)}`
  const times = { createdAtMs: 1, modifiedAtMs: file }
  const row = {
    bucketId,
    key,
    versionId: id,
    blobId: id,
    sizeBytes: file,
    etag,
    ...described,
    ...texts,
    ...times,
  }
  return [bind(insertBlob, blob as never), bind(putFile, row)]
}

function cases(bucketId: string): [Statement, Params, string][] {
  const all = { bucketId, from: '', to: ceiling, limit: 1000 }
  const sizes = { value: -1, key: '', lastValue: Number.MAX_SAFE_INTEGER, lastKey: ceiling }
  const types = { typeFrom: 'image/', typeTo: 'image0' }
  const group = { delimiter: '/', delimiterSuccessor: '0', prefixChars: 7 }
  const list: [Statement<never>, Params][] = [
    [findBucket, { name: 'bucket-7' }],
    [findUser, { id: admin.userId as string }],
    [listAccessKeys, { userId: admin.userId as string }],
    [countDamaged, {}],
    [listBuckets, { after: '', limit: 1000 }],
    [listByKey, { ...all, limit: 100 }],
    [listByKey, all],
    [listBySize.page, { ...all, ...sizes, ...types }],
    [listFilteredByKey.page, { ...all, ...types }],
    [listFilteredByKey.scanEnd, { ...all, rows: 9000 }],
    [listGrouped, { ...all, ...group, from: 'photos/', to: 'photos0' }],
    [totalsOfEverybody.sum, all],
    [totalsOfEverybody.byBucket, all],
    [totalsOfEverybody.byMediaType, all],
  ]
  return list.map(([statement, params]) => [statement as Statement, params, statement.name])
}

async function measure(database: Database, statement: Statement, params: Params, name: string) {
  const open = () => {
    const flight = createSingleFlight<unknown>({ timeoutMs: 1000 })
    const background = { run() {} }
    return createQueryCache({ database, bytesMax: 2 ** 26, clock: systemClock, background, flight })
  }
  const [warm, cold] = [open(), open()]
  const [readWarm, readCold] = [createReadRows(warm), createReadRows(cold)]
  const rows = await readWarm(statement, params)
  const queryUs = await timed(() => database.query(statement, params))
  const hitUs = await timed(() => readWarm(statement, params))
  const clearUs = await timed(() => cold.clear())
  const missUs =
    (await timed(() => {
      cold.clear()
      return readCold(statement, params)
    })) - clearUs
  const shown = [queryUs, hitUs, missUs].map((us) => us.toFixed(us < 10 ? 1 : 0))
  // Of so many reads of which a hit pays for the misses.
  const even = Math.max(0, (missUs - queryUs) / (missUs - hitUs))
  console.log(`| ${[`\`${name}\``, rows.length, ...shown, even.toFixed(2)].join(' | ')} |`)
}

/** Microseconds of one call, the least of several runs. */
async function timed(call: () => unknown): Promise<number> {
  let leastUs = Infinity
  for (let run = 0; run < 7; run++) {
    const startedMs = performance.now()
    let calls = 0
    for (; performance.now() - startedMs < 100; calls++) await call()
    leastUs = Math.min(leastUs, ((performance.now() - startedMs) * 1000) / calls)
  }
  return leastUs
}
