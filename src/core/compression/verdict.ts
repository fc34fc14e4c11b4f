import type { CodecName } from './codec.ts'
import { codecs } from './codecs.ts'
import { encodeWhole, type WholeBlob } from './encode-whole.ts'
import { isCompressedName, isCompressedType, isText, sniffedCompressed } from './formats.ts'
import { frameBytesMax, frameBytesMin } from './frame-index.ts'
import { looksRandom } from './randomness.ts'
import { type CompressionPolicy, codingRules, frameBytesDefault, framesMax } from './policy.ts'

export interface Verdict {
  readonly codec: CodecName | 'identity'
  /** Zero for `identity`, as is `frameBytes`. */
  readonly level: number
  readonly frameBytes: number
  readonly reason: VerdictReason
  /**
   * What was saved, as a share of the plaintext: of the samples, or of all of a body of one frame. `undefined` where nothing
   * was measured. May be below zero.
   */
  readonly gain: number | undefined
}

export interface Coding {
  readonly verdict: Verdict
  /** The body as it is to be stored, where it is compressed and was all there. */
  readonly blob: WholeBlob | undefined
}

/** Why a body is stored as it is. Kept with it, so that it is not tried again (R21). */
export type VerdictReason =
  | 'compressed'
  /** The policy says so. */
  | 'off'
  /** Below the policy's size. */
  | 'small'
  /** Has a Content-Encoding of the client's (R16). */
  | 'encoded'
  /** Its media type is on the policy's list, or that of a compressed format. */
  | 'type'
  /** Its name ends like that of a compressed format, and its type says nothing. */
  | 'name'
  /** It begins like a compressed format. */
  | 'format'
  /** Samples got smaller by less than the policy asks for. */
  | 'no_gain'
  /** No codec that would do works in this runtime. */
  | 'unavailable'
  /** Larger than any index can describe, or than this runtime compresses. */
  | 'large'

export interface Candidate {
  readonly contentType: string
  readonly key: string
  /** The client declared a Content-Encoding. */
  readonly clientEncoded: boolean
  /** The first bytes, up to a frame of `frameBytesDefault`; all of the body if it is shorter. */
  readonly head: Uint8Array
  /** `head` is all of it. */
  readonly whole: boolean
  /** As far as it is known. */
  readonly sizeBytes: number | undefined
  /** Codecs that passed their self-test in this runtime. */
  readonly available: ReadonlySet<CodecName>
  /** Of this runtime: longer bodies are kept as they are. */
  readonly compressBytesMax: number
  readonly policy: CompressionPolicy
}

/**
 * Decides how a body is stored. A body of one frame is compressed for it, and kept so if it got smaller by enough; of a longer
 * one, 64 KiB are, at the fastest level. Formats that are known cost nothing. Rejects only if a codec of `available` cannot
 * compress.
 */
export async function chooseCoding(candidate: Candidate): Promise<Coding> {
  const { policy, available, head, whole } = candidate
  const sizeBytes = whole ? head.length : candidate.sizeBytes
  const refusal = refuse(candidate)
  if (refusal) return keepAsItIs(refusal)

  const choice = choose(candidate, sizeBytes)
  if (!choice) return keepAsItIs('unavailable')
  const frameBytes = frameBytesFor(sizeBytes, whole)
  if (frameBytes === undefined) return keepAsItIs('large')

  // NaN is not a gain either.
  const isEnough = (gain: number) => gain >= policy.minimumGain
  if (whole && looksRandom(head)) return keepAsItIs('no_gain', 0)
  if (!whole || head.length > samples * sampleBytes) {
    const gain = await measureGain(head, available.has('zstd') ? 'zstd' : choice.codec)
    if (!isEnough(gain)) return keepAsItIs('no_gain', gain)
    if (!whole) return { verdict: { ...choice, frameBytes, reason: 'compressed', gain }, blob: undefined }
  }
  const blob = await encodeWhole(head, { codec: codecs[choice.codec], level: choice.level, frameBytes })
  const gain = 1 - blob.bytes.length / head.length
  if (!isEnough(gain)) return keepAsItIs('no_gain', gain)
  return { verdict: { ...choice, frameBytes, reason: 'compressed', gain }, blob }
}

function keepAsItIs(reason: VerdictReason, gain?: number): Coding {
  return { verdict: { codec: 'identity', level: 0, frameBytes: 0, reason, gain }, blob: undefined }
}

/** Why a body is kept as it is whatever it would save; known from its first bytes. */
export function refuse(candidate: Candidate): VerdictReason | undefined {
  const { policy, head } = candidate
  const sizeBytes = candidate.whole ? head.length : candidate.sizeBytes
  if (candidate.clientEncoded) return 'encoded'
  if (policy.mode === 'off') return 'off'
  if (head.length === 0 || (sizeBytes !== undefined && sizeBytes < policy.minimumBytes)) return 'small'
  if ((sizeBytes ?? 0) > candidate.compressBytesMax) return 'large'
  const mediaType = mediaTypeOf(candidate.contentType)
  if (policy.denyTypes.some((denied) => matches(denied, mediaType))) return 'type'
  // Who names a codec knows better than a list of formats; the measurement still counts.
  if (policy.mode !== 'auto') return undefined
  if (isCompressedType(mediaType)) return 'type'
  if (sniffedCompressed(head)) return 'format'
  const saysNothing = mediaType === '' || mediaType === 'application/octet-stream'
  return saysNothing && isCompressedName(candidate.key) ? 'name' : undefined
}

function mediaTypeOf(contentType: string): string {
  return (contentType.split(';', 1)[0] as string).trim().toLowerCase()
}

function matches(pattern: string, mediaType: string): boolean {
  const wanted = mediaTypeOf(pattern)
  return wanted.endsWith('/*') ? mediaType.startsWith(wanted.slice(0, -1)) : mediaType === wanted
}

function choose(
  candidate: Candidate,
  sizeBytes: number | undefined,
): { codec: CodecName; level: number } | undefined {
  const { policy, available, head, whole } = candidate
  const fits = ({ codec }: { codec: CodecName }) =>
    available.has(codec) && (codecs[codec].severalFrames || (whole && head.length <= frameBytesDefault))

  if (policy.mode !== 'auto' && policy.mode !== 'off') {
    const { min, max, ratio } = codecs[policy.mode].levels
    const level = Math.min(max, Math.max(min, policy.level ?? ratio))
    const named = { codec: policy.mode, level }
    if (fits(named)) return named
  }
  // Also what a codec by name comes to where it does not work, or cannot hold the body, as brotli more than one frame.
  const text = isText(mediaTypeOf(candidate.contentType), head)
  const rules = codingRules.filter(
    ({ kind, sizeBytesMax }) =>
      (kind === 'any' || text) && (sizeBytes ?? Number.POSITIVE_INFINITY) <= sizeBytesMax,
  )
  return rules[0]?.choices.find(fits)
}

/** A body that is all there gets a frame of its own size; `undefined` when no frame is large enough. */
export function frameBytesFor(sizeBytes: number | undefined, whole: boolean): number | undefined {
  if (sizeBytes === undefined) return frameBytesDefault
  if (whole && sizeBytes <= frameBytesDefault) return Math.max(frameBytesMin, sizeBytes)
  let frameBytes = frameBytesDefault
  while (frameBytes * framesMax < sizeBytes) frameBytes *= 2
  return frameBytes <= frameBytesMax ? frameBytes : undefined
}

const samples = 4
/** More than a prefix, which may be a header unlike the rest (R22), and long enough to find repetitions in. */
const sampleBytes = 16 * 1024

async function measureGain(head: Uint8Array, codec: CodecName): Promise<number> {
  const sample = spreadSample(head)
  const stored = await codecs[codec].compressFrame(sample, codecs[codec].levels.fast)
  return 1 - stored.length / sample.length
}

/** Pieces from the first byte to the last of `head`, joined; all of it if it is not longer. */
export function spreadSample(head: Uint8Array): Uint8Array {
  if (head.length <= samples * sampleBytes) return head
  const step = (head.length - sampleBytes) / (samples - 1)
  const joined = new Uint8Array(samples * sampleBytes)
  for (let index = 0; index < samples; index++) {
    const start = Math.round(index * step)
    joined.set(head.subarray(start, start + sampleBytes), index * sampleBytes)
  }
  return joined
}
