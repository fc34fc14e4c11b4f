import type { CodecName } from './codec.ts'
import { codecs } from './codecs.ts'
import { indexBytes } from './frame-index.ts'
import { codingRules, frameBytesDefault } from './policy.ts'
import { frameBytesFor } from './verdict.ts'

/** A codec at a level, or what `auto` takes for the file: at upload, and when files are compressed again. */
export interface Way {
  readonly codec: CodecName | 'auto'
  /** Null where it depends on the file. */
  readonly level: number | null
  readonly strength: 'ratio' | 'strong'
}

const wanted: readonly Way[] = [
  { codec: 'auto', level: null, strength: 'ratio' },
  { codec: 'auto', level: null, strength: 'strong' },
  ...(['zstd', 'brotli'] as const).flatMap((codec) =>
    (['ratio', 'strong'] as const).map((strength) => ({
      codec,
      strength,
      level: codecs[codec].levels[strength],
    })),
  ),
  { codec: 'gzip', level: codecs.gzip.levels.ratio, strength: 'ratio' },
  { codec: 'lz4', level: codecs.lz4.levels.ratio, strength: 'ratio' },
]

/** What a report compares. */
export function waysFor(available: ReadonlySet<CodecName>): readonly Way[] {
  return wanted.filter(({ codec }) => codec === 'auto' || available.has(codec))
}

/** `auto`, `auto-strong`, `zstd-3`. */
export function nameOf({ codec, level, strength }: Way): string {
  return level === null ? `${codec}${strength === 'strong' ? '-strong' : ''}` : `${codec}-${level}`
}

export interface SampledFile {
  /** Bytes of it; all of them where it is not longer than a frame. */
  readonly sample: Uint8Array
  readonly sizeBytes: number
  readonly text: boolean
  /** What it would be compressed to again, if it would. */
  readonly again: Choice | undefined
}

export type Choice = Pick<Coded, 'codec' | 'level'>

/** What a way comes to for a file. */
export interface Coded {
  readonly codec: CodecName
  readonly level: number
  /** At rest. */
  readonly bytes: number
}

/** For each way by its name; none for a way that cannot hold the file. */
export async function estimateWays(
  file: SampledFile,
  available: ReadonlySet<CodecName>,
): Promise<Map<string, Coded>> {
  const measured = new Map<string, Coded | undefined>()
  const estimates = new Map<string, Coded>()
  for (const way of waysFor(available)) {
    const taken = chosenBy(way, file, available)
    if (!taken) continue
    const key = `${taken.codec}-${taken.level}`
    // Several ways may come to the same.
    if (!measured.has(key)) {
      measured.set(key, await estimate(file, taken))
    }
    const coded = measured.get(key)
    if (coded) estimates.set(nameOf(way), coded)
  }
  return estimates
}

function chosenBy(
  way: Way,
  { sizeBytes, text, again }: SampledFile,
  available: ReadonlySet<CodecName>,
): Choice | undefined {
  if (way.codec !== 'auto') return way as Choice
  if (way.strength === 'strong') return again
  return codingRules
    .find(({ kind, sizeBytesMax }) => (kind === 'any' || text) && sizeBytes <= sizeBytesMax)
    ?.choices.find(
      ({ codec }) => available.has(codec) && (codecs[codec].severalFrames || sizeBytes <= frameBytesDefault),
    )
}

async function estimate({ sample, sizeBytes }: SampledFile, choice: Choice): Promise<Coded | undefined> {
  const codec = codecs[choice.codec]
  const frameBytes = frameBytesFor(sizeBytes, sizeBytes <= frameBytesDefault)
  if (frameBytes === undefined || (!codec.severalFrames && sizeBytes > frameBytesDefault)) return undefined
  const envelope = codec.createEnvelope()
  // Any frame will do: only the lengths count.
  envelope.update(sample.subarray(0, 1))
  const around = envelope.head.length + envelope.tail().length + indexBytes(Math.ceil(sizeBytes / frameBytes))
  const stored = await codec.compressFrame(sample, choice.level)
  const { level } = choice
  return { codec: codec.name, level, bytes: Math.ceil((stored.length * sizeBytes) / sample.length) + around }
}
