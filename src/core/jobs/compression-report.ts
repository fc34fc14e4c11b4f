import { concatBytes } from '../bytes.ts'
import type { CodecName } from '../compression/codec.ts'
import { codecs } from '../compression/codecs.ts'
import { type Choice, type Coded, estimateWays, waysFor } from '../compression/estimate.ts'
import { isText, sniffedCompressed } from '../compression/formats.ts'
import { codingRules, frameBytesDefault, parsePolicy, recompressRules } from '../compression/policy.ts'
import type { PriceOverrides } from '../compression/prices.ts'
import { refuse } from '../compression/verdict.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { blobOf } from '../files/blob.ts'
import { openContent } from '../files/parts.ts'
import { prefixSuccessor } from '../files/names.ts'
import { mediaTypeOf } from '../files/record.ts'
import type { BucketRow } from '../statements/buckets.ts'
import { listStoredFiles, type StoredFileRow } from '../statements/rewrite.ts'
import { makeReport } from './compression-result.ts'
import {
  addMeasured,
  addSkipped,
  addUnmeasured,
  createGroup,
  type FileGroup,
  isMeasuredNext,
} from './compression-sums.ts'
import type { JobContext, JobParams, JobProgress, JobStep, JobWork } from './job.ts'
import { nextBucket, totalsOfScope } from './scope.ts'
import { chooseTarget } from './target.ts'

export interface CompressionReportParams extends JobParams {
  /** In the place of R2's. */
  readonly prices?: PriceOverrides | undefined
}

export interface CompressionReportState {
  readonly progress: JobProgress
  /** Name of the last bucket that was gone through. */
  readonly after: string
  /** In the one after it: the key to go on at. */
  readonly at: { readonly bucketId: string; readonly key: string } | null
  readonly available: readonly CodecName[]
  readonly groups: readonly FileGroup[]
}

/** Media types that a report tells apart: it is kept as one JSON, and types are whatever clients say. */
const typesMax = 100
const otherTypes = '*'

const pageFiles = 250
/**
 * What a step measures: brotli's strongest level takes two seconds for a MiB, and a small file some milliseconds however
 * small it is.
 */
const stepBytesMax = 512 * 1024
const stepMeasuredMax = 50
const stepFilesMax = 5000

/** Of one file: all of it, or pieces that make up a frame, from its first byte to its last (R22). */
const pieces = 8
const pieceBytes = frameBytesDefault / pieces

/**
 * The dry run: what compression would save on the files of a scope, and what that would cost. Reads samples, writes nothing.
 */
export const compressionReport: JobWork<CompressionReportParams, CompressionReportState> = {
  kind: 'compression_report',

  async begin(core, params) {
    const { files, bytes } = await totalsOfScope(core, params)
    return {
      progress: {
        files: 0,
        bytes: 0,
        filesTotal: files,
        bytesTotal: bytes,
      },
      after: '',
      at: null,
      available: [...core.compression.available],
      groups: [],
    }
  },

  async step(core, params, state, context) {
    const sums = structuredClone(state.groups) as FileGroup[]
    const work = createWork(core, sums, context)
    let { after, at } = state
    const step = (done: boolean): JobStep<CompressionReportState> => ({
      state: { ...state, progress: addProgress(state.progress, work.taken), after, at, groups: sums },
      done,
      bytesMoved: 0,
    })
    while (!work.isEnough()) {
      const bucket = await nextBucket(core, params, after)
      if (!bucket) return step(true)
      const prefix = params.prefix ?? ''
      const from = at?.bucketId === bucket.id ? at.key : prefix
      const span = { bucketId: bucket.id, from, to: prefixSuccessor(prefix) }
      const rows = await core.database.query(listStoredFiles, { ...span, limit: pageFiles })
      let isAll = rows.length < pageFiles
      for (const row of rows) {
        if (work.isEnough()) {
          isAll = false
          break
        }
        await work.add(bucket, row)
        // The least key above: no key holds a NUL.
        at = { bucketId: bucket.id, key: `${row.key}\u0001` }
      }
      if (isAll) [after, at] = [bucket.name, null]
    }
    return step(false)
  },

  progress: ({ progress }) => progress,

  result: ({ bucket, prices }, { groups, available }) =>
    makeReport(groups, { bucket, available: new Set(available), prices }),
}

function addProgress(progress: JobProgress, taken: { files: number; bytes: number }): JobProgress {
  return { ...progress, files: progress.files + taken.files, bytes: progress.bytes + taken.bytes }
}

/** What a step adds to the sums, and when it has done enough. */
function createWork(core: Core, groups: FileGroup[], context: JobContext) {
  const taken = { files: 0, bytes: 0 }
  let sampledBytes = 0
  let measured = 0
  const types = new Set(groups.map(({ mediaType }) => mediaType))
  const groupOf = ({ contentType, sizeBytes }: StoredFileRow): FileGroup => {
    const mediaType = mediaTypeOf(contentType)
    const type = types.has(mediaType) || types.size < typesMax ? mediaType : otherTypes
    const sizeClass = sizeClassOf(sizeBytes)
    let group = groups.find((each) => each.mediaType === type && each.sizeClass === sizeClass)
    if (!group) {
      group = createGroup(type, sizeClass)
      groups.push(group)
      types.add(type)
    }
    return group
  }

  return {
    taken,
    isEnough: () =>
      sampledBytes >= stepBytesMax || measured >= stepMeasuredMax || taken.files >= stepFilesMax,

    async add(bucket: BucketRow, row: StoredFileRow): Promise<void> {
      taken.files++
      taken.bytes += row.sizeBytes
      const group = groupOf(row)
      const policy = parsePolicy(bucket.compression)
      const reason = skipReason(core, bucket, row)
      if (reason) return addSkipped(group, row, reason)
      if (!isMeasuredNext(group)) return addUnmeasured(group, row)
      const sample = await readSample(core, row, context)
      if (sample === 'damaged') return addSkipped(group, row, 'damaged')
      measured++
      sampledBytes += sample.length
      const { available } = core.compression
      const ways = waysFor(available)
      const text = isText(mediaTypeOf(row.contentType), sample)
      const isFormat = sniffedCompressed(sample) !== undefined
      const coded = isFormat
        ? new Map<string, Coded>()
        : await estimateWays(
            {
              sample,
              sizeBytes: row.sizeBytes,
              text,
              again: chooseAgain(core, { bucket, row, sample }),
            },
            available,
          )
      const file = { ...row, sampledBytes: sample.length, minimumGain: policy.minimumGain }
      addMeasured(group, file, { ways, coded })
    },
  }
}

/** What the job that compresses again would take, were nothing `off`. */
function chooseAgain(
  core: Core,
  { bucket, row, sample }: { bucket: BucketRow; row: StoredFileRow; sample: Uint8Array },
): Choice | undefined {
  const { mode, ...policy } = parsePolicy(bucket.compression)
  const blob = blobOf(row)
  const target = chooseTarget(core, {
    blob: blob.reason === 'off' ? { ...blob, reason: 'unmeasured' } : blob,
    key: row.key,
    contentType: row.contentType,
    policy: { ...policy, mode: mode === 'off' ? 'auto' : mode },
    // That job does not look at content that was compressed before.
    head: row.codec === 'identity' ? sample : undefined,
  })
  return typeof target === 'string' ? undefined : target
}

/** Bounds of the tables of `auto`, and of a frame: files on either side compress differently. */
const sizeClasses = [
  ...new Set([...codingRules, ...recompressRules].map(({ sizeBytesMax }) => sizeBytesMax)).add(
    frameBytesDefault,
  ),
]
  .toSorted((a, b) => a - b)
  .filter(Number.isFinite)

function sizeClassOf(sizeBytes: number): number {
  const index = sizeClasses.findIndex((most) => sizeBytes <= most)
  return index === -1 ? sizeClasses.length : index
}

/**
 * Why a file is left as it is without being read: what uploads refuse by name and type, but whatever the bucket's mode is;
 * what its verdict says already (R21); and what is stored at a strong level.
 */
function skipReason(core: Core, bucket: BucketRow, row: StoredFileRow): string | undefined {
  if (row.sizeBytes === 0) return 'small'
  const { available, recompressBytesMax: compressBytesMax } = core.compression
  const policy = parsePolicy(bucket.compression)
  const refused = refuse({
    key: row.key,
    contentType: row.contentType,
    clientEncoded: 'contentEncoding' in (JSON.parse(row.headers) as object),
    head: Uint8Array.of(0),
    whole: false,
    sizeBytes: row.sizeBytes,
    available,
    compressBytesMax,
    policy: {
      ...policy,
      mode: 'auto',
    },
  })
  if (refused) return refused
  if (row.reason === 'format') return row.reason
  if (row.reason === 'no_gain' && (row.gain ?? 0) < policy.minimumGain) return row.reason
  if (row.tried !== null) return 'tried'
  return isStrongest(row) ? 'strong' : undefined
}

/** Nothing does better: of files of one frame brotli, of longer ones zstd. */
function isStrongest({ codec, level, sizeBytes }: StoredFileRow): boolean {
  const strongest = sizeBytes > frameBytesDefault ? 'zstd' : 'brotli'
  return codec === strongest && level >= codecs[codec].levels.strong
}

async function readSample(
  core: Core,
  row: StoredFileRow,
  context: JobContext,
): Promise<Uint8Array | 'damaged'> {
  const { sizeBytes } = row
  const blob = blobOf(row)
  const isWhole = sizeBytes <= frameBytesDefault
  const count = isWhole ? 1 : pieces
  const step = isWhole ? 0 : (sizeBytes - pieceBytes) / (pieces - 1)
  const chunks: Uint8Array[] = []
  try {
    for (let index = 0; index < count; index++) {
      const start = Math.round(index * step)
      const range = { start, end: isWhole ? sizeBytes - 1 : start + pieceBytes - 1 }
      const content = await openContent(core, blob, range)
      // A chunk is the reader's until it asks for the next.
      for await (const chunk of content) chunks.push(new Uint8Array(chunk))
      await context.moved(range.end + 1 - start)
      // Of a format that is known, no more is needed.
      if (index === 0 && chunks[0] && sniffedCompressed(chunks[0])) break
    }
  } catch (error) {
    if (error instanceof CuttyError && error.code === 'content_damaged') return 'damaged'
    throw error
  }
  return concatBytes(chunks)
}
