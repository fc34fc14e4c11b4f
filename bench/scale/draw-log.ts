import { diceFor, drawId, nowMs } from './draw.ts'
import { idTimePrefix } from '../../src/core/ids.ts'
import type { Value } from '../../src/core/ports/database.ts'
import type { AccessValues } from '../../src/core/statements/access-log.ts'
import type { ErrorCode } from '../../src/core/errors.ts'
import type { S3ErrorCode } from '../../src/http/s3/s3-error.ts'
import type { Dice } from './draw.ts'

/** A file that is asked for. */
export interface LoggedFile {
  readonly bucket: string
  readonly isPublic: boolean
  readonly key: string
  readonly ownerId: string
  readonly sizeBytes: number
}

export interface LogOptions {
  readonly seed: number
  readonly rows: number
}

const dayMs = 86_400_000
export const logDays = 30
/** Rows are drawn, and written, so many at a time. */
export const chunkRows = 50_000

interface Request {
  /** Of 1,000 requests. */
  readonly share: number
  readonly method: string
  /** A route's template, or an operation of S3. */
  readonly operation: string
  /** What its path names. */
  readonly about: 'file' | 'bucket' | 'nothing'
  /** Where it does: the content of the file, or a document of so many bytes. */
  readonly received?: 'file' | number
  readonly sent?: 'file' | number
  readonly status?: number
  readonly medianMs: number
}

const readsFile = { about: 'file', sent: 'file', method: 'GET', medianMs: 1.2 } as const
const writesFile = { about: 'file', received: 'file', method: 'PUT', medianMs: 9 } as const
const api = '/api/v1/buckets/{bucket}'

/** 80 % are reads of files, by either protocol. */
export const requests: readonly Request[] = [
  { share: 430, ...readsFile, operation: 'GetObject' },
  { share: 370, ...readsFile, operation: `${api}/files/{key…}` },
  { share: 40, method: 'HEAD', operation: 'HeadObject', about: 'file', medianMs: 0.6 },
  { share: 40, ...writesFile, operation: 'PutObject' },
  { share: 25, ...writesFile, operation: `${api}/files/{key…}`, status: 201 },
  { share: 10, ...writesFile, operation: 'UploadPart' },
  { share: 30, method: 'GET', operation: 'ListObjectsV2', about: 'bucket', sent: 60_000, medianMs: 7 },
  { share: 25, method: 'GET', operation: `${api}/files`, about: 'bucket', sent: 30_000, medianMs: 4 },
  { share: 8, method: 'DELETE', operation: 'DeleteObject', about: 'file', status: 204, medianMs: 6 },
  {
    share: 5,
    method: 'DELETE',
    operation: `${api}/files/{key…}`,
    about: 'file',
    status: 204,
    medianMs: 6,
  },
  { share: 5, method: 'GET', operation: '/api/v1/me', about: 'nothing', sent: 200, medianMs: 0.5 },
  { share: 4, method: 'GET', operation: '/api/v1/buckets', about: 'nothing', sent: 900, medianMs: 0.8 },
  { share: 3, method: 'GET', operation: 'ListBuckets', about: 'nothing', sent: 700, medianMs: 0.8 },
  {
    share: 3,
    method: 'POST',
    operation: '/api/v1/presigned-urls',
    about: 'nothing',
    received: 120,
    sent: 400,
    status: 201,
    medianMs: 0.7,
  },
  { share: 1, method: 'POST', operation: 'CreateMultipartUpload', about: 'file', sent: 300, medianMs: 5 },
  {
    share: 1,
    method: 'POST',
    operation: 'CompleteMultipartUpload',
    about: 'file',
    received: 2000,
    sent: 350,
    medianMs: 12,
  },
]

/** 40 of 1,000 requests are answered with one of these: with the first of them twice as often as with the second, and so on. */
export const refusals: readonly Refusal[] = [
  { status: 404, rest: 'file_not_found', s3: 'NoSuchKey' },
  { status: 403, rest: 'access_denied', s3: 'AccessDenied' },
  { status: 401, rest: 'invalid_credentials', s3: 'SignatureDoesNotMatch', isOfStranger: true },
  { status: 412, rest: 'precondition_failed', s3: 'PreconditionFailed' },
  { status: 503, rest: 'storage_unavailable', s3: 'ServiceUnavailable' },
]

interface Refusal {
  /** As REST has it: who signs S3's wrongly gets 403. */
  readonly status: number
  readonly rest: ErrorCode
  readonly s3: S3ErrorCode
  /** Nobody knows who it was, and S3 has not looked what it was about. */
  readonly isOfStranger?: boolean
}

const requestPer1000 = requests.flatMap((request) => Array.from({ length: request.share }, () => request))
const isRest = ({ operation }: Request) => operation.startsWith('/')
const isRead = ({ sent, about }: Request) => about === 'file' && sent === 'file'
/** Of a server's answers. */
const problemBytes = 280

/**
 * Some of the rows of the log of the days before {@link nowMs}, in the order in which requests end: their values, one after the
 * other. `files` are those that are asked for, the most popular first.
 */
export function drawAccesses(
  { seed, rows }: LogOptions,
  { files, from }: { files: readonly LoggedFile[]; from: number },
): Value[] {
  const dice = diceFor(seed ^ 0x106, from)
  const publicFiles = files.filter(({ isPublic }) => isPublic)
  const pools = { all: files, public: publicFiles.length > 0 ? publicFiles : files }
  const idPrefix = requestIdPrefixes(seed)
  const values: Value[] = []
  for (let at = from; at < Math.min(from + chunkRows, rows); at += 1) {
    const endMs = endOf((at + 0.5) / rows)
    const requestId = `${idPrefix(endMs)}-${at.toString(36)}`
    values.push(...drawAccess(dice, { pools, endMs, requestId }))
  }
  return values
}

/** When the request at this share of all of them ends: at noon there are four times as many as at midnight. */
function endOf(share: number): number {
  const turns = 2 * Math.PI * logDays
  return nowMs - logDays * dayMs * (1 - share - (0.6 / turns) * Math.sin(turns * share))
}

/** A server that starts once a day. */
function requestIdPrefixes(seed: number): (timeMs: number) => string {
  const prefixes = new Map<number, string>()
  return (timeMs) => {
    const day = Math.floor(timeMs / dayMs)
    const known = prefixes.get(day)
    if (known !== undefined) return known
    const prefix = idTimePrefix(day * dayMs).slice(-6) + drawId(diceFor(seed, day), 0).slice(-4)
    prefixes.set(day, prefix)
    return prefix
  }
}

interface AccessContext {
  readonly pools: Readonly<Record<'all' | 'public', readonly LoggedFile[]>>
  readonly endMs: number
  readonly requestId: string
}

function drawAccess(dice: Dice, { pools, endMs, requestId }: AccessContext): AccessValues {
  const request = requestPer1000[dice(1000)]!
  const { method, operation, about } = request
  // A quarter of the reads, which are 80 % of all.
  const isPublic = isRead(request) && dice(4) === 0
  const file = popular(dice, isPublic ? pools.public : pools.all)
  const refusal = dice(1000) < 40 ? drawRefusal(dice, request) : undefined
  const transfer = refusal ? refused(refusal, request) : answered(dice, { request, file })
  const { bytesReceived, bytesSent } = transfer
  const isAborted = !refusal && bytesSent > 0 && dice(800) === 0
  // A tenth of a gigabyte per second, on a good day.
  const durationMs =
    Math.round(100 * (request.medianMs * spread(dice) + (bytesReceived + bytesSent) / 100_000)) / 100
  const isStranger = refusal?.isOfStranger === true
  return [
    Math.round(endMs - durationMs),
    requestId,
    isPublic || isStranger ? null : file.ownerId,
    method,
    operation,
    about === 'nothing' ? null : file.bucket,
    pathOf(request, file),
    transfer.status,
    refusal ? (isRest(request) ? refusal.rest : refusal.s3) : null,
    bytesReceived,
    isAborted ? dice(bytesSent) : bytesSent,
    durationMs,
    isAborted ? 1 : 0,
  ]
}

/** By Zipf's law with the exponent 0.8: of 100,000 files, 1.6 % of the requests are for the first. */
function popular(dice: Dice, files: readonly LoggedFile[]): LoggedFile {
  const share = dice(2 ** 32) / 2 ** 32
  const rank = (1 + share * ((files.length + 1) ** 0.2 - 1)) ** 5 - 1
  return files[Math.min(files.length - 1, Math.floor(rank))]!
}

/** Of a log-normal distribution with the median 1: the sum of four bytes is normal enough. */
function spread(dice: Dice): number {
  const bits = dice(2 ** 32)
  const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24)
  return Math.exp(((sum - 510) / 256) * 1.7)
}

function drawRefusal(dice: Dice, { about }: Request): Refusal {
  const at = Math.min(refusals.length - 1, Math.floor(-Math.log2((1 + dice(1023)) / 1024)))
  // Who names no file is not told that there is none.
  return refusals[at === 0 && about !== 'file' ? 1 : at]!
}

interface Transfer {
  readonly status: number
  readonly bytesReceived: number
  readonly bytesSent: number
}

function refused({ status, isOfStranger }: Refusal, request: Request): Transfer {
  return {
    status: isOfStranger && !isRest(request) ? 403 : status,
    bytesReceived: 0,
    bytesSent: request.method === 'HEAD' ? 0 : problemBytes,
  }
}

function answered(dice: Dice, { request, file }: { request: Request; file: LoggedFile }): Transfer {
  const bytesOf = (what: 'file' | number = 0) =>
    what === 'file' ? file.sizeBytes : what > 0 ? Math.ceil(what * spread(dice)) : 0
  const bytesReceived = bytesOf(request.received)
  const bytesSent = bytesOf(request.sent)
  const status = request.status ?? 200
  if (!isRead(request)) return { status, bytesReceived, bytesSent }
  const kind = dice(100)
  if (kind < 8) return { status: 304, bytesReceived, bytesSent: 0 }
  if (kind < 13) return { status: 206, bytesReceived, bytesSent: 1 + dice(bytesSent) }
  return { status, bytesReceived, bytesSent }
}

function pathOf(request: Request, { bucket, key }: LoggedFile): string {
  const { operation, about } = request
  const encoded = () => key.split('/').map(encodeURIComponent).join('/')
  if (isRest(request)) return operation.replace('{bucket}', bucket).replace('{key…}', encoded)
  return about === 'nothing' ? '/' : about === 'bucket' ? `/${bucket}` : `/${bucket}/${encoded()}`
}
