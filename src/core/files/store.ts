import type { CodecName } from '../compression/codec.ts'
import { codecs } from '../compression/codecs.ts'
import { encodeFrames } from '../compression/encode.ts'
import { serializeIndex } from '../compression/frame-index.ts'
import { type CompressionPolicy, frameBytesDefault } from '../compression/policy.ts'
import { type Candidate, chooseCoding, type Coding, refuse } from '../compression/verdict.ts'
import { concatBytes } from '../bytes.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { limits } from '../limits.ts'
import { frameIndexBytesKept } from '../statements/files.ts'
import {
  type BodyDigests,
  type BodyHashRequest,
  type BodyStart,
  continueBody,
  createBodyHash,
  takeMore,
  takeStart,
} from './body.ts'
import type { BlobRef, FileDescription } from './file.ts'

export interface StoreRequest extends BodyHashRequest {
  readonly key: string
  readonly body: AsyncIterable<Uint8Array>
  /** As declared by the client; the body must have it. */
  readonly sizeBytes?: number | undefined
  /** Describes the file once its first bytes are known, for types that must be sniffed. */
  readonly describe: (head: Uint8Array) => FileDescription | Promise<FileDescription>
  readonly policy: CompressionPolicy
  /** Longer bodies are `too_large`. Default: the longest file. */
  readonly bytesMax?: number | undefined
}

/** Bytes that are stored, and that no file points at yet. */
export interface StoredBody {
  readonly blob: BlobRef
  readonly description: FileDescription
  /** Present when the bytes go into the database with the pointer. */
  readonly inline: Uint8Array | undefined
  /** All of it, for the row, whatever its length. */
  readonly frameIndex: Uint8Array | undefined
  /** Of the plaintext. */
  readonly digests: BodyDigests
}

/**
 * Stores a body, which is read to its very end, under a fresh blob id, compressed where that is worth it. Nothing stays in the
 * store when it fails: a body that is not what was declared, among the rest.
 */
export async function storeBody(core: Core, request: StoreRequest): Promise<StoredBody> {
  const { inlineBlobBytesMax } = core.database.capabilities
  const start = await takeStart(request.body, Math.max(inlineBlobBytesMax, limits.sniffBytes))
  try {
    return await storeFrom(core, request, start)
  } catch (error) {
    // What was given up before anybody went on with it: it may be an open file. A client that says nothing is not waited for.
    void Promise.resolve(start.rest?.return?.()).catch(() => {})
    throw error
  }
}

async function storeFrom(core: Core, request: StoreRequest, begun: BodyStart): Promise<StoredBody> {
  const hash = createBodyHash(request)
  let start = begun
  const description = await request.describe(headOf(start, limits.sniffBytes))

  const candidate = candidateOf(core, { request, description, start })
  // To measure takes more of the body; what is kept as it is anyway need not wait for that.
  if (refuse(candidate) === undefined) start = gather(await takeMore(start, frameBytesDefault))
  const head = headOf(start, frameBytesDefault)
  const coding = await chooseCoding({ ...candidate, head, whole: start.rest === undefined })

  const id = core.ids.next()
  const put = await putBytes(core, { id, request, start, coding, hash })
  try {
    checkSize(request.sizeBytes, hash.sizeBytes)
    const digests = hash.finish()
    const { sha256 } = digests
    const { codec, level, frameBytes, reason, gain } = coding.verdict
    const frameIndex = put.frameIndex
    const blob: BlobRef = {
      id,
      location: put.inline ? 'row' : 'store',
      codec,
      level,
      reason,
      gain,
      frameBytes,
      sizeBytes: hash.sizeBytes,
      storedBytes: put.storedBytes,
      sha256,
      frameIndex: frameIndex && frameIndex.length <= frameIndexBytesKept ? frameIndex : undefined,
    }
    return { blob, description, inline: put.inline, frameIndex, digests }
  } catch (error) {
    if (!put.inline) removeBlob(core, id)
    throw error
  }
}

/** Only a tidy store is lost if this fails: the sweep finds what is left. */
export function removeBlob(core: Core, id: string): void {
  core.background.run('remove a blob that no file points at', () => core.blobs.delete([id]))
}

function candidateOf(
  core: Core,
  of: { request: StoreRequest; description: FileDescription; start: BodyStart },
): Candidate {
  const { request, description, start } = of
  return {
    contentType: description.contentType,
    key: request.key,
    clientEncoded: description.headers.contentEncoding !== undefined,
    head: headOf(start, limits.sniffBytes),
    whole: start.rest === undefined,
    sizeBytes: request.sizeBytes,
    available: core.compression.available,
    compressBytesMax: core.compression.compressBytesMax,
    policy: request.policy,
  }
}

interface PutBytes {
  readonly inline: Uint8Array | undefined
  readonly frameIndex: Uint8Array | undefined
  readonly storedBytes: number
}

/** Into the row or into the store, as it is or compressed. Every plaintext byte goes through `hash`. */
async function putBytes(
  core: Core,
  of: {
    id: string
    request: StoreRequest
    start: BodyStart
    coding: Coding
    hash: ReturnType<typeof createBodyHash>
  },
): Promise<PutBytes> {
  const { id, request, start, coding, hash } = of
  const { verdict, blob } = coding
  const fitsInline = (bytes: number) => !start.rest && bytes <= core.database.capabilities.inlineBlobBytesMax

  if (blob || fitsInline(start.sizeBytes)) {
    for (const chunk of start.chunks) hash.update(chunk)
    const stored = blob?.bytes ?? concatBytes(start.chunks)
    const inline = fitsInline(stored.length) ? stored : undefined
    if (!inline) await core.blobs.put(id, once(stored), stored.length)
    return { inline, frameIndex: blob && serializeIndex(blob.index), storedBytes: stored.length }
  }

  const { bytesMax = limits.fileBytesMax } = request
  const body = continueBody(start.chunks, start.rest, (chunk) => {
    hash.update(chunk)
    if (hash.sizeBytes > bytesMax) throw tooLarge(bytesMax)
  })
  if (verdict.codec === 'identity') {
    const sizeBytes = request.sizeBytes ?? (start.rest ? undefined : start.sizeBytes)
    const { sizeBytes: storedBytes } = await core.blobs.put(id, body, sizeBytes)
    return { inline: undefined, frameIndex: undefined, storedBytes }
  }
  const codec = codecs[verdict.codec satisfies CodecName]
  const { level, frameBytes } = verdict
  const { framesAtOnce } = core.compression
  const encoded = encodeFrames(body, { codec, level, frameBytes, parallel: framesAtOnce })
  const { sizeBytes: storedBytes } = await core.blobs.put(id, encoded.body)
  return { inline: undefined, frameIndex: serializeIndex(encoded.result().index), storedBytes }
}

export function tooLarge(bytesMax: number): CuttyError {
  return new CuttyError('too_large', `At most ${bytesMax} bytes are accepted here.`, { extras: { bytesMax } })
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function headOf({ chunks }: BodyStart, bytesMax: number): Uint8Array {
  const [first] = chunks
  if (first && (first.length >= bytesMax || chunks.length === 1)) return first.subarray(0, bytesMax)
  return concatBytes(chunks).subarray(0, bytesMax)
}

/** In one piece, so that its head is no copy of it. */
function gather(start: BodyStart): BodyStart {
  return start.chunks.length > 1 ? { ...start, chunks: [concatBytes(start.chunks)] } : start
}

function checkSize(declared: number | undefined, actual: number): void {
  if (declared === undefined || declared === actual) return
  throw new CuttyError('body_size_mismatch', `The body was declared as ${declared} bytes, but has ${actual}.`)
}
