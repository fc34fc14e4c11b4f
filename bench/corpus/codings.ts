/** Every codec and level over a sample of every kind: one frame at a time, as the product calls them. */
import { createHash } from 'node:crypto'
import type { CodecName } from '../../src/core/compression/codec.ts'
import { codecs } from '../../src/core/compression/codecs.ts'
import { describeMachine } from '../harness/machine.ts'
import { clock, roundTo } from './clock.ts'
import { type CorpusFile, corpusFolder } from './corpus.ts'
import type { CodingFigure, CodingsPart } from './result.ts'

const levels: readonly (readonly [CodecName, readonly number[]])[] = [
  ['zstd', [1, 3, 5, 6, 9, 12, 19]],
  ['brotli', [4, 5, 6, 9, 11]],
  ['gzip', [1, 6, 9]],
  ['deflate', [6]],
  ['lz4', [1]],
]
const isSlow = (codec: CodecName, level: number) => level > (codec === 'brotli' ? 9 : 12)

export interface CodingsOptions {
  readonly sampleBytesMax: number
  readonly pieceBytesMax: number
  readonly repeats: number
  readonly say: (text: string) => void
}

export async function measureCodings(
  files: readonly CorpusFile[],
  { sampleBytesMax, pieceBytesMax, repeats, say }: CodingsOptions,
): Promise<CodingsPart> {
  const kinds: CodingsPart['kinds'][number][] = []
  const slowRepeats = 1
  for (const [kind, members] of Map.groupBy(files, (file) => file.kind)) {
    const sample = takeSample(members, { sampleBytesMax, pieceBytesMax })
    const figures: CodingFigure[] = []
    for (const [codec, each] of levels) {
      for (const level of each) {
        const times = isSlow(codec, level) ? slowRepeats : repeats
        figures.push(await measureCoding(sample, { codec, level, repeats: times }))
      }
    }
    const sampleBytes = sample.reduce((sum, piece) => sum + piece.length, 0)
    kinds.push({ kind, sampleBytes, figures })
    say(`codings: ${kind}, ${sample.length} pieces`)
  }
  return {
    machine: describeMachine(corpusFolder),
    sampleBytesMax,
    pieceBytesMax,
    repeats,
    slowRepeats,
    kinds,
  }
}

/** Pieces in an order that only their digest decides, as many as fit. */
function takeSample(
  files: readonly CorpusFile[],
  { sampleBytesMax, pieceBytesMax }: { sampleBytesMax: number; pieceBytesMax: number },
): Uint8Array[] {
  const pieces = files
    .flatMap(({ path, bytes }) =>
      Array.from({ length: Math.ceil(bytes.length / pieceBytesMax) }, (_, index) => ({
        order: createHash('sha256').update(`${index} ${path}`).digest('hex'),
        bytes: bytes.subarray(index * pieceBytesMax, (index + 1) * pieceBytesMax),
      })),
    )
    .toSorted((a, b) => (a.order < b.order ? -1 : 1))
  let left = sampleBytesMax
  return pieces.flatMap(({ bytes }) => {
    if (bytes.length > left) return []
    left -= bytes.length
    return [bytes]
  })
}

async function measureCoding(
  sample: readonly Uint8Array[],
  { codec: name, level, repeats }: { codec: CodecName; level: number; repeats: number },
): Promise<CodingFigure> {
  const codec = codecs[name]
  let compressMs = Number.POSITIVE_INFINITY
  let decodeMs = Number.POSITIVE_INFINITY
  let plainBytes = 0
  let storedBytes = 0
  for (let round = 0; round < repeats; round++) {
    const stored: Uint8Array[] = []
    compressMs = Math.min(
      compressMs,
      await clock(async () => {
        for (const piece of sample) stored.push(await codec.compressFrame(piece, level))
      }),
    )
    const back: Uint8Array[] = []
    decodeMs = Math.min(
      decodeMs,
      await clock(async () => {
        for (const [index, frame] of stored.entries()) {
          back.push(await codec.decompressFrame(frame, (sample[index] as Uint8Array).length))
        }
      }),
    )
    for (const [index, piece] of sample.entries()) {
      if (Buffer.compare(back[index] as Uint8Array, piece) !== 0)
        throw new Error(`${name}-${level} lost bytes`)
    }
    plainBytes = sample.reduce((sum, piece) => sum + piece.length, 0)
    storedBytes = stored.reduce((sum, frame) => sum + frame.length, 0)
  }
  const mib = plainBytes / 2 ** 20
  return {
    codec: name,
    level,
    ratio: roundTo(storedBytes / plainBytes, 4),
    compressMibPerSecond: roundTo(mib / (compressMs / 1000), 1),
    decodeMibPerSecond: roundTo(mib / (decodeMs / 1000), 1),
  }
}
