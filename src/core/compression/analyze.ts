import type { Clock } from '../ports/clock.ts'
import type { Codec, CodecName } from './codec.ts'
import { codecs } from './codecs.ts'
import { isText, sniffedCompressed } from './formats.ts'
import { indexBytes } from './frame-index.ts'
import { type CompressionPolicy, frameBytesDefault } from './policy.ts'
import { chooseCoding, type Verdict } from './verdict.ts'

export interface Sample {
  readonly key: string
  readonly contentType: string
  /** Codecs that passed their self-test in this runtime. */
  readonly available: ReadonlySet<CodecName>
  readonly policy: CompressionPolicy
  /** Of this runtime: longer bodies are kept as they are. */
  readonly compressBytesMax: number
  readonly clock: Pick<Clock, 'monotonic'>
}

export interface Analysis {
  readonly sizeBytes: number
  /** Media type without parameters. */
  readonly mediaType: string
  readonly text: boolean
  /** Compressed format that it begins as. */
  readonly format: string | undefined
  /** As an upload of these bytes would be stored. */
  readonly verdict: Verdict
  readonly measurements: readonly Measurement[]
}

export interface Measurement {
  readonly codec: CodecName
  readonly contentCoding: Codec['contentCoding']
  readonly level: number
  /** The weakest one that the level is. */
  readonly strength: 'fast' | 'ratio' | 'strong'
  readonly result: Measured | Unmeasured
}

interface Measured {
  /** With envelope and index, as it would be stored. */
  readonly storedBytes: number
  readonly compressMs: number
  readonly decompressMs: number
}

/** `slow`: a strong level, which takes seconds for a large sample. `one_frame`: the codec cannot hold so much in one blob. */
type Unmeasured = 'slow' | 'one_frame'

/** Brotli's strongest level makes 0.6 MB a second: two seconds for this. */
export const strongBytesMax = frameBytesDefault

/** What every codec makes of some bytes, and what the policy would. Takes some seconds for the longest samples. */
export async function analyzeSample(bytes: Uint8Array, sample: Sample): Promise<Analysis> {
  const { key, contentType, available, policy, compressBytesMax } = sample
  const { verdict } = await chooseCoding({
    key,
    contentType,
    available,
    policy,
    compressBytesMax,
    clientEncoded: false,
    head: bytes.subarray(0, frameBytesDefault),
    whole: bytes.length <= frameBytesDefault,
    sizeBytes: bytes.length,
  })
  const measurements: Measurement[] = []
  for (const codec of Object.values(codecs)) {
    if (!available.has(codec.name)) continue
    for (const [level, strength] of strengthsOf(codec)) {
      const { name, contentCoding } = codec
      const result = await measure(bytes, { codec, level, strength, clock: sample.clock })
      measurements.push({ codec: name, contentCoding, level, strength, result })
    }
  }
  const mediaType = (contentType.split(';', 1)[0] as string).trim().toLowerCase()
  return {
    sizeBytes: bytes.length,
    mediaType,
    text: isText(mediaType, bytes),
    format: sniffedCompressed(bytes),
    verdict,
    measurements,
  }
}

/** Each level once. */
function strengthsOf({ levels }: Codec): Map<number, Measurement['strength']> {
  const strengths = new Map<number, Measurement['strength']>()
  for (const strength of ['fast', 'ratio', 'strong'] as const) {
    if (!strengths.has(levels[strength])) strengths.set(levels[strength], strength)
  }
  return strengths
}

async function measure(
  bytes: Uint8Array,
  of: { codec: Codec; level: number; strength: Measurement['strength']; clock: Sample['clock'] },
): Promise<Measured | Unmeasured> {
  const { codec, level, strength, clock } = of
  if (!codec.severalFrames && bytes.length > frameBytesDefault) return 'one_frame'
  if (strength === 'strong' && bytes.length > strongBytesMax) return 'slow'
  const envelope = codec.createEnvelope()
  let storedBytes = indexBytes(Math.ceil(bytes.length / frameBytesDefault)) + envelope.head.length
  let compressMs = 0
  let decompressMs = 0
  for (let start = 0; start < bytes.length; start += frameBytesDefault) {
    const frame = bytes.subarray(start, start + frameBytesDefault)
    envelope.update(frame)
    const beganMs = clock.monotonic()
    const stored = await codec.compressFrame(frame, level)
    const betweenMs = clock.monotonic()
    await codec.decompressFrame(stored, frame.length)
    compressMs += betweenMs - beganMs
    decompressMs += clock.monotonic() - betweenMs
    storedBytes += stored.length
  }
  return { storedBytes: storedBytes + envelope.tail().length, compressMs, decompressMs }
}
