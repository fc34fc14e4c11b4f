import type { HttpRequest } from '../exchange.ts'
import { S3Error } from './s3-error.ts'

/** What a request is about: the service, a bucket, or an object. */
export interface Address {
  readonly bucket: string | undefined
  readonly key: string | undefined
  /** By the host (`bucket.base`), so that nothing else lives at this origin. */
  readonly isolated: boolean
}

/**
 * Path-style (`/bucket/key`), or virtual-host style where the host is a name below one of `baseDomains`. A key is what follows,
 * decoded once and nothing else: `//`, `..` and a leading slash are part of it.
 */
export function addressOf(request: HttpRequest, path: string, baseDomains: readonly string[]): Address {
  const host = bucketOfHost(request.header('host'), baseDomains)
  if (host !== undefined) return { bucket: host, key: decodeKey(path.slice(1)), isolated: true }
  const slash = path.indexOf('/', 1)
  const name = slash < 0 ? path.slice(1) : path.slice(1, slash)
  if (name === '') {
    // `//key`: a bucket without a name.
    if (path.length > 1) throw new S3Error('InvalidBucketName', 'The bucket name is empty.')
    return { bucket: undefined, key: undefined, isolated: false }
  }
  const key = slash < 0 ? undefined : decodeKey(path.slice(slash + 1))
  return { bucket: decode(name), key, isolated: false }
}

/** The first labels of a host below a base domain. */
export function bucketOfHost(host: string | undefined, baseDomains: readonly string[]): string | undefined {
  if (host === undefined || baseDomains.length === 0) return undefined
  const name = host.replace(/:\d+$/, '').toLowerCase()
  for (const base of baseDomains) {
    if (name.endsWith(`.${base}`)) return name.slice(0, -base.length - 1)
  }
  return undefined
}

function decodeKey(raw: string): string | undefined {
  return raw === '' ? undefined : decode(raw)
}

/** Throws for a broken escape or invalid UTF-8, where a lenient decoder would put another character in the place. */
function decode(raw: string): string {
  if (!raw.includes('%')) return raw
  try {
    return decodeURIComponent(raw)
  } catch (cause) {
    throw new S3Error('InvalidURI', 'The path holds a broken percent-escape or invalid UTF-8.', { cause })
  }
}
