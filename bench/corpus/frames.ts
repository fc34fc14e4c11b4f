/** What the size of a frame costs and saves, and how fast uploads of text can be compressed. */
import { isText } from '../../src/core/compression/formats.ts'
import { codecs } from '../../src/core/compression/codecs.ts'
import { decodeFrames } from '../../src/core/compression/decode.ts'
import { encodeFrames } from '../../src/core/compression/encode.ts'
import { type FrameIndex, locateRange } from '../../src/core/compression/frame-index.ts'
import { frameBytesDefault } from '../../src/core/compression/policy.ts'
import { describeMachine } from '../harness/machine.ts'
import { clock, roundTo } from './clock.ts'
import { type CorpusFile, corpusFolder } from './corpus.ts'
import { createDice } from './generate.ts'
import type { FrameFigure, FramesPart, UploadFigure } from './result.ts'
import { chunksOf } from './upload.ts'

const kibibyte = 1024
const frameSizes = [64, 128, 256, 512, 1024, 2048, 4096].map((size) => size * kibibyte)
const rangeBytes = kibibyte

export interface FramesOptions {
  readonly levels: readonly number[]
  readonly uploadLevels: readonly number[]
  readonly reads: number
  readonly repeats: number
  readonly say: (text: string) => void
}

interface Encoded {
  readonly blob: Uint8Array
  readonly index: FrameIndex
}

export async function measureFrames(
  files: readonly CorpusFile[],
  { levels, uploadLevels, reads, repeats, say }: FramesOptions,
): Promise<FramesPart> {
  const fileBytesMin = 4 * 2 ** 20
  const large = files.filter(
    ({ bytes, contentType }) => bytes.length >= fileBytesMin && isText(contentType, bytes),
  )
  const sampleBytes = large.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const figures: FrameFigure[] = []
  for (const level of levels) {
    for (const frameBytes of frameSizes) {
      const encoded: Encoded[] = []
      for (const { bytes } of large) encoded.push(await encode(bytes, { level, frameBytes, parallel: 2 }))
      const storedBytes = encoded.reduce((sum, { blob }) => sum + blob.length, 0)
      const read = await measureReads(large, { encoded, reads })
      figures.push({ level, frameBytes, ratio: roundTo(storedBytes / sampleBytes, 4), ...read })
      say(`frames: zstd-${level}, ${frameBytes / kibibyte} KiB`)
    }
  }
  const uploads: UploadFigure[] = []
  for (const level of uploadLevels) {
    for (const parallel of [1, 2, 3, 4]) {
      uploads.push(await measureUpload(large, { level, parallel, repeats: 2 * repeats }))
    }
    say(`uploads: zstd-${level}`)
  }
  const machine = describeMachine(corpusFolder)
  return { machine, fileBytesMin, files: large.length, sampleBytes, reads, figures, uploads }
}

/** The fastest of some runs, and what they took of the processors. */
async function measureUpload(
  files: readonly CorpusFile[],
  { level, parallel, repeats }: { level: number; parallel: number; repeats: number },
): Promise<UploadFigure> {
  const mib = files.reduce((sum, { bytes }) => sum + bytes.length, 0) / 2 ** 20
  let bestMs = Number.POSITIVE_INFINITY
  let leastCpuMs = Number.POSITIVE_INFINITY
  for (let round = 0; round < repeats; round++) {
    const before = process.cpuUsage()
    const ms = await clock(async () => {
      for (const { bytes } of files) await encode(bytes, { level, frameBytes: frameBytesDefault, parallel })
    })
    const { user, system } = process.cpuUsage(before)
    bestMs = Math.min(bestMs, ms)
    leastCpuMs = Math.min(leastCpuMs, (user + system) / 1000)
  }
  return {
    level,
    parallel,
    mibPerSecond: roundTo(mib / (bestMs / 1000), 0),
    mibPerCpuSecond: roundTo(mib / (leastCpuMs / 1000), 0),
  }
}

async function encode(
  bytes: Uint8Array,
  options: { level: number; frameBytes: number; parallel: number },
): Promise<Encoded> {
  const encoded = encodeFrames(chunksOf(bytes), { codec: codecs.zstd, ...options })
  const parts: Uint8Array[] = []
  for await (const part of encoded.body) parts.push(part)
  return { blob: Buffer.concat(parts), index: encoded.result().index }
}

async function measureReads(
  files: readonly CorpusFile[],
  { encoded, reads }: { encoded: readonly Encoded[]; reads: number },
): Promise<{ readUs: number; readStoredBytes: number }> {
  const dice = createDice(reads)
  const times: number[] = []
  const lengths: number[] = []
  for (let read = 0; read < reads; read++) {
    const turn = read % files.length
    const { bytes } = files[turn] as CorpusFile
    const { blob, index } = encoded[turn] as Encoded
    const start = dice(bytes.length - rangeBytes)
    const located = locateRange(index, { start, end: start + rangeBytes - 1 })
    const stored = blob.subarray(located.stored.start, located.stored.end + 1)
    const parts: Uint8Array[] = []
    const ms = await clock(async () => {
      for await (const part of decodeFrames(chunksOf(stored), located, index)) parts.push(part)
    })
    if (Buffer.compare(Buffer.concat(parts), bytes.subarray(start, start + rangeBytes)) !== 0) {
      throw new Error('a range has other bytes')
    }
    times.push(ms * 1000)
    lengths.push(stored.length)
  }
  return { readUs: Math.round(median(times)), readStoredBytes: median(lengths) }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number
}
