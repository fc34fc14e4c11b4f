import { codecs } from '../compression/codecs.ts'
import type { CodecName } from '../compression/codec.ts'
import { isText } from '../compression/formats.ts'
import { type CompressionPolicy, frameBytesDefault, recompressRules } from '../compression/policy.ts'
import { refuse } from '../compression/verdict.ts'
import type { Core } from '../core.ts'
import type { BlobRef } from '../files/file.ts'

/** What a blob is to be stored as. */
export interface Target {
  readonly codec: CodecName
  readonly level: number
}

export interface TargetRequest {
  readonly blob: BlobRef
  readonly key: string
  readonly contentType: string
  readonly policy: CompressionPolicy
  /** The first bytes, where they have been read. */
  readonly head?: Uint8Array | undefined
}

/** Stored as they were for a reason that may have gone, such as a policy; the others are about the bytes (R21). */
const reconsidered: ReadonlySet<string> = new Set([
  'unmeasured',
  'unavailable',
  'off',
  'small',
  'type',
  'large',
])

/** Of no format, and no text. */
const unknownHead = Uint8Array.of(0)

/**
 * The strongest coding for a blob, or why it stays as it is: `strong` when it has that coding, or a reason of the verdict's. A
 * blob that was compressed once is not judged by its content again.
 */
export function chooseTarget(core: Core, request: TargetRequest): Target | string {
  const { blob, policy, key, contentType, head = unknownHead } = request
  const isIdentity = blob.codec === 'identity'
  if (isIdentity && !reconsidered.has(blob.reason)) return blob.reason
  if (blob.sizeBytes === 0) return 'small'
  const { available, recompressBytesMax } = core.compression
  const refusal = refuse({
    contentType,
    key,
    policy,
    head,
    available,
    clientEncoded: false,
    whole: false,
    sizeBytes: blob.sizeBytes,
    compressBytesMax: recompressBytesMax,
  })
  if (refusal) return refusal
  const mediaType = (contentType.split(';', 1)[0] as string).trim().toLowerCase()
  const target = pick(core, request, blob.codec === 'brotli' || isText(mediaType, head))
  if (!target) return 'unavailable'
  return blob.codec === target.codec && blob.level >= target.level ? 'strong' : target
}

function pick(core: Core, { blob, policy }: TargetRequest, text: boolean): Target | undefined {
  const fits = ({ codec }: Target) =>
    core.compression.available.has(codec) &&
    (codecs[codec].severalFrames || blob.sizeBytes <= frameBytesDefault)
  if (policy.mode !== 'auto' && policy.mode !== 'off') {
    const { min, max, strong } = codecs[policy.mode].levels
    const named = { codec: policy.mode, level: Math.min(max, Math.max(min, policy.level ?? strong)) }
    if (fits(named)) return named
  }
  return recompressRules
    .find(({ kind, sizeBytesMax }) => (kind === 'any' || text) && blob.sizeBytes <= sizeBytesMax)
    ?.choices.find(fits)
}
