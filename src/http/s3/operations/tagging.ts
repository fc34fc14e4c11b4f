import { changeBucketSettings, readBucket } from '../../../core/files/buckets.ts'
import { changeDescription } from '../../../core/files/change.ts'
import { findFileRecord, parseEntries } from '../../../core/files/record.ts'
import { limits } from '../../../core/limits.ts'
import type { HttpReply } from '../../exchange.ts'
import { checkTags } from '../description.ts'
import type { Operation, S3Call } from '../operation.ts'
import { readXmlPayload } from '../payload.ts'
import { S3Error } from '../s3-error.ts'
import { checkVersion } from '../versions.ts'
import { xmlReply } from '../xml-reply.ts'
import { child, children, textOf } from '../xml-read.ts'

type Tags = Readonly<Record<string, string>>

async function getObjectTagging(call: S3Call): Promise<HttpReply> {
  const { core, caller, bucket, key } = call
  checkVersion(call)
  // Who may read the bytes may not read those.
  const file = await findFileRecord(core, caller, { bucket, key, action: 'list' })
  return taggingReply(file.tags)
}

async function putObjectTagging(call: S3Call): Promise<HttpReply> {
  const { core, caller, bucket, key } = call
  checkVersion(call)
  await findFileRecord(core, caller, { bucket, key, action: 'write' })
  await setObjectTags(call, checkTags(await readTagSet(call)))
  return { status: 200, headers: {} }
}

async function deleteObjectTagging(call: S3Call): Promise<HttpReply> {
  checkVersion(call)
  await setObjectTags(call, {})
  return { status: 204, headers: {} }
}

async function setObjectTags({ core, caller, bucket, key }: S3Call, tags: Tags): Promise<void> {
  await changeDescription(core, caller, {
    bucket,
    key,
    change: ({ contentType, headers, metadata }) => ({ contentType, headers, metadata, tags }),
  })
}

async function getBucketTagging({ core, caller, bucket }: S3Call): Promise<HttpReply> {
  const { tags } = await readBucket(core, caller, bucket)
  if (tags !== null) return taggingReply(parseEntries(tags))
  throw new S3Error('NoSuchTagSet', 'The TagSet does not exist', { elements: { BucketName: bucket } })
}

async function putBucketTagging(call: S3Call): Promise<HttpReply> {
  const { core, caller, bucket: name } = call
  await readBucket(core, caller, name)
  const tags = checkTags(await readTagSet(call), { tagsMax: limits.bucketTagsMax })
  await changeBucketSettings(core, caller, { name, tags: JSON.stringify(tags) })
  return { status: 204, headers: {} }
}

async function deleteBucketTagging({ core, caller, bucket: name }: S3Call): Promise<HttpReply> {
  await changeBucketSettings(core, caller, { name, tags: null })
  return { status: 204, headers: {} }
}

function taggingReply(tags: Tags): HttpReply {
  const entries = Object.entries(tags)
  return xmlReply(200, 'Tagging', { TagSet: { Tag: entries.map(([Key, Value]) => ({ Key, Value })) } })
}

export async function readTagSet(call: Pick<S3Call, 'request' | 'identity'>): Promise<[string, string][]> {
  const tagSet = child(await readXmlPayload(call, 'Tagging'), 'TagSet')
  if (!tagSet) throw new S3Error('MalformedXML', 'The Tagging has no TagSet.')
  return children(tagSet, 'Tag').map((tag) => {
    const [key, value] = [textOf(tag, 'Key'), textOf(tag, 'Value')]
    if (key === undefined || value === undefined) {
      throw new S3Error('MalformedXML', 'A tag must have a Key and a Value.')
    }
    return [key, value]
  })
}

export const taggingOperations: readonly Operation[] = [
  {
    name: 'GetObjectTagging',
    method: 'GET',
    scope: 'object',
    parameter: 'tagging',
    handle: getObjectTagging,
  },
  {
    name: 'PutObjectTagging',
    method: 'PUT',
    scope: 'object',
    parameter: 'tagging',
    notes: 'Changes `LastModified`.',
    handle: putObjectTagging,
  },
  {
    name: 'DeleteObjectTagging',
    method: 'DELETE',
    scope: 'object',
    parameter: 'tagging',
    notes: 'Changes `LastModified`.',
    handle: deleteObjectTagging,
  },
  {
    name: 'GetBucketTagging',
    method: 'GET',
    scope: 'bucket',
    parameter: 'tagging',
    handle: getBucketTagging,
  },
  {
    name: 'PutBucketTagging',
    method: 'PUT',
    scope: 'bucket',
    parameter: 'tagging',
    handle: putBucketTagging,
  },
  {
    name: 'DeleteBucketTagging',
    method: 'DELETE',
    scope: 'bucket',
    parameter: 'tagging',
    handle: deleteBucketTagging,
  },
]
