/** Which Content-Type a file gets, and which ones a browser would run (R42). */
import mime from 'mime'
import { parseMediaType } from './media-type.ts'

export interface ContentTypeInput {
  /** What the client said, if anything. */
  readonly declared: string | undefined
  readonly key: string
  /** The content's first bytes, or all of them: 4,100 bytes tell the most. */
  readonly head: Uint8Array
}

const unknownType = 'application/octet-stream'

/**
 * In this order: the declared type as it is, the type of the key's extension, what the content looks
 * like, `application/octet-stream`. Never throws.
 */
export async function contentTypeFor({ declared, key, head }: ContentTypeInput): Promise<string> {
  if (declared !== undefined) {
    const type = parseMediaType(declared)?.type
    // curl and others put this on any body when they are told nothing.
    if (type !== undefined && type !== 'application/x-www-form-urlencoded') return declared
  }
  const named = typeOfName(key)
  if (named === undefined) return sniff(head)
  return named.startsWith('text/') && isUtf8(head) ? `${named}; charset=utf-8` : named
}

/**
 * Whether a browser that opens a file of this type would run what is in it. True as well for what
 * cannot be read as a type, and for those that ask the browser to guess. PDF is not among them: its
 * scripts cannot reach the page's origin.
 */
export function isActiveType(contentType: string): boolean {
  const type = parseMediaType(contentType)?.type
  return type === undefined || activeTypes.has(type) || type.endsWith('+xml')
}

const activeTypes: ReadonlySet<string> = new Set([
  'text/html',
  'multipart/x-mixed-replace',
  // XML can be XHTML or SVG inside, or name a style sheet that makes it so. The rest is `+xml`.
  'text/xml',
  'application/xml',
  'text/xsl',
  // The JavaScript types of the WHATWG MIME Sniffing standard, §4.6
  'application/ecmascript',
  'application/javascript',
  'application/x-ecmascript',
  'application/x-javascript',
  'text/ecmascript',
  'text/javascript',
  'text/javascript1.0',
  'text/javascript1.1',
  'text/javascript1.2',
  'text/javascript1.3',
  'text/javascript1.4',
  'text/javascript1.5',
  'text/jscript',
  'text/livescript',
  'text/x-ecmascript',
  'text/x-javascript',
  // Taken as "not given" by the same standard, §7.1
  'unknown/unknown',
  'application/unknown',
  '*/*',
])

function typeOfName(key: string): string | undefined {
  const name = key.slice(key.lastIndexOf('/') + 1)
  const dot = name.lastIndexOf('.')
  // `.png` is a hidden file without an extension.
  return dot > 0 ? (mime.getType(name.slice(dot + 1)) ?? undefined) : undefined
}

async function sniff(head: Uint8Array): Promise<string> {
  if (head.byteLength === 0) return unknownType
  // Text first, and only as text: nobody asked for what looks like markup to be run.
  const text = textType(head)
  if (text !== undefined) return text
  // Loaded here since few uploads come this far, and start-up should not wait for it.
  const { fileTypeFromBuffer } = await import('file-type')
  try {
    const found = await fileTypeFromBuffer(head)
    return found === undefined || isActiveType(found.mime) ? unknownType : found.mime
  } catch {
    // What the detector cannot read is an unknown type, not a failed upload.
    return unknownType
  }
}

// The formats that begin, or can be written throughout, as text
const textFormats: readonly (readonly [prefix: string, type: string])[] = [
  ['%PDF-', 'application/pdf'],
  ['%!PS-Adobe-', 'application/postscript'],
  ['{\\rtf1', 'application/rtf'],
]

function textType(head: Uint8Array): string | undefined {
  const text = decodeUtf8(head)
  // The binary data bytes of the WHATWG MIME Sniffing standard, §3
  // oxlint-disable-next-line no-control-regex
  if (text === undefined || /[\0-\u0008\u000b\u000e-\u001a\u001c-\u001f]/.test(text)) return undefined
  return textFormats.find(([prefix]) => text.startsWith(prefix))?.[1] ?? 'text/plain; charset=utf-8'
}

function isUtf8(head: Uint8Array): boolean {
  return decodeUtf8(head) !== undefined
}

/** A character that the end of the head cuts through is no fault. */
function decodeUtf8(head: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
  } catch {
    return undefined
  }
}
