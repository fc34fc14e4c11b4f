import { changeBucket, readBucket } from '../../../core/files/buckets.ts'
import { changeDescription } from '../../../core/files/change.ts'
import { isPublic, isPublicKey } from '../../../core/files/file.ts'
import { findFileRecord } from '../../../core/files/record.ts'
import type { Visibility } from '../../../core/statements/buckets.ts'
import type { HttpReply } from '../../exchange.ts'
import { readCannedAcl } from '../description.ts'
import type { Operation, S3Call } from '../operation.ts'
import { ownerElement } from '../owner.ts'
import { readXmlPayload } from '../payload.ts'
import { S3Error } from '../s3-error.ts'
import { checkVersion } from '../versions.ts'
import { xmlReply } from '../xml-reply.ts'
import { child, children, textOf, type XmlElement } from '../xml-read.ts'
import { XmlWithAttributes } from '../xml-write.ts'

const everybody = 'http://acs.amazonaws.com/groups/global/AllUsers'
const schemaInstance = 'http://www.w3.org/2001/XMLSchema-instance'

async function getBucketAcl({ core, caller, bucket }: S3Call): Promise<HttpReply> {
  const { ownerId, visibility } = await readBucket(core, caller, bucket)
  return aclReply(ownerId, visibility)
}

async function getObjectAcl(call: S3Call): Promise<HttpReply> {
  const { core, caller, bucket, key } = call
  checkVersion(call)
  const file = await findFileRecord(core, caller, { bucket, key, action: 'list' })
  return aclReply(file.bucket.ownerId, isPublic(file) ? 'public' : 'private')
}

function aclReply(ownerId: string, visibility: Visibility): HttpReply {
  const grantee = (type: string, content: Record<string, string>) =>
    new XmlWithAttributes({ 'xmlns:xsi': schemaInstance, 'xsi:type': type }, content)
  const grants = [
    {
      Grantee: grantee('CanonicalUser', { ID: ownerId, DisplayName: ownerId }),
      Permission: 'FULL_CONTROL',
    },
    ...(visibility === 'public'
      ? [{ Grantee: grantee('Group', { URI: everybody }), Permission: 'READ' }]
      : []),
  ]
  return xmlReply(200, 'AccessControlPolicy', {
    Owner: ownerElement(ownerId),
    AccessControlList: { Grant: grants },
  })
}

async function putBucketAcl(call: S3Call): Promise<HttpReply> {
  const { core, caller, bucket: name } = call
  const { ownerId } = await readBucket(core, caller, name)
  await changeBucket(core, caller, { name, visibility: await readAcl(call, ownerId) })
  return { status: 200, headers: {} }
}

async function putObjectAcl(call: S3Call): Promise<HttpReply> {
  const { core, caller, bucket, key } = call
  checkVersion(call)
  const file = await findFileRecord(core, caller, { bucket, key, action: 'write' })
  const visibility = await readAcl(call, file.bucket.ownerId)
  if (visibility === 'private' && isPublicKey(file.bucket, key)) {
    throw new S3Error(
      'NotImplemented',
      'An object cannot be private where its bucket or a policy makes it public.',
    )
  }
  // Nothing to do is not done, since it would be another version.
  if (visibility === (file.visibility ?? 'private')) return { status: 200, headers: {} }
  await changeDescription(core, caller, {
    bucket,
    key,
    visibility,
    change: ({ contentType, headers, metadata, tags }) => ({ contentType, headers, metadata, tags }),
  })
  return { status: 200, headers: {} }
}

/** Of the header `x-amz-acl`, or of a document that says the same. */
async function readAcl(call: S3Call, ownerId: string): Promise<Visibility> {
  const canned = readCannedAcl(call.request)
  const document = await readXmlPayload(call, 'AccessControlPolicy').catch((error: unknown) => {
    if (error instanceof S3Error && error.code === 'MissingRequestBodyError') return undefined
    throw error
  })
  if (canned && document)
    throw new S3Error('UnexpectedContent', 'This request has both x-amz-acl and a document.')
  if (canned) return canned
  if (document) return readGrants(document, ownerId)
  throw new S3Error('MissingSecurityHeader', 'Your request was missing a required header', {
    elements: { MissingHeaderName: 'x-amz-acl' },
  })
}

function readGrants(document: XmlElement, ownerId: string): Visibility {
  const list = child(document, 'AccessControlList')
  const owner = child(document, 'Owner')
  if (!list || !owner)
    throw new S3Error('MalformedACLError', 'An ACL needs an Owner and an AccessControlList.')
  const grants = children(list, 'Grant').map((grant) => {
    const grantee = child(grant, 'Grantee')
    const permission = textOf(grant, 'Permission')
    if (!grantee || !permission) {
      throw new S3Error('MalformedACLError', 'A grant needs a Grantee and a Permission.')
    }
    return `${permission} ${textOf(grantee, 'ID') ?? textOf(grantee, 'URI') ?? ''}`
  })
  const [own, ...others] = grants.toSorted()
  const isOwners = own === `FULL_CONTROL ${ownerId}` && (textOf(owner, 'ID') ?? ownerId) === ownerId
  if (isOwners && others.length === 0) return 'private'
  if (isOwners && others.length === 1 && others[0] === `READ ${everybody}`) return 'public'
  throw new S3Error(
    'NotImplemented',
    'An ACL can give FULL_CONTROL to the owner, and READ to everybody or to nobody. Nothing else is offered here.',
  )
}

const aclLacks = 'ACLs other than `private` and `public-read`, as a header or as a document.'

export const aclOperations: readonly Operation[] = [
  {
    name: 'GetBucketAcl',
    method: 'GET',
    scope: 'bucket',
    parameter: 'acl',
    handle: getBucketAcl,
  },
  {
    name: 'PutBucketAcl',
    method: 'PUT',
    scope: 'bucket',
    parameter: 'acl',
    notes: '`public-read` lets everybody read the objects in it, and not list them.',
    lacks: aclLacks,
    handle: putBucketAcl,
  },
  {
    name: 'GetObjectAcl',
    method: 'GET',
    scope: 'object',
    parameter: 'acl',
    notes: 'Says whether everybody may read it, for whatever reason.',
    handle: getObjectAcl,
  },
  {
    name: 'PutObjectAcl',
    method: 'PUT',
    scope: 'object',
    parameter: 'acl',
    notes: '`private`: as the bucket and its policy say. Changes `LastModified`.',
    lacks: aclLacks,
    handle: putObjectAcl,
  },
]
