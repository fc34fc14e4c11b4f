/**
 * Bodies of `Content-Encoding: aws-chunked`, in which the AWS SDKs put signatures between the bytes and checksums after them.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html, sigv4-streaming-trailers.html
 */
import { Buffer } from 'node:buffer'
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Hash } from 'node:crypto'
import type { ChunkSigning } from '../../core/sigv4/chunk-signature.ts'
import { hashTrailers, signChunk, signTrailers } from '../../core/sigv4/chunk-signature.ts'

export type AwsChunkedReason =
  /** It ends before its last chunk. */
  | 'incomplete'
  | 'malformed'
  /** An announced trailer is missing, or another one is there. */
  | 'malformed_trailer'
  /** Its chunks are not as long together as x-amz-decoded-content-length. */
  | 'wrong_length'
  /** A chunk's or the trailers' signature is wrong; both are also `malformed` when they have none. */
  | 'mismatch'

export class AwsChunkedError extends Error {
  override readonly name = 'AwsChunkedError'
  readonly reason: AwsChunkedReason

  constructor(reason: AwsChunkedReason, message: string) {
    super(message)
    this.reason = reason
  }
}

export interface AwsChunkedOptions {
  /** For signed chunks; without it they must not be signed. */
  readonly signing?: ChunkSigning | undefined
  /** The names that x-amz-trailer announces, in lower case; without it (or empty) there must be no trailer. */
  readonly trailers?: readonly string[] | undefined
  /** x-amz-decoded-content-length. */
  readonly decodedBytes?: number | undefined
}

export interface AwsChunkedBody {
  readonly body: AsyncIterable<Uint8Array>
  /** The trailers by their lower-case names; once the body has ended. */
  trailers(): ReadonlyMap<string, string>
}

/** The longest line of any SDK is a chunk's header of about 100 bytes, or a trailer with a SHA-512 in base64. */
const lineBytesMax = 1024
/** More than a trailer for each checksum there is. */
const trailersMax = 16
/** As much as S3 takes in one request. */
const chunkBytesMax = 5 * 1024 ** 3

const chunkHeader = /^([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?$/
const trailerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([!-~](?:[ -~]*[!-~])?)$/
const signatureForm = /^[0-9a-f]{64}$/
const signatureName = 'x-amz-trailer-signature'

/**
 * The bytes inside of an aws-chunked body, once. They are passed on as they come, which for a signed chunk is before its
 * signature could be checked: nothing may be made of them until the iteration has ended without an error. Like the pieces
 * of the body, of which they are views, they may be looked at until the next one is asked for.
 *
 * Throws AwsChunkedError, and what the body throws. S3 asks for 8 KiB in each signed chunk but the last; here any size
 * will do, as small ones do no harm.
 */
export function decodeAwsChunked(
  body: AsyncIterable<Uint8Array>,
  options: AwsChunkedOptions = {},
): AwsChunkedBody {
  let trailers: ReadonlyMap<string, string> | undefined
  const decode = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    const source = createReader(body)
    try {
      const signatures = options.signing && createSignatures(options.signing)
      let leftBytes = options.decodedBytes ?? Number.POSITIVE_INFINITY
      for (;;) {
        const { sizeBytes, signature } = parseChunkHeader(await source.line(), signatures !== undefined)
        if (sizeBytes > leftBytes) throw wrongLength()
        leftBytes -= sizeBytes
        if (sizeBytes === 0) {
          signatures?.checkChunk(signature)
          break
        }
        for (let missingBytes = sizeBytes; missingBytes > 0;) {
          const piece = await source.bytes(missingBytes)
          missingBytes -= piece.length
          signatures?.update(piece)
          yield piece
        }
        signatures?.checkChunk(signature)
        const end = await source.line()
        if (end === undefined) throw incomplete()
        if (end !== '') throw new AwsChunkedError('malformed', 'A chunk is not of its size.')
      }
      if (options.decodedBytes !== undefined && leftBytes > 0) throw wrongLength()
      trailers = await readTrailers(source, options.trailers ?? [], signatures)
    } finally {
      await source.close()
    }
  }
  return {
    body: decode(),
    trailers() {
      if (!trailers) throw new Error('The trailers are not known before the end of the body')
      return trailers
    },
  }
}

function parseChunkHeader(
  line: string | undefined,
  signed: boolean,
): { sizeBytes: number; signature: string } {
  if (line === undefined) throw incomplete()
  const match = chunkHeader.exec(line)
  if (!match || signed !== (match[2] !== undefined)) {
    throw new AwsChunkedError(
      'malformed',
      `A chunk must begin with its size in hexadecimal digits${signed ? ' and ;chunk-signature=' : ''}.`,
    )
  }
  const sizeBytes = Number.parseInt(match[1] ?? '', 16)
  if (sizeBytes > chunkBytesMax) throw new AwsChunkedError('malformed', 'A chunk is larger than 5 GiB.')
  return { sizeBytes, signature: match[2] ?? '' }
}

/**
 * What follows the last chunk: trailers and an empty line, which may be missing. The client of MinIO for Go ends trailers
 * with a lone line feed and puts another empty line before their signature; that one is taken too, wherever it stands.
 */
async function readTrailers(
  source: Reader,
  expected: readonly string[],
  signatures: Signatures | undefined,
): Promise<ReadonlyMap<string, string>> {
  const trailers = new Map<string, string>()
  let signature: string | undefined
  let emptyLines = 0
  for (let line = await source.line(); line !== undefined; line = await source.line()) {
    if (line === '') {
      // No client needs more; a body that never ends would.
      if (++emptyLines > trailersMax) throw afterTheEnd()
      continue
    }
    if (expected.length === 0) throw afterTheEnd()
    for (const text of (line.endsWith('\n') ? line.slice(0, -1) : line).split('\n')) {
      const match = trailerLine.exec(text)
      const name = match?.[1]?.toLowerCase() ?? ''
      const value = match?.[2] ?? ''
      if (match && name === signatureName && signatures && signature === undefined) {
        signature = value
      } else if (match && signature === undefined && expected.includes(name) && !trailers.has(name)) {
        trailers.set(name, value)
      } else {
        throw new AwsChunkedError(
          'malformed_trailer',
          'The request contained trailing data that was not expected.',
        )
      }
    }
  }
  if (expected.some((name) => !trailers.has(name))) {
    throw new AwsChunkedError('malformed_trailer', 'A trailer that x-amz-trailer announces is missing.')
  }
  if (signatures && trailers.size > 0) signatures.checkTrailers(trailers, signature)
  return trailers
}

interface Signatures {
  update(piece: Uint8Array): void
  checkChunk(signature: string): void
  checkTrailers(trailers: ReadonlyMap<string, string>, signature: string | undefined): void
}

function createSignatures(signing: ChunkSigning): Signatures {
  let previousSignature = signing.seedSignature
  let hash: Hash = createHash('sha256')
  const check = (signature: string, right: string): void => {
    if (!timingSafeEqual(Buffer.from(signature, 'hex'), Buffer.from(right, 'hex'))) {
      throw new AwsChunkedError('mismatch', 'The signature of a chunk or of the trailers does not match.')
    }
    previousSignature = signature
  }
  return {
    update(piece) {
      hash.update(piece)
    },
    checkChunk(signature) {
      const sha256 = hash.digest('hex')
      hash = createHash('sha256')
      check(signature, signChunk({ ...signing, previousSignature, sha256 }))
    },
    checkTrailers(trailers, signature) {
      if (signature === undefined || !signatureForm.test(signature)) {
        throw new AwsChunkedError('malformed_trailer', `The trailers need an ${signatureName} of 64 digits.`)
      }
      check(signature, signTrailers({ ...signing, previousSignature, sha256: hashTrailers(trailers) }))
    },
  }
}

interface Reader {
  /** Up to the next CR LF and without it, or `undefined` at the end. A lone LF is a part of the line. */
  line(): Promise<string | undefined>
  /** At least one byte, at most so many. */
  bytes(max: number): Promise<Uint8Array>
  close(): Promise<void>
}

function createReader(body: AsyncIterable<Uint8Array>): Reader {
  const source = body[Symbol.asyncIterator]()
  let piece: Uint8Array = new Uint8Array(0)
  let at = 0
  let ended = false

  /** Whether there is a byte left. */
  const fill = async (): Promise<boolean> => {
    while (at === piece.length && !ended) {
      const next = await source.next()
      at = 0
      if (next.done === true) {
        ended = true
        piece = new Uint8Array(0)
      } else {
        piece = next.value
      }
    }
    return at < piece.length
  }

  return {
    async line() {
      let text = ''
      while (await fill()) {
        const feed = piece.indexOf(0x0a, at)
        const end = feed < 0 ? piece.length : feed + 1
        if (text.length + end - at > lineBytesMax)
          throw new AwsChunkedError('malformed', 'A line is too long.')
        text += Buffer.from(piece.buffer, piece.byteOffset + at, end - at).toString('latin1')
        at = end
        if (text.endsWith('\r\n')) return text.slice(0, -2)
      }
      if (text !== '') throw incomplete()
      return undefined
    },
    async bytes(max) {
      if (!(await fill())) throw incomplete()
      const from = at
      at = Math.min(piece.length, at + max)
      return from === 0 && at === piece.length ? piece : piece.subarray(from, at)
    },
    async close() {
      // Also when the body itself failed, where it does nothing.
      if (!ended) await source.return?.()
    },
  }
}

function incomplete(): AwsChunkedError {
  return new AwsChunkedError('incomplete', 'The body ends before its last chunk.')
}

function wrongLength(): AwsChunkedError {
  return new AwsChunkedError(
    'wrong_length',
    'The chunks are not as long together as x-amz-decoded-content-length.',
  )
}

function afterTheEnd(): AwsChunkedError {
  return new AwsChunkedError('malformed', 'There is something after the last chunk.')
}
