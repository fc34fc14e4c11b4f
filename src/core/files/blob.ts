import { Buffer } from 'node:buffer'
import { codecs } from '../compression/codecs.ts'
import type { CodecName } from '../compression/codec.ts'
import { checkFrames, decodeFrame, decodeFrames } from '../compression/decode.ts'
import {
  type FrameIndex,
  indexBytes,
  locateRange,
  parseIndex,
  plainBytesOf,
} from '../compression/frame-index.ts'
import { concatBytes } from '../bytes.ts'
import type { Core } from '../core.ts'
import { cacheKeys } from './cache-keys.ts'
import { CuttyError } from '../errors.ts'
import type { ByteRange } from '../ports/blob-store.ts'
import { findBlobBody, findFrameIndex } from '../statements/blobs.ts'
import type { StoredBlobRow } from '../statements/rewrite.ts'
import type { BlobRef } from './file.ts'

/**
 * The bytes of a blob, wherever they are stored. What is gone, or is not what was stored, throws `content_damaged`, which is
 * told to the observer too: it is never `not_found`, and never an outage.
 */

export function blobOf(row: StoredBlobRow): BlobRef {
  const { blobId: id, location, codec, level, reason, frameBytes, sizeBytes, storedBytes, sha256 } = row
  return {
    id,
    location,
    codec,
    level,
    reason,
    frameBytes,
    sizeBytes,
    storedBytes,
    sha256,
    gain: row.gain ?? undefined,
    frameIndex: row.frameIndex ?? undefined,
  }
}

/** The content coding that the stored bytes are a stream of, so that they could be passed through; `undefined`: of none. */
export function contentCodingOf({ location, codec }: BlobRef) {
  return codec === 'identity' || location === 'parts' ? undefined : codecs[codec].contentCoding
}

/** The bytes as they are stored; `range` is of those. */
export async function openStored(
  core: Core,
  blob: BlobRef,
  range?: ByteRange,
): Promise<AsyncIterable<Uint8Array>> {
  if (blob.location === 'row') return once(cut(await readRow(core, blob), range))
  const content = await core.blobs.get(blob.id, range)
  if (!content) throw damaged(core, blob, 'is not in the store')
  return content
}

/** The same, at once. */
export async function readStored(core: Core, blob: BlobRef, range?: ByteRange): Promise<Uint8Array> {
  if (blob.location === 'row') return cut(await readRow(core, blob), range)
  const chunks: Uint8Array[] = []
  // A chunk is the reader's until it asks for the next: these are kept longer.
  for await (const chunk of await openStored(core, blob, range)) chunks.push(new Uint8Array(chunk))
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : concatBytes(chunks)
}

/** Length of the stream of the coding: what is stored, without the index behind it. Needs no look at the index. */
export function codedBytes(blob: BlobRef): number {
  return blob.storedBytes - indexBytes(Math.ceil(blob.sizeBytes / blob.frameBytes))
}

/**
 * Plaintext, in chunks; `range` is of the plaintext, which must not be empty. As with {@link BlobStore.get}, what is to be
 * read is open when the promise resolves, and who stops early must call the iterator's `return`.
 */
export async function openPlain(
  core: Core,
  blob: BlobRef,
  range: ByteRange = { start: 0, end: blob.sizeBytes - 1 },
): Promise<AsyncIterable<Uint8Array>> {
  requireCodec(core, blob)
  const index = await readIndex(core, blob)
  const located = locateRange(index, range)
  const stored = (await openStored(core, blob, located.stored))[Symbol.asyncIterator]()
  const frames = decodeFrames({ [Symbol.asyncIterator]: () => stored }, located, index)
  return fromOpened(stored, frames, (error) => tellDamage(core, blob, error))
}

/** The stream of the coding, each frame checked before it goes out. Open when the promise resolves, as above. */
export async function openCodedChecked(core: Core, blob: BlobRef): Promise<AsyncIterable<Uint8Array>> {
  const index = await readIndex(core, blob)
  const located = locateRange(index, { start: 0, end: blob.sizeBytes - 1 })
  const tail = { start: located.stored.end + 1, end: codedBytes(blob) - 1 }
  const stored = (await openStored(core, blob, located.stored))[Symbol.asyncIterator]()
  async function* parts() {
    yield codecs[index.codec].createEnvelope().head
    yield* checkFrames({ [Symbol.asyncIterator]: () => stored }, located, index)
    yield await readStored(core, blob, tail)
  }
  return fromOpened(stored, parts(), (error) => tellDamage(core, blob, error))
}

/** What is made of an open source. Whoever leaves closes that too: a generator does not, before it has asked for its chunks. */
function fromOpened(
  source: AsyncIterator<Uint8Array>,
  chunks: AsyncGenerator<Uint8Array>,
  explain: (error: unknown) => unknown,
): AsyncIterable<Uint8Array> {
  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      try {
        return await chunks.next()
      } catch (error) {
        throw explain(error)
      }
    },
    async return() {
      await chunks.return(undefined)
      await source.return?.()
      return { done: true, value: undefined }
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}

/**
 * The stream of the coding, all of it, once every frame and what stands around them has been found to be right: brotli has no
 * checksum, and browsers do not look at gzip's, so nobody else would notice (measured, decisions/012).
 */
export async function readCodedChecked(core: Core, blob: BlobRef): Promise<Uint8Array> {
  const index = await readIndex(core, blob)
  const stream = await readStored(core, blob, { start: 0, end: codedBytes(blob) - 1 })
  // A codec that does not work here cannot judge.
  if (!core.compression.available.has(index.codec)) return stream
  const located = locateRange(index, { start: 0, end: blob.sizeBytes - 1 })
  const { start, end } = located.stored
  const envelope = codecs[index.codec].createEnvelope()
  try {
    for await (const plain of decodeFrames(once(stream.subarray(start, end + 1)), located, index)) {
      envelope.update(plain)
    }
  } catch (error) {
    throw tellDamage(core, blob, error)
  }
  const around = [stream.subarray(0, start), stream.subarray(end + 1)]
  const isRight = [envelope.head, envelope.tail()].every(
    (part, i) => Buffer.compare(part, around[i] as Uint8Array) === 0,
  )
  if (!isRight) throw damaged(core, blob, 'has another head or tail than its codec writes')
  return stream
}

/** The plaintext of one frame. */
export async function readFrame(core: Core, blob: BlobRef, frame: number): Promise<Uint8Array> {
  requireCodec(core, blob)
  const index = await readIndex(core, blob)
  const start = frame * index.frameBytes
  const { stored } = locateRange(index, { start, end: start + plainBytesOf(index, frame) - 1 })
  const bytes = await readStored(core, blob, stored)
  return decodeFrame(bytes, index, frame).catch((error: unknown) => {
    throw tellDamage(core, blob, error)
  })
}

/** From memory, from the pointer, or from the row. */
async function readIndex(core: Core, blob: BlobRef): Promise<FrameIndex> {
  const kept = parsed.get(blob)
  if (kept) return kept
  const bytes =
    blob.frameIndex ?? (await core.cache.read(cacheKeys.index(blob.id), () => readIndexBytes(core, blob)))
  try {
    const index = parseIndex(bytes, blob)
    if (index.codec !== blob.codec || index.frameBytes !== blob.frameBytes) {
      throw new CuttyError('content_damaged', undefined, { cause: new Error('frame index: of another blob') })
    }
    // Longer ones stay in the cache only, whose size is bounded.
    if (blob.frameIndex) parsed.set(blob, index)
    return index
  } catch (error) {
    throw tellDamage(core, blob, error)
  }
}

async function readIndexBytes(core: Core, blob: BlobRef): Promise<Uint8Array> {
  // Never changes, and is there for whoever has read what points to it.
  const [row] = await core.database.query(findFrameIndex, { id: blob.id }, { mayLag: true })
  if (!row?.bytes) throw damaged(core, blob, 'has no frame index')
  return row.bytes
}

/**
 * Goes before all decoding: what a codec that failed its self-test made of the bytes might not be the file (R23). Not damage:
 * the file is whole, and another runtime can read it.
 */
function requireCodec(core: Core, { codec }: BlobRef): void {
  if (core.compression.available.has(codec as CodecName)) return
  const detail = `The file is stored in ${codec}, which this server cannot decode.`
  throw new CuttyError('codec_unavailable', detail, { extras: { codec } })
}

/** For as long as the pointer is kept. */
const parsed = new WeakMap<BlobRef, FrameIndex>()

async function readRow(core: Core, blob: BlobRef): Promise<Uint8Array> {
  const [row] = await core.database.query(findBlobBody, { id: blob.id })
  if (!row) throw damaged(core, blob, 'has no row')
  if (row.bytes.length !== blob.storedBytes) throw damaged(core, blob, `has ${row.bytes.length} bytes`)
  return row.bytes
}

function cut(bytes: Uint8Array, range: ByteRange | undefined): Uint8Array {
  return range ? bytes.subarray(range.start, range.end + 1) : bytes
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** Tells the observer, and returns what to throw. */
export function damaged(core: Core, blob: BlobRef, what: string, reason?: unknown): CuttyError {
  core.observe({ type: 'damage', blobId: blob.id, what })
  const text = `blob ${blob.id} (${blob.location}, ${blob.codec}, ${blob.storedBytes} bytes) ${what}`
  const cause = new Error(text, { cause: reason })
  return new CuttyError('content_damaged', 'The content of this file is damaged or gone.', { cause })
}

function tellDamage(core: Core, blob: BlobRef, error: unknown): unknown {
  if (!(error instanceof CuttyError) || error.code !== 'content_damaged') return error
  return damaged(core, blob, (error.cause as Error).message, error.cause)
}
