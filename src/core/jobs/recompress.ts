import { concatBytes } from '../bytes.ts'
import { codecs } from '../compression/codecs.ts'
import { parsePolicy } from '../compression/policy.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { blobOf } from '../files/blob.ts'
import { readPiece } from '../files/parts.ts'
import type { BlobRef, StoredHeaders } from '../files/file.ts'
import { prefixSuccessor } from '../files/names.ts'
import { limits } from '../limits.ts'
import { bind, type BoundStatement } from '../ports/database.ts'
import type { BucketRow } from '../statements/buckets.ts'
import {
  listFilesOfBlob,
  listStoredFiles,
  noteDamage,
  noteTried,
  type StoredFileRow,
} from '../statements/rewrite.ts'
import { type JobContext, JobInterrupted, type JobParams, type JobStep, type JobWork } from './job.ts'
import { isOutage } from './outage.ts'
import { recode } from './recode.ts'
import { nextBucket, totalsOfScope } from './scope.ts'
import { chooseTarget, type Target, type TargetRequest } from './target.ts'

export interface RecompressState {
  readonly filesTotal: number
  readonly bytesTotal: number
  /** Where to go on: the bucket after this one by name, or `bucketId` from `from` on. */
  readonly bucketAfter: string
  readonly bucketId: string
  readonly from: string
  readonly result: RecompressResult
}

export interface RecompressResult {
  /** Looked at. */
  readonly files: number
  /** Of their plaintext. */
  readonly bytes: number
  /** Stored bytes of the blobs that were replaced, and of those in their place. */
  readonly recompressed: { readonly blobs: number; readonly bytesBefore: number; readonly bytesAfter: number }
  /** Files that stay as they are, by reason. */
  readonly skipped: Readonly<Record<string, number>>
  /** At most `damagedMax` of them. */
  readonly damaged: readonly DamagedFile[]
  readonly damagedCount: number
}

interface DamagedFile {
  readonly bucket: string
  readonly key: string
  readonly blobId: string
  readonly what: string
}

const damagedMax = 100
/** After this long a step ends, if it was not a single file that took so long. */
const stepMs = 1000
const stepFilesMax = 200
/** A blob that is shared by more files is left alone if one of the first so many must not be touched. */
const sharersMax = 100
/** Share of what is stored that a new blob must save: less is not worth its writing. */
export const savedShareMin = 0.02

/**
 * Stores files smaller that are there: with the strongest coding, or for the first time. Nothing that anybody sees of them
 * changes (R3), and each is read back before it takes the place of what was there.
 */
export const recompress: JobWork<JobParams, RecompressState> = {
  kind: 'recompress',

  async begin(core, params) {
    const totals = await totalsOfScope(core, params)
    return {
      filesTotal: totals.files,
      bytesTotal: totals.bytes,
      bucketAfter: '',
      bucketId: '',
      from: '',
      result: {
        files: 0,
        bytes: 0,
        recompressed: {
          blobs: 0,
          bytesBefore: 0,
          bytesAfter: 0,
        },
        skipped: {},
        damaged: [],
        damagedCount: 0,
      },
    }
  },

  async step(core, params, state, context) {
    const bucket = await nextBucket(core, params, state.bucketAfter)
    if (!bucket) return { state, done: true, bytesMoved: 0 }
    const prefix = params.prefix ?? ''
    const from = bucket.id === state.bucketId ? state.from : prefix
    const span = { bucketId: bucket.id, from, to: prefixSuccessor(prefix), limit: stepFilesMax }
    const rows = await core.database.query(listStoredFiles, span)
    return stepThrough(core, { bucket, rows, state, context })
  },

  progress: ({ result, filesTotal, bytesTotal }) => ({
    files: result.files,
    bytes: result.bytes,
    // Files may have come meanwhile.
    filesTotal: Math.max(filesTotal, result.files),
    bytesTotal: Math.max(bytesTotal, result.bytes),
  }),

  result: (_params, { result }) => result,
}

interface Step {
  readonly bucket: BucketRow
  readonly rows: readonly StoredFileRow[]
  readonly state: RecompressState
  readonly context: JobContext
}

async function stepThrough(core: Core, step: Step): Promise<JobStep<RecompressState>> {
  const { bucket, rows, state, context } = step
  const endMs = core.clock.monotonic() + stepMs
  const tally = createTally(state.result)
  const notes: BoundStatement[] = []
  // Rows are those of the step's begin: a blob that was replaced since is in several of them.
  const done = new Set<string>()
  let last: StoredFileRow | undefined
  for (const row of rows) {
    if (last && core.clock.monotonic() >= endMs) break
    try {
      const outcome = done.has(row.blobId) ? 'strong' : await treat(core, { bucket, row, context })
      done.add(row.blobId)
      tally.count(row, bucket, outcome)
      if (typeof outcome === 'object' && outcome.note) notes.push(outcome.note)
    } catch (error) {
      // What was done so far is kept; the next step meets it again.
      if (last && (isOutage(error) || error instanceof JobInterrupted)) break
      throw error
    }
    last = row
  }
  if (notes.length > 0) await core.database.batch(notes)
  const isEnd = rows.length < stepFilesMax && last === rows.at(-1)
  const position = isEnd
    ? { bucketAfter: bucket.name, bucketId: '', from: '' }
    : // The least key after it: no key holds a NUL.
      { bucketId: bucket.id, from: `${last?.key}\u0001` }
  return { state: { ...state, ...position, result: tally.result() }, done: false, bytesMoved: 0 }
}

/** What became of one file: a reason why it stays as it is, or what was done. */
type Outcome =
  | string
  | { note?: BoundStatement; reason?: string; savedFrom?: number; savedTo?: number; damage?: string }

async function treat(
  core: Core,
  of: { bucket: BucketRow; row: StoredFileRow; context: JobContext },
): Promise<Outcome> {
  const { row } = of
  try {
    return await treatOne(core, of)
  } catch (error) {
    if (error instanceof JobInterrupted || isOutage(error)) throw error
    const code = error instanceof CuttyError ? error.code : undefined
    if (code === 'storage_full') throw error
    if (code === 'content_damaged') {
      const what = ((error as CuttyError).cause as Error | undefined)?.message ?? ''
      return { damage: what, note: bind(noteDamage, { id: row.blobId, nowMs: core.clock.now() }) }
    }
    // One file must not keep all the others from their turn.
    core.observe({ type: 'failure', requestId: undefined, during: `recompress blob ${row.blobId}`, error })
    return 'failed'
  }
}

async function treatOne(
  core: Core,
  { bucket, row, context }: { bucket: BucketRow; row: StoredFileRow; context: JobContext },
): Promise<Outcome> {
  if (isEncoded(row.headers)) return 'encoded'
  const policy = parsePolicy(bucket.compression)
  const blob = blobOf(row)
  const request = { blob, policy, key: row.key, contentType: row.contentType }
  const first = chooseTarget(core, request)
  if (typeof first === 'string') return first
  if (row.tried === nameOf(first)) return 'tried'
  if (await isHeldBySharer(core, blob)) return 'shared'

  const sampled = blob.codec === 'identity' ? await sampleTarget(core, { request, context }) : first
  if (typeof sampled === 'string') return sampled
  const { target, isHopeless } = 'target' in sampled ? sampled : { target: sampled, isHopeless: false }
  if (row.tried === nameOf(target)) return 'tried'
  const note = bind(noteTried, { id: blob.id, tried: nameOf(target) })
  if (isHopeless) return { reason: 'no_gain', note }

  const minimum = blob.codec === 'identity' ? Math.max(savedShareMin, policy.minimumGain) : savedShareMin
  const storedBytesMax = Math.floor(blob.storedBytes * (1 - minimum))
  const outcome = await recode(core, { blob, target, storedBytesMax, context })
  switch (outcome.kind) {
    case 'replaced':
      return { savedFrom: blob.storedBytes, savedTo: outcome.storedBytes }
    case 'changed':
      return 'changed'
    case 'no_gain':
    case 'unverified':
      return { reason: outcome.kind, note }
  }
}

function nameOf({ codec, level }: Target): string {
  return `${codec} ${level}`
}

function isEncoded(headers: string): boolean {
  return headers !== '{}' && (JSON.parse(headers) as StoredHeaders).contentEncoding !== undefined
}

/** Copies share a blob: what one of them must not be made, none of them is. */
async function isHeldBySharer(core: Core, { id }: BlobRef): Promise<boolean> {
  const files = await core.database.query(listFilesOfBlob, { blobId: id, limit: sharersMax })
  return files.some(
    ({ headers, compression }) => isEncoded(headers) || parsePolicy(compression).mode === 'off',
  )
}

const samples = 16
const sampleBytes = 16 * 1024

/** Looks at content that was never compressed: its begin says what it is, and pieces of all of it what would be saved. */
async function sampleTarget(
  core: Core,
  { request, context }: { request: TargetRequest; context: JobContext },
): Promise<string | { target: Target; isHopeless: boolean }> {
  const { blob, policy } = request
  const read = async (start: number, bytes: number) => {
    const end = Math.min(start + bytes, blob.sizeBytes) - 1
    const piece = await readPiece(core, blob, { start, end })
    await context.moved(piece.length)
    return piece
  }
  const head = await read(0, limits.sniffBytes)
  const target = chooseTarget(core, { ...request, head })
  if (typeof target === 'string') return target
  // All of it is soon compressed.
  if (blob.sizeBytes <= samples * sampleBytes) return { target, isHopeless: false }

  const step = (blob.sizeBytes - sampleBytes) / (samples - 1)
  const pieces: Uint8Array[] = []
  for (let index = 0; index < samples; index++) {
    pieces.push(await read(Math.round(index * step), sampleBytes))
  }
  const codec = codecs[core.compression.available.has('zstd') ? 'zstd' : target.codec]
  const sample = concatBytes(pieces)
  const stored = await codec.compressFrame(sample, codec.levels.fast)
  const gain = 1 - stored.length / sample.length
  return { target, isHopeless: !(gain >= Math.max(savedShareMin, policy.minimumGain)) }
}

/** A result that is counted up, apart from the state that it came from. */
function createTally(begun: RecompressResult) {
  let { files, bytes, damagedCount } = begun
  const recompressed = { ...begun.recompressed }
  const skipped: Record<string, number> = { ...begun.skipped }
  const damaged = [...begun.damaged]
  return {
    count(row: StoredFileRow, bucket: BucketRow, outcome: Outcome) {
      files += 1
      bytes += row.sizeBytes
      const { reason, savedFrom, savedTo, damage }: Exclude<Outcome, string> =
        typeof outcome === 'string' ? { reason: outcome } : outcome
      if (reason !== undefined) skipped[reason] = (skipped[reason] ?? 0) + 1
      if (savedFrom !== undefined && savedTo !== undefined) {
        recompressed.blobs += 1
        recompressed.bytesBefore += savedFrom
        recompressed.bytesAfter += savedTo
      }
      if (damage === undefined) return
      damagedCount += 1
      if (damaged.length < damagedMax) {
        damaged.push({ bucket: bucket.name, key: row.key, blobId: row.blobId, what: damage })
      }
    },
    result: (): RecompressResult => ({ files, bytes, recompressed, skipped, damaged, damagedCount }),
  }
}
