import type { FileRecord } from '../../core/files/file.ts'
import type { HttpRequest } from '../exchange.ts'
import { evaluatePreconditions, type PreconditionResult } from '../headers/preconditions.ts'
import { preconditionFailed } from '../file-conditions.ts'
import { CuttyError } from '../../core/errors.ts'
import { S3Error } from './s3-error.ts'

/** The conditions of a read, as RFC 9110 has them; S3's clients leave out the quotes of an ETag at times. */
export function readOutcome(request: HttpRequest, file: FileRecord, nowMs: number): PreconditionResult {
  return evaluatePreconditions({
    method: request.method,
    headers: {
      ifMatch: quoted(request.header('if-match')),
      ifNoneMatch: quoted(request.header('if-none-match')),
      ifModifiedSince: request.header('if-modified-since'),
      ifUnmodifiedSince: request.header('if-unmodified-since'),
    },
    etagHash: file.etag,
    lastModifiedMs: file.modifiedAtMs,
    nowMs,
  })
}

/**
 * The conditions of a write: `If-None-Match: *`, and `If-Match` with an ETag, which of an absent object is `NoSuchKey`.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export function writeCondition(
  request: HttpRequest,
): ((current: FileRecord | undefined) => void) | undefined {
  const ifMatch = quoted(request.header('if-match'))
  const ifNoneMatch = request.header('if-none-match')
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined
  if (ifNoneMatch !== undefined && ifNoneMatch.trim() !== '*') {
    throw new S3Error('NotImplemented', 'Of a write, If-None-Match can be * only.')
  }
  return (current) => {
    if (ifMatch !== undefined && !current) {
      throw new CuttyError('file_not_found', 'There is no object with this key, and If-Match asks for one.')
    }
    const outcome = evaluatePreconditions({
      method: 'PUT',
      headers: { ifMatch, ifNoneMatch },
      etagHash: current?.etag,
      lastModifiedMs: current?.modifiedAtMs,
      nowMs: 0,
    })
    if (outcome !== 'proceed') throw preconditionFailed()
  }
}

const sourceConditions = 'x-amz-copy-source-if-'

/** The conditions of a copy on its source; throws what S3 says when one does not hold. */
export function checkSource(request: HttpRequest, source: FileRecord, nowMs: number): void {
  const header = (name: string) => request.header(sourceConditions + name)
  const outcome = evaluatePreconditions({
    method: 'GET',
    headers: {
      ifMatch: quoted(header('match')),
      ifNoneMatch: quoted(header('none-match')),
      ifModifiedSince: header('modified-since'),
      ifUnmodifiedSince: header('unmodified-since'),
    },
    etagHash: source.etag,
    lastModifiedMs: source.modifiedAtMs,
    nowMs,
  })
  // A 304 would say that the copy is the client's already.
  if (outcome !== 'proceed') throw preconditionFailed()
}

function quoted(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  const tag = value.trim()
  return tag === '*' || tag === '' || tag.includes('"') ? value : `"${tag}"`
}
