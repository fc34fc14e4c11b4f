/**
 * Durable commits of new files and rows of the access log, with all indexes and on copies without, in turn.
 * `node bench/scale/measure-cost.ts DATABASE COPY LOG COPY [--quick]`; changes them all, prints JSON.
 */
import { DatabaseSync } from 'node:sqlite'
import { savedAtOnce } from '../../src/core/access-log/access-log.ts'
import { bind } from '../../src/core/ports/database.ts'
import { accessWidth, accessesAtOnce, insertAll } from '../../src/core/statements/access-log.ts'
import { insertBlob, releaseBlobOfFile } from '../../src/core/statements/blobs.ts'
import { putFile } from '../../src/core/statements/files.ts'
import { openGenerated } from './adapter.ts'
import { chunkRows, drawAccesses } from './draw-log.ts'
import { diceFor, drawBytes, drawId, nowMs } from './draw.ts'
import { readAskedFiles } from './fill-log.ts'
import { readSamples } from './samples.ts'
import type { BoundStatement, Database } from '../../src/core/ports/database.ts'
import type { FileSample } from './samples.ts'

export interface CostMeasurement {
  readonly rounds: readonly {
    readonly withPerSecond: number
    readonly withoutPerSecond: number
    readonly oneByOneWithPerSecond: number
    readonly oneByOneWithoutPerSecond: number
    readonly logRowsWithPerSecond: number
    readonly logRowsWithoutPerSecond: number
  }[]
  readonly uploadsAtOnce: number
  /** In a transaction, by statements of seven rows each. */
  readonly logRowsAtOnce: number
}

const [file, copy, log, logCopy, quick] = process.argv.slice(2)
if (file === undefined || copy === undefined || log === undefined || logCopy === undefined) {
  throw new Error('which databases?')
}
const isQuick = quick === '--quick'
const uploadsAtOnce = 64
const seconds = isQuick ? 0.3 : 3

const reader = new DatabaseSync(file, { readOnly: true })
const samples = readSamples(reader).file
reader.close()
const databases = { with: await openGenerated(file), without: await openGenerated(copy) }
const logs = {
  with: await openGenerated(log, 'accessLog'),
  without: await openGenerated(logCopy, 'accessLog'),
}
const dice = diceFor(5, 0)
const batches = drawBatches()

const rounds = []
for (let round = -1; round < (isQuick ? 1 : 5); round += 1) {
  const measured = {
    withPerSecond: await commitsPerSecond(databases.with, uploadsAtOnce),
    withoutPerSecond: await commitsPerSecond(databases.without, uploadsAtOnce),
    oneByOneWithPerSecond: await commitsPerSecond(databases.with, 1),
    oneByOneWithoutPerSecond: await commitsPerSecond(databases.without, 1),
    logRowsWithPerSecond: await logRowsPerSecond(logs.with),
    logRowsWithoutPerSecond: await logRowsPerSecond(logs.without),
  }
  // The first one makes it warm.
  if (round >= 0) rounds.push(measured)
}
await Promise.all([...Object.values(databases), ...Object.values(logs)].map((database) => database.close()))
console.log(JSON.stringify({ rounds, uploadsAtOnce, logRowsAtOnce: savedAtOnce } satisfies CostMeasurement))

async function commitsPerSecond(database: Database, atOnce: number): Promise<number> {
  let commits = 0
  const began = performance.now()
  const upload = async () => {
    while (performance.now() - began < seconds * 1000) {
      await database.batch(putOf(samples[dice(samples.length)]!))
      commits += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, upload))
  return commits / ((performance.now() - began) / 1000)
}

/** The requests of the last hours, as many at a time as the server saves. */
function drawBatches(): BoundStatement[][] {
  const { asked } = readAskedFiles(file!)
  const values = drawAccesses({ seed: 5, rows: 100 * chunkRows }, { files: asked, from: 99 * chunkRows })
  const width = savedAtOnce * accessWidth
  const batches = Array.from({ length: Math.floor(values.length / width) }, (_, at) =>
    values.slice(at * width, (at + 1) * width),
  )
  return batches.map(insertAll)
}

async function logRowsPerSecond(database: Database): Promise<number> {
  let rows = 0
  let statements = 0
  const began = performance.now()
  for (let at = 0; performance.now() - began < seconds * 1000; at = (at + 1) % batches.length) {
    const results = await database.batch(batches[at]!)
    statements += results.length
    for (const { changes } of results) rows += changes
  }
  const elapsed = (performance.now() - began) / 1000
  if (rows !== statements * accessesAtOnce) throw new Error(`${rows} rows by ${statements} statements`)
  return rows / elapsed
}

/** What a PUT of a new file commits, beside a file of the sample. */
function putOf({ bucketId, key, mediaType }: FileSample): BoundStatement[] {
  const sizeBytes = 1 + dice(1_000_000)
  const blobId = drawId(dice, nowMs)
  const sha256 = drawBytes(dice, 32)
  const created = `${key}.${dice(2 ** 32)}`
  return [
    bind(insertBlob, {
      id: blobId,
      location: 'store',
      codec: 'identity',
      level: 0,
      reason: 'type',
      gain: null,
      sizeBytes,
      storedBytes: sizeBytes,
      frameBytes: 0,
      frameIndex: null,
      sha256,
      createdAtMs: nowMs,
    }),
    bind(releaseBlobOfFile, { bucketId, key: created, nowMs }),
    bind(putFile, {
      bucketId,
      key: created,
      versionId: drawId(dice, nowMs),
      blobId,
      sizeBytes,
      etag: `sha256-${Buffer.from(sha256).toString('hex')}`,
      contentType: mediaType,
      mediaType,
      headers: '{}',
      metadata: '{}',
      tags: '{}',
      createdAtMs: nowMs,
      modifiedAtMs: nowMs + dice(1_000_000),
      checksum: null,
      visibility: null,
    }),
  ]
}
