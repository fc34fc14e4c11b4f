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

/** The first part of a body, and the iterator that goes on from there; `undefined` when that was all. */
export interface BodyStart {
  readonly chunks: readonly Uint8Array[]
  readonly sizeBytes: number
  readonly rest: AsyncIterator<Uint8Array> | undefined
}

/** Takes more than `bytesMax` from a body, by a chunk at most, or all of it. */
export function takeStart(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<BodyStart> {
  return takeMore({ chunks: [], sizeBytes: 0, rest: body[Symbol.asyncIterator]() }, bytesMax)
}

export async function takeMore(start: BodyStart, bytesMax: number): Promise<BodyStart> {
  const { rest } = start
  if (!rest) return start
  const chunks = [...start.chunks]
  let { sizeBytes } = start
  while (sizeBytes <= bytesMax) {
    const next = await rest.next()
    if (next.done) return { chunks, sizeBytes, rest: undefined }
    chunks.push(next.value)
    sizeBytes += next.value.length
  }
  return { chunks, sizeBytes, rest }
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
