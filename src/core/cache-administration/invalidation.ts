import { Buffer } from 'node:buffer'
import { authorizeAdmin, type Caller, missingBucket } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { allCacheKeys, countCacheKeys } from '../files/cache-keys.ts'
import { compareText } from '../files/list.ts'
import { checkKey, prefixSuccessor } from '../files/names.ts'
import { limits } from '../limits.ts'
import { findBucket } from '../statements/buckets.ts'
import { listCachedFiles } from '../statements/cache.ts'
import { type CacheScope, scopeOf } from './stats.ts'

export interface InvalidateRequest {
  readonly bucket: string
  readonly what: Selection
  /** The `next` of the answer before. */
  readonly after?: string | undefined
}

/** A file, those whose keys begin alike (all, with `''`), or those with a tag. */
export type Selection =
  | { readonly key: string }
  | { readonly prefix: string }
  | { readonly tag: { readonly name: string; readonly value: string } }

export interface Invalidated {
  readonly scope: CacheScope
  /** That are there and were meant. */
  readonly files: number
  /** Names that were in memory, with or without a file. */
  readonly rows: number
  /** Keys under which bytes might be, which no tier has now. How many of them had any, not every tier can tell. */
  readonly entries: number
  /** Where to go on, if this was not all. */
  readonly next: string | undefined
}

/** Keys of one call: each may be a call to every tier, of which a Worker has only so many. */
const entriesMax = { embedded: 10_000, remote: 300 } as const

/**
 * Forgets what is cached of files: their names in memory, and their bytes in every tier, also of those that exist no more.
 * What is asked for after that is read from the database and the store. Other processes keep what they have in memory.
 */
export async function invalidate(
  core: Core,
  caller: Caller,
  { bucket, what, after }: InvalidateRequest,
): Promise<Invalidated> {
  authorizeAdmin(caller)
  const span = spanOf(what)
  const start = after === undefined ? { key: span.from, blobId: '', entry: 0 } : decodePosition(after)
  const from = compareText(start.key, span.from) < 0 ? span.from : start.key
  const [bucketRow] = await core.database.query(findBucket, { name: bucket })
  const { keys, blobIds, names, files, next, end } = await findEntries(core, {
    bucketId: bucketRow?.id,
    from,
    to: span.to,
    start,
    what,
  })
  const rows = core.pointers.forget(({ bucketName, key }, pointer) => {
    if (bucketName !== bucket || compareText(key, from) < 0 || compareText(key, end) >= 0) return false
    const file = pointer?.file
    if (!names.has(key) && !matches(what, file?.tags)) return false
    if (file && !blobIds.has(file.blob.id)) {
      // An older version, or of a file that is gone.
      blobIds.add(file.blob.id)
      keys.push(...allCacheKeys(file.blob, { to: Math.min(countCacheKeys(file.blob), callMax(core)) }))
    }
    return true
  })
  await core.cache.forget(keys)
  // Only now: what memory had of it is gone too.
  if (!bucketRow) throw missingBucket(caller, bucket)
  return {
    scope: scopeOf(core),
    files,
    rows,
    entries: keys.length,
    next: next && encodePosition(next),
  }
}

function callMax(core: Core): number {
  return entriesMax[core.database.capabilities.embedded ? 'embedded' : 'remote']
}

/** The keys from `from` to before `to` that are looked at. */
function spanOf(what: Selection): { from: string; to: string } {
  if ('key' in what) {
    checkKey(what.key)
    return { from: what.key, to: above(what.key) }
  }
  const prefix = 'prefix' in what ? what.prefix : ''
  if (!prefix.isWellFormed()) throw new CuttyError('invalid_key', 'The prefix is not valid Unicode.')
  return { from: prefix, to: prefixSuccessor(prefix) }
}

/** The least key above another; no key holds a NUL. */
function above(key: string): string {
  return `${key}\u0001`
}

/** What lies in the span was meant, unless it is for its tag. */
function matches(what: Selection, tags: Readonly<Record<string, string>> | undefined): boolean {
  if (!('tag' in what)) return true
  return tags !== undefined && Object.hasOwn(tags, what.tag.name) && tags[what.tag.name] === what.tag.value
}

interface Position {
  /** From this key on. */
  readonly key: string
  /** Of its file's blob, if that is still this one, from this entry on: a long one has many. */
  readonly blobId: string
  readonly entry: number
}

interface Entries {
  readonly keys: (readonly string[])[]
  readonly blobIds: Set<string>
  readonly names: Set<string>
  readonly files: number
  readonly next: Position | undefined
  /** All keys before this one have been looked at. */
  readonly end: string
}

/** Of files that exist: as many as one call may forget, or look at; of no bucket, none. */
async function findEntries(
  core: Core,
  of: { bucketId: string | undefined; from: string; to: string; start: Position; what: Selection },
): Promise<Entries> {
  const { bucketId, to, start, what } = of
  const keys: (readonly string[])[] = []
  const blobIds = new Set<string>()
  const names = new Set<string>()
  const limit = limits.listPageMax
  const most = callMax(core)
  let { from } = of
  let files = 0
  if (bucketId === undefined) return { keys, blobIds, names, files, end: to, next: undefined }
  for (let looked = 0; looked < limits.listScanRowsMax;) {
    const rows = await core.database.query(listCachedFiles, { bucketId, from, to, limit })
    for (const row of rows) {
      from = above(row.key)
      if (!matches(what, 'tag' in what ? (JSON.parse(row.tags) as Record<string, string>) : undefined))
        continue
      const goesOn = start.key === row.key && start.blobId === row.blobId
      const first = goesOn ? start.entry : 0
      const blob = { ...row, id: row.blobId }
      const count = countCacheKeys(blob)
      const last = Math.min(count, first + most - keys.length)
      keys.push(...allCacheKeys(blob, { from: first, to: last }))
      blobIds.add(row.blobId)
      names.add(row.key)
      if (!goesOn) files++
      const so = { keys, blobIds, names, files, end: from }
      if (last < count) return { ...so, next: { key: row.key, blobId: row.blobId, entry: last } }
      if (keys.length === most) return { ...so, next: { key: from, blobId: '', entry: 0 } }
    }
    looked += rows.length
    if (rows.length < limit) return { keys, blobIds, names, files, end: to, next: undefined }
  }
  return { keys, blobIds, names, files, end: from, next: { key: from, blobId: '', entry: 0 } }
}

/** An opaque, URL-safe text. */
function encodePosition({ key, blobId, entry }: Position): string {
  return Buffer.from(JSON.stringify([key, blobId, entry])).toString('base64url')
}

function decodePosition(text: string): Position {
  try {
    const [key, blobId, entry] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[]
    if (typeof key === 'string' && key.isWellFormed() && typeof blobId === 'string') {
      if (Number.isSafeInteger(entry) && (entry as number) >= 0)
        return { key, blobId, entry: entry as number }
    }
  } catch {
    // The same as a text of another kind.
  }
  throw new CuttyError('invalid_request', '`after` is not the `next` of an answer before.')
}
