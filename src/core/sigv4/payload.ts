import { SigV4Error } from './errors.ts'

/** What the signature says of the content: the value of x-amz-content-sha256. */
export type Payload =
  /** The content's SHA-256, 64 hexadecimal digits in lower case. */
  | { readonly kind: 'hash'; readonly sha256: string }
  /** Nothing. */
  | { readonly kind: 'unsigned' }
  /** It comes in the chunks of aws-chunked: each signed or not, with trailers or without. */
  | { readonly kind: 'chunks'; readonly signed: boolean; readonly trailers: boolean }

export const unsignedPayload = 'UNSIGNED-PAYLOAD'
export const signedChunks = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
export const signedChunksTrailer = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'
export const unsignedChunksTrailer = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'

const sha256 = /^[0-9a-fA-F]{64}$/

/** `unsupported_payload` for anything that is not listed here, such as chunks signed asymmetrically. */
export function parsePayload(value: string): Payload {
  switch (value) {
    case unsignedPayload:
      return { kind: 'unsigned' }
    case signedChunks:
      return { kind: 'chunks', signed: true, trailers: false }
    case signedChunksTrailer:
      return { kind: 'chunks', signed: true, trailers: true }
    case unsignedChunksTrailer:
      return { kind: 'chunks', signed: false, trailers: true }
  }
  if (sha256.test(value)) return { kind: 'hash', sha256: value.toLowerCase() }
  throw new SigV4Error(
    'unsupported_payload',
    `x-amz-content-sha256 must be ${unsignedPayload}, ${signedChunks}, ${signedChunksTrailer}, ` +
      `${unsignedChunksTrailer}, or a valid SHA-256 in hexadecimal digits.`,
  )
}
