import { execFileSync } from 'node:child_process'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { buffer } from 'node:stream/consumers'
import { generatePieces } from '../harness/bytes.ts'
import { createHistogram } from '../harness/histogram.ts'
import { measureRounds } from '../harness/rounds.ts'
import { startSubject } from '../harness/subject.ts'
import type { IncomingMessage, RequestOptions } from 'node:http'
import type { Content } from '../harness/bytes.ts'
import type { Context, Measurement, Outcome, Scenario } from '../harness/scenario.ts'

/**
 * What a player or a database over HTTP does. The system's cache of the disk is emptied before each round, so that frames
 * come from the disk at first.
 */
export const rangeCompressed: Scenario = {
  name: 'range-400mib',
  measures:
    'GETs of 1 KiB at random places of a text file of 400 MiB, compressed at rest, one after the other; nothing of it is in memory when a round begins.',
  yardstick: undefined,
  targets: [
    { metric: 'withinBounds', bound: 'at least', value: 1, unit: '(p50 below 3 ms and p99 below 15 ms)' },
  ],
  run,
}

const rangeBytes = 1024

async function run(context: Context): Promise<Outcome> {
  const sizeBytes = (context.quick ? 40 : 400) * 2 ** 20
  const content: Content = { seed: 5, sizeBytes, kind: 'text' }
  const dataFolder = join(context.folder, 'data')
  const subject = await startSubject({ ...context, dataFolder })
  await subject.createBucket('public')
  const path = subject.filePath('large.txt')
  const target = { host: subject.host, port: subject.port, path }
  const put = request({
    ...target,
    method: 'PUT',
    headers: { ...subject.headers, 'content-length': sizeBytes },
  })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    put.once('response', resolve)
    put.once('error', reject)
  })
  await pipeline(Readable.from(generatePieces(content), { objectMode: false }), put)
  const stored = JSON.parse((await buffer(await answered)).toString()) as {
    storedBytes: number
    codec: string
  }
  if (stored.codec === 'identity') throw new Error('the file is not compressed')

  const places = placesOf(context.quick ? 100 : 1000, sizeBytes)
  const expected = expectedAt(content, places)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const read = async (): Promise<Measurement> => {
    execFileSync('sync')
    // GNU dd asks the kernel to forget what it keeps of a file.
    execFileSync('find', [
      dataFolder,
      '-type',
      'f',
      '-size',
      '+1M',
      '-exec',
      'dd',
      'if={}',
      'iflag=nocache',
      'count=0',
      'status=none',
      ';',
    ])
    const histogram = createHistogram()
    for (const place of places) {
      const began = performance.now()
      const bytes = await readRange({ ...target, agent }, place)
      histogram.record((performance.now() - began) * 1000)
      if (!bytes.equals(expected.get(place) as Buffer)) throw new Error(`other bytes at ${place}`)
    }
    const p50Ms = histogram.percentile(50) / 1000
    const p99Ms = histogram.percentile(99) / 1000
    return { p50Ms, p99Ms, withinBounds: p50Ms < 3 && p99Ms < 15 ? 1 : 0 }
  }
  const measured = await measureRounds({
    rounds: context.rounds,
    compared: 'p50Ms',
    servers: [subject],
    progress: context.progress,
    subject: read,
  })
  agent.destroy()
  await subject.stop()
  return {
    ...measured,
    settings: {
      sizeBytes,
      storedBytes: stored.storedBytes,
      codec: stored.codec,
      rangeBytes,
      ranges: places.length,
    },
    verified: [
      'every range, byte by byte',
      'that a range reads two frames at most: test/core/stored.test.ts',
    ],
  }
}

/** Spread by the golden ratio: no two rounds of luck. */
function placesOf(count: number, sizeBytes: number): number[] {
  return Array.from({ length: count }, (_, turn) =>
    Math.floor(((turn * 0.6180339887498949) % 1) * (sizeBytes - rangeBytes)),
  )
}

function expectedAt(content: Content, places: readonly number[]): Map<number, Buffer> {
  const expected = new Map(places.map((place) => [place, Buffer.alloc(rangeBytes)]))
  const sorted = places.toSorted((a, b) => a - b)
  let at = 0
  let first = 0
  for (const piece of generatePieces(content)) {
    const end = at + piece.length
    while (first < sorted.length && (sorted[first] as number) + rangeBytes <= at) first += 1
    for (let i = first; i < sorted.length && (sorted[i] as number) < end; i += 1) {
      const place = sorted[i] as number
      const from = Math.max(place, at)
      const until = Math.min(place + rangeBytes, end)
      piece.copy(expected.get(place) as Buffer, from - place, from - at, until - at)
    }
    at = end
  }
  return expected
}

async function readRange(target: RequestOptions, place: number): Promise<Buffer> {
  const headers = { range: `bytes=${place}-${place + rangeBytes - 1}` }
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ ...target, headers }, resolve)
      .once('error', reject)
      .end()
  })
  if (answer.statusCode !== 206) throw new Error(`status ${answer.statusCode} at ${place}`)
  return buffer(answer)
}
