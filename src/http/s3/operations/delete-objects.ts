import { CuttyError } from '../../../core/errors.ts'
import { deleteFiles } from '../../../core/files/change.ts'
import { checkKey } from '../../../core/files/names.ts'
import { limits } from '../../../core/limits.ts'
import type { HttpReply } from '../../exchange.ts'
import { readDeclaredChecksum } from '../checksum-headers.ts'
import type { Operation, S3Call } from '../operation.ts'
import { readXmlPayload } from '../payload.ts'
import { S3Error, toS3Error } from '../s3-error.ts'
import { xmlReply } from '../xml-reply.ts'
import { child, children, textOf, type XmlElement } from '../xml-read.ts'

interface Entry {
  readonly key: string
  readonly versionId: string | undefined
  /** What stands against it. */
  readonly problem: S3Error | undefined
}

/** Each object stands for itself: what cannot be deleted is told in its place. What is not there is deleted. */
async function deleteObjects(call: S3Call): Promise<HttpReply> {
  const { core, caller, request, bucket } = call
  // A listing of keys that was changed under way would delete others.
  if (request.header('content-md5') === undefined && readDeclaredChecksum(request) === undefined) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: Content-MD5')
  }
  const document = await readXmlPayload(call, 'Delete')
  const objects = children(document, 'Object')
  if (objects.length === 0 || objects.length > limits.deleteManyMax) {
    throw new S3Error('MalformedXML', `There must be 1 to ${limits.deleteManyMax} objects.`)
  }
  const entries = objects.map(readEntry)
  const isQuiet = /^(true|1)$/.test(textOf(document, 'Quiet')?.trim().toLowerCase() ?? '')
  const keys = entries.filter(({ problem }) => problem === undefined).map(({ key }) => key)
  await deleteFiles(core, caller, { bucket, keys })
  return xmlReply(200, 'DeleteResult', {
    Deleted: isQuiet
      ? []
      : entries.flatMap(({ key, versionId, problem }) => (problem ? [] : { Key: key, VersionId: versionId })),
    Error: entries.flatMap(({ key, versionId, problem }) =>
      problem ? { Key: key, VersionId: versionId, Code: problem.code, Message: problem.message } : [],
    ),
  })
}

function readEntry(object: XmlElement): Entry {
  const key = textOf(object, 'Key')
  if (key === undefined) throw new S3Error('MalformedXML', 'An object has no key.')
  const versionId = textOf(object, 'VersionId') || undefined
  return { key, versionId, problem: problemOf(object, key, versionId) }
}

/** What a client asks to be checked is not passed over. */
const conditions = ['ETag', 'LastModifiedTime', 'Size']

function problemOf(object: XmlElement, key: string, versionId: string | undefined): S3Error | undefined {
  const condition = conditions.find((name) => child(object, name))
  if (condition)
    return new S3Error('NotImplemented', `${condition} of an object to delete is not offered here.`)
  if (versionId !== undefined && versionId !== 'null') {
    return new S3Error('NoSuchVersion', 'The specified version does not exist.')
  }
  try {
    checkKey(key)
    return undefined
  } catch (error) {
    if (error instanceof CuttyError) return toS3Error(error)
    throw error
  }
}

export const deleteObjectsOperations: readonly Operation[] = [
  {
    name: 'DeleteObjects',
    method: 'POST',
    scope: 'bucket',
    parameter: 'delete',
    lacks: 'conditions on single objects: `ETag`, `LastModifiedTime`, `Size`.',
    handle: deleteObjects,
  },
]
