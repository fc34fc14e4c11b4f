/** Signatures of the chunks and trailers of an aws-chunked body. */
import { hmacHex, sha256Hex } from './hmac.ts'

/** What the signatures of a body's chunks go on from. */
export interface ChunkSigning {
  readonly signingKey: Uint8Array
  /** Of the request: `YYYYMMDDTHHMMSSZ`. */
  readonly amzDate: string
  /** `YYYYMMDD/region/service/aws4_request`. */
  readonly scope: string
  /** The request's own signature, 64 hexadecimal digits. */
  readonly seedSignature: string
}

/** A chunk names the signature of the one before it, the first one that of the request. */
export interface ChunkToSign extends ChunkSigning {
  readonly previousSignature: string
  /** Of the chunk's bytes, 64 hexadecimal digits. */
  readonly sha256: string
}

const emptySha256 = sha256Hex('')

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html */
export function formatChunkToSign({ amzDate, scope, previousSignature, sha256 }: ChunkToSign): string {
  return `AWS4-HMAC-SHA256-PAYLOAD\n${amzDate}\n${scope}\n${previousSignature}\n${emptySha256}\n${sha256}`
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html; `sha256` as of {@link hashTrailers}. */
export function formatTrailersToSign({ amzDate, scope, previousSignature, sha256 }: ChunkToSign): string {
  return `AWS4-HMAC-SHA256-TRAILER\n${amzDate}\n${scope}\n${previousSignature}\n${sha256}`
}

/** The hash of the trailers as lines, sorted by their lower-case names. */
export function hashTrailers(trailers: ReadonlyMap<string, string>): string {
  const names = [...trailers.keys()].toSorted()
  return sha256Hex(names.map((name) => `${name}:${trailers.get(name)}\n`).join(''))
}

export function signChunk(chunk: ChunkToSign): string {
  return hmacHex(chunk.signingKey, formatChunkToSign(chunk))
}

export function signTrailers(trailers: ChunkToSign): string {
  return hmacHex(trailers.signingKey, formatTrailersToSign(trailers))
}
