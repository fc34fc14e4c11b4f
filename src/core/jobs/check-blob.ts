import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { codecs } from '../compression/codecs.ts'
import { decodeFrame } from '../compression/decode.ts'
import { parseIndex } from '../compression/frame-index.ts'
import { CuttyError } from '../errors.ts'
import type { BlobRef } from '../files/file.ts'

const nothing: Uint8Array = new Uint8Array(0)

/** What a blob is held against: its row. */
export interface ExpectedBlob {
  readonly codec: BlobRef['codec']
  readonly sizeBytes: number
  readonly storedBytes: number
  readonly sha256: Uint8Array
  /** Of the row; whatever its length. */
  readonly frameIndex: Uint8Array | undefined
}

/**
 * Reads all that is stored of a blob, decodes it, and says what is not as the row says: sizes, the hash of the content, and
 * of a compressed one every byte of its stream and of the index behind it. `undefined` when all is right. Rejects only with
 * what `stored` and `moved` reject with, unless that is `content_damaged`.
 */
export async function findDamage(
  blob: ExpectedBlob,
  stored: AsyncIterable<Uint8Array>,
  moved: (bytes: number) => Promise<void>,
): Promise<string | undefined> {
  const reader = createReader(stored, moved)
  const hash = createHash('sha256')
  try {
    if (blob.codec === 'identity') await reader.each((chunk) => hash.update(chunk))
    else await readCompressed(blob, reader, hash)
    if (reader.readBytes !== blob.storedBytes) {
      return `has ${reader.readBytes} bytes stored, not ${blob.storedBytes}`
    }
    return Buffer.compare(hash.digest(), blob.sha256) === 0 ? undefined : 'has another hash than its row'
  } catch (error) {
    if (!(error instanceof CuttyError) || error.code !== 'content_damaged') throw error
    return (error.cause as Error | undefined)?.message ?? error.message
  } finally {
    await reader.close()
  }
}

async function readCompressed(
  blob: ExpectedBlob,
  reader: ReturnType<typeof createReader>,
  hash: { update(bytes: Uint8Array): unknown },
): Promise<void> {
  const indexBytes = blob.frameIndex ?? nothing
  const index = parseIndex(indexBytes, blob)
  const envelope = codecs[index.codec].createEnvelope()
  const expect = (actual: Uint8Array, expected: Uint8Array, what: string) => {
    if (Buffer.compare(actual, expected) !== 0) throw damaged(what)
  }
  expect(await reader.take(index.headBytes), envelope.head, 'the head of the stream is another')
  for (const [frame, length] of index.frameLengths.entries()) {
    const plain = await decodeFrame(await reader.take(length), index, frame)
    envelope.update(plain)
    hash.update(plain)
  }
  expect(await reader.take(index.tailBytes), envelope.tail(), 'the tail of the stream is another')
  // Whoever has lost the rows reads a blob by its own index (R19).
  expect(await reader.take(indexBytes.length), indexBytes, 'the index of the blob is not that of its row')
  await reader.each(() => {})
}

function damaged(what: string): CuttyError {
  return new CuttyError('content_damaged', undefined, { cause: new Error(what) })
}

/** Pieces of any length from chunks of any length, which are looked at before the next is asked for. */
function createReader(stored: AsyncIterable<Uint8Array>, moved: (bytes: number) => Promise<void>) {
  const chunks = stored[Symbol.asyncIterator]()
  let left: Uint8Array = nothing
  let readBytes = 0
  const next = async (): Promise<boolean> => {
    const { done, value } = await chunks.next()
    if (done) return false
    readBytes += value.length
    left = value
    await moved(value.length)
    return true
  }
  return {
    /** So far. */
    get readBytes() {
      return readBytes
    },
    async take(bytes: number): Promise<Uint8Array> {
      const piece = new Uint8Array(bytes)
      for (let filled = 0; filled < bytes;) {
        if (left.length === 0 && !(await next())) throw damaged(`the stored bytes end at ${readBytes}`)
        const part = left.subarray(0, bytes - filled)
        piece.set(part, filled)
        filled += part.length
        left = left.subarray(part.length)
      }
      return piece
    },
    /** All that is left. */
    async each(see: (chunk: Uint8Array) => void): Promise<void> {
      do {
        see(left)
        left = nothing
      } while (await next())
    },
    async close(): Promise<void> {
      await chunks.return?.()
    },
  }
}
