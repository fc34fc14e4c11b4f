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
  /** An index takes 48 bytes: of the 1,838 smaller files of `bench/corpus`, 14 KB could be saved in all. */
  minimumBytes: 256,
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
 * The table of `auto`: the first rule that fits. A body of unknown size counts as large. Decided on `bench/corpus`: small
 * bodies as brotli, which every browser takes as it is, and where a millisecond does not count; larger text at the level
 * that two cores still compress as fast as an upload comes (from 5 on zstd has less than half the speed), and much of it at
 * one that is a third faster for 2 % more bytes, which recompression takes back; what is no text gains from more. gzip is for runtimes without a working zstd.
 */
export const codingRules: readonly CodingRule[] = Object.freeze([
  {
    kind: 'any',
    sizeBytesMax: 512 * kibibyte,
    choices: [
      { codec: 'brotli', level: 5 },
      { codec: 'zstd', level: 6 },
      { codec: 'gzip', level: 6 },
    ],
  },
  {
    kind: 'text',
    sizeBytesMax: 8 * mebibyte,
    choices: [
      { codec: 'zstd', level: 3 },
      { codec: 'gzip', level: 1 },
    ],
  },
  {
    kind: 'text',
    sizeBytesMax: Number.POSITIVE_INFINITY,
    choices: [
      { codec: 'zstd', level: 2 },
      { codec: 'gzip', level: 1 },
    ],
  },
  {
    kind: 'any',
    sizeBytesMax: 64 * mebibyte,
    choices: [
      { codec: 'zstd', level: 6 },
      { codec: 'gzip', level: 6 },
    ],
  },
  {
    kind: 'any',
    sizeBytesMax: Number.POSITIVE_INFINITY,
    choices: [
      { codec: 'zstd', level: 3 },
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

/**
 * What the background makes of files that are there, where time does not count: the best that every reader still decodes as
 * fast as before. Above 64 MiB zstd-19, at some 2 MB/s, would take minutes of a core for a single file.
 */
export const recompressRules: readonly CodingRule[] = Object.freeze([
  {
    kind: 'text',
    sizeBytesMax: frameBytesDefault,
    choices: [
      { codec: 'brotli', level: 11 },
      { codec: 'zstd', level: 19 },
      { codec: 'gzip', level: 9 },
    ],
  },
  {
    kind: 'any',
    sizeBytesMax: 64 * mebibyte,
    choices: [
      { codec: 'zstd', level: 19 },
      { codec: 'gzip', level: 9 },
    ],
  },
  {
    kind: 'any',
    sizeBytesMax: Number.POSITIVE_INFINITY,
    choices: [
      { codec: 'zstd', level: 12 },
      { codec: 'gzip', level: 6 },
    ],
  },
])
