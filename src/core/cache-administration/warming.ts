import { authorizeAdmin, type Caller } from '../accounts/caller.ts'
import { readMostRead } from '../cache/read-counts.ts'
import type { Found } from '../cache/trace.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { contentCodingOf } from '../files/blob.ts'
import type { FileRef } from '../files/change.ts'
import type { FileRecord } from '../files/file.ts'
import { type Content, readCoded, readContent } from '../files/read.ts'
import { findFileRecord } from '../files/record.ts'
import { limits } from '../limits.ts'
import { bind } from '../ports/database.ts'
import { deleteFileReads } from '../statements/cache.ts'
import { type CacheScope, scopeOf } from './stats.ts'

export interface Warmed {
  readonly scope: CacheScope
  /** Asked for. */
  readonly files: number
  /** Of which reads are known: all below come to this. */
  readonly known: number
  readonly loaded: number
  readonly alreadyCached: number
  /** Deleted since they were read. */
  readonly missing: number
  /** The observer was told why. */
  readonly failed: number
  /** Time was over before. */
  readonly notReached: number
  /** That were brought into memory. */
  readonly bytes: number
  readonly durationMs: number
}

/** As many as a Worker may wait for at one time, with room for others. */
const atOnce = 4
/** Begins no file after this long: somebody waits for the answer. */
const budgetMs = 20_000

/**
 * Reads the files that are read most as a GET would: the name, and of the bytes what is kept in memory, which is all of a small
 * file, as it is and as it is stored, and the beginning of a long one that is compressed. Whether there is room for it is the
 * cache's own judgement, as ever.
 */
export async function warmCache(core: Core, caller: Caller, { files }: { files: number }): Promise<Warmed> {
  authorizeAdmin(caller)
  const startedMs = core.clock.monotonic()
  const mostRead = await readMostRead(core, { limit: files })
  const counts = { loaded: 0, alreadyCached: 0, failed: 0 }
  const missing: FileRef[] = []
  let bytes = 0
  let begun = 0

  async function warmInTurn(): Promise<void> {
    while (begun < mostRead.length && core.clock.monotonic() - startedMs < budgetMs) {
      const file = mostRead[begun++] as FileRef
      try {
        const { loaded, loadedBytes } = await warmFile(core, caller, file)
        counts[loaded ? 'loaded' : 'alreadyCached']++
        bytes += loadedBytes
      } catch (error) {
        if (isMissing(error)) {
          missing.push(file)
          continue
        }
        counts.failed++
        core.observe({ type: 'failure', requestId: undefined, during: 'warming the cache', error })
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, warmInTurn))
  // They would take the place of others the next time.
  if (missing.length > 0) {
    const gone = missing.slice(0, limits.deleteBatchMax)
    await core.database.batch(gone.map(({ bucket, key }) => bind(deleteFileReads, { bucket, key })))
  }
  return {
    scope: scopeOf(core),
    files,
    known: mostRead.length,
    ...counts,
    missing: missing.length,
    notReached: mostRead.length - begun,
    bytes,
    durationMs: core.clock.monotonic() - startedMs,
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof CuttyError && (error.code === 'file_not_found' || error.code === 'bucket_not_found')
}

async function warmFile(
  core: Core,
  caller: Caller,
  name: FileRef,
): Promise<{ loaded: boolean; loadedBytes: number }> {
  const row: Found = {}
  const file = await findFileRecord(core, caller, {
    bucket: name.bucket,
    key: name.key,
    action: 'read_file',
    found: row,
  })
  let loaded = row.tier !== 'memory'
  let loadedBytes = 0
  for (const read of readsOf(core, file)) {
    const found: Found = {}
    const content = await read(found)
    if (found.tier === 'memory') continue
    loaded = true
    if (content instanceof Uint8Array) loadedBytes += content.length
  }
  return { loaded, loadedBytes }
}

/** What of a file's bytes is kept in memory. */
function readsOf(core: Core, file: FileRecord): ((found: Found) => Content | Promise<Content>)[] {
  const { entryBytesMax } = core.cache
  const { sizeBytes, storedBytes, frameBytes } = file.blob
  const reads: ((found: Found) => Content | Promise<Content>)[] = []
  if (sizeBytes <= entryBytesMax) {
    reads.push((found) => readContent(core, file, undefined, found))
  } else if (frameBytes > 0 && frameBytes <= entryBytesMax) {
    const range = { start: 0, end: Math.min(frameBytes, sizeBytes) - 1 }
    reads.push((found) => readContent(core, file, range, found))
  }
  const isPassedThrough =
    contentCodingOf(file.blob) !== undefined && file.headers.contentEncoding === undefined
  if (isPassedThrough && storedBytes <= entryBytesMax) reads.push((found) => readCoded(core, file, found))
  return reads
}
