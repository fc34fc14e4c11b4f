import { mkdirSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { generateBytes } from '../harness/bytes.ts'
import { measureRounds } from '../harness/rounds.ts'
import { measureLoad } from '../harness/run-load.ts'
import { startSubject, type Subject } from '../harness/subject.ts'
import type { IncomingMessage } from 'node:http'
import type { Content } from '../harness/bytes.ts'
import type { FileSet } from '../harness/load-job.ts'
import type { Context, Outcome, Scenario } from '../harness/scenario.ts'

export const getCodedSmall = scenario({ title: '64kib', sizeBytes: 2 ** 16, connections: 64 })
export const getCodedLarge = scenario({ title: '64mib', sizeBytes: 2 ** 26, connections: 4 })

interface Plan {
  readonly title: string
  readonly sizeBytes: number
  readonly connections: number
}

function scenario(plan: Plan): Scenario {
  return {
    name: `get-coded-${plan.title}`,
    measures: `GETs of public text files of ${plan.sizeBytes / 1024} KiB, compressed at rest, over ${plan.connections} connections by a client that accepts their coding.`,
    yardstick: 'the same bytes, as they are stored, put as files of their own and kept as they are',
    targets: [{ metric: 'ratio', bound: 'at least', value: 0.9, unit: 'of the stored bytes served raw' }],
    run: (context) => run(plan, context),
  }
}

/** As a browser asks: one that has several frames of zstd is sent to no other client (decisions/012). */
const asBrowser = { 'accept-encoding': 'gzip, deflate, br, zstd', 'sec-fetch-mode': 'no-cors' }
const decoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  br: brotliDecompressSync,
  gzip: gunzipSync,
  zstd: zstdDecompressSync,
}

async function run({ sizeBytes, connections }: Plan, context: Context): Promise<Outcome> {
  const files = 4
  const subject = await startSubject({ ...context, dataFolder: join(context.folder, 'data') })
  await subject.createBucket('public')
  const stored = join(context.folder, 'stored')
  mkdirSync(stored)
  let coding = ''
  let storedBytes = 0
  for (let number = 0; number < files; number += 1) {
    const content: Content = { seed: number, sizeBytes, kind: 'text' }
    const path = subject.filePath(`text-${number}`)
    await subject.putFile(path, content)
    const coded = await fetchCoded(subject, path)
    coding = coded.coding
    storedBytes = coded.bytes.length
    if (!decoders[coding]?.(coded.bytes).equals(generateBytes(content))) {
      throw new Error(`${path} as ${coding} is not what was put`)
    }
    writeFileSync(join(stored, String(number)), coded.bytes)
    await subject.putFile(
      subject.filePath(`stored-${number}`),
      { ...content, path: `${stored}/` },
      { 'x-cutty-compression': 'off' },
    )
  }

  const load = async (name: string, headers: Readonly<Record<string, string>>) => {
    const content: Content = { seed: 0, sizeBytes, kind: 'text', path: `${stored}/` }
    const set: FileSet = { path: subject.filePath(`${name}-{n}`), count: files, content }
    const { measurement } = await measureLoad(subject, {
      host: subject.host,
      port: subject.port,
      connections,
      headers,
      warmupSeconds: context.warmupSeconds,
      seconds: context.secondsPerRound,
      work: { method: 'GET', files: set },
    })
    return measurement
  }
  const measured = await measureRounds({
    rounds: context.rounds,
    compared: 'mibPerSecond',
    servers: [subject],
    progress: context.progress,
    subject: () => load('text', asBrowser),
    yardstick: () => load('stored', {}),
  })
  await subject.stop()
  return {
    ...measured,
    settings: { sizeBytes, storedBytes, coding, connections, files },
    verified: [
      `each of the ${files} files decoded by node:zlib, byte by byte`,
      'each answer under load: status, length and the first 4 KiB of each piece of the stored bytes',
    ],
  }
}

async function fetchCoded(subject: Subject, path: string): Promise<{ coding: string; bytes: Buffer }> {
  const { host, port } = subject
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host, port, path, headers: asBrowser }, resolve).once('error', reject)
  })
  const coding = answer.headers['content-encoding']
  if (answer.statusCode !== 200 || coding === undefined) throw new Error(`${path} was not sent in a coding`)
  return { coding, bytes: await buffer(answer) }
}
