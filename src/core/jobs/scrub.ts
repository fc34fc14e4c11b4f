import type { Core } from '../core.ts'
import { blobOf, damaged } from '../files/blob.ts'
import type { BlobRef } from '../files/file.ts'
import { idTimeMs, idTimePrefix } from '../ids.ts'
import { bind } from '../ports/database.ts'
import { findBlobBody, findFrameIndex } from '../statements/blobs.ts'
import {
  clearDamage,
  findReferences,
  listFilesOfBlob,
  listFilesOfPart,
  listStoredBlobs,
  noteDamage,
} from '../statements/rewrite.ts'
import { findDamage } from './check-blob.ts'
import { type JobContext, JobInterrupted, type JobParams, type JobWork } from './job.ts'
import { isOutage } from './outage.ts'
import { totalsOfScope } from './scope.ts'

export interface ScrubState {
  readonly filesTotal: number
  readonly bytesTotal: number
  /** The last id that was looked at. */
  readonly after: string
  /** Ids from here on are of blobs that were stored since the job began. */
  readonly before: string
  /** Files that the blobs so far belong to, and their plaintext. */
  readonly files: number
  readonly bytes: number
  readonly result: ScrubResult
}

export interface ScrubResult {
  readonly blobs: number
  /** As stored. */
  readonly bytes: number
  /** As many as name `namesMax` files and blobs. */
  readonly damaged: readonly DamagedBlob[]
  readonly damagedCount: number
  /** Blobs that were damaged when they were looked at before, and are right. */
  readonly healed: number
}

interface DamagedBlob {
  readonly blobId: string
  readonly what: string
  readonly files: readonly { readonly bucket: string; readonly key: string }[]
}

/** Blobs and files in a result. */
const namesMax = 1000
/** After this long a step ends, if it was not a single blob that took so long. */
const stepMs = 1000
const stepBlobsMax = 200

/** Reads every blob that a file points at, or a part of one, and holds it against its row: bytes, sizes, hash and index. */
export const scrub: JobWork<JobParams, ScrubState> = {
  kind: 'scrub',

  async begin(core) {
    const totals = await totalsOfScope(core, {})
    return {
      filesTotal: totals.files,
      bytesTotal: totals.bytes,
      files: 0,
      bytes: 0,
      after: '',
      before: idTimePrefix(idTimeMs(core.ids.next()) + 1),
      result: {
        blobs: 0,
        bytes: 0,
        damaged: [],
        damagedCount: 0,
        healed: 0,
      },
    }
  },

  async step(core, _params, state, context) {
    const { before } = state
    const rows = await core.database.query(listStoredBlobs, {
      after: state.after,
      before,
      limit: stepBlobsMax,
    })
    const endMs = core.clock.monotonic() + stepMs
    let next = state
    for (const row of rows) {
      const isFirst = next === state
      if (!isFirst && core.clock.monotonic() >= endMs) break
      const { referencesCount, files } = row
      let result = next.result
      try {
        if (row.location === 'parts') await forgetDamage(core, row)
        // Garbage is nobody's, and goes.
        else if (referencesCount > 0) {
          result = await look(core, { blob: blobOf(row), damagedAtMs: row.damagedAtMs, result, context })
        }
      } catch (error) {
        // What was found so far is kept; the next step meets it again.
        if (!isFirst && (isOutage(error) || error instanceof JobInterrupted)) break
        throw error
      }
      next = {
        ...next,
        after: row.blobId,
        result,
        files: next.files + files,
        bytes: next.bytes + files * row.sizeBytes,
      }
    }
    const done = rows.length < stepBlobsMax && next.after === (rows.at(-1)?.blobId ?? state.after)
    return { state: next, done, bytesMoved: 0 }
  },

  progress: ({ files, bytes, filesTotal, bytesTotal }) => ({
    files,
    bytes,
    filesTotal: Math.max(filesTotal, files),
    bytesTotal: Math.max(bytesTotal, bytes),
  }),

  result: (_params, { result }) => result,
}

/** What has no bytes of its own is not looked at: its parts are, each as a blob of its own, and bear the mark. */
async function forgetDamage(
  core: Core,
  { blobId, damagedAtMs }: { blobId: string; damagedAtMs: number | null },
): Promise<void> {
  if (damagedAtMs !== null) await core.database.batch([bind(clearDamage, { id: blobId })])
}

async function look(
  core: Core,
  of: { blob: BlobRef; damagedAtMs: number | null; result: ScrubResult; context: JobContext },
): Promise<ScrubResult> {
  const { blob, damagedAtMs, result, context } = of
  const what = await check(core, blob, context)
  const looked = { ...result, blobs: result.blobs + 1, bytes: result.bytes + blob.storedBytes }
  if (what === undefined) {
    if (damagedAtMs === null) return looked
    await core.database.batch([bind(clearDamage, { id: blob.id })])
    return { ...looked, healed: result.healed + 1 }
  }
  // Deleted meanwhile, or replaced: its bytes may have gone while they were read.
  const [now] = await core.database.query(findReferences, { id: blob.id })
  if (!now || now.referencesCount === 0) return looked

  damaged(core, blob, what)
  await core.database.batch([bind(noteDamage, { id: blob.id, nowMs: core.clock.now() })])
  const damagedCount = result.damagedCount + 1
  const left = namesMax - result.damaged.reduce((sum, { files }) => sum + 1 + files.length, 0)
  if (left <= 0) return { ...looked, damagedCount }
  const request = { blobId: blob.id, limit: left }
  const files = await core.database.query(listFilesOfBlob, request)
  if (files.length === 0) files.push(...(await core.database.query(listFilesOfPart, request)))
  const named = { blobId: blob.id, what, files: files.map(({ bucket, key }) => ({ bucket, key })) }
  return { ...looked, damagedCount, damaged: [...result.damaged, named] }
}

async function check(core: Core, blob: BlobRef, context: JobContext): Promise<string | undefined> {
  const isCompressed = blob.codec !== 'identity'
  const frameIndex = blob.frameIndex ?? (isCompressed ? await readIndex(core, blob) : undefined)
  const stored = await open(core, blob)
  if (!stored) return blob.location === 'row' ? 'has no row of bytes' : 'is not in the store'
  return findDamage({ ...blob, frameIndex }, stored, context.moved)
}

async function open(core: Core, { id, location }: BlobRef): Promise<AsyncIterable<Uint8Array> | undefined> {
  if (location === 'store') return core.blobs.get(id)
  const [row] = await core.database.query(findBlobBody, { id })
  return row && once(row.bytes)
}

async function readIndex(core: Core, { id }: BlobRef): Promise<Uint8Array | undefined> {
  const [row] = await core.database.query(findFrameIndex, { id })
  return row?.bytes ?? undefined
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
