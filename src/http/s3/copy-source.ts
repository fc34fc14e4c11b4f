import type { FileRef } from '../../core/files/change.ts'
import type { HttpRequest } from '../exchange.ts'
import { S3Error } from './s3-error.ts'

/** `x-amz-copy-source`: `bucket/key`, percent-encoded, with a slash before it or none, and `?versionId=null` at most. */
export function parseCopySource(request: HttpRequest): FileRef {
  const value = request.header('x-amz-copy-source') ?? ''
  const refuse = (message: string, cause?: unknown) =>
    new S3Error('InvalidArgument', message, {
      elements: { ArgumentName: 'x-amz-copy-source', ArgumentValue: value },
      cause,
    })
  const mark = value.indexOf('?')
  if (mark >= 0 && value.slice(mark) !== '?versionId=null') {
    throw refuse('There are no versions here: the copy source can have ?versionId=null only.')
  }
  let path: string
  try {
    path = decodeURIComponent(mark < 0 ? value : value.slice(0, mark))
  } catch (cause) {
    throw refuse('The copy source holds a broken percent-escape or invalid UTF-8.', cause)
  }
  const [, bucket, key] = /^\/?([^/]+)\/(.+)$/s.exec(path) ?? []
  if (bucket === undefined || key === undefined) throw refuse('The copy source must be bucket/key.')
  return { bucket, key }
}
