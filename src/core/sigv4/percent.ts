/**
 * Percent-encoding as Signature Version 4 has it: of each byte but `A-Z a-z 0-9 - . _ ~`, in upper case.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, UriEncode().
 */
import { Buffer } from 'node:buffer'
import { SigV4Error } from './errors.ts'

const plainPath = /^[A-Za-z0-9\-._~/]*$/
const plainPart = /^[A-Za-z0-9\-._~]*$/
/** As a credential and a list of headers are in a signed URL: canonical as they are, and there in every one. */
const encodedPart = /^(?:[A-Za-z0-9\-._~]|%2F|%3B)*$/
const unreserved = /^[A-Za-z0-9\-._~]$/

/** The encoded form of each byte. */
const partBytes = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  return unreserved.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
})
const pathBytes = partBytes.with(0x2f, '/')
/** Of a query as forms send it: S3 reads a `+` as a space there, and it is signed as one. */
const queryBytes = partBytes.with(0x2b, '%20')

/** Encodes text. URIError for a lone surrogate, which no bytes stand for. */
export function encodePart(text: string): string {
  if (plainPart.test(text)) return text
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => partBytes[character.charCodeAt(0)]!)
}

/** Encodes a path, in which slashes stay. URIError as above. */
export function encodePath(path: string): string {
  return plainPath.test(path) ? path : encodePart(path).replaceAll('%2F', '/')
}

/** The canonical form of a path as it was sent: no segment is folded, since keys may be called `..`. */
export function recodePath(raw: string): string {
  return plainPath.test(raw) ? raw : recode(raw, pathBytes)
}

/** The canonical form of a name or value of a query as it was sent. */
export function recodeQueryPart(raw: string): string {
  return plainPart.test(raw) || encodedPart.test(raw) ? raw : recode(raw, queryBytes)
}

/** The text of a canonical part. `malformed` when its bytes are not UTF-8. */
export function decodePart(encoded: string): string {
  if (!encoded.includes('%')) return encoded
  try {
    return decodeURIComponent(encoded)
  } catch {
    throw new SigV4Error('malformed', 'The request target holds a parameter that is not UTF-8.')
  }
}

/** Escapes need not be UTF-8: a byte is signed as it is. */
function recode(raw: string, encoded: readonly string[]): string {
  let text = ''
  for (let at = 0; at < raw.length; at++) {
    const code = raw.charCodeAt(at)
    if (code === 0x25) {
      const byte = (hexDigit(raw.charCodeAt(at + 1)) << 4) | hexDigit(raw.charCodeAt(at + 2))
      // An escaped `+` is not the one that stands for a space.
      text += byte === 0x2b ? '%2B' : encoded[byte]!
      at += 2
    } else if (code < 0x80) {
      text += encoded[code]!
    } else {
      return text + recodeUnicode(raw.slice(at), encoded)
    }
  }
  return text
}

/** Whoever sends more than ASCII unescaped means UTF-8, as does whoever escapes it. */
function recodeUnicode(raw: string, encoded: readonly string[]): string {
  const ascii = raw.replace(/[\u0080-\uffff]+/g, (text) => {
    let escaped = ''
    for (const byte of Buffer.from(text)) escaped += partBytes[byte]!
    return escaped
  })
  return recode(ascii, encoded)
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  if (letter >= 0x61 && letter <= 0x66) return letter - 0x57
  throw new SigV4Error('malformed', 'The request target holds a broken percent-escape.')
}
