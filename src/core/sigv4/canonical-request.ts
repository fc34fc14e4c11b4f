import { Buffer } from 'node:buffer'
import { algorithm } from './credential.ts'
import { sha256Hex } from './hmac.ts'

/** A request as it was sent. */
export interface SigV4Request {
  /** In upper case, as HTTP has it. */
  readonly method: string
  /** Raw, nothing decoded and nothing folded. */
  readonly path: string
  /** Raw, without the question mark. */
  readonly query: string
  /** Value of a field by its lower-case name; where it was sent several times, joined by a comma or as an array. */
  header(name: string): string | readonly string[] | undefined
  /** All fields, names in lower case. */
  headers(): Iterable<readonly [name: string, value: unknown]>
  /**
   * What a character beyond ASCII in a value was as bytes. Node gives one character for each byte (`latin1`), workerd reads
   * them as `utf8`. Without it the first is assumed, unless a value holds a character which no single byte can be.
   */
  readonly headerCharset?: 'latin1' | 'utf8'
}

/** The parts of a canonical request, each in its canonical form. */
export interface CanonicalParts {
  readonly method: string
  readonly path: string
  readonly query: string
  /** Lines of `name:value`, each with its end, in the order of `signedHeaders`. */
  readonly headerLines: string
  readonly signedHeaders: readonly string[]
  /** The value of x-amz-content-sha256. */
  readonly payload: string
}

export function formatCanonicalRequest(parts: CanonicalParts): string {
  const { method, path, query, headerLines, signedHeaders, payload } = parts
  return `${method}\n${path}\n${query}\n${headerLines}\n${signedHeaders.join(';')}\n${payload}`
}

export function formatStringToSign(options: {
  amzDate: string
  scope: string
  canonicalRequest: string
  headerCharset?: SigV4Request['headerCharset']
}): string {
  const hash = sha256Hex(toBytes(options.canonicalRequest, options.headerCharset))
  return `${algorithm}\n${options.amzDate}\n${options.scope}\n${hash}`
}

/**
 * Without white space at the ends, runs of it as one space; several values joined by a comma, without a space. White space
 * is what HTTP calls so: U+00A0 may be a byte of a longer character.
 */
export function canonicalHeaderValue(value: string | readonly string[]): string {
  if (typeof value !== 'string') return value.map(canonicalHeaderValue).join(',')
  if (!/^ | $| {2}|\t/.test(value)) return value
  const text = value.replace(/[ \t]+/g, ' ')
  return text.slice(
    text.startsWith(' ') ? 1 : 0,
    text.endsWith(' ') ? Math.max(text.length - 1, 1) : text.length,
  )
}

/** Only the values of headers can hold more than ASCII here: all else has been percent-encoded. */
function toBytes(text: string, charset: SigV4Request['headerCharset']): string | Uint8Array {
  if (!/[\u0080-\uffff]/.test(text)) return text
  return Buffer.from(text, charset ?? (/[\u0100-\uffff]/.test(text) ? 'utf8' : 'latin1'))
}
