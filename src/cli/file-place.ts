import { UsageError } from './failure.ts'

/** A bucket, and a key or a prefix in it. */
export interface Place {
  readonly bucket: string
  readonly key: string
}

/** `bucket/some/key`: all that follows the first slash is the key, as it is. */
export function parsePlace(text: string): Place {
  const slash = text.indexOf('/')
  const place =
    slash < 0 ? { bucket: text, key: '' } : { bucket: text.slice(0, slash), key: text.slice(slash + 1) }
  if (place.bucket === '') throw new UsageError(`“${text}” names no bucket: write <bucket>/<key>.`)
  return place
}

/** The same, where a file is meant. */
export function parseFilePlace(text: string): Place {
  const place = parsePlace(text)
  if (place.key === '') throw new UsageError(`“${text}” names no file: write <bucket>/<key>.`)
  return place
}

export function bucketPath(bucket: string): string {
  return `/api/v1/buckets/${encodeURIComponent(bucket)}`
}

/**
 * Path of a file. Segments that clients and proxies fold away (`.`, `..`, and empty ones) survive only in the query,
 * so their keys go there.
 */
export function filePath({ bucket, key }: Place, query: readonly string[] = []): string {
  const segments = key.split('/')
  const inQuery = segments.some((segment) => segment === '' || segment === '.' || segment === '..')
  const base = `${bucketPath(bucket)}/files`
  const path = inQuery ? base : `${base}/${segments.map(encodeURIComponent).join('/')}`
  const parameters = inQuery ? [`key=${encodeURIComponent(key)}`, ...query] : query
  return parameters.length > 0 ? `${path}?${parameters.join('&')}` : path
}

/** The last segment of a key, where it can be a file's name on this machine. */
export function localName(key: string, platform: string = process.platform): string {
  const name = key.slice(key.lastIndexOf('/') + 1)
  const unusable = platform === 'win32' ? /[\\:*?"<>|\p{Cc}]|[. ]$/u : /^$/
  if (name === '' || name === '.' || name === '..' || unusable.test(name)) {
    throw new UsageError(`The key does not end in a name for a local file: say where to put it.`)
  }
  return name
}
