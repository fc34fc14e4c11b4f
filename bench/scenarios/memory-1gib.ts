import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { generatePieces } from '../harness/bytes.ts'
import { mediansOf } from '../harness/rounds.ts'
import { startSubject } from '../harness/subject.ts'
import type { IncomingMessage, RequestOptions } from 'node:http'
import type { Content, ContentKind } from '../harness/bytes.ts'
import type { Context, Measurement, Outcome, Round, Scenario } from '../harness/scenario.ts'
import type { Subject } from '../harness/subject.ts'

export const memory1GibRandom = scenario('random', 'random bytes, which are kept as they are', 150)

export const memory1GibText = scenario('text', 'text, which is compressed', 200)

const sampleEveryMs = 50

function scenario(kind: ContentKind, what: string, value: number): Scenario {
  return {
    name: `memory-1gib-${kind}`,
    measures: `Resident memory of the server while a file of 1 GiB of ${what}, is uploaded and downloaded as a stream, twice.`,
    yardstick: undefined,
    targets: [{ metric: 'residentPeakMib', bound: 'below', value, unit: 'MiB resident at any time' }],
    run: (context) => run(kind, context),
  }
}

async function run(kind: ContentKind, context: Context): Promise<Outcome> {
  const sizeBytes = context.quick ? 2 ** 28 : 2 ** 30
  const subject = await startSubject({ ...context, dataFolder: join(context.folder, 'data') })
  await subject.createBucket('private')
  const residentAtStartMib = subject.memoryMib().now

  const samples: number[] = []
  const sampler = setInterval(() => samples.push(subject.memoryMib().now), sampleEveryMs)
  const rounds: Round[] = []
  for (let round = 0; round < 2; round += 1) {
    const measured = await upAndDown(subject, { seed: round, sizeBytes, kind })
    const residentPeakMib = subject.memoryMib().peak
    rounds.push({ subject: { residentPeakMib, ...measured } })
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
