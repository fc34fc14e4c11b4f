import { z } from 'zod'
import type { FileDescription } from '../../core/files/file.ts'
import { limits } from '../../core/limits.ts'
import { contentTypeCharsMax, metadata as metadataSchema } from '../api/schemas.ts'
import type { HttpRequest } from '../exchange.ts'
import { parseQuery } from '../target.ts'
import { S3Error } from './s3-error.ts'

const metadataPrefix = 'x-amz-meta-'
/** S3's own word for bytes that nobody named a type for. */
const unnamedType = 'binary/octet-stream'

const storedHeaderNames = {
  contentDisposition: 'content-disposition',
  contentEncoding: 'content-encoding',
  contentLanguage: 'content-language',
  cacheControl: 'cache-control',
  expires: 'expires',
} as const

/** What the headers of PutObject, CopyObject or CreateMultipartUpload say of an object; its tags apart. */
export function describeObject(request: HttpRequest): Omit<FileDescription, 'tags'> {
  const headers: Record<string, string> = {}
  for (const [name, header] of Object.entries(storedHeaderNames)) {
    const value = headerValue(request, header)
    if (value !== undefined) headers[name] = value
  }
  const contentType = request.header('content-type')?.trim() || unnamedType
  if (contentType.length > contentTypeCharsMax) throw tooLong('content-type', contentTypeCharsMax)
  return { contentType, headers, metadata: readMetadata(request) }
}

/** Without the token of aws-chunked, which is of the request and not of the object (R16). */
function headerValue(request: HttpRequest, name: string): string | undefined {
  const value = request.header(name)?.trim()
  if (value === undefined || value === '') return undefined
  if (value.length > limits.headerBytesMax) throw tooLong(name, limits.headerBytesMax)
  if (name !== 'content-encoding') return value
  const codings = value.split(',').map((coding) => coding.trim())
  return (
    codings.filter((coding) => coding !== '' && coding.toLowerCase() !== 'aws-chunked').join(',') || undefined
  )
}

function readMetadata(request: HttpRequest): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  let charsCount = 0
  for (const [name, value] of request.headers()) {
    if (!name.startsWith(metadataPrefix)) continue
    found[name.slice(metadataPrefix.length)] = value
    charsCount += name.length - metadataPrefix.length + value.length
  }
  if (charsCount === 0) return found
  if (charsCount > limits.metadataBytesMax) {
    throw new S3Error(
      'MetadataTooLarge',
      `Metadata may have at most ${limits.metadataBytesMax} bytes, names and values together.`,
      { elements: { MaxSizeAllowed: limits.metadataBytesMax, Size: charsCount } },
    )
  }
  const checked = metadataSchema.safeParse(found)
  if (!checked.success) throw new S3Error('InvalidArgument', z.prettifyError(checked.error))
  return checked.data
}

/** The tags of `x-amz-tagging`, as `name=value&name=value`. */
export function readTagHeader(request: HttpRequest): Readonly<Record<string, string>> {
  const header = request.header('x-amz-tagging')
  return header === undefined ? {} : checkTags(Object.entries(parseQuery(header)))
}

/** Throws `InvalidTag` for more, longer or other ones than S3 allows, and for a name that is there twice. */
export function checkTags(
  entries: Iterable<readonly [string, unknown]>,
  { tagsMax = limits.tagsMax }: { tagsMax?: number } = {},
): Readonly<Record<string, string>> {
  const { tagKeyCharsMax, tagValueCharsMax } = limits
  // Names such as `constructor` and `__proto__` are names like any other.
  const found = new Map<string, string>()
  for (const [name, value] of entries) {
    const refuse = (message: string) => new S3Error('InvalidTag', message, { elements: { TagKey: name } })
    if (typeof value !== 'string' || found.has(name)) throw refuse('There may be one tag of a name only.')
    if (/^aws:/i.test(name)) throw refuse('System tags cannot be added or updated by a requester.')
    if (name === '' || name.length > tagKeyCharsMax) {
      throw refuse(`The name of a tag must have 1 to ${tagKeyCharsMax} characters.`)
    }
    if (value.length > tagValueCharsMax) {
      throw refuse(`The value of a tag may have at most ${tagValueCharsMax} characters.`)
    }
    if (found.size === tagsMax) throw refuse(`There may be at most ${tagsMax} tags.`)
    found.set(name, value)
  }
  return Object.fromEntries(found)
}

const cannedAcls: Readonly<Record<string, 'public' | 'private'>> = {
  private: 'private',
  'public-read': 'public',
  // The owner of the bucket owns all that is in it.
  'bucket-owner-full-control': 'private',
  'bucket-owner-read': 'private',
}

/** What `x-amz-acl` comes to; `undefined` where it is not there. Everything finer is not offered, and refused. */
export function readCannedAcl(request: HttpRequest): 'public' | 'private' | undefined {
  for (const [name] of request.headers()) {
    if (name.startsWith('x-amz-grant-')) throw new S3Error('NotImplemented', `${name} is not offered here.`)
  }
  const name = request.header('x-amz-acl')
  if (name === undefined) return undefined
  const visibility = cannedAcls[name]
  if (visibility) return visibility
  throw new S3Error(
    'NotImplemented',
    `Of the ACLs, ${Object.keys(cannedAcls).join(', ')} are offered here.`,
    {
      elements: { ArgumentName: 'x-amz-acl', ArgumentValue: name },
    },
  )
}

/** Headers that would promise what is not kept. */
const refused = [
  'x-amz-website-redirect-location',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-retain-until-date',
  'x-amz-object-lock-legal-hold',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-copy-source-server-side-encryption-customer-algorithm',
  'x-amz-write-offset-bytes',
]

export function refuseWhatIsNotKept(request: HttpRequest): void {
  for (const name of refused) {
    if (request.header(name) !== undefined)
      throw new S3Error('NotImplemented', `${name} is not offered here.`)
  }
  const storageClass = request.header('x-amz-storage-class')
  if (storageClass === undefined || storageClass === 'STANDARD') return
  throw new S3Error('InvalidStorageClass', 'The one storage class here is STANDARD.', {
    elements: { StorageClassRequested: storageClass },
  })
}

function tooLong(name: string, max: number): S3Error {
  return new S3Error('InvalidArgument', `${name} is longer than ${max} characters.`)
}
