/**
 * Formats that are compressed already, known by what a body begins with, by its media type and by its name. Only clear
 * cases: what is not known here is measured, so a format that is missing costs a sample and no more.
 */

const ascii = (text: string): number[] => Array.from(text, (char) => char.charCodeAt(0))

/** `at` is where `bytes` stand. A name may have several; longer ones than two bytes only, since text begins with anything. */
const magics: readonly { name: string; at: number; bytes: readonly number[] }[] = [
  { name: 'jpeg', at: 0, bytes: [0xff, 0xd8, 0xff] },
  { name: 'png', at: 0, bytes: [0x89, ...ascii('PNG\r\n'), 0x1a, 0x0a] },
  { name: 'gif', at: 0, bytes: ascii('GIF87a') },
  { name: 'gif', at: 0, bytes: ascii('GIF89a') },
  { name: 'webp', at: 8, bytes: ascii('WEBPVP8') },
  { name: 'jxl', at: 0, bytes: [0, 0, 0, 0x0c, ...ascii('JXL \r\n')] },
  { name: 'jpeg2000', at: 0, bytes: [0, 0, 0, 0x0c, ...ascii('jP  \r\n')] },
  // MP4, QuickTime, HEIC and AVIF.
  { name: 'isobmff', at: 4, bytes: ascii('ftyp') },
  { name: 'matroska', at: 0, bytes: [0x1a, 0x45, 0xdf, 0xa3] },
  { name: 'ogg', at: 0, bytes: [...ascii('OggS'), 0] },
  { name: 'flac', at: 0, bytes: [...ascii('fLaC'), 0] },
  { name: 'asf', at: 0, bytes: [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11] },
  { name: 'zip', at: 0, bytes: [...ascii('PK'), 3, 4] },
  { name: 'gzip', at: 0, bytes: [0x1f, 0x8b, 8] },
  { name: 'zstd', at: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: 'lz4', at: 0, bytes: [0x04, 0x22, 0x4d, 0x18] },
  { name: 'xz', at: 0, bytes: [0xfd, ...ascii('7zXZ'), 0] },
  { name: '7z', at: 0, bytes: [...ascii('7z'), 0xbc, 0xaf, 0x27, 0x1c] },
  { name: 'rar', at: 0, bytes: [...ascii('Rar!'), 0x1a, 7] },
  { name: 'bzip2', at: 4, bytes: ascii('1AY&SY') },
  { name: 'woff2', at: 0, bytes: ascii('wOF2') },
  { name: 'woff', at: 0, bytes: ascii('wOFF') },
  { name: 'pdf', at: 0, bytes: ascii('%PDF-') },
]

/** An ID3 tag says nothing about a format, but only music has one; its third byte is the version. */
const isMusic = (head: Uint8Array) =>
  head[0] === 0x49 && head[1] === 0x44 && head[2] === 0x33 && (head[3] as number) < 5 && head[4] === 0

/** Name of the compressed format that a body begins as; `undefined` when it is none, or not known. */
export function sniffedCompressed(head: Uint8Array): string | undefined {
  const found = magics.find(({ at, bytes }) => bytes.every((byte, index) => head[at + index] === byte))
  if (found) return found.name
  return isMusic(head) ? 'mp3' : undefined
}

const compressedTypes = new Set([
  ...['apng', 'avif', 'gif', 'heic', 'heif', 'jp2', 'jpeg', 'jpg', 'jxl', 'png', 'webp'].map(
    (name) => `image/${name}`,
  ),
  ...['aac', 'flac', 'mp4', 'mpeg', 'ogg', 'opus', 'webm', 'x-m4a'].map((name) => `audio/${name}`),
  // Not video/mp2t: libraries give that name to TypeScript too.
  ...['3gpp', 'mp4', 'mpeg', 'ogg', 'quicktime', 'webm', 'x-flv', 'x-matroska', 'x-ms-wmv'].map(
    (name) => `video/${name}`,
  ),
  'font/woff',
  'font/woff2',
  'application/gzip',
  'application/java-archive',
  'application/ogg',
  'application/pdf',
  'application/vnd.android.package-archive',
  'application/vnd.rar',
  'application/x-7z-compressed',
  'application/x-bzip2',
  'application/x-gzip',
  'application/x-rar-compressed',
  'application/x-xz',
  'application/zip',
  'application/zstd',
])

/** Families of formats that are ZIP files. */
const zipType = /\+(zip|gzip|zstd)$|^application\/vnd\.(openxmlformats-officedocument|oasis\.opendocument)\./

/** `mediaType` is in lower case and without parameters. */
export function isCompressedType(mediaType: string): boolean {
  return compressedTypes.has(mediaType) || zipType.test(mediaType)
}

/** Endings of names; for bodies whose type says nothing. Brotli has no magic, so its name is all there is. */
const compressedName =
  /\.(7z|aac|apk|avif|br|bz2|docx|epub|flac|gif|gz|heic|jar|jpe?g|jxl|lz4|m4a|mkv|mov|mp[34]|odt|ods|ogg|opus|pdf|png|pptx|rar|tgz|txz|webm|webp|whl|woff2?|xlsx|xz|zip|zst)$/i

export function isCompressedName(key: string): boolean {
  return compressedName.test(key)
}

const textType =
  /^text\/|[+/](json|xml|yaml|toml)$|^application\/(x-)?(javascript|ecmascript|typescript|ndjson|jsonl?|sql|graphql|sh|httpd-php|subrip|tex|rtf|geo\+json)$/

/** By type; where that says nothing, by what it begins with. */
export function isText(mediaType: string, head: Uint8Array): boolean {
  if (textType.test(mediaType)) return true
  const start = head.subarray(0, 1024)
  // Control characters but tab, line feed, form feed, carriage return and escape are in no text, of any of ASCII's heirs.
  return !start.some((byte) => byte < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d, 0x1b].includes(byte))
}
