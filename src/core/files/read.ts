import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { ReadTrace } from '../cache/byte-cache.ts'
import type { Found } from '../cache/trace.ts'
import type { Core } from '../core.ts'
import type { ByteRange } from '../ports/blob-store.ts'
import {
  codedBytes,
  damaged,
  openCodedChecked,
  openPlain,
  openStored,
  readCodedChecked,
  readFrame,
  readStored,
} from './blob.ts'
import { concatBytes } from '../bytes.ts'
import { cacheKeys } from './cache-keys.ts'
import type { BlobRef, FileRecord } from './file.ts'
import { openParts } from './parts.ts'

/** All of it at once where it is small, in chunks where it is not. */
export type Content = Uint8Array | AsyncIterable<Uint8Array>

/**
 * The plaintext of a file, or a range of it. Small bodies come from memory, or are kept there. The caller has
 * authorised the read. Throws `content_damaged` when the bytes are gone, which is never `not_found`.
 */
export function readContent(
  core: Core,
  { blob }: FileRecord,
  range?: ByteRange,
  found?: Found,
): Content | Promise<Content> {
  return readBlob(core, blob, { range, found })
}

interface ReadRequest {
  readonly range?: ByteRange | undefined
  readonly found?: Found | undefined
}

function readBlob(core: Core, blob: BlobRef, request: ReadRequest): Content | Promise<Content> {
  const { range, found } = request
  if (blob.location === 'parts') return readParts(core, blob, request)
  if (blob.sizeBytes <= core.cache.entryBytesMax || (blob.location === 'row' && blob.codec === 'identity')) {
    const whole = cached(core, cacheKeys.whole(blob.id), () => readWhole(core, blob), found)
    if (!range) return whole
    const cut = (bytes: Uint8Array) => bytes.subarray(range.start, range.end + 1)
    return whole instanceof Uint8Array ? cut(whole) : whole.then(cut)
  }
  // With its range, so that a blob which is too short is noticed.
  if (blob.codec !== 'identity' && range) return readRange(core, blob, range, found)
  if (found) found.tier = 'store'
  if (blob.codec !== 'identity') return openPlain(core, blob)
  return openStored(core, blob, range ?? { start: 0, end: blob.sizeBytes - 1 })
}

/** Each part as a blob of its own, so that what is cached of it serves every range. */
function readParts(core: Core, blob: BlobRef, { range, found }: ReadRequest): Content | Promise<Content> {
  if (blob.sizeBytes === 0) return nothing
  return openParts(core, blob, {
    range: range ?? { start: 0, end: blob.sizeBytes - 1 },
    open: (part, range) => readBlob(core, part, { range, found }),
  })
}

const nothing: Uint8Array = new Uint8Array(0)

/**
 * The stream of the stored coding, as it is (R14). A small one is checked when it comes into memory. Of large ones only gzip
 * is, since browsers do not look at its checksum: to decode costs what passing through saves, and every client checks zstd
 * and deflate (decisions/012).
 */
export async function readCoded(core: Core, { blob }: FileRecord, found?: Found): Promise<Content> {
  const isSmall = blob.storedBytes <= core.cache.entryBytesMax || blob.codec === 'brotli'
  if (isSmall) return cached(core, cacheKeys.coded(blob.id), () => readCodedChecked(core, blob), found)
  if (found) found.tier = 'store'
  if (blob.codec === 'gzip' && core.compression.available.has('gzip')) return openCodedChecked(core, blob)
  return openStored(core, blob, { start: 0, end: codedBytes(blob) - 1 })
}

function cached(
  core: Core,
  key: readonly string[],
  load: () => Promise<Uint8Array>,
  found: Found | undefined,
): Uint8Array | Promise<Uint8Array> {
  if (!found) return core.cache.read(key, load)
  const each: ReadTrace = { tier: undefined }
  const reading = core.cache.read(key, load, each)
  if (reading instanceof Uint8Array) {
    tellFound(found, each)
    return reading
  }
  return reading.then((bytes) => {
    tellFound(found, each)
    return bytes
  })
}

/** Several frames make one answer: it came from the furthest of their places. */
function tellFound(found: Found, { tier = 'source', collapsed, ms }: ReadTrace): void {
  if (found.tier !== 'source') found.tier = tier
  if (collapsed) found.collapsed = true
  if (ms !== undefined) found.ms = (found.ms ?? 0) + ms
}

async function readWhole(core: Core, blob: BlobRef): Promise<Uint8Array> {
  if (blob.codec !== 'identity') {
    const plain = new Uint8Array(blob.sizeBytes)
    let filled = 0
    for await (const frame of await openPlain(core, blob)) {
      plain.set(frame, filled)
      filled += frame.length
    }
    return plain
  }
  const bytes = await readStored(core, blob)
  // Once for as long as it stays in memory (R23).
  const sha256 = createHash('sha256').update(bytes).digest()
  if (Buffer.compare(sha256, blob.sha256) !== 0) throw damaged(core, blob, 'has another hash')
  return bytes
}

/** Whoever reads a little of a frame will often read a little more of it: a player, a reader of a database. */
async function readRange(
  core: Core,
  blob: BlobRef,
  range: ByteRange,
  found: Found | undefined,
): Promise<Content> {
  const first = Math.floor(range.start / blob.frameBytes)
  const last = Math.floor(range.end / blob.frameBytes)
  if (last - first > 1) {
    if (found) found.tier = 'store'
    return openPlain(core, blob, range)
  }
  const parts: Uint8Array[] = []
  for (let frame = first; frame <= last; frame++) {
    const key = cacheKeys.frame(blob.id, frame)
    const plain = await cached(core, key, () => readFrame(core, blob, frame), found)
    const startBytes = frame * blob.frameBytes
    parts.push(plain.subarray(Math.max(0, range.start - startBytes), range.end + 1 - startBytes))
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(parts)
}
