import { CuttyError } from '../../core/errors.ts'
import { attempt, type FixedLengthStreamLike, type R2BucketLike, type R2UploadedPartLike } from './client.ts'

/** https://developers.cloudflare.com/r2/platform/limits/ */
const partsMax = 10_000
const singlePutBytesMax = 4.995 * 1024 ** 3

/**
 * R2 wants to know the length of what it stores. A long body of known length goes there as one stream; others are
 * held in memory block by block, as one object if it is a single block, or else as equal parts of a multipart upload.
 * Each operation costs money, so a stream is better than its parts.
 */
export function createUpload(
  bucket: R2BucketLike,
  options: { fixedLengthStream: (sizeBytes: number) => FixedLengthStreamLike; partBytes: number },
): (key: string, body: AsyncIterable<Uint8Array>, sizeBytes: number | undefined) => Promise<number> {
  const { fixedLengthStream, partBytes } = options

  return async (key, body, sizeBytes) => {
    if (sizeBytes === undefined || sizeBytes <= partBytes || sizeBytes > singlePutBytesMax) {
      return putBlocks(bucket, key, readBlocks(body, { partBytes, sizeBytes }))
    }
    const { readable, writable } = fixedLengthStream(sizeBytes)
    await putStream({ body, sizeBytes, writer: writable.getWriter() }, () => bucket.put(key, readable))
    return sizeBytes
  }
}

interface Sending {
  readonly body: AsyncIterable<Uint8Array>
  readonly sizeBytes: number
  readonly writer: ReturnType<FixedLengthStreamLike['writable']['getWriter']>
}

async function putStream(sending: Sending, put: () => Promise<unknown>): Promise<void> {
  const { writer } = sending
  const stored = attempt(put)
  // A put that failed does not read on: without this, the write under way would wait for ever.
  stored.catch((error: unknown) => writer.abort(error).catch(() => {}))
  try {
    await send(sending, stored)
  } catch (error) {
    await writer.abort(error).catch(() => {})
    await stored.catch(() => {})
    throw error
  }
  await stored
}

/**
 * Writes the body, its last chunk only after the body has ended as promised: R2 keeps an object once all of its
 * bytes have arrived, even when the stream fails after them and the put with it.
 */
async function send({ body, sizeBytes, writer }: Sending, stored: Promise<unknown>): Promise<void> {
  const write = (chunk: Uint8Array) => writer.write(chunk).catch(() => stored)
  let total = 0
  let last: Uint8Array | undefined
  for await (const chunk of body) {
    total += chunk.length
    if (total > sizeBytes) throw sizeMismatch(sizeBytes, total)
    if (chunk.length === 0) continue
    if (total < sizeBytes) await write(chunk)
    else last = chunk
  }
  if (total < sizeBytes || !last) throw sizeMismatch(sizeBytes, total)
  await write(last)
  await writer.close().catch(() => stored)
}

async function putBlocks(bucket: R2BucketLike, key: string, blocks: AsyncIterable<Block>): Promise<number> {
  let upload: Awaited<ReturnType<R2BucketLike['createMultipartUpload']>> | undefined
  const parts: R2UploadedPartLike[] = []
  let total = 0
  try {
    for await (const { bytes, last } of blocks) {
      total += bytes.length
      if (last && !upload) {
        await attempt(() => bucket.put(key, bytes))
        return total
      }
      if (parts.length === partsMax) throw new CuttyError('too_large')
      const target = (upload ??= await attempt(() => bucket.createMultipartUpload(key)))
      parts.push(await attempt(() => target.uploadPart(parts.length + 1, bytes)))
    }
    await attempt(async () => upload?.complete(parts))
    return total
  } catch (error) {
    // What cannot be aborted is dropped by R2 after seven days.
    await upload?.abort().catch(() => {})
    throw error
  }
}

interface Block {
  /** The reader's until it asks for the next block. */
  readonly bytes: Uint8Array
  readonly last: boolean
}

/** Cuts a body into blocks of `partBytes`; the last may be shorter, and is empty only where the body is. */
async function* readBlocks(
  body: AsyncIterable<Uint8Array>,
  { partBytes, sizeBytes }: { partBytes: number; sizeBytes: number | undefined },
): AsyncGenerator<Block> {
  let block = new Uint8Array(Math.min(sizeBytes ?? 64 * 1024, partBytes))
  let filled = 0
  let total = 0
  for await (const chunk of body) {
    total += chunk.length
    if (sizeBytes !== undefined && total > sizeBytes) throw sizeMismatch(sizeBytes, total)
    for (let taken = 0; taken < chunk.length;) {
      if (filled === partBytes) {
        yield { bytes: block, last: false }
        filled = 0
      }
      const piece = chunk.subarray(taken, taken + partBytes - filled)
      block = withRoom(block, { filled, needed: filled + piece.length, partBytes })
      block.set(piece, filled)
      filled += piece.length
      taken += piece.length
    }
  }
  if (sizeBytes !== undefined && total !== sizeBytes) throw sizeMismatch(sizeBytes, total)
  yield { bytes: block.subarray(0, filled), last: true }
}

/** Doubles, so that a short body of unknown length does not take the memory of a whole part. */
function withRoom(
  block: Uint8Array<ArrayBuffer>,
  size: { filled: number; needed: number; partBytes: number },
) {
  if (size.needed <= block.length) return block
  const larger = new Uint8Array(Math.min(Math.max(size.needed, 2 * block.length), size.partBytes))
  larger.set(block.subarray(0, size.filled))
  return larger
}

function sizeMismatch(expected: number, actual: number) {
  return new CuttyError(
    'body_size_mismatch',
    `The body was declared as ${expected} bytes, but has ${actual}.`,
  )
}
