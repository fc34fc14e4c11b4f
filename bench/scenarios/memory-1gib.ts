import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { generatePieces } from '../harness/bytes.ts'
import { mediansOf } from '../harness/rounds.ts'
import { startSubject } from '../harness/subject.ts'
import type { IncomingMessage, RequestOptions } from 'node:http'
import type { Content } from '../harness/bytes.ts'
import type { Context, Measurement, Outcome, Round, Scenario } from '../harness/scenario.ts'
import type { Subject } from '../harness/subject.ts'

export const memory1Gib: Scenario = {
  name: 'memory-1gib',
  measures:
    'Resident memory of the server while files of 1 GiB, one of random bytes and one of text, are uploaded and downloaded as streams.',
  yardstick: undefined,
  targets: [{ metric: 'residentPeakMib', bound: 'below', value: 150, unit: 'MiB resident at any time' }],
  run,
}

const sampleEveryMs = 50

async function run(context: Context): Promise<Outcome> {
  const sizeBytes = context.quick ? 2 ** 28 : 2 ** 30
  const subject = await startSubject({ ...context, dataFolder: join(context.folder, 'data') })
  await subject.createBucket('private')
  const residentAtStartMib = subject.memoryMib().now

  const samples: number[] = []
  const sampler = setInterval(() => samples.push(subject.memoryMib().now), sampleEveryMs)
  const rounds: Round[] = []
  for (let round = 0; round < 2; round += 1) {
    const random = await upAndDown(subject, { seed: 2 * round, sizeBytes, kind: 'random' })
    const text = await upAndDown(subject, { seed: 2 * round + 1, sizeBytes, kind: 'text' })
    const residentPeakMib = subject.memoryMib().peak
    rounds.push({ subject: { residentPeakMib, ...named('random', random), ...named('text', text) } })
    context.progress(`round ${round + 1} of 2: at most ${residentPeakMib.toFixed(0)} MiB resident`)
  }
  clearInterval(sampler)
  const { peak } = subject.memoryMib()
  await subject.stop()

  return {
    rounds,
    disturbedRounds: [],
    medians: {
      ...mediansOf(rounds),
      // The kernel's high-water mark: no peak between two samples is missed.
      residentPeakMib: peak,
      residentAtStartMib,
      residentMeanMib: samples.reduce((sum, sample) => sum + sample, 0) / samples.length,
    },
    settings: { sizeBytes, sampleEveryMs, samples: samples.length },
    verified: ['SHA-256 and length of every download against what was generated'],
  }
}

async function upAndDown(subject: Subject, content: Content): Promise<Measurement> {
  const path = subject.filePath(`${content.kind}-${content.seed}`)
  const target = { host: subject.host, port: subject.port, path, headers: subject.headers }
  const mib = content.sizeBytes / 2 ** 20

  const sent = createHash('sha256')
  const uploadBegan = performance.now()
  const acknowledged = await send(
    { ...target, method: 'PUT', headers: { ...target.headers, 'content-length': content.sizeBytes } },
    hashed(generatePieces(content), sent),
  )
  acknowledged.resume()
  if (acknowledged.statusCode !== 201) throw new Error(`${path}: status ${acknowledged.statusCode}`)
  const uploadSeconds = (performance.now() - uploadBegan) / 1000

  const received = createHash('sha256')
  let receivedBytes = 0
  const downloadBegan = performance.now()
  const answer = await send({ ...target, method: 'GET' }, [])
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    receivedBytes += chunk.length
    received.update(chunk)
  }
  const downloadSeconds = (performance.now() - downloadBegan) / 1000
  if (receivedBytes !== content.sizeBytes || received.digest('hex') !== sent.digest('hex')) {
    throw new Error(`${path} came back with other bytes than were put (${receivedBytes} of them)`)
  }
  return { uploadMibPerSecond: mib / uploadSeconds, downloadMibPerSecond: mib / downloadSeconds }
}

function* hashed(pieces: Iterable<Buffer>, hash: ReturnType<typeof createHash>): Generator<Buffer> {
  for (const piece of pieces) {
    hash.update(piece)
    yield piece
  }
}

async function send(options: RequestOptions, body: Iterable<Buffer>): Promise<IncomingMessage> {
  const outgoing = request(options)
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve)
    outgoing.once('error', reject)
  })
  await Promise.all([pipeline(Readable.from(body, { objectMode: false }), outgoing), answered])
  return await answered
}

function named(prefix: string, numbers: Measurement): Measurement {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [`${prefix}.${name}`, value]))
}
