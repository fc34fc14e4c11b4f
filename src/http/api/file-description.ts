import type { z } from 'zod'
import { CuttyError } from '../../core/errors.ts'
import type { FileDescription, StoredHeaders } from '../../core/files/file.ts'
import { limits } from '../../core/limits.ts'
import type { HttpRequest } from '../exchange.ts'
import { contentTypeFor } from '../headers/content-type.ts'
import { parseQuery } from '../target.ts'
import { contentTypeCharsMax, type description, metadata, tags as tagsSchema } from './schemas.ts'
import { validate } from '../json.ts'

const metadataPrefix = 'x-cutty-meta-'

/** For the document. */
export const metadataHeaders = {
  'Content-Type': 'Kept as it is. Left out: found by the name, then by the content.',
  'Content-Disposition': 'Kept and returned as it is.',
  'Content-Encoding': 'Kept and returned as it is: the coding is yours, nothing is decoded.',
  'Content-Language': 'Kept and returned as it is.',
  'Cache-Control': 'Kept and returned as it is; of private files nothing is left to shared caches.',
  'X-Cutty-Meta-{name}': 'Metadata of your own.',
  'X-Cutty-Tags': 'Tags, as `name=value&name=value`.',
}

/** For the document. */
export const compressionHeader = {
  'X-Cutty-Compression':
    'How this upload is stored, instead of what the bucket says: `auto`, `off`, or a codec, as `zstd` or `zstd;level=9`.',
}

const storedHeaderNames = {
  contentDisposition: 'content-disposition',
  contentEncoding: 'content-encoding',
  contentLanguage: 'content-language',
  cacheControl: 'cache-control',
} as const

/**
 * What an upload's headers say of the file. They are checked at once, before the body is read; only the type may have
 * to wait for the first bytes.
 */
export function describeUpload(
  request: HttpRequest,
  key: string,
): (head: Uint8Array) => Promise<FileDescription> {
  const headers: StoredHeaders = Object.fromEntries(
    Object.entries(storedHeaderNames).flatMap(([name, header]) => {
      const value = request.header(header)
      if (value === undefined || value === '') return []
      if (value.length > limits.headerBytesMax) {
        throw new CuttyError('invalid_request', `${header} is longer than ${limits.headerBytesMax} bytes.`)
      }
      return [[name, value]]
    }),
  )
  const entries = [...request.headers()].filter(([name]) => name.startsWith(metadataPrefix))
  const own =
    entries.length === 0
      ? {}
      : validate(
          metadata,
          Object.fromEntries(entries.map(([name, value]) => [name.slice(metadataPrefix.length), value])),
          'headers',
        )
  const tagHeader = request.header('x-cutty-tags')
  const tags = tagHeader === undefined ? {} : validate(tagsSchema, { ...parseQuery(tagHeader) }, 'headers')
  const declared = request.header('content-type')
  if ((declared?.length ?? 0) > contentTypeCharsMax) {
    throw new CuttyError('invalid_request', `content-type is longer than ${contentTypeCharsMax} characters.`)
  }
  return async (head) => ({
    contentType: await contentTypeFor({ declared, key, head }),
    headers,
    metadata: own,
    tags,
  })
}

type Change = { [name in keyof typeof description]?: z.infer<(typeof description)[name]> | undefined }

/** A description with some of it changed: left out stays, null goes. */
export function changeOf(current: FileDescription, change: Change): FileDescription {
  const headers: Record<string, string> = { ...current.headers }
  for (const name of Object.keys(storedHeaderNames) as (keyof typeof storedHeaderNames)[]) {
    const value = change[name]
    if (value === undefined) continue
    if (value === null || value === '') delete headers[name]
    else headers[name] = value
  }
  return {
    contentType: change.contentType ?? current.contentType,
    headers,
    metadata: change.metadata ?? current.metadata,
    tags: change.tags ?? current.tags,
  }
}
