import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { concatBytes } from '../bytes.ts'
import { codecs } from '../compression/codecs.ts'
import { encodeFrames } from '../compression/encode.ts'
import { encodeWhole } from '../compression/encode-whole.ts'
import { serializeIndex } from '../compression/frame-index.ts'
import { frameBytesDefault } from '../compression/policy.ts'
import { frameBytesFor } from '../compression/verdict.ts'
import type { Core } from '../core.ts'
import { damaged } from '../files/blob.ts'
import type { BlobRef } from '../files/file.ts'
import { openContent, openParts } from '../files/parts.ts'
import { removeBlob } from '../files/store.ts'
import { bind, DatabaseError } from '../ports/database.ts'
import { copyBlobParts } from '../statements/blob-parts.ts'
import { insertBlobBody } from '../statements/blobs.ts'
import { blobIsUsed, discardBlob, insertReplacement, moveFiles } from '../statements/rewrite.ts'
import { type ExpectedBlob, findDamage } from './check-blob.ts'
import type { JobContext } from './job.ts'
import type { Target } from './target.ts'

export type RecodeOutcome =
  | { readonly kind: 'replaced'; readonly storedBytes: number }
  /** It does not get smaller by enough. */
  | { readonly kind: 'no_gain' }
  /** What was stored did not read back as it should: the codec, or the store. */
  | { readonly kind: 'unverified' }
  /** No file points at the blob any more. */
  | { readonly kind: 'changed' }

export interface RecodeRequest {
  readonly blob: BlobRef
  readonly target: Target
  /** What it must not be larger than. */
  readonly storedBytesMax: number
  readonly context: JobContext
}

interface Replacement extends ExpectedBlob {
  readonly id: string
  readonly codec: Target['codec']
  readonly level: number
  readonly frameBytes: number
  readonly frameIndex: Uint8Array
  readonly inline: Uint8Array | undefined
}

/**
 * Stores the content of a blob once more, in another coding under another id, reads it back, and lets all files of the old
 * one point at it: in one batch, so that each of them has the one or the other at any time. Whatever fails, the files stay
 * as they are; `content_damaged` when the content is not what its row says.
 */
export async function recode(core: Core, request: RecodeRequest): Promise<RecodeOutcome> {
  const { blob, target, storedBytesMax, context } = request
  const made =
    blob.sizeBytes <= frameBytesDefault ? await storeWhole(core, request) : await storeFrames(core, request)
  if (!made) return { kind: 'no_gain' }
  const remove = () => {
    if (!made.inline) removeBlob(core, made.id)
  }
  try {
    const stored = made.inline ? once(made.inline) : await core.blobs.get(made.id)
    const damage = stored ? await findDamage(made, stored, context.moved) : 'is not in the store'
    if (damage !== undefined || made.storedBytes > storedBytesMax) {
      remove()
      if (damage === undefined) return { kind: 'no_gain' }
      const error = new Error(`blob ${made.id} (${target.codec} ${target.level}) of ${blob.id} ${damage}`)
      core.observe({ type: 'failure', requestId: undefined, during: 'recompress', error })
      return { kind: 'unverified' }
    }
    await swap(core, blob, made)
    return { kind: 'replaced', storedBytes: made.storedBytes }
  } catch (error) {
    // A swap that was not answered may have taken effect: its bytes must stay. The sweep finds those of one that did not.
    if (!(error instanceof DatabaseError && error.kind === 'unavailable')) remove()
    if (error instanceof DatabaseError && error.kind === 'guard') return { kind: 'changed' }
    throw error
  }
}

/** Of one frame: what it comes to is known before anything is stored. */
async function storeWhole(core: Core, request: RecodeRequest): Promise<Replacement | undefined> {
  const { blob, target, storedBytesMax, context } = request
  const chunks: Uint8Array[] = []
  const content = readContent(core, blob, context)
  for await (const chunk of content.chunks) chunks.push(new Uint8Array(chunk))
  const frameBytes = frameBytesFor(blob.sizeBytes, true) as number
  const { codec, level } = target
  const whole = await encodeWhole(concatBytes(chunks), { codec: codecs[codec], level, frameBytes })
  if (whole.bytes.length > storedBytesMax) return undefined
  const id = core.ids.next()
  const isInline = whole.bytes.length <= core.database.capabilities.inlineBlobBytesMax
  if (!isInline) {
    core.room.take(whole.bytes.length)
    await core.blobs.put(id, once(whole.bytes), whole.bytes.length)
  }
  await context.moved(whole.bytes.length)
  return {
    id,
    codec,
    level,
    frameBytes,
    sizeBytes: blob.sizeBytes,
    sha256: content.sha256(),
    storedBytes: whole.bytes.length,
    frameIndex: serializeIndex(whole.index),
    inline: isInline ? whole.bytes : undefined,
  }
}

const tooLong = new Error('the new blob is not smaller by enough')

async function storeFrames(core: Core, request: RecodeRequest): Promise<Replacement | undefined> {
  const { blob, target, storedBytesMax, context } = request
  const { codec, level } = target
  const frameBytes = frameBytesFor(blob.sizeBytes, false) as number
  core.room.take(storedBytesMax)
  const id = core.ids.next()
  const content = readContent(core, blob, context)
  const encoded = encodeFrames(content.chunks, {
    codec: codecs[codec],
    level,
    frameBytes,
    parallel: core.compression.framesAtOnce,
  })
  try {
    await core.blobs.put(id, boundedBody(encoded.body, storedBytesMax, context))
  } catch (error) {
    if (error === tooLong) return undefined
    throw error
  }
  const { index, storedBytes } = encoded.result()
  return {
    id,
    codec,
    level,
    frameBytes,
    storedBytes,
    sizeBytes: blob.sizeBytes,
    sha256: content.sha256(),
    frameIndex: serializeIndex(index),
    inline: undefined,
  }
}

/** Ends with an error as soon as it is clear that nothing is won. */
async function* boundedBody(
  body: AsyncIterable<Uint8Array>,
  bytesMax: number,
  context: JobContext,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > bytesMax) throw tooLong
    await context.moved(chunk.length)
    yield chunk
  }
}

interface CheckedContent {
  readonly chunks: AsyncGenerator<Uint8Array>
  /** Of all of it, once it has been read. */
  sha256(): Uint8Array
}

/**
 * Plaintext that is what the row says, or `content_damaged` at its end at the latest. Of a blob that consists of parts nobody
 * knows the hash: each part is held against its own.
 */
function readContent(core: Core, blob: BlobRef, context: JobContext): CheckedContent {
  const hash = createHash('sha256')
  let sha256: Uint8Array | undefined
  async function* chunks() {
    let sizeBytes = 0
    for await (const chunk of await open()) {
      hash.update(chunk)
      sizeBytes += chunk.length
      if (sizeBytes > blob.sizeBytes) break
      if (blob.location !== 'parts') await context.moved(chunk.length)
      yield chunk
    }
    if (sizeBytes !== blob.sizeBytes) throw damaged(core, blob, `has another size than ${blob.sizeBytes}`)
    sha256 = hash.digest()
    const isKnown = blob.sha256.length > 0
    if (isKnown && Buffer.compare(sha256, blob.sha256) !== 0) {
      throw damaged(core, blob, 'has another hash than its row')
    }
  }
  async function open(): Promise<AsyncIterable<Uint8Array>> {
    if (blob.location !== 'parts') return openContent(core, blob)
    // A part's hash is of all of it.
    const range = { start: 0, end: blob.sizeBytes - 1 }
    const content = await openParts(core, blob, {
      range,
      open: (part) => readContent(core, part, context).chunks,
    })
    return content instanceof Uint8Array ? once(content) : content
  }
  return { chunks: chunks(), sha256: () => sha256 as Uint8Array }
}

/** Nothing of a file changes but where its bytes are (R3); where its parts begin is still known. Fails as a guard does when the old blob has no file any more. */
async function swap(core: Core, old: BlobRef, made: Replacement): Promise<void> {
  const { id, codec, level, frameBytes, sizeBytes, storedBytes, frameIndex, sha256, inline } = made
  const nowMs = core.clock.now()
  await core.database.batch([
    bind(blobIsUsed, { blobId: old.id }),
    bind(insertReplacement, {
      id,
      codec,
      level,
      frameBytes,
      sizeBytes,
      storedBytes,
      frameIndex,
      sha256,
      location: inline ? 'row' : 'store',
      reason: 'compressed',
      gain: 1 - storedBytes / sizeBytes,
      createdAtMs: nowMs,
      oldId: old.id,
    }),
    ...(inline ? [bind(insertBlobBody, { id, bytes: inline })] : []),
    bind(copyBlobParts, { from: old.id, to: id }),
    bind(moveFiles, { oldId: old.id, newId: id }),
    bind(discardBlob, { id: old.id, nowMs }),
  ])
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
