import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { afterEach, beforeEach } from 'vitest'
import { createUser } from '../../../src/core/accounts/users.ts'
import { createAccessKey } from '../../../src/core/accounts/credentials.ts'
import { createBucket } from '../../../src/core/files/buckets.ts'
import type { HttpCredentials } from '../../contracts/http/subject.ts'
import { randomBytes } from '../../core/compression/samples.ts'
import { openTestCore, type TestCore } from '../../core/test-core.ts'
import { createInProcessS3, type S3Answer, type S3Client, type S3Init } from './s3-client.ts'

export const bucket = 'bucket'
/** What a part that is not the last must have. */
export const partBytes = 5 * 1024 ** 2

/** Of three parts; nothing in them is alike. */
export const parts: readonly Uint8Array[] = [partBytes, partBytes + 1, 1000].map((sizeBytes, i) =>
  randomBytes(sizeBytes, i + 1),
)
export const whole = joined(parts)

export interface Stage extends TestCore {
  readonly s3: S3Client
  readonly public: S3Client
  /** A user of whom nothing here is. */
  stranger(): Promise<S3Client>
}

/** What a part is called in CompleteMultipartUpload. */
export interface NamedPart {
  readonly number: number
  readonly etag: string
  /** Its name and value, such as `['ChecksumCRC32', '…']`. */
  readonly checksum?: readonly [string, string]
}

/** A core of its own for each test, with one bucket. */
export function useStage(options: Parameters<typeof openTestCore>[0] = {}): Stage {
  let stage: Stage
  beforeEach(async () => {
    const core = await openTestCore(options)
    await createBucket(core.core, core.admin, { name: bucket, visibility: 'private' })
    stage = {
      ...core,
      s3: createInProcessS3(core.core, core.adminKey),
      public: createInProcessS3(core.core, undefined),
      async stranger() {
        const user = await createUser(core.core, core.admin, {
          name: 'S',
          email: 's@example.com',
          role: 'user',
        })
        const key: HttpCredentials = await createAccessKey(core.core, core.admin, {
          userId: user.id,
          label: 'key',
        })
        return createInProcessS3(core.core, key)
      },
    }
  })
  afterEach(() => stage.close())
  return new Proxy({} as Stage, { get: (_, name) => stage[name as keyof Stage] })
}

export async function begin(s3: S3Client, key: string, headers: S3Init['headers'] = {}): Promise<string> {
  const answer = await s3.call('POST', bucket, key, { query: { uploads: '' }, headers })
  const uploadId = answer.of('UploadId')
  if (answer.status !== 200 || uploadId === undefined) throw new Error(answer.text)
  return uploadId
}

export function sendPart(
  s3: S3Client,
  to: { key: string; uploadId: string; number: number | string },
  init: S3Init & { body: Uint8Array | string },
): Promise<S3Answer> {
  const { key, uploadId, number } = to
  return s3.call('PUT', bucket, key, { ...init, query: { partNumber: number, uploadId } })
}

export async function putPart(
  s3: S3Client,
  to: { key: string; uploadId: string; number: number },
  body: Uint8Array | string,
): Promise<NamedPart> {
  const answer = await sendPart(s3, to, { body })
  if (answer.status !== 200) throw new Error(answer.text)
  return { number: to.number, etag: answer.headers.get('etag') ?? '' }
}

export function documentOf(named: readonly NamedPart[]): string {
  const elements = named.map(({ number, etag, checksum }) => {
    const [name, value] = checksum ?? []
    const sum = name === undefined ? '' : `<${name}>${value}</${name}>`
    return `<Part><PartNumber>${number}</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag>${sum}</Part>`
  })
  const inner = elements.join('')
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</CompleteMultipartUpload>`
}

export function complete(
  s3: S3Client,
  to: { key: string; uploadId: string },
  named: readonly NamedPart[],
  headers: S3Init['headers'] = {},
): Promise<S3Answer> {
  const { key, uploadId } = to
  return s3.call('POST', bucket, key, { query: { uploadId }, headers, body: documentOf(named) })
}

/** All of it: begun, sent in the order of the numbers, completed. */
export async function upload(
  s3: S3Client,
  key: string,
  bodies: readonly Uint8Array[],
  headers: S3Init['headers'] = {},
): Promise<S3Answer> {
  const uploadId = await begin(s3, key, headers)
  const named: NamedPart[] = []
  for (const [i, body] of bodies.entries()) {
    named.push(await putPart(s3, { key, uploadId, number: i + 1 }, body))
  }
  const answer = await complete(s3, { key, uploadId }, named)
  if (answer.status !== 200) throw new Error(answer.text)
  return answer
}

/** R49, computed here. */
export function multipartEtag(bodies: readonly Uint8Array[]): string {
  const ofParts = bodies.map((body) => createHash('md5').update(body).digest())
  const hash = createHash('md5').update(joined(ofParts)).digest('hex')
  return `"${hash}-${bodies.length}"`
}

export function md5Etag(body: Uint8Array | string): string {
  return `"${createHash('md5').update(body).digest('hex')}"`
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces))
}

/** Byte for byte; vitest's own comparison takes seconds for megabytes. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
