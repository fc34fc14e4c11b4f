/** Look-ups of files by bucket and key, one after another. `node bench/scale/measure-lookup.ts DATABASE [--quick]`; prints JSON. */
import { DatabaseSync } from 'node:sqlite'
import { findFile } from '../../src/core/statements/files.ts'
import { median } from '../harness/rounds.ts'
import { openGenerated } from './adapter.ts'
import { diceFor } from './draw.ts'
import { readSamples } from './samples.ts'
import { mean, quantile } from './timed.ts'

export interface LookupMeasurement {
  readonly rounds: readonly { readonly meanUs: number; readonly p50Us: number; readonly p99Us: number }[]
  readonly lookUpsPerRound: number
  readonly medianMeanUs: number
}

const [file, quick] = process.argv.slice(2)
if (file === undefined) throw new Error('which database?')
const lookUpsPerRound = quick === '--quick' ? 2000 : 20_000
const reader = new DatabaseSync(file, { readOnly: true })
const samples = readSamples(reader).file
reader.close()

const database = await openGenerated(file)
const dice = diceFor(11, 0)
const rounds = []
for (let round = -1; round < 7; round += 1) {
  const timesUs: number[] = []
  for (let run = 0; run < lookUpsPerRound; run += 1) {
    const { bucket, key, versionId } = samples[dice(samples.length)]!
    const began = performance.now()
    const [row] = await database.query(findFile, { bucketName: bucket, key })
    timesUs.push((performance.now() - began) * 1000)
    if (row?.versionId !== versionId) throw new Error(`${bucket}/${key} is another file`)
  }
  // The first one makes it warm.
  if (round < 0) continue
  rounds.push({ meanUs: mean(timesUs), p50Us: quantile(timesUs, 0.5), p99Us: quantile(timesUs, 0.99) })
}
await database.close()
const medianMeanUs = median(rounds.map(({ meanUs }) => meanUs))
console.log(JSON.stringify({ rounds, lookUpsPerRound, medianMeanUs } satisfies LookupMeasurement))
