import type { CodecName } from './codec.ts'

/** What an administrator decides about a bucket, or a client about one upload. */
export interface CompressionPolicy {
  /** `auto` measures and chooses from the table below; a codec's name takes that one wherever it saves enough. */
  readonly mode: 'auto' | 'off' | CodecName
  /** Of the codec that `mode` names; its own choice when left out. Without a meaning for `auto`. */
  readonly level?: number
  /** Share of the body that must be saved, 0 to 1: below it a body is kept as it is (R21). */
  readonly minimumGain: number
  /** Bodies below this are kept as they are. */
  readonly minimumBytes: number
  /** Media types that are never compressed: `image/png`, or `image/*`. */
  readonly denyTypes: readonly string[]
}

export const defaultPolicy: CompressionPolicy = Object.freeze({
  mode: 'auto',
  minimumGain: 0.1,
  /** An index takes 48 bytes, and a smaller row is not read faster. */
  minimumBytes: 1024,
  denyTypes: Object.freeze([]),
})

/** Of a bucket's row; the default where it has none of its own. Members that it leaves out are the default's. */
export function parsePolicy(json: string | null): CompressionPolicy {
  return json === null ? defaultPolicy : { ...defaultPolicy, ...(JSON.parse(json) as CompressionPolicy) }
}

/** What one size of body is stored as. */
export interface CodingRule {
  readonly kind: 'text' | 'any'
  /** Up to and with this size. */
  readonly sizeBytesMax: number
  /** The first that the runtime has, and that can hold a body of this size, is taken. */
  readonly choices: readonly { readonly codec: CodecName; readonly level: number }[]
}

const kibibyte = 1024
const mebibyte = 1024 ** 2

/**
 * The table of `auto`: the first rule that fits. A body of unknown size counts as large. Of text, zstd-3 leaves 0.165 at
 * 226 MB/s, brotli-5 0.138 at 60, gzip-6 0.175 at 69: brotli where a body is small and every browser takes it as it is, zstd
 * where the time counts, gzip for runtimes without a working zstd. Before uploads use it, it is held against a corpus of
 * many kinds.
 */
export const codingRules: readonly CodingRule[] = Object.freeze([
  {
    kind: 'text',
    sizeBytesMax: 128 * kibibyte,
    choices: [
      { codec: 'brotli', level: 5 },
      { codec: 'zstd', level: 3 },
      { codec: 'gzip', level: 6 },
    ],
  },
  {
    kind: 'any',
    sizeBytesMax: 64 * mebibyte,
    choices: [
      { codec: 'zstd', level: 3 },
      { codec: 'gzip', level: 6 },
    ],
  },
  {
    kind: 'any',
    sizeBytesMax: Number.POSITIVE_INFINITY,
    choices: [
      { codec: 'zstd', level: 1 },
      { codec: 'gzip', level: 1 },
    ],
  },
])

/** Of large bodies: independent frames cost 3 % with zstd-3, those of 256 KiB 10 %, those of 64 KiB 16 %. */
export const frameBytesDefault = mebibyte

/**
 * Frames of one blob at most, so that its index fits into a row: D1 takes 2 MB, this is 1 MiB. Larger bodies get larger frames.
 */
export const framesMax = 131_072
