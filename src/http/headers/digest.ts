/** Digest fields: Content-Digest and Repr-Digest (RFC 9530), and the older Content-MD5 (RFC 1864). */
import { Buffer } from 'node:buffer'
import { CuttyError } from '../../core/errors.ts'

export type DigestAlgorithm = 'sha-256' | 'sha-512' | 'md5' | 'sha'

// md5 and sha (SHA-1) are deprecated (RFC 9530 §5): good against damage on the way, not against malice.
const lengthsBytes: Readonly<Record<DigestAlgorithm, number>> = {
  'sha-256': 32,
  'sha-512': 64,
  md5: 16,
  sha: 20,
}

// Structured fields, RFC 9651 §4.2. Every part stands before a delimiter that it cannot contain itself,
// so a value is read in linear time.
const key = '[a-z*][a-z0-9_\\-.*]*'
const bareItem = [
  '-?\\d{1,12}\\.\\d{1,3}', // Decimal
  '-?\\d{1,15}', // Integer
  '"(?:[ !#-[\\]-~]|\\\\["\\\\])*"', // String
  "[A-Za-z*][!#$%&'*+\\-.^_`|~\\w:/]*", // Token
  ':[A-Za-z0-9+/=]*:', // Byte Sequence
  '\\?[01]', // Boolean
  '@-?\\d{1,15}', // Date
  '%"(?:[ !#$&-~]|%[0-9a-f]{2})*"', // Display String
].join('|')
const parameters = `(?:; *${key}(?:=(?:${bareItem}))?)*`
const item = `(?:${bareItem})${parameters}`
const innerList = `\\( *(?:${item}(?: +${item})* *)?\\)`
const dictionaryMember = new RegExp(`(${key})(?:=(${bareItem}|${innerList}))?${parameters}`, 'y')

/** Content-MD5: 16 bytes in base64, else `invalid_digest`. */
export function parseContentMd5(value: string): Uint8Array {
  const bytes = decodeBase64(value.trim())
  if (bytes?.byteLength !== lengthsBytes.md5) {
    throw new CuttyError('invalid_digest', 'Content-MD5 must be the 16 bytes of an MD5 digest in base64.')
  }
  return bytes
}

/**
 * The digests of a Content-Digest or Repr-Digest value (`name` is used in messages only), without those
 * of algorithms that are not known here. `invalid_digest` when the value is not a structured dictionary,
 * or a known algorithm's digest is not a byte sequence of the right length. Of a repeated algorithm the
 * last counts (RFC 9651 §4.2.2).
 */
export function parseDigestHeader(value: string, name: string): Map<DigestAlgorithm, Uint8Array> {
  const texts = new Map<DigestAlgorithm, string | undefined>()
  const text = trimSpaces(value)
  let at = 0
  while (at < text.length) {
    dictionaryMember.lastIndex = at
    const match = dictionaryMember.exec(text)
    if (!match) throw malformed(name)
    const algorithm = match[1] ?? ''
    if (Object.hasOwn(lengthsBytes, algorithm)) texts.set(algorithm as DigestAlgorithm, match[2])
    at = skipSpace(text, dictionaryMember.lastIndex)
    if (at === text.length) break
    if (text[at] !== ',') throw malformed(name)
    at = skipSpace(text, at + 1)
    if (at === text.length) throw malformed(name)
  }

  const digests = new Map<DigestAlgorithm, Uint8Array>()
  for (const [algorithm, encoded] of texts) {
    const bytes = encoded?.startsWith(':') ? decodeBase64(encoded.slice(1, -1)) : undefined
    if (bytes === undefined) {
      throw new CuttyError('invalid_digest', `${name} must give ${algorithm} as base64 between colons.`)
    }
    if (bytes.byteLength !== lengthsBytes[algorithm]) {
      throw new CuttyError(
        'invalid_digest',
        `The ${algorithm} digest in ${name} has ${bytes.byteLength} bytes instead of ${lengthsBytes[algorithm]}.`,
      )
    }
    digests.set(algorithm, bytes)
  }
  return digests
}

/** One member of a digest field: `sha-256=:…:`. RangeError when the digest has another length. */
export function formatDigest(algorithm: DigestAlgorithm, bytes: Uint8Array): string {
  if (bytes.byteLength !== lengthsBytes[algorithm]) throw new RangeError(`Not a ${algorithm} digest`)
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  return `${algorithm}=:${base64}:`
}

/** A whole Repr-Digest or Content-Digest value; takes what {@link parseDigestHeader} returns. */
export function formatReprDigest(digests: Iterable<readonly [DigestAlgorithm, Uint8Array]>): string {
  return Array.from(digests, ([algorithm, bytes]) => formatDigest(algorithm, bytes)).join(', ')
}

function malformed(name: string): CuttyError {
  return new CuttyError(
    'invalid_digest',
    `${name} must be a list such as sha-256=:<base64>:, with the algorithm's name in lower case.`,
  )
}

/** Padding may be left out, as RFC 9651 §4.2.7 asks; `undefined` when it is not base64. */
function decodeBase64(text: string): Uint8Array | undefined {
  const match = /^([A-Za-z0-9+/]*)(={0,2})$/.exec(text)
  if (!match) return undefined
  const rest = (match[1] ?? '').length % 4
  if (rest === 1 || (match[2] !== '' && text.length % 4 !== 0)) return undefined
  // A copy: Buffer would give a view into memory that it shares.
  return new Uint8Array(Buffer.from(text, 'base64'))
}

/** Beside spaces, tabs may stand around commas, but not at the ends. By hand: / +$/ takes quadratic time. */
function trimSpaces(value: string): string {
  let start = 0
  let end = value.length
  while (value[start] === ' ') start++
  while (end > start && value[end - 1] === ' ') end--
  return value.slice(start, end)
}

function skipSpace(value: string, at: number): number {
  while (value[at] === ' ' || value[at] === '\t') at++
  return at
}
