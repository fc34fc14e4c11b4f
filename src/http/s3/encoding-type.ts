import type { S3Query } from './query.ts'
import { S3Error } from './s3-error.ts'

/**
 * How keys, prefixes, delimiters and markers are written in a listing: as they are, or where `encoding-type=url` asks for it,
 * encoded, so that a document can hold every key.
 */
export function listedTextOf(query: S3Query): (text: string) => string {
  const type = query.get('encoding-type')
  if (type === undefined || type === '') return (text) => text
  if (type === 'url') return encodeListed
  throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request', {
    elements: { ArgumentName: 'encoding-type', ArgumentValue: type },
  })
}

const plain = /^[A-Za-z0-9\-._*/]*$/

/** As S3 and MinIO encode it: like a form, a space as `+`, but with slashes left; clients decode both `+` and `%20`. */
export function encodeListed(text: string): string {
  if (plain.test(text)) return text
  return encodeURIComponent(text).replace(/%2F|%20|[!'()~]/g, (part) => replacements[part] as string)
}

const replacements: Readonly<Record<string, string>> = {
  '%2F': '/',
  '%20': '+',
  '!': '%21',
  "'": '%27',
  '(': '%28',
  ')': '%29',
  '~': '%7E',
}
