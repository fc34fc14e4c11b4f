import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import type { Core } from '../../../src/core/core.ts'
import { limits } from '../../../src/core/limits.ts'
import { textBytes } from '../../core/compression/samples.ts'
import {
  begin,
  bucket,
  complete,
  isSame,
  joined,
  md5Etag,
  multipartEtag,
  type NamedPart,
  partBytes,
  parts,
  putPart,
  upload,
  useStage,
} from './multipart-stage.ts'
import { createInProcessS3, type S3Answer, type S3Client } from './s3-client.ts'

const stage = useStage()
const key = 'copy'
const text = textBytes(partBytes + 200_000)

function copyPart(
  s3: S3Client,
  to: { uploadId: string; number: number | string },
  headers: Record<string, string>,
): Promise<S3Answer> {
  const query = { uploadId: to.uploadId, partNumber: to.number }
  return s3.call('PUT', bucket, key, { query, headers })
}

const from = (source: string, range?: string): Record<string, string> => ({
  'x-amz-copy-source': `/${bucket}/${source}`,
  ...(range !== undefined && { 'x-amz-copy-source-range': range }),
})

describe('UploadPartCopy', () => {
  test('of plain, compressed and multipart sources, whole and in ranges', async () => {
    const { s3 } = stage
    const plain = parts[1] as Uint8Array
    const sources: Record<string, Uint8Array> = {
      plain,
      text,
      'in parts/ü': joined(parts),
      small: new TextEncoder().encode('small'),
    }
    await s3.call('PUT', bucket, 'plain', { body: plain })
    await s3.call('PUT', bucket, 'small', { body: 'small' })
    await s3.call('PUT', bucket, 'text', { body: text, headers: { 'content-type': 'text/plain' } })
    await upload(s3, 'in parts/ü', parts)

    const cuts: [string, number, number][] = [
      ['plain', 1, partBytes],
      ['text', 100_000, 100_000 + partBytes],
      // Over the border of two parts, and all of the last one.
      ['in parts/ü', partBytes - 70_000, 2 * partBytes],
      ['in parts/ü', 2 * partBytes - 5_000_000, joined(parts).length - 1],
      ['small', 1, 1],
    ]
    const uploadId = await begin(s3, key)
    const bodies: Uint8Array[] = []
    const named: NamedPart[] = []
    const add = async (source: string, body: Uint8Array, range?: string) => {
      const number = named.length + 1
      const answer = await copyPart(s3, { uploadId, number }, from(encodeURIComponent(source), range))
      expect([answer.status, answer.xml.name]).toEqual([200, 'CopyPartResult'])
      expect(answer.of('ETag')).toBe(md5Etag(body))
      expect(answer.of('LastModified')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      bodies.push(body)
      named.push({ number, etag: answer.of('ETag') as string })
    }
    for (const source of ['plain', 'text', 'in parts/ü']) await add(source, sources[source] as Uint8Array)
    for (const [source, start, end] of cuts.filter(([, start, end]) => end - start >= partBytes - 1)) {
      await add(source, (sources[source] as Uint8Array).subarray(start, end + 1), `bytes=${start}-${end}`)
    }
    await add('small', (sources['small'] as Uint8Array).subarray(1, 2), 'bytes=1-1')
    expect((await complete(s3, { key, uploadId }, named)).of('ETag')).toBe(multipartEtag(bodies))
    expect(isSame((await s3.call('GET', bucket, key)).bytes, joined(bodies))).toBe(true)
  })

  test('of nothing; of itself, while it is replaced', async () => {
    const { s3 } = stage
    await s3.call('PUT', bucket, key, { body: '' })
    const uploadId = await begin(s3, key)
    const empty = await copyPart(s3, { uploadId, number: 1 }, from(key))
    expect(empty.of('ETag')).toBe(md5Etag(''))
    await s3.call('PUT', bucket, key, { body: 'before' })
    const copied = await copyPart(s3, { uploadId, number: 1 }, from(key, 'bytes=0-2'))
    const part = { number: 1, etag: copied.of('ETag') as string }
    expect((await complete(s3, { key, uploadId }, [part])).status).toBe(200)
    expect((await s3.call('GET', bucket, key)).text).toBe('bef')
  })

  test('with the checksum of its upload', async () => {
    const { s3 } = stage
    await s3.call('PUT', bucket, 'check', { body: '123456789' })
    const uploadId = await begin(s3, key, { 'x-amz-checksum-algorithm': 'CRC64NVME' })
    const copied = await copyPart(s3, { uploadId, number: 1 }, from('check'))
    expect(copied.of('ChecksumCRC64NVME')).toBe(Buffer.from('ae8b14860a799888', 'hex').toString('base64'))
  })

  test('InvalidArgument for what is no range of the source', async () => {
    const { s3 } = stage
    await s3.call('PUT', bucket, 'ten', { body: '0123456789' })
    await s3.call('PUT', bucket, 'empty', { body: '' })
    const uploadId = await begin(s3, key)
    const wrong = ['', 'bytes=', 'bytes=0-', 'bytes=-5', '0-5', 'bytes=5-4', 'bytes=0-10', 'bytes=10-10']
    wrong.push('bytes=0-1,2-3', 'bytes=a-b', 'bytes=0-99999999999999999999', 'bytes=0-0x5', 'lines=0-1')
    for (const range of wrong) {
      const answer = await copyPart(s3, { uploadId, number: 1 }, from('ten', range))
      expect([answer.status, answer.code, range]).toEqual([400, 'InvalidArgument', range])
      expect(answer.of('ArgumentName')).toBe('x-amz-copy-source-range')
    }
    expect((await copyPart(s3, { uploadId, number: 1 }, from('empty', 'bytes=0-0'))).code).toBe(
      'InvalidArgument',
    )
    const listed = await s3.call('GET', bucket, key, { query: { uploadId } })
    expect(listed.of('Part')).toBeUndefined()
    expect((await copyPart(s3, { uploadId, number: 1 }, from('ten', 'bytes=9-9'))).of('ETag')).toBe(
      md5Etag('9'),
    )
  })

  test('InvalidRequest for more than 5 GiB, unless a range is less', async () => {
    const { core, s3, adminKey } = stage
    await s3.call('PUT', bucket, 'source', { body: 'source' })
    const uploadId = await begin(s3, key)
    const pointers: Core['pointers'] = {
      ...core.pointers,
      async read(of, options) {
        const found = await core.pointers.read(of, options)
        if (of.key !== 'source' || !found?.file) return found
        return { ...found, file: { ...found.file, sizeBytes: limits.partBytesMax + 1 } }
      },
    }
    const large = createInProcessS3({ ...core, pointers }, adminKey)
    const whole = await copyPart(large, { uploadId, number: 1 }, from('source'))
    expect([whole.status, whole.code]).toEqual([400, 'InvalidRequest'])
    const part = await copyPart(large, { uploadId, number: 1 }, from('source', 'bytes=1-3'))
    expect(part.of('ETag')).toBe(md5Etag('our'))
  })

  test('a source that is damaged is an error, and no part', async () => {
    const { core, s3 } = stage
    await s3.call('PUT', bucket, 'source', { body: parts[0] as Uint8Array })
    const pointer = await core.pointers.read({ bucketName: bucket, key: 'source' }, { upToDate: true })
    await core.blobs.delete([pointer?.file?.blob.id as string])
    const uploadId = await begin(s3, key)
    const answer = await copyPart(s3, { uploadId, number: 1 }, from('source'))
    expect([answer.status, answer.code]).toEqual([500, 'InternalError'])
    const listed = await s3.call('GET', bucket, key, { query: { uploadId } })
    expect(listed.of('Part')).toBeUndefined()
  })

  test('sources that are not there, uploads that are not there', async () => {
    const { s3 } = stage
    await s3.call('PUT', bucket, 'there', { body: 'x' })
    const uploadId = await begin(s3, key)
    const to = { uploadId, number: 1 }
    expect((await copyPart(s3, to, from('absent'))).code).toBe('NoSuchKey')
    expect((await copyPart(s3, to, { 'x-amz-copy-source': 'absent/x' })).code).toBe('NoSuchBucket')
    expect((await copyPart(s3, to, { 'x-amz-copy-source': 'x' })).code).toBe('InvalidArgument')
    expect((await copyPart(s3, { uploadId: 'none', number: 1 }, from('there'))).code).toBe('NoSuchUpload')
    expect((await copyPart(s3, { uploadId, number: 0 }, from('there'))).code).toBe('InvalidArgument')
  })

  test('R4: conditions on the source', async () => {
    const { s3 } = stage
    const put = await s3.call('PUT', bucket, 'source', { body: 'source' })
    const etag = put.headers.get('etag') as string
    const uploadId = await begin(s3, key)
    const outcomes: [string, string, string][] = [
      ['if-match', etag, ''],
      ['if-match', etag.slice(1, -1), ''],
      ['if-match', '"x"', 'PreconditionFailed'],
      ['if-none-match', etag, 'PreconditionFailed'],
      ['if-none-match', '"x"', ''],
      ['if-modified-since', 'Thu, 01 Jan 1970 00:00:00 GMT', ''],
      ['if-unmodified-since', 'Thu, 01 Jan 1970 00:00:00 GMT', 'PreconditionFailed'],
    ]
    for (const [name, value, code] of outcomes) {
      const headers = { ...from('source'), [`x-amz-copy-source-${name}`]: value }
      const answer = await copyPart(s3, { uploadId, number: 1 }, headers)
      expect([name, value, answer.code]).toEqual([name, value, code])
    }
  })

  test('R44: the source must be readable, the upload writable', async () => {
    const { s3 } = stage
    await s3.call('PUT', bucket, 'secret', { body: 'secret' })
    const stranger = await stage.stranger()
    await stranger.call('PUT', 'strange')
    const begun = await stranger.call('POST', 'strange', key, { query: { uploads: '' } })
    const uploadId = begun.of('UploadId') as string
    const query = { uploadId, partNumber: 1 }
    const stolen = await stranger.call('PUT', 'strange', key, { query, headers: from('secret') })
    expect([stolen.status, stolen.code]).toEqual([403, 'AccessDenied'])

    await stranger.call('PUT', 'strange', 'own', { body: 'own' })
    const mine = await begin(s3, key)
    const headers = { 'x-amz-copy-source': 'strange/own' }
    const intruded = await copyPart(stranger, { uploadId: mine, number: 1 }, headers)
    expect([intruded.status, intruded.code]).toEqual([403, 'AccessDenied'])
    // Nor may it be told whether it is there.
    const absent = await stranger.call('PUT', 'strange', key, { query, headers: from('absent') })
    expect(absent.code).toBe('AccessDenied')
  })

  test('the same upload by copies and by bodies', async () => {
    const { s3 } = stage
    await s3.call('PUT', bucket, 'plain', { body: parts[0] as Uint8Array })
    const uploadId = await begin(s3, key)
    const copied = await copyPart(s3, { uploadId, number: 1 }, from('plain'))
    const sent = await putPart(s3, { key, uploadId, number: 2 }, 'tail')
    await s3.call('DELETE', bucket, 'plain')
    const named = [{ number: 1, etag: copied.of('ETag') as string }, sent]
    expect((await complete(s3, { key, uploadId }, named)).status).toBe(200)
    const all = joined([parts[0] as Uint8Array, new TextEncoder().encode('tail')])
    expect(isSame((await s3.call('GET', bucket, key)).bytes, all)).toBe(true)
  })
})
