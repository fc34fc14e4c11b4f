import { z } from 'zod'
import { requireUser } from '../../core/accounts/caller.ts'
import { concatBytes } from '../../core/bytes.ts'
import { type Analysis, analyzeSample } from '../../core/compression/analyze.ts'
import { codecs } from '../../core/compression/codecs.ts'
import { defaultPolicy, parsePolicy } from '../../core/compression/policy.ts'
import { CuttyError } from '../../core/errors.ts'
import { readBucket } from '../../core/files/buckets.ts'
import { readStorageStats, type StorageStats } from '../../core/files/storage-stats.ts'
import { limits } from '../../core/limits.ts'
import type { TotalsRow } from '../../core/statements/compression.ts'
import type { HttpRequest } from '../exchange.ts'
import { contentTypeFor } from '../headers/content-type.ts'
import { jsonReply } from '../json.ts'
import { problem } from '../openapi.ts'
import { defineRoute } from '../route.ts'
import { contentType } from './schemas.ts'

const tag = 'Compression'

const codecName = z.enum(Object.keys(codecs) as [keyof typeof codecs, ...(keyof typeof codecs)[]])
const ratio = z.number().nullable().meta({ description: 'Stored bytes to logical ones; null of nothing.' })

const totals = {
  files: z.int(),
  logicalBytes: z.int(),
  storedBytes: z.int(),
  savedBytes: z.int().meta({ description: 'Below zero where more is stored than there is.' }),
  ratio,
}
const totalsShape = z.object(totals)

const statsShape = z
  .object({
    totals: totalsShape,
    byBucket: z.array(z.object({ bucket: z.string(), ...totals })),
    byUser: z.array(z.object({ userId: z.string(), name: z.string(), ...totals })),
    byMediaType: z.array(z.object({ mediaType: z.string(), ...totals })),
    byCodec: z.array(z.object({ codec: z.enum(['identity', ...codecName.options]), ...totals })),
    byReason: z.array(z.object({ reason: z.string(), ...totals })),
    damagedBlobs: z.int().nullable().meta({
      description: 'Of the whole service, that scrubs found damaged; null for all but administrators.',
    }),
  })
  .meta({ id: 'StorageStats', description: 'What files take at rest. Lists have the largest first.' })

const measurementShape = z.object({
  codec: codecName,
  contentCoding: z
    .string()
    .nullable()
    .meta({ description: 'As which clients get it as it is; null where HTTP has no name for it.' }),
  level: z.int(),
  strength: z.enum(['fast', 'ratio', 'strong']),
  storedBytes: z.int().nullable(),
  ratio,
  compressMs: z.number().nullable(),
  decompressMs: z.number().nullable(),
  skipped: z.enum(['slow', 'one_frame']).nullable().meta({
    description:
      'Why it was not measured: `slow`, a strong level and a long sample; `one_frame`, longer than the codec can hold.',
  }),
})

const analysisShape = z
  .object({
    sizeBytes: z.int(),
    mediaType: z.string(),
    text: z.boolean(),
    format: z.string().nullable().meta({ description: 'Compressed format that it begins as.' }),
    verdict: z
      .object({
        codec: z.enum(['identity', ...codecName.options]),
        level: z.int(),
        reason: z.string(),
        gain: z.number().nullable().meta({ description: 'Share that was saved where it was measured.' }),
      })
      .meta({ description: 'How an upload of these bytes would be stored, and why.' }),
    measurements: z.array(measurementShape),
  })
  .meta({ id: 'CompressionAnalysis' })

export const compressionRoutes = [
  defineRoute({
    method: 'GET',
    path: '/api/v1/compression/stats',
    tag,
    summary: 'What files take at rest, and what compression saves',
    description:
      'Of your own buckets; an administrator sees everybody’s. By bucket, user, media type, codec and verdict, the ' +
      `${limits.listPageMax} largest of each. A body that several files share counts for each of them.`,
    query: z.strictObject({
      bucket: z.string().optional().meta({ description: 'Of this bucket only.' }),
    }),
    responses: { 200: { description: 'As it is now', schema: statsShape } },
    handle: async ({ core, caller, query }) =>
      jsonReply(200, describeStats(await readStorageStats(core, caller, query))),
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/compression/analyze',
    tag,
    summary: 'Measure what compression makes of some bytes',
    description:
      `The body is a sample, at most ${limits.analyzeBytesMax} bytes; nothing is stored. Every codec of this server at ` +
      'its fast, ratio and strong level, and how an upload of just these bytes would be stored.',
    query: z.strictObject({
      key: z
        .string()
        .max(limits.keyBytesMax)
        .default('')
        .meta({ description: 'What the file would be called.' }),
      contentType: contentType
        .optional()
        .meta({ description: 'Else found by the name, then by the content.' }),
      bucket: z.string().optional().meta({ description: 'By the policy of this bucket; else the default.' }),
    }),
    rawBody: { type: '*/*', description: 'The sample.' },
    responses: {
      200: { description: 'What was measured', schema: analysisShape },
      413: problem('The sample is too long; `limitBytes` is the most'),
    },
    handle: async ({ core, caller, request, query }) => {
      requireUser(caller)
      const policy =
        query.bucket === undefined
          ? defaultPolicy
          : parsePolicy((await readBucket(core, caller, query.bucket)).compression)
      const bytes = await readSample(request)
      const { available, compressBytesMax } = core.compression
      const head = bytes.subarray(0, limits.sniffBytes)
      const type = await contentTypeFor({ declared: query.contentType, key: query.key, head })
      const analysis = await analyzeSample(bytes, {
        key: query.key,
        contentType: type,
        available,
        compressBytesMax,
        policy,
        clock: core.clock,
      })
      return jsonReply(200, describeAnalysis(analysis))
    },
  }),
]

async function readSample(request: HttpRequest): Promise<Uint8Array> {
  const limitBytes = limits.analyzeBytesMax
  const tooLarge = () =>
    new CuttyError('too_large', `A sample may have at most ${limitBytes} bytes.`, { extras: { limitBytes } })
  if ((request.bodyBytes ?? 0) > limitBytes) throw tooLarge()
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of request.body) {
    sizeBytes += chunk.length
    if (sizeBytes > limitBytes) throw tooLarge()
    chunks.push(new Uint8Array(chunk))
  }
  return concatBytes(chunks)
}

function describeTotals<T extends TotalsRow>({ sizeBytes, storedBytes, ...rest }: T) {
  return {
    ...rest,
    logicalBytes: sizeBytes,
    storedBytes,
    savedBytes: sizeBytes - storedBytes,
    ratio: ratioOf(storedBytes, sizeBytes),
  }
}

function describeStats(stats: StorageStats) {
  return {
    totals: describeTotals(stats.totals),
    byBucket: stats.byBucket.map(describeTotals),
    byUser: stats.byUser.map(describeTotals),
    byMediaType: stats.byMediaType.map(describeTotals),
    byCodec: stats.byCodec.map(describeTotals),
    byReason: stats.byReason.map(describeTotals),
    damagedBlobs: stats.damagedBlobs ?? null,
  }
}

function describeAnalysis(analysis: Analysis): z.infer<typeof analysisShape> {
  const { sizeBytes, mediaType, text, format = null, verdict } = analysis
  const { codec, level, reason, gain } = verdict
  return {
    sizeBytes,
    mediaType,
    text,
    format,
    verdict: {
      codec,
      level,
      reason,
      gain: gain === undefined ? null : round(gain, 4),
    },
    measurements: analysis.measurements.map(({ result, contentCoding = null, ...of }) => {
      const measured = typeof result === 'string' ? undefined : result
      return {
        ...of,
        contentCoding,
        storedBytes: measured?.storedBytes ?? null,
        ratio: measured ? ratioOf(measured.storedBytes, sizeBytes) : null,
        compressMs: measured ? round(measured.compressMs, 3) : null,
        decompressMs: measured ? round(measured.decompressMs, 3) : null,
        skipped: typeof result === 'string' ? result : null,
      }
    }),
  }
}

function ratioOf(storedBytes: number, sizeBytes: number): number | null {
  return sizeBytes === 0 ? null : round(storedBytes / sizeBytes, 4)
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
