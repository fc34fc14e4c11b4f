import type { Machine } from '../harness/machine.ts'
import type { Manifest } from './corpus.ts'
import type { CodecName } from '../../src/core/compression/codec.ts'
import type { CodingRule } from '../../src/core/compression/policy.ts'

/** What `measure.ts` writes to `result.json`, and `render.ts` makes the README of. */
export interface CorpusResult {
  readonly format: 1
  readonly corpus: Manifest
  readonly codings: CodingsPart
  readonly frames: FramesPart
  readonly policy: PolicyPart
}

export interface CodingFigure {
  readonly codec: CodecName
  readonly level: number
  /** Stored bytes for one of plaintext. */
  readonly ratio: number
  readonly compressMibPerSecond: number
  readonly decodeMibPerSecond: number
}

export interface CodingsPart {
  readonly machine: Machine
  /** Of each kind at most. */
  readonly sampleBytesMax: number
  readonly pieceBytesMax: number
  readonly repeats: number
  /** Those of which a run takes minutes are measured once. */
  readonly slowRepeats: number
  readonly kinds: readonly {
    readonly kind: string
    readonly sampleBytes: number
    readonly figures: readonly CodingFigure[]
  }[]
}

export interface FrameFigure {
  readonly level: number
  readonly frameBytes: number
  /** With the index. */
  readonly ratio: number
  /** Of 1 KiB: medians of random places. */
  readonly readUs: number
  readonly readStoredBytes: number
}

export interface UploadFigure {
  readonly level: number
  /** Frames at one time. */
  readonly parallel: number
  readonly mibPerSecond: number
  /** Of one processor, reading and joining included: does not suffer from what else runs on the machine. */
  readonly mibPerCpuSecond: number
}

export interface FramesPart {
  readonly machine: Machine
  /** Text files that are not smaller than this, together `sampleBytes`. */
  readonly fileBytesMin: number
  readonly files: number
  readonly sampleBytes: number
  readonly reads: number
  readonly figures: readonly FrameFigure[]
  /** zstd, frames of the default size. */
  readonly uploads: readonly UploadFigure[]
}

/** A table of codings as JSON can hold it: `null` is no limit. */
export interface MeasuredTable {
  readonly minimumBytes: number
  readonly minimumGain: number
  readonly frameBytes: number
  readonly rules: readonly (Omit<CodingRule, 'sizeBytesMax'> & { readonly sizeBytesMax: number | null })[]
}

export interface TableFigure {
  readonly name: string
  readonly storedBytes: number
  /** Of compressing, frame after frame, what the table compresses; samples are included. */
  readonly seconds: number
}

export interface KindFigure {
  readonly kind: string
  readonly logicalBytes: number
  readonly storedBytes: number
  readonly gzipBytes: number
  readonly blocksBytes: number
  readonly compressedFiles: number
}

export interface PolicyPart {
  readonly machine: Machine
  readonly table: MeasuredTable
  readonly logicalBytes: number
  readonly storedBytes: number
  /** Each file by itself with gzip-6, kept as it is where that saves less than the policy asks for. No index. */
  readonly gzipBytes: number
  /** Each block of 1 MiB with zstd-1, by the same rule. No index. */
  readonly blocksBytes: number
  readonly kinds: readonly KindFigure[]
  readonly verdicts: readonly {
    readonly verdict: string
    readonly files: number
    readonly logicalBytes: number
    readonly storedBytes: number
  }[]
  readonly alternatives: readonly {
    readonly question: string
    readonly figures: readonly TableFigure[]
  }[]
}
