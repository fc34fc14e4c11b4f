import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { CuttyError } from '../errors.ts'

/** Digests that a client can declare. Keys are the names of RFC 9530's registry. */
export type DigestName = 'md5' | 'sha' | 'sha-256' | 'sha-512'
export type ExpectedDigests = ReadonlyMap<DigestName, Uint8Array>

const hashNames: Record<DigestName, string> = {
  md5: 'md5',
  sha: 'sha1',
  'sha-256': 'sha256',
  'sha-512': 'sha512',
}

/** Hashes a body while it passes; SHA-256 always, others where the client declared them. */
export function createBodyHash(expected: ExpectedDigests = new Map()) {
  const hashes = new Map(
    (['sha-256', ...expected.keys()] as DigestName[]).map((name) => [name, createHash(hashNames[name])]),
  )
  const update = [...hashes.values()]
  let sizeBytes = 0
  return {
    update(chunk: Uint8Array) {
      sizeBytes += chunk.length
      for (const hash of update) hash.update(chunk)
    },
    get sizeBytes() {
      return sizeBytes
    },
    /** Throws `digest_mismatch` when the body was another than the client declared. */
    finish(): { sha256: Uint8Array } {
      const digests = new Map([...hashes].map(([name, hash]) => [name, new Uint8Array(hash.digest())]))
      for (const [name, value] of expected) {
        const actual = digests.get(name) as Uint8Array
        if (Buffer.compare(actual, value) === 0) continue
        throw new CuttyError(
          'digest_mismatch',
          `The body's ${name} is another than the one declared; nothing was stored.`,
          {
            extras: { algorithm: name, received: Buffer.from(actual).toString('base64') },
          },
        )
      }
      return { sha256: digests.get('sha-256') as Uint8Array }
    },
  }
}

/**
 * Takes up to `bytesMax` from a body, a little more when a chunk is larger. `rest` is the iterator that goes on from
 * there, or `undefined` when that was all.
 */
export async function takeStart(
  body: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<{ chunks: Uint8Array[]; sizeBytes: number; rest: AsyncIterator<Uint8Array> | undefined }> {
  const iterator = body[Symbol.asyncIterator]()
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  while (sizeBytes <= bytesMax) {
    const next = await iterator.next()
    if (next.done) return { chunks, sizeBytes, rest: undefined }
    chunks.push(next.value)
    sizeBytes += next.value.length
  }
  return { chunks, sizeBytes, rest: iterator }
}

/** Chunks that were taken, then the rest; ending early ends the source. */
export async function* continueBody(
  chunks: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array> | undefined,
  onChunk: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  let ended = rest === undefined
  try {
    for (const chunk of chunks) {
      onChunk(chunk)
      yield chunk
    }
    while (!ended) {
      const next = await (rest as AsyncIterator<Uint8Array>).next().catch((error: unknown) => {
        ended = true
        throw error
      })
      if (next.done) ended = true
      else {
        onChunk(next.value)
        yield next.value
      }
    }
  } finally {
    if (!ended) await rest?.return?.()
  }
}

export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}
