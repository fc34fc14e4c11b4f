/** Other tables than the one that is shipped, from one measurement of every file with every coding that they need. */
import type { CodecName } from '../../src/core/compression/codec.ts'
import { codecs } from '../../src/core/compression/codecs.ts'
import { encodeFrames } from '../../src/core/compression/encode.ts'
import { encodeWhole } from '../../src/core/compression/encode-whole.ts'
import { isText } from '../../src/core/compression/formats.ts'
import {
  type CodingRule,
  codingRules,
  defaultPolicy,
  frameBytesDefault,
} from '../../src/core/compression/policy.ts'
import { type Candidate, frameBytesFor, refuse, spreadSample } from '../../src/core/compression/verdict.ts'
import { clock, roundTo } from './clock.ts'
import type { CorpusFile } from './corpus.ts'
import type { PolicyPart, TableFigure } from './result.ts'
import { candidateOf, chunksOf } from './upload.ts'

interface Table {
  readonly name: string
  readonly minimumBytes: number
  readonly rules: readonly CodingRule[]
}

interface Coding {
  readonly codec: CodecName
  readonly level: number
}

interface Cost {
  readonly storedBytes: number
  readonly ms: number
}

/** What the verdict knows of a file, whatever the table says. */
interface Probed {
  readonly file: CorpusFile
  readonly text: boolean
  readonly refused: boolean
  readonly sampled: (Cost & { readonly worth: boolean }) | undefined
  readonly costs: Map<string, Cost>
}

const kibibyte = 1024
const mebibyte = 1024 ** 2
const nameOf = ({ codec, level }: Coding) => `${codec}-${level}`

const zstd = (level: number, sizeBytesMax = Number.POSITIVE_INFINITY): CodingRule => ({
  kind: 'any',
  sizeBytesMax,
  choices: [{ codec: 'zstd', level }],
})
const brotli = (level: number, sizeBytesMax: number): CodingRule => ({
  kind: 'any',
  sizeBytesMax,
  choices: [{ codec: 'brotli', level }],
})
const ofText = (rule: CodingRule): CodingRule => ({ ...rule, kind: 'text' })

const { minimumBytes } = defaultPolicy
const shipped: Table = { name: 'as shipped', minimumBytes, rules: codingRules }

function tableOf(...rules: CodingRule[]): Table {
  const names = rules.map(({ kind, sizeBytesMax, choices }) => {
    const coding = choices.map(nameOf).join('/')
    const limit = Number.isFinite(sizeBytesMax) ? ` to ${sizeBytesMax / kibibyte} KiB` : ''
    return `${kind === 'text' ? 'text ' : ''}${coding}${limit}`
  })
  return { name: names.join(', '), minimumBytes, rules }
}

const small = brotli(5, 512 * kibibyte)

const questions: readonly { readonly question: string; readonly tables: readonly Table[] }[] = [
  {
    question: 'The level of zstd',
    tables: [1, 2, 3, 4, 5, 6, 7, 9].map((level) => tableOf(small, zstd(level))),
  },
  {
    question: 'A higher level up to a size',
    tables: [5, 6, 9].flatMap((level) =>
      [1, 4, 16].map((size) => tableOf(small, zstd(level, size * mebibyte), zstd(3))),
    ),
  },
  {
    question: 'Brotli up to a size',
    tables: [
      tableOf(zstd(3)),
      ...[4, 5, 6].flatMap((level) =>
        [64, 128, 256, 512, 1024].map((size) => tableOf(ofText(brotli(level, size * kibibyte)), zstd(3))),
      ),
      ...[128, 256, 512, 1024].map((size) => tableOf(brotli(5, size * kibibyte), zstd(3))),
    ],
  },
  {
    question: 'Together',
    tables: [
      tableOf(ofText(brotli(5, 128 * kibibyte)), zstd(3)),
      tableOf(ofText(brotli(5, 128 * kibibyte)), zstd(6)),
      tableOf(ofText(brotli(5, 256 * kibibyte)), zstd(6, 4 * mebibyte), zstd(3)),
      tableOf(ofText(brotli(5, 256 * kibibyte)), zstd(6, 512 * kibibyte), zstd(3)),
      tableOf(ofText(brotli(5, 256 * kibibyte)), zstd(6, 512 * kibibyte), ofText(zstd(3)), zstd(6)),
      tableOf(small, zstd(3)),
      tableOf(small, ofText(zstd(3)), zstd(6)),
      tableOf(small, ofText(zstd(4)), zstd(6)),
      tableOf(small, ofText(zstd(3)), brotli(5, mebibyte), zstd(6)),
      tableOf(small, zstd(6)),
    ],
  },
  {
    question: 'The smallest file that is compressed',
    tables: [0, 128, 256, 512, 1024, 4096].map((size) => ({
      name: `${size} bytes`,
      minimumBytes: size,
      rules: codingRules,
    })),
  },
]

export interface AlternativesOptions {
  readonly available: Candidate['available']
  /** What the product made of it: the model here must come to the same. */
  readonly storedBytes: number
  readonly repeats: number
  readonly say: (text: string) => void
}

export async function measureAlternatives(
  files: readonly CorpusFile[],
  { available, storedBytes, repeats, say }: AlternativesOptions,
): Promise<PolicyPart['alternatives']> {
  const probed: Probed[] = []
  for (const file of files) probed.push(await probe(file, { available, repeats }))
  const all = [shipped, ...questions.flatMap(({ tables }) => tables)]
  for (const [turn, table] of all.entries()) {
    for (const each of probed) {
      const coding = choose(each, table)
      if (coding && !each.costs.has(nameOf(coding))) {
        each.costs.set(nameOf(coding), await compress(each.file.bytes, { ...coding, repeats }))
      }
    }
    say(`tables: ${turn + 1} of ${all.length}`)
  }
  const modelled = totalOf(shipped, probed)
  if (modelled.storedBytes !== storedBytes) {
    throw new Error(`the product stores ${storedBytes} bytes, the model ${modelled.storedBytes}`)
  }
  return [
    { question: 'The table', figures: [modelled] },
    ...questions.map(({ question, tables }) => ({
      question,
      figures: tables.map((table) => totalOf(table, probed)),
    })),
  ]
}

async function probe(
  file: CorpusFile,
  { available, repeats }: { available: Candidate['available']; repeats: number },
): Promise<Probed> {
  const { bytes, contentType } = file
  const candidate = candidateOf(file, { available, policy: { ...defaultPolicy, minimumBytes: 0 } })
  const refused = refuse(candidate) !== undefined
  const sample = spreadSample(candidate.head)
  let sampled: Probed['sampled']
  if (!refused && sample.length < bytes.length) {
    const cost = await best(repeats, async () => (await codecs.zstd.compressFrame(sample, 1)).length)
    sampled = { ...cost, worth: 1 - cost.storedBytes / sample.length >= defaultPolicy.minimumGain }
  }
  return { file, text: isText(contentType, candidate.head), refused, sampled, costs: new Map() }
}

/** The coding that is tried; `undefined` where none is. */
function choose(
  { file, text, refused, sampled }: Probed,
  { minimumBytes, rules }: Table,
): Coding | undefined {
  const sizeBytes = file.bytes.length
  if (refused || sizeBytes < minimumBytes || sampled?.worth === false) return undefined
  const rule = rules.find(({ kind, sizeBytesMax }) => (kind === 'any' || text) && sizeBytes <= sizeBytesMax)
  return rule?.choices.find(({ codec }) => codecs[codec].severalFrames || sizeBytes <= frameBytesDefault)
}

async function compress(
  bytes: Uint8Array,
  { codec: name, level, repeats }: Coding & { repeats: number },
): Promise<Cost> {
  const codec = codecs[name]
  const whole = bytes.length <= frameBytesDefault
  const frameBytes = frameBytesFor(bytes.length, whole) as number
  return best(repeats, async () => {
    if (whole) return (await encodeWhole(bytes, { codec, level, frameBytes })).bytes.length
    const encoded = encodeFrames(chunksOf(bytes), { codec, level, frameBytes, parallel: 1 })
    let storedBytes = 0
    for await (const part of encoded.body) storedBytes += part.length
    return storedBytes
  })
}

/** The size, and the time of the fastest run. */
async function best(repeats: number, make: () => Promise<number>): Promise<Cost> {
  let storedBytes = 0
  let ms = Number.POSITIVE_INFINITY
  for (let round = 0; round < repeats; round++) {
    const time = await clock(async () => {
      storedBytes = await make()
    })
    ms = Math.min(ms, time)
  }
  return { storedBytes, ms }
}

function totalOf(table: Table, probed: readonly Probed[]): TableFigure {
  let storedBytes = 0
  let ms = 0
  for (const each of probed) {
    const plainBytes = each.file.bytes.length
    const coding = choose(each, table)
    const cost = coding && (each.costs.get(nameOf(coding)) as Cost)
    if (each.sampled && plainBytes >= table.minimumBytes) ms += each.sampled.ms
    ms += cost?.ms ?? 0
    // A body of several frames is not weighed again once it is compressed.
    const isWorth =
      cost &&
      (plainBytes > frameBytesDefault || 1 - cost.storedBytes / plainBytes >= defaultPolicy.minimumGain)
    storedBytes += isWorth ? cost.storedBytes : plainBytes
  }
  return { name: table.name, storedBytes, seconds: roundTo(ms / 1000, 2) }
}
