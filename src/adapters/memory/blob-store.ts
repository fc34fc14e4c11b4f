import { CuttyError } from '../../core/errors.ts'
import type { BlobStore, ByteRange } from '../../core/ports/blob-store.ts'

/**
 * Blobs in a `Map`, gone with the process. For tests that want to stay in one process: it is held to the same
 * contract as the stores that last, and bounded only by the memory there is.
 */
export function createMemoryBlobStore(): BlobStore {
  const blobs = new Map<string, Uint8Array>()

  return {
    capabilities: { durable: false, shared: false },

    async put(id, body, sizeBytes) {
      const bytes = await collect(body, sizeBytes)
      blobs.set(id, bytes)
      return { sizeBytes: bytes.length }
    },

    async get(id, range) {
      const bytes = blobs.get(id)
      if (!bytes) return undefined
      if (range && range.end >= bytes.length) {
        throw new CuttyError('content_damaged', undefined, {
          cause: new Error(`bytes ${range.start}-${range.end} were asked for, the blob has ${bytes.length}`),
        })
      }
      return readChunks(bytes, range)
    },

    async delete(ids) {
      for (const id of ids) blobs.delete(id)
    },

    async list({ after = '', limit = 1000 } = {}) {
      const rest = [...blobs.keys()].filter((id) => id > after).toSorted((a, b) => (a < b ? -1 : 1))
      const ids = rest.slice(0, limit)
      return { ids, next: rest.length > limit ? ids.at(-1) : undefined }
    },

    async ping() {},
  }
}

/** Small enough that tests meet bodies of several chunks. */
const chunkBytes = 64 * 1024

/** Copies, since a chunk may be the sender's to use again once it is asked for the next one. */
async function collect(body: AsyncIterable<Uint8Array>, sizeBytes: number | undefined): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of body) {
    total += chunk.length
    if (sizeBytes !== undefined && total > sizeBytes) throw sizeMismatch(sizeBytes, total)
    chunks.push(new Uint8Array(chunk))
  }
  if (sizeBytes !== undefined && total !== sizeBytes) throw sizeMismatch(sizeBytes, total)
  const bytes = new Uint8Array(total)
  let position = 0
  for (const chunk of chunks) {
    bytes.set(chunk, position)
    position += chunk.length
  }
  return bytes
}

function sizeMismatch(expected: number, actual: number) {
  return new CuttyError(
    'body_size_mismatch',
    `The body was declared as ${expected} bytes, but has ${actual}.`,
  )
}

/** Hands out copies: a reader that writes into its chunk must not change the blob. */
async function* readChunks(bytes: Uint8Array, range: ByteRange | undefined): AsyncGenerator<Uint8Array> {
  const end = range ? range.end + 1 : bytes.length
  for (let position = range?.start ?? 0; position < end; position += chunkBytes) {
    yield bytes.slice(position, Math.min(position + chunkBytes, end))
  }
}
