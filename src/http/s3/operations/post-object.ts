import { Buffer } from 'node:buffer'
import type { Caller } from '../../../core/accounts/caller.ts'
import { CuttyError } from '../../../core/errors.ts'
import { putFile } from '../../../core/files/put.ts'
import { findRecord } from '../../../core/files/record.ts'
import { limits } from '../../../core/limits.ts'
import { capPrefix, formatCaps, type LinkCaps, readCaps } from '../../../core/links/caps.ts'
import { SigV4Error } from '../../../core/sigv4/errors.ts'
import { encodePath } from '../../../core/sigv4/percent.ts'
import { readSignedPolicy, type SignedPolicy, verifyPolicy } from '../../../core/sigv4/post-policy.ts'
import { changedRequest, type HttpReply, type HttpRequest } from '../../exchange.ts'
import { type FormFile, readForm } from '../../form.ts'
import { formatEtag } from '../../headers/etag.ts'
import { checkTags, describeObject, readCannedAcl, refuseWhatIsNotKept } from '../description.ts'
import { checkLink, findActiveKey, type Identity, refuseFor, toS3 } from '../identify.ts'
import { type Link, tooLarge, useLink, type VerifiedLink } from '../link.ts'
import { objectLocation } from '../object-location.ts'
import type { Operation, S3Call } from '../operation.ts'
import { openPayload } from '../payload.ts'
import { against, checkFields, parsePolicyDocument, type PostPolicy } from '../post-policy.ts'
import { isCuttyError, S3Error, toS3Error } from '../s3-error.ts'
import { readTagSet } from './tagging.ts'
import { xmlReply } from '../xml-reply.ts'

/** The fields of a form, names in lower case. */
type Fields = ReadonlyMap<string, string>

/** A form of a browser, which its maker signed: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html */
async function postObject(call: S3Call): Promise<HttpReply> {
  if (call.identity.signed) {
    throw new S3Error('InvalidRequest', 'A POST of a form is signed by its policy, and in no other way.')
  }
  const fields = createFields()
  let reply: HttpReply | undefined
  const read = readForm(
    call.request,
    async (file) => {
      if (reply) return
      reply = await storeFile(call, fields.values(), file).catch((error: unknown) => {
        // Of a field; what is wrong with the form itself is told apart below.
        throw isCuttyError(error, 'invalid_request') ? toS3Error(error) : error
      })
    },
    {
      isFile: (name) => name.toLowerCase() === 'file',
      onField: (name, value) => fields.add(name, value),
      onlyOne: true,
    },
  )
  await read.catch((error: unknown) => {
    throw asFormError(error)
  })
  if (reply) return reply
  throw new S3Error('InvalidArgument', 'POST requires exactly one file upload per request.', {
    elements: { ArgumentName: 'file', ArgumentValue: 0 },
  })
}

/** Each field once, or the policy could be held against another one than is used. What follows the file is not looked at. */
function createFields() {
  const values = new Map<string, string>()
  let bytes = 0
  let isTaken = false
  return {
    values(): Fields {
      isTaken = true
      return values
    },
    add(name: string, value: string): void {
      if (isTaken) return
      const field = name.toLowerCase()
      if (values.has(field)) {
        throw new S3Error('InvalidArgument', `The form has the field ${name} more than once.`, {
          elements: { ArgumentName: name },
        })
      }
      bytes += Buffer.byteLength(name) + Buffer.byteLength(value)
      if (bytes > limits.postFieldsBytesMax) {
        throw new S3Error(
          'MaxPostPreDataLengthExceededError',
          'Your POST request fields preceding the upload file were too large.',
          { elements: { MaxPostPreDataLengthBytes: limits.postFieldsBytesMax } },
        )
      }
      values.set(field, value)
    },
  }
}

async function storeFile(call: S3Call, given: Fields, file: FormFile): Promise<HttpReply> {
  const { core, bucket, context } = call
  const key = given.get('key')?.replaceAll('${filename}', () => file.fileName)
  if (key === undefined) {
    throw new S3Error(
      'InvalidArgument',
      "Bucket POST must contain a field named 'key'. If it is specified, please check the order of the fields.",
      { elements: { ArgumentName: 'key', ArgumentValue: '' } },
    )
  }
  const fields = new Map([...given, ['key', key], ['bucket', bucket]])
  const { caller, policy, verified } = await verifyForm(call, fields)
  context.caller = caller
  try {
    checkFields(policy, fields)
  } catch (error) {
    throw error instanceof S3Error ? verified.refuse('url_wrong_scope', error) : error
  }

  const request = asRequest(call.request, fields, boundBody(file.body, policy))
  refuseWhatIsNotKept(request)
  const description = { ...describeObject(request), tags: await readTags(fields, request) }
  const visibility = readCannedAcl(request) === 'public' ? 'public' : undefined
  const payload = openPayload({ request, identity: unsigned })
  await findAuthorized(call, { caller, key }, verified)
  await useLink({ core, caller }, verified)
  const { file: stored } = await putFile(core, caller, {
    bucket,
    key,
    ...payload,
    describe: () => description,
    etag: 'md5',
    visibility,
  })
  return formReply(call, fields, { key, etag: formatEtag(stored.etag) })
}

/** The form's own content is all that it is described by. */
const unsigned: Identity = {
  caller: { role: 'anonymous', userId: undefined },
  signed: undefined,
  payload: { kind: 'unsigned' },
  chunkSigning: undefined,
  link: undefined,
}

async function findAuthorized(
  { core, bucket }: S3Call,
  { caller, key }: { caller: Caller; key: string },
  { refuse }: VerifiedLink,
): Promise<void> {
  try {
    await findRecord(core, caller, { bucket, key, action: 'write' })
  } catch (error) {
    throw isCuttyError(error, 'access_denied') ? refuse('url_wrong_scope', toS3Error(error)) : error
  }
}

interface VerifiedForm {
  readonly caller: Caller
  readonly policy: PostPolicy
  readonly verified: VerifiedLink
}

/** Whose form it is, once its signature, its time and its key have been found to be right. */
async function verifyForm({ core, context, signing }: S3Call, fields: Fields): Promise<VerifiedForm> {
  const signed = readSigned(fields)
  const { accessKeyId, signedAtMs } = signed
  const refuse = refuseFor(core, context, accessKeyId)
  const row = await findActiveKey(core, accessKeyId, refuse)
  try {
    verifyPolicy(signed, {
      secret: core.secrets.open(row.secretEncrypted, accessKeyId),
      signingKeys: signing.signingKeys,
    })
  } catch (error) {
    if (!(error instanceof SigV4Error)) throw error
    throw refuse('url_forged', toS3(error, signed))
  }
  const policy = parsePolicyDocument(signed.policy)
  const nowMs = core.clock.now()
  // A signing key of Signature Version 4 counts for seven days, whatever a policy says (R39).
  const expiresAtMs = Math.min(policy.expirationMs, signedAtMs + limits.linkSecondsMax * 1000)
  if (nowMs > expiresAtMs) throw refuse('url_expired', against('Policy expired.'))
  if (signedAtMs - nowMs > skewMs) throw refuse('url_not_yet_valid', against('Policy is not valid yet.'))
  const link: Link = { ...capsOf(fields), expiresAtMs, cacheControl: undefined }
  const { userId, role, linksRevokedBeforeMs } = row
  await checkLink(core, { ...link, signedAtMs, userId, linksRevokedBeforeMs }, refuse)
  return { caller: { userId, role }, policy, verified: { signed, link, refuse } }
}

/** As of requests. */
const skewMs = 15 * 60_000

function readSigned(fields: Fields): SignedPolicy {
  let signed: SignedPolicy | undefined
  try {
    signed = readSignedPolicy(fields, { api: 's3' })
  } catch (error) {
    if (error instanceof SigV4Error) throw toS3(error, undefined)
    throw error
  }
  // The public writes nowhere.
  if (!signed) throw new S3Error('AccessDenied', 'The form has no policy.')
  return signed
}

const properNames = new Map(
  formatCaps({ id: 'x', notBeforeMs: 0, maxBytes: 0, contentType: 'x', maxUses: 1, isPublic: true }).map(
    ([name]) => [name.toLowerCase(), name],
  ),
)
/** The policy itself bounds lengths and types. */
const capsOfForms: readonly (keyof LinkCaps)[] = ['id', 'notBeforeMs', 'maxUses']

function capsOf(fields: Fields): LinkCaps {
  const given = [...fields].filter(([name]) => name.startsWith(capPrefix))
  const caps = readCaps(given.map(([name, value]) => [properNames.get(name) ?? name, value] as const))
  const useless = Object.keys(caps).find((cap) => !capsOfForms.includes(cap as keyof LinkCaps))
  if (useless !== undefined)
    throw new S3Error('InvalidArgument', 'A form is bounded by conditions of its policy.')
  return caps
}

const headerNames: Readonly<Record<string, string>> = {
  acl: 'x-amz-acl',
  'cache-control': 'cache-control',
  'content-disposition': 'content-disposition',
  'content-encoding': 'content-encoding',
  'content-type': 'content-type',
  'content-md5': 'content-md5',
  expires: 'expires',
}

/** The form as the PUT that it stands for. */
function asRequest(request: HttpRequest, fields: Fields, body: AsyncIterable<Uint8Array>): HttpRequest {
  const headers = new Map<string, string>()
  for (const [field, value] of fields) {
    const name = headerNames[field] ?? (field.startsWith('x-amz-') ? field : undefined)
    if (name === undefined || value === '') continue
    // Fields may have lines; headers that are sent back must not.
    if (/[^\P{Cc}\t]/u.test(value)) {
      throw new S3Error('InvalidArgument', `The field ${field} holds control characters.`, {
        elements: { ArgumentName: field },
      })
    }
    // As headers arrive: a character for each byte.
    headers.set(name, Buffer.from(value).toString('latin1'))
  }
  return changedRequest(request, {
    method: 'PUT',
    header: (name) => headers.get(name),
    headers: () => headers,
    body,
    bodyBytes: undefined,
  })
}

async function* boundBody(
  body: AsyncIterable<Uint8Array>,
  { minBytes, maxBytes }: PostPolicy,
): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0
  for await (const chunk of body) {
    sizeBytes += chunk.length
    if (sizeBytes > maxBytes) throw tooLarge(sizeBytes, maxBytes)
    yield chunk
  }
  if (sizeBytes >= minBytes) return
  throw new S3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size.', {
    elements: { ProposedSize: sizeBytes, MinSizeAllowed: minBytes },
  })
}

async function readTags(fields: Fields, request: HttpRequest): Promise<Readonly<Record<string, string>>> {
  const text = fields.get('tagging')
  if (text === undefined || text === '') return {}
  const bytes = Buffer.from(text)
  const document = changedRequest(request, {
    header: () => undefined,
    bodyBytes: bytes.length,
    body: oneChunk(bytes),
  })
  return checkTags(await readTagSet({ request: document, identity: unsigned }))
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** 204, unless the form asks for another status, or for a page to go to. */
function formReply(call: S3Call, fields: Fields, stored: { key: string; etag: string }): HttpReply {
  const { bucket } = call
  const { key, etag } = stored
  const target = fields.get('success_action_redirect') ?? fields.get('redirect')
  const page = target === undefined ? null : URL.parse(target)
  if (page && /^https?:$/.test(page.protocol)) {
    for (const [name, value] of Object.entries({ bucket, key, etag })) page.searchParams.append(name, value)
    return { status: 303, headers: { Location: page.href, ETag: etag } }
  }
  const location = objectLocation(call, encodePath(call.isolated ? `/${key}` : `/${bucket}/${key}`))
  const headers = { ETag: etag, Location: location }
  const status = fields.get('success_action_status')
  if (status === '200') return { status: 200, headers: { ...headers, 'Content-Length': '0' } }
  if (status !== '201') return { status: 204, headers }
  return xmlReply(
    201,
    'PostResponse',
    { Location: location, Bucket: bucket, Key: key, ETag: etag },
    headers,
    '',
  )
}

/** What is wrong with a form, in S3's words. */
function asFormError(error: unknown): unknown {
  if (!(error instanceof CuttyError)) return error
  if (error.code === 'unsupported_media_type') {
    return new S3Error(
      'PreconditionFailed',
      'At least one of the pre-conditions you specified did not hold',
      {
        elements: { Condition: 'Bucket POST must be of the enclosure-type multipart/form-data' },
        cause: error,
      },
    )
  }
  // What the client broke off has no cause; what the parser did not understand has.
  const isMalformed = error.code === 'body_incomplete' && error.cause !== undefined
  if (!isMalformed && error.code !== 'invalid_request') return error
  return new S3Error(
    'MalformedPOSTRequest',
    'The body of your POST request is not well-formed multipart/form-data.',
    {
      cause: error,
    },
  )
}

export const postOperations: readonly Operation[] = [
  {
    name: 'PostObject',
    method: 'POST',
    scope: 'bucket',
    notes: 'Forms of browsers, with all conditions of their policies.',
    handle: postObject,
  },
]
