import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { type ChecksumName, createChecksum, formatChecksumValue } from '../checksums/checksum.ts'
import type { ChecksumType } from '../checksums/multipart.ts'
import { CuttyError } from '../errors.ts'
import type { FileChecksum } from './file.ts'

/** Digests that a client can declare. Keys are the names of RFC 9530's registry. */
export type DigestName = 'md5' | 'sha' | 'sha-256' | 'sha-512'
export type ExpectedDigests = ReadonlyMap<DigestName, Uint8Array>

/** A checksum to be taken of a body while it passes, and kept. */
export interface ChecksumRequest {
  readonly algorithm: ChecksumName
  readonly type: ChecksumType
  /** Asked when the body has ended, since it may stand in a trailer; `undefined`: whatever it comes to. */
  readonly expected: () => Uint8Array | undefined
}

const hashNames: Record<DigestName, string> = {
  md5: 'md5',
  sha: 'sha1',
  'sha-256': 'sha256',
  'sha-512': 'sha512',
}

export interface BodyHashRequest {
  readonly digests?: ExpectedDigests | undefined
  readonly checksum?: ChecksumRequest | undefined
  /** Take it, whether it was declared or not. */
  readonly md5?: boolean | undefined
}

export interface BodyDigests {
  readonly sha256: Uint8Array
  /** Where it was asked for. */
  readonly md5: Uint8Array | undefined
  readonly checksum: FileChecksum | undefined
}

/** Of these there is a hash anyway, or may be. */
const digestOf: Partial<Record<ChecksumName, DigestName>> = { SHA1: 'sha', SHA256: 'sha-256' }

/** Hashes a body while it passes; SHA-256 always, others where the client declared them. */
export function createBodyHash({ digests: expected = new Map(), checksum, md5 }: BodyHashRequest = {}) {
  const names = new Set<DigestName>(['sha-256', ...expected.keys()])
  if (md5) names.add('md5')
  const digestName = checksum && digestOf[checksum.algorithm]
  if (digestName) names.add(digestName)
  const crc = checksum && !digestName ? createChecksum(checksum.algorithm) : undefined
  const hashes = new Map([...names].map((name) => [name, createHash(hashNames[name])]))
  const update: { update(bytes: Uint8Array): unknown }[] = [...hashes.values(), ...(crc ? [crc] : [])]
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
    finish(): BodyDigests {
      const digests = new Map([...hashes].map(([name, hash]) => [name, new Uint8Array(hash.digest())]))
      for (const [name, value] of expected) {
        expect(name, digests.get(name) as Uint8Array, value)
      }
      return {
        sha256: digests.get('sha-256') as Uint8Array,
        md5: digests.get('md5'),
        checksum: checksum && verify(checksum, crc?.digest() ?? (digests.get(digestName!) as Uint8Array)),
      }
    },
  }
}

function verify({ algorithm, type, expected }: ChecksumRequest, actual: Uint8Array): FileChecksum {
  const declared = expected()
  if (declared) expect(algorithm, actual, declared)
  return { algorithm, type, value: formatChecksumValue(actual) }
}

function expect(name: DigestName | ChecksumName, actual: Uint8Array, declared: Uint8Array): void {
  if (Buffer.compare(actual, declared) === 0) return
  const detail = `The body's ${name} is another than the one declared; nothing was stored.`
  const received = Buffer.from(actual).toString('base64')
  throw new CuttyError('digest_mismatch', detail, { extras: { algorithm: name, received } })
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
