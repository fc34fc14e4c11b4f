import { changeBucketSettings, readBucket } from '../../../core/files/buckets.ts'
import { keyEnd } from '../../../core/files/file.ts'
import { limits } from '../../../core/limits.ts'
import type { HttpReply } from '../../exchange.ts'
import type { Operation, S3Call } from '../operation.ts'
import { readPayload } from '../payload.ts'
import { S3Error } from '../s3-error.ts'
import { xmlReply } from '../xml-reply.ts'

async function getBucketPolicy(call: S3Call): Promise<HttpReply> {
  return {
    status: 200,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
    body: await readPolicy(call),
  }
}

async function getBucketPolicyStatus(call: S3Call): Promise<HttpReply> {
  await readPolicy(call)
  // There is no other policy.
  return xmlReply(200, 'PolicyStatus', { IsPublic: true })
}

async function readPolicy({ core, caller, bucket }: S3Call): Promise<string> {
  const { policy } = await readBucket(core, caller, bucket)
  if (policy !== null) return policy
  throw new S3Error('NoSuchBucketPolicy', 'The bucket policy does not exist', {
    elements: { BucketName: bucket },
  })
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

async function putBucketPolicy(call: S3Call): Promise<HttpReply> {
  const { core, caller, bucket: name } = call
  await readBucket(core, caller, name)
  const content = await readPayload(call)
  if (content.length > limits.policyBytesMax) {
    throw malformed(`A policy may have at most ${limits.policyBytesMax} bytes.`)
  }
  const { text, document } = parseDocument(content)
  const publicPrefixes = prefixesOf(document, name)
  await changeBucketSettings(core, caller, { name, policy: text, publicPrefixes })
  return { status: 204, headers: {} }
}

async function deleteBucketPolicy({ core, caller, bucket: name }: S3Call): Promise<HttpReply> {
  await changeBucketSettings(core, caller, { name, policy: null, publicPrefixes: null })
  return { status: 204, headers: {} }
}

type JsonObject = Readonly<Record<string, unknown>>

function parseDocument(content: Uint8Array): { text: string; document: JsonObject } {
  let document: unknown
  let text: string
  try {
    text = utf8.decode(content)
    document = JSON.parse(text)
  } catch (cause) {
    throw malformed("Policies must be valid JSON and the first byte must be '{'", cause)
  }
  if (!isObject(document)) throw malformed("Policies must be valid JSON and the first byte must be '{'")
  return { text, document }
}

/** The public prefixes that a policy comes to; throws for every policy that comes to something else. */
export function prefixesOf(policy: JsonObject, bucket: string): string[] {
  checkMembers(policy, ['Version', 'Id', 'Statement'])
  const { Version: version = '2012-10-17', Statement: statement } = policy
  if (version !== '2012-10-17' && version !== '2008-10-17') {
    throw malformed('The policy must contain a valid version string')
  }
  const statements = [statement].flat()
  if (statement === undefined || statements.length === 0) throw malformed('Missing required field Statement')
  return [...new Set(statements.flatMap((each) => prefixesOfStatement(each, bucket)))]
}

function prefixesOfStatement(statement: unknown, bucket: string): string[] {
  if (!isObject(statement)) throw malformed('A statement must be an object')
  for (const name of ['Effect', 'Resource']) {
    if (statement[name] === undefined) throw malformed(`Missing required field ${name}`)
  }
  checkMembers(statement, ['Sid', 'Effect', 'Principal', 'Action', 'Resource'])
  const { Effect: effect, Principal: principal, Action: action, Resource: resource } = statement
  if (effect !== 'Allow') throw unsupported()
  const who = isObject(principal) && Object.keys(principal).length === 1 ? principal['AWS'] : principal
  for (const each of listOf(who, 'Principal')) if (each !== '*') throw unsupported()
  for (const each of listOf(action, 'Action')) if (each !== 's3:GetObject') throw unsupported()
  return listOf(resource, 'Resource').map((each) => prefixOfResource(each, bucket))
}

const anyMagic = /[*?]|\$\{/

function prefixOfResource(resource: string, bucket: string): string {
  const arn = `arn:aws:s3:::${bucket}/`
  if (!resource.startsWith(arn)) throw malformed('Policy has invalid resource')
  const name = resource.slice(arn.length)
  const isPrefix = name.endsWith('*')
  const key = isPrefix ? name.slice(0, -1) : name
  if (anyMagic.test(key)) throw unsupported()
  if ((key === '' && !isPrefix) || key.includes(keyEnd) || !key.isWellFormed()) {
    throw malformed('Policy has invalid resource')
  }
  return isPrefix ? key : key + keyEnd
}

function listOf(value: unknown, name: string): string[] {
  const list = [value].flat()
  if (list.length === 0 || !list.every((each) => typeof each === 'string')) {
    throw isObject(value) ? unsupported() : malformed(`${name} must be a text or a list of texts`)
  }
  return list
}

/** What is not known could take something back. */
function checkMembers(object: JsonObject, known: readonly string[]): void {
  if (Object.keys(object).some((name) => !known.includes(name))) throw unsupported()
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function malformed(message: string, cause?: unknown): S3Error {
  return new S3Error('MalformedPolicy', message, { cause })
}

const accepted =
  'Effect Allow, Principal "*" or {"AWS": "*"}, Action s3:GetObject, no Condition, and as Resource keys of the bucket ' +
  'such as arn:aws:s3:::bucket/key, with one * at the end or none'

function unsupported(): S3Error {
  return new S3Error('NotImplemented', `A policy can let everybody read objects: ${accepted}.`)
}

export const policyOperations: readonly Operation[] = [
  {
    name: 'GetBucketPolicy',
    method: 'GET',
    scope: 'bucket',
    parameter: 'policy',
    notes: 'As it was put.',
    handle: getBucketPolicy,
  },
  {
    name: 'GetBucketPolicyStatus',
    method: 'GET',
    scope: 'bucket',
    parameter: 'policyStatus',
    handle: getBucketPolicyStatus,
  },
  {
    name: 'PutBucketPolicy',
    method: 'PUT',
    scope: 'bucket',
    parameter: 'policy',
    lacks: 'all but public reads.',
    notes:
      'Accepted: Effect `Allow`, Principal `"*"` or `{"AWS": "*"}`, Action `s3:GetObject`, no Condition, and as Resource ' +
      'keys of the bucket such as `arn:aws:s3:::bucket/key`, with one `*` at the end or none.',
    handle: putBucketPolicy,
  },
  {
    name: 'DeleteBucketPolicy',
    method: 'DELETE',
    scope: 'bucket',
    parameter: 'policy',
    handle: deleteBucketPolicy,
  },
]
