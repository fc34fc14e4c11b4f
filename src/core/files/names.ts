import { CuttyError } from '../errors.ts'
import { limits } from '../limits.ts'

const encoder = new TextEncoder()

/**
 * Throws `invalid_key` unless the key can be stored: 1 to 1,024 bytes of UTF-8, well formed, no NUL. Everything else
 * is a character like any other; a key is never a path.
 */
export function checkKey(key: string): void {
  if (key === '') throw new CuttyError('invalid_key', 'The file key is empty.')
  if (!key.isWellFormed()) throw new CuttyError('invalid_key', 'The file key is not valid Unicode.')
  if (key.includes('\0')) throw new CuttyError('invalid_key', 'The file key contains a NUL character.')
  // A UTF-16 unit is at most three bytes: short keys need not be counted.
  if (key.length * 3 > limits.keyBytesMax && encoder.encode(key).length > limits.keyBytesMax) {
    throw new CuttyError('invalid_key', `The file key is longer than ${limits.keyBytesMax} bytes of UTF-8.`, {
      extras: { keyBytesMax: limits.keyBytesMax },
    })
  }
}

/** Above every key: longer than a key may be, in the highest character there is. */
export const keyCeiling = '\u{10FFFF}'.repeat(limits.keyBytesMax / 4 + 1)

/**
 * The least text above every text that starts with `prefix`, for half-open ranges: `prefix <= key < successor`.
 */
export function prefixSuccessor(prefix: string): string {
  const points = Array.from(prefix, (character) => character.codePointAt(0) as number)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue
    // Surrogates are no characters: UTF-8 goes on after them.
    const next = last === 0xd7ff ? 0xe000 : last + 1
    return String.fromCodePoint(...points, next)
  }
  return keyCeiling
}

/**
 * First path segments of this service, and what browsers and crawlers ask for at a root: a bucket of that name could
 * not be reached path-style (`/bucket/key`).
 */
export const reservedBucketNames: ReadonlySet<string> = new Set([
  'api',
  'assets',
  'dashboard',
  'docs',
  'favicon.ico',
  'health',
  'login',
  'metrics',
  'ready',
  'robots.txt',
  'status',
])

/** S3's rules for general purpose buckets. */
export function checkBucketName(name: string): void {
  const problem = bucketNameProblem(name)
  if (problem) throw new CuttyError('invalid_bucket_name', `The bucket name ${problem}.`)
}

function bucketNameProblem(name: string): string | undefined {
  if (name.length < 3 || name.length > 63) return 'must have 3 to 63 characters'
  if (!/^[a-z0-9.-]+$/.test(name)) return 'may have lower case letters, digits, dots and hyphens only'
  if (!/^[a-z0-9].*[a-z0-9]$/.test(name)) return 'must begin and end with a letter or digit'
  if (name.includes('..')) return 'must not have two dots in a row'
  if (/^\d+\.\d+\.\d+\.\d+$/.test(name)) return 'must not look like an IP address'
  if (/^(xn--|sthree-|amzn-s3-demo-)/.test(name)) return 'begins with a reserved prefix'
  if (/(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/.test(name)) return 'ends with a reserved suffix'
  if (reservedBucketNames.has(name)) return 'is reserved for the service itself'
  return undefined
}
