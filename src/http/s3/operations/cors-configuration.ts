import { changeBucketSettings, readBucket } from '../../../core/files/buckets.ts'
import { type CorsRule, parseCors } from '../../../core/files/cors.ts'
import { limits } from '../../../core/limits.ts'
import type { HttpReply } from '../../exchange.ts'
import type { Operation, S3Call } from '../operation.ts'
import { readXmlPayload } from '../payload.ts'
import { S3Error } from '../s3-error.ts'
import { xmlReply } from '../xml-reply.ts'
import { children, textOf, type XmlElement } from '../xml-read.ts'

async function getBucketCors({ core, caller, bucket }: S3Call): Promise<HttpReply> {
  const { cors } = await readBucket(core, caller, bucket)
  if (cors === null) {
    throw new S3Error('NoSuchCORSConfiguration', 'The CORS configuration does not exist', {
      elements: { BucketName: bucket },
    })
  }
  return xmlReply(200, 'CORSConfiguration', {
    CORSRule: parseCors(cors).map((rule) => ({
      ID: rule.id,
      AllowedHeader: rule.allowedHeaders,
      AllowedMethod: rule.allowedMethods,
      AllowedOrigin: rule.allowedOrigins,
      ExposeHeader: rule.exposeHeaders,
      MaxAgeSeconds: rule.maxAgeSeconds,
    })),
  })
}

async function putBucketCors(call: S3Call): Promise<HttpReply> {
  const { core, caller, bucket: name } = call
  await readBucket(core, caller, name)
  const rules = children(await readXmlPayload(call, 'CORSConfiguration'), 'CORSRule').map(readRule)
  const { corsRulesMax, corsBytesMax } = limits
  if (rules.length === 0 || rules.length > corsRulesMax) {
    throw malformed(`There must be 1 to ${corsRulesMax} rules.`)
  }
  const cors = JSON.stringify(rules)
  if (cors.length > corsBytesMax) throw malformed(`The rules may have at most ${corsBytesMax} bytes.`)
  await changeBucketSettings(core, caller, { name, cors })
  return { status: 200, headers: {} }
}

async function deleteBucketCors({ core, caller, bucket: name }: S3Call): Promise<HttpReply> {
  await changeBucketSettings(core, caller, { name, cors: null })
  return { status: 204, headers: {} }
}

const methods: ReadonlySet<string> = new Set(['GET', 'PUT', 'POST', 'DELETE', 'HEAD'])
/** RFC 9110 §5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const idCharsMax = 255

function readRule(element: XmlElement): CorsRule {
  const texts = (name: string) => children(element, name).map(({ text }) => text.trim())
  const id = textOf(element, 'ID')
  if (id !== undefined && id.length > idCharsMax)
    throw malformed(`An ID has at most ${idCharsMax} characters.`)
  const [allowedOrigins, allowedMethods] = [texts('AllowedOrigin'), texts('AllowedMethod')]
  if (allowedOrigins.length === 0) throw malformed('A rule needs an AllowedOrigin.')
  if (allowedMethods.length === 0) throw malformed('A rule needs an AllowedMethod.')
  const allowedHeaders = texts('AllowedHeader')
  for (const origin of allowedOrigins) checkPattern('AllowedOrigin', origin)
  for (const header of allowedHeaders) checkPattern('AllowedHeader', header)
  for (const method of allowedMethods) {
    if (methods.has(method)) continue
    throw invalid(`Found unsupported HTTP method in CORS config. Unsupported method is ${method}`)
  }
  const exposeHeaders = texts('ExposeHeader')
  for (const header of exposeHeaders) {
    if (header.includes('*')) {
      throw invalid(`ExposeHeader "${header}" contains wildcard. It is not supported there.`)
    }
    if (!token.test(header)) throw invalid(`ExposeHeader "${header}" is no name of a header.`)
  }
  return {
    id,
    allowedOrigins,
    allowedMethods,
    allowedHeaders: allowedHeaders.map((header) => header.toLowerCase()),
    exposeHeaders,
    maxAgeSeconds: readSeconds(textOf(element, 'MaxAgeSeconds')),
  }
}

function checkPattern(name: string, pattern: string): void {
  if (pattern === '') throw malformed(`An ${name} is empty.`)
  if (pattern.indexOf('*') !== pattern.lastIndexOf('*')) {
    throw invalid(`${name} "${pattern}" can not have more than one wildcard.`)
  }
}

function readSeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text.trim())) return Number(text)
  throw malformed('MaxAgeSeconds must be a whole number.')
}

function malformed(message: string): S3Error {
  return new S3Error('MalformedXML', message)
}

function invalid(message: string): S3Error {
  return new S3Error('InvalidRequest', message)
}

export const corsOperations: readonly Operation[] = [
  { name: 'GetBucketCors', method: 'GET', scope: 'bucket', parameter: 'cors', handle: getBucketCors },
  { name: 'PutBucketCors', method: 'PUT', scope: 'bucket', parameter: 'cors', handle: putBucketCors },
  {
    name: 'DeleteBucketCors',
    method: 'DELETE',
    scope: 'bucket',
    parameter: 'cors',
    handle: deleteBucketCors,
  },
]
