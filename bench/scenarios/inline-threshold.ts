import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createDiskBlobStore } from '../../src/adapters/disk/blob-store.ts'
import { openSqliteDatabase } from '../../src/adapters/sqlite/database.ts'
import { createIdSource } from '../../src/core/ids.ts'
import type { BlobStore } from '../../src/core/ports/blob-store.ts'
import { systemClock } from '../../src/core/ports/clock.ts'
import { bind, type Database } from '../../src/core/ports/database.ts'
import { findBlobBody, insertBlob, insertBlobBody } from '../../src/core/statements/blobs.ts'
import { statements } from '../../src/core/statements/registry.ts'
import type { Context, Measurement, Outcome, Round, Scenario } from '../harness/scenario.ts'

const sizesKiB = [1, 4, 16, 32, 64, 128, 256]
const writers = 32

export const inlineThreshold: Scenario = {
  name: 'inline-threshold',
  measures:
    'Bodies stored durably and read back once by 32 concurrent callers, as a row of the database and as a file with a ' +
    'row that points to it: where one overtakes the other is the size up to which bodies go into rows.',
  yardstick: undefined,
  targets: [],
  async run(context: Context): Promise<Outcome> {
    mkdirSync(context.folder, { recursive: true })
    const database = await openSqliteDatabase({
      file: join(context.folder, 'inline.db'),
      statements,
      migrationsFolder: join(import.meta.dirname, '../../migrations'),
      inlineBlobBytesMax: 1024 ** 2,
      nowMs: systemClock.now(),
    })
    const blobs = await createDiskBlobStore({ folder: context.folder })
    const rounds: Round[] = []
    for (let round = 0; round < context.rounds; round++) {
      context.progress(`inline-threshold: round ${round + 1} of ${context.rounds}`)
      rounds.push({ subject: await measureRound({ database, blobs }, context) })
    }
    await database.close()
    const names = Object.keys(rounds[0]?.subject ?? {})
    const medians = Object.fromEntries(
      names.map((name) => [name, median(rounds.map(({ subject }) => subject[name] as number))]),
    )
    return {
      rounds,
      disturbedRounds: [],
      medians,
      settings: { writers, compared: 'row16KibPutsPerSecond' },
      verified: [],
    }
  },
}

async function measureRound(parts: { database: Database; blobs: BlobStore }, context: Context) {
  const result: Record<string, number> = {}
  const seconds = context.secondsPerRound / sizesKiB.length / 2
  for (const sizeKiB of sizesKiB) {
    const body = new Uint8Array(randomBytes(sizeKiB * 1024))
    for (const location of ['row', 'file'] as const) {
      const measured = await measure(parts, { body, location, seconds })
      result[`${location}${sizeKiB}KibPutsPerSecond`] = measured['puts'] as number
      result[`${location}${sizeKiB}KibReadUs`] = measured['readUs'] as number
    }
  }
  return result
}

async function measure(
  { database, blobs }: { database: Database; blobs: BlobStore },
  job: { body: Uint8Array; location: 'row' | 'file'; seconds: number },
): Promise<Measurement> {
  const ids = createIdSource(systemClock)
  const stored: string[] = []
  const until = performance.now() + job.seconds * 1000
  const started = performance.now()
  const write = async () => {
    while (performance.now() < until) {
      const id = ids.next()
      if (job.location === 'file') await blobs.put(id, once(job.body), job.body.length)
      await database.batch([
        bind(insertBlob, blobRow(id, job)),
        ...(job.location === 'row' ? [bind(insertBlobBody, { id, bytes: job.body })] : []),
      ])
      stored.push(id)
    }
  }
  await Promise.all(Array.from({ length: writers }, write))
  const puts = stored.length / ((performance.now() - started) / 1000)

  const sample = stored.slice(-500)
  const readStarted = performance.now()
  for (const id of sample) {
    if (job.location === 'row') await database.query(findBlobBody, { id })
    else for await (const _ of (await blobs.get(id)) ?? []);
  }
  return { puts, readUs: ((performance.now() - readStarted) * 1000) / sample.length }
}

async function* once(bytes: Uint8Array) {
  yield bytes
}

function blobRow(id: string, { body, location }: { body: Uint8Array; location: 'row' | 'file' }) {
  return {
    id,
    location: location === 'row' ? 'row' : 'store',
    codec: 'identity',
    level: 0,
    reason: 'off',
    gain: null,
    sizeBytes: body.length,
    storedBytes: body.length,
    frameBytes: 0,
    frameIndex: null,
    sha256: body.subarray(0, 32),
    createdAtMs: 0,
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}
