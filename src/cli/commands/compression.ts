import { open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Command, defineCommand, parseUsd } from '../command.ts'
import { CommandError, UsageError } from '../failure.ts'
import { parsePlace } from '../file-place.ts'
import { formatBytes, type Output } from '../output.ts'
import type { Connection } from '../connection.ts'
import {
  type Analysis,
  describeAnalysis,
  describeRecompressed,
  describeReport,
  describeStats,
  type RecompressResult,
  type Report,
  type Stats,
} from '../compression-text.ts'
import { jobOptions, runJob } from './jobs.ts'

const scopeArgument = {
  name: 'bucket[/prefix]',
  optional: true,
  description: 'The bucket, with a prefix of the keys; left out, all of your buckets.',
} as const

function parseScope(text: string | undefined): { bucket?: string; prefix?: string } {
  if (text === undefined) return {}
  const { bucket, key } = parsePlace(text)
  return { bucket, ...(key !== '' && { prefix: key }) }
}

async function recompress(
  connection: Connection,
  of: { scope: string | undefined; rate: number | undefined; detach: boolean; output: Output },
): Promise<void> {
  const { output, detach } = of
  const request = { kind: 'recompress', ...parseScope(of.scope), bytesPerSecond: of.rate }
  const ran = await runJob<RecompressResult>(connection, request, { output, detach })
  if (!ran) return
  output.report({ job: ran.id, ...ran.result }, describeRecompressed(ran.result))
  const { damagedCount } = ran.result
  if (damagedCount > 0) throw new CommandError(`${damagedCount} files are damaged and were left alone.`)
}

const price = (what: string, absent: string) =>
  ({
    type: 'string',
    value: '<usd>',
    description: `With --dry-run: price of ${what}. Else ${absent}, R2’s.`,
    parse: parseUsd,
  }) as const

/** As the API takes it; a longer file is sampled. */
const sampleBytesMax = 16 * 1024 ** 2
const pieceBytes = 1024 ** 2

/** All of a file, or pieces of it from its first byte to its last. */
async function readSample(path: string): Promise<{ bytes: Uint8Array; sizeBytes: number }> {
  const found = await stat(path)
  if (!found.isFile()) throw new CommandError(`${path} is not a file.`)
  const sizeBytes = found.size
  const file = await open(path)
  try {
    const isWhole = sizeBytes <= sampleBytesMax
    const length = isWhole ? sizeBytes : pieceBytes
    const count = isWhole ? 1 : sampleBytesMax / pieceBytes
    const bytes = Buffer.alloc(count * length)
    let filled = 0
    for (let index = 0; index < count; index++) {
      const start = count === 1 ? 0 : Math.round((index * (sizeBytes - length)) / (count - 1))
      // Less than asked for is read where a file got shorter meanwhile.
      for (let at = 0; at < length;) {
        const { bytesRead } = await file.read(bytes, filled, length - at, start + at)
        if (bytesRead === 0) break
        at += bytesRead
        filled += bytesRead
      }
    }
    return { bytes: bytes.subarray(0, filled), sizeBytes }
  } finally {
    await file.close()
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

export const compressionCommands: readonly Command[] = [
  defineCommand({
    name: 'compress',
    summary: 'Store files smaller, or say beforehand what that would save',
    description:
      'A job of the server, which stores files again with the strongest compression; nothing changes for who reads ' +
      'them. With `--dry-run` nothing is written: samples are read, and the answer is an estimate by type and codec, ' +
      'with what it saves in money and a policy to set. Ctrl-C cancels the job.',
    arguments: [scopeArgument],
    options: {
      'dry-run': { type: 'boolean', description: 'Estimate only: nothing is written.' },
      ...jobOptions,
      'storage-price': price('a GB (10^9 bytes) for a month', '0.015'),
      'write-price': price('a million writes (class A)', '4.50'),
      'read-price': price('a million reads (class B)', '0.36'),
    },
    examples: [
      'compress --dry-run',
      'compress --dry-run photos/2026/ --json',
      'compress photos --rate 20MiB',
      'compress --dry-run --storage-price 0.023 --write-price 5 --read-price 0.40',
    ],
    connects: true,
    json: true,
    run: async ({ positionals, options, connect, output }) => {
      const [scope] = positionals
      const { 'dry-run': isDry, rate, detach } = options
      const prices = {
        ...(options['storage-price'] !== undefined && { storageUsdPerGbMonth: options['storage-price'] }),
        ...(options['write-price'] !== undefined && { classAUsdPerMillion: options['write-price'] }),
        ...(options['read-price'] !== undefined && { classBUsdPerMillion: options['read-price'] }),
      }
      const isPriced = Object.keys(prices).length > 0
      if (!isDry) {
        if (isPriced) throw new UsageError('Prices go with --dry-run.', 'compress')
        return recompress(connect(), { scope, rate, detach, output })
      }
      const request = {
        kind: 'compression_report',
        ...parseScope(scope),
        bytesPerSecond: rate,
        ...(isPriced && { prices }),
      }
      const ran = await runJob<Report>(connect(), request, { output, detach })
      if (ran) output.report({ job: ran.id, ...ran.result }, describeReport(ran.result))
    },
  }),
  defineCommand({
    name: 'recompress',
    summary: 'The same as compress without --dry-run',
    arguments: [scopeArgument],
    options: jobOptions,
    examples: ['recompress logs/2025/ --rate 20MiB', 'recompress --detach'],
    connects: true,
    json: true,
    run: ({ positionals, options, connect, output }) =>
      recompress(connect(), { scope: positionals[0], ...options, output }),
  }),
  defineCommand({
    name: 'stats',
    summary: 'Show what files take, and what compression saves',
    description: 'Of your own buckets; an administrator sees everybody’s.',
    arguments: [{ name: 'bucket', optional: true, description: 'Only this bucket.' }],
    options: {},
    examples: ['stats', 'stats photos --json'],
    connects: true,
    json: true,
    run: async ({ positionals, connect, output }) => {
      const [bucket] = positionals
      const query = bucket === undefined ? '' : `?bucket=${encodeURIComponent(bucket)}`
      const stats = await connect().call<Stats>('GET', `/api/v1/compression/stats${query}`)
      output.report(stats, describeStats(stats))
    },
  }),
  defineCommand({
    name: 'analyze',
    summary: 'Measure what every codec of the server makes of a local file',
    description:
      `Sends the file, or a sample of one that is longer than ${formatBytes(sampleBytesMax)}; nothing is stored. ` +
      'Shows how an upload would be stored, and why.',
    arguments: [{ name: 'local', description: 'The file.' }],
    options: {
      type: {
        type: 'string',
        value: '<type>',
        description: 'Content-Type; else found by the name, then by the content.',
      },
      bucket: { type: 'string', value: '<name>', description: 'By the policy of this bucket.' },
    },
    examples: ['analyze access.log', 'analyze report.csv --bucket reports'],
    connects: true,
    json: true,
    run: async ({ positionals, options, connect, output }) => {
      const [path] = positionals as [string]
      const { bytes, sizeBytes } = await readSample(path)
      const { type: contentType, bucket } = options
      const query = Object.entries({ key: basename(path), contentType, bucket })
        .flatMap(([name, value]) => (value === undefined ? [] : `${name}=${encodeURIComponent(value)}`))
        .join('&')
      const analysis = await connect().send<Analysis>('POST', `/api/v1/compression/analyze?${query}`, {
        headers: { 'Content-Type': 'application/octet-stream' },
        body: once(bytes),
        sizeBytes: bytes.length,
      })
      const isSample = bytes.length < sizeBytes
      output.report(analysis, [
        ...(isSample ? [`A sample of ${formatBytes(bytes.length)} out of ${formatBytes(sizeBytes)}:`] : []),
        ...describeAnalysis(analysis),
      ])
    },
  }),
]
