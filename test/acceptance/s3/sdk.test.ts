/** @aws-sdk/client-s3 with lib-storage, at the release of the lock file: with the checksums that it sends by itself. */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { admin } from '../../entry/test-server.ts'
import { expectFiles, type Round, sortedNames, startRound } from './round.ts'

const Bucket = 'sdk-round'

describe('AWS SDK for JavaScript', () => {
  let round: Round
  let s3: S3Client
  beforeAll(async () => {
    round = await startRound()
    s3 = new S3Client({
      endpoint: round.url,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: admin,
      maxAttempts: 1,
    })
    await s3.send(new CreateBucketCommand({ Bucket }))
  })
  afterAll(async () => {
    s3.destroy()
    await round.stop()
  })

  test('sends a folder and gets it again, large files in parallel parts', async () => {
    for (const name of round.files.keys()) {
      const Body = createReadStream(join(round.source, name))
      const upload = new Upload({
        client: s3,
        params: { Bucket, Key: name, Body, Metadata: { from: 'sdk' } },
        partSize: 5 * 1024 ** 2,
        queueSize: 4,
      })
      await upload.done()
    }
    const keys: string[] = []
    for await (const page of paginateListObjectsV2({ client: s3, pageSize: 4 }, { Bucket })) {
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key as string))
    }
    expect(keys).toEqual(sortedNames(round.files))
    for (const name of keys) {
      const target = join(round.folder, 'down', name)
      await mkdir(dirname(target), { recursive: true })
      const { Body, Metadata } = await s3.send(new GetObjectCommand({ Bucket, Key: name }))
      expect(Metadata).toEqual({ from: 'sdk' })
      await pipeline(Body as Readable, createWriteStream(target))
    }
    await expectFiles(join(round.folder, 'down'), round.files)
  })

  test.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'keeps the %s that it sent, and checks it when it reads',
    async (ChecksumAlgorithm) => {
      const put = await s3.send(
        new PutObjectCommand({ Bucket, Key: 'summed', Body: 'some bytes', ChecksumAlgorithm }),
      )
      const name = `Checksum${ChecksumAlgorithm}` as const
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'summed', ChecksumMode: 'ENABLED' }))
      expect(head[name]).toBeTypeOf('string')
      expect(head[name]).toBe(put[name])
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'summed' }))
      expect(await got.Body?.transformToString()).toBe('some bytes')
      const attributes = await s3.send(
        new GetObjectAttributesCommand({
          Bucket,
          Key: 'summed',
          ObjectAttributes: ['Checksum', 'ObjectSize', 'ETag'],
        }),
      )
      expect(attributes).toMatchObject({ ObjectSize: 10, Checksum: { [name]: head[name] } })
    },
  )

  test('conditions decide who writes', async () => {
    const put = (options: object) =>
      s3.send(new PutObjectCommand({ Bucket, Key: 'once', Body: 'x', ...options }))
    const { ETag } = await put({ IfNoneMatch: '*' })
    await expect(put({ IfNoneMatch: '*' })).rejects.toMatchObject({ name: 'PreconditionFailed' })
    await expect(put({ IfMatch: '"other"' })).rejects.toMatchObject({ name: 'PreconditionFailed' })
    await put({ IfMatch: ETag })
  })

  test('copies, and deletes everything', async () => {
    await s3.send(new CopyObjectCommand({ Bucket, Key: 'a copy', CopySource: `${Bucket}/large/text.log` }))
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'a copy' }))
    expect(head.ContentLength).toBe(round.files.get('large/text.log')?.length)
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }))
    const Objects = Contents.map(({ Key }) => ({ Key }))
    const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))
    expect(Errors).toBeUndefined()
    expect(Deleted).toHaveLength(Objects.length)
    await s3.send(new DeleteBucketCommand({ Bucket }))
  })
})
