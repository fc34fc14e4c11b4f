/** Content-Disposition of a download: RFC 6266, with the extended form of RFC 8187. */
import { parseParameters } from './media-type.ts'

/** What common file systems take as one name, in UTF-8. */
const nameMaxBytes = 255
/** A longer end of a name is not taken for an extension that is to be kept. */
const extensionMaxLength = 16

// Controls have no place in a name; the marks of writing direction make `exe.txt` out of `txt.exe`.
const unsafe = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

/** The name is made safe first: no path, no control characters, at most 255 bytes; or `download`. */
export function attachmentDisposition(fileName: string): string {
  const name = safeName(fileName)
  // RFC 6266 appendix D: no escapes and no `%` in the plain form, since some clients misread them.
  const plain = name.replace(/[^ -~]|["%]/gu, '_')
  return `attachment; filename="${plain}"; filename*=UTF-8''${encodeExtended(name)}`
}

/**
 * A stored disposition as `attachment` with the file name that it gives, in whichever form; when it
 * gives none or cannot be read, with the last segment of the file's key.
 */
export function asAttachment(stored: string | undefined, key: string): string {
  return attachmentDisposition((stored && storedName(stored)) || lastSegment(key))
}

function safeName(fileName: string): string {
  const name = fileName.toWellFormed().replace(unsafe, '').replace(/[/\\]/g, '_').trim()
  // A name of dots only is a directory.
  if (/^\.*$/.test(name)) return 'download'
  if (byteLength(name) <= nameMaxBytes) return name
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 && name.length - dot <= extensionMaxLength ? name.slice(dot) : ''
  let room = nameMaxBytes - byteLength(extension)
  let stem = ''
  for (const character of name) {
    room -= byteLength(character)
    if (room < 0) break
    stem += character
  }
  return stem + extension
}

/** `value-chars` of RFC 8187 §3.2.1: encodeURIComponent leaves four characters that are not attr-char. */
function encodeExtended(name: string): string {
  return encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

function storedName(stored: string): string | undefined {
  const type = /^[ \t]*[!#$%&'*+\-.^_`|~\w]+/.exec(stored)
  const parameters = type && parseParameters(stored, type[0].length)
  if (!parameters) return undefined
  const extended = parameters.get('filename*')
  const plain = parameters.get('filename')
  return (extended && decodeExtended(extended)) || (plain && decodeLatin1(plain))
}

function decodeExtended(value: string): string | undefined {
  const match = /^(UTF-8|ISO-8859-1)'[A-Za-z0-9-]*'((?:[!#$&+\-.^_`|~\w]|%[0-9A-Fa-f]{2})*)$/i.exec(value)
  if (!match) return undefined
  const bytes = (match[2] ?? '').replace(/%(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  if (match[1]?.toUpperCase() === 'UTF-8') return decodeUtf8(bytes)
  return bytes
}

/** Header bytes arrive as Latin-1 characters, but what clients send beyond ASCII is mostly UTF-8. */
function decodeLatin1(text: string): string {
  return /^[\0-\u00ff]*$/.test(text) ? (decodeUtf8(text) ?? text) : text
}

function decodeUtf8(byteCharacters: string): string | undefined {
  try {
    return utf8.decode(Uint8Array.from(byteCharacters, (c) => c.charCodeAt(0)))
  } catch {
    return undefined
  }
}

function lastSegment(key: string): string {
  const end = key.endsWith('/') ? key.length - 1 : key.length
  return key.slice(key.lastIndexOf('/', end - 1) + 1, end)
}

function byteLength(text: string): number {
  return encoder.encode(text).byteLength
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()
