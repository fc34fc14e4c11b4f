import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { limits } from '../../../src/core/limits.ts'
import {
  begin,
  bucket,
  complete,
  documentOf,
  md5Etag,
  multipartEtag,
  type NamedPart,
  parts,
  putPart,
  sendPart,
  useStage,
} from './multipart-stage.ts'
import type { S3Answer } from './s3-client.ts'

const stage = useStage()
const key = 'key'
const [first, second, last] = parts as [Uint8Array, Uint8Array, Uint8Array]

const said = ({ status, code }: S3Answer): [number, string] => [status, code]

/** Completes with a document that may be none. */
const completeWith = (uploadId: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  stage.s3.call('POST', bucket, key, { query: { uploadId }, body, headers })

describe('NoSuchUpload', () => {
  test.each(['nothing', '../etc/passwd', "' OR 1=1", '\0', 'a\0b', '01'.repeat(13), 'é'.repeat(2000)])(
    'of the id %j',
    async (uploadId) => {
      const { s3 } = stage
      const part = { number: 1, etag: md5Etag('x') }
      expect(said(await sendPart(s3, { key, uploadId, number: 1 }, { body: 'x' }))).toEqual([
        404,
        'NoSuchUpload',
      ])
      expect(said(await complete(s3, { key, uploadId }, [part]))).toEqual([404, 'NoSuchUpload'])
      expect(said(await s3.call('GET', bucket, key, { query: { uploadId } }))).toEqual([404, 'NoSuchUpload'])
      expect(said(await s3.call('DELETE', bucket, key, { query: { uploadId } }))).toEqual([
        404,
        'NoSuchUpload',
      ])
    },
  )

  test('R44: of another key, of another bucket', async () => {
    const { s3 } = stage
    await s3.call('PUT', 'other-bucket')
    const uploadId = await begin(s3, key)
    const part = await putPart(s3, { key, uploadId, number: 1 }, last)
    for (const [inBucket, inKey] of [
      [bucket, 'other'],
      [bucket, `${key}/`],
      ['other-bucket', key],
    ] as const) {
      const query = { uploadId }
      const sent = await s3.call('PUT', inBucket, inKey, { query: { uploadId, partNumber: 1 }, body: 'x' })
      const completed = await s3.call('POST', inBucket, inKey, { query, body: documentOf([part]) })
      const answers = [sent, completed, await s3.call('GET', inBucket, inKey, { query })]
      answers.push(await s3.call('DELETE', inBucket, inKey, { query }))
      for (const answer of answers) expect(said(answer)).toEqual([404, 'NoSuchUpload'])
    }
    expect((await complete(s3, { key, uploadId }, [part])).status).toBe(200)
  })

  test('after it was aborted, and after it was completed', async () => {
    const { s3 } = stage
    for (const end of ['abort', 'complete']) {
      const uploadId = await begin(s3, key)
      const part = await putPart(s3, { key, uploadId, number: 1 }, last)
      if (end === 'abort') {
        const aborted = await s3.call('DELETE', bucket, key, { query: { uploadId } })
        expect([aborted.status, aborted.bytes.length]).toEqual([204, 0])
        expect(said(await complete(s3, { key, uploadId }, [part]))).toEqual([404, 'NoSuchUpload'])
        expect((await s3.call('GET', bucket, key)).code).toBe('NoSuchKey')
      } else {
        expect((await complete(s3, { key, uploadId }, [part])).status).toBe(200)
      }
      const again = await s3.call('DELETE', bucket, key, { query: { uploadId } })
      expect([...said(again), again.of('UploadId')]).toEqual([404, 'NoSuchUpload', uploadId])
      expect(said(await sendPart(s3, { key, uploadId, number: 1 }, { body: 'x' }))).toEqual([
        404,
        'NoSuchUpload',
      ])
      expect(said(await s3.call('GET', bucket, key, { query: { uploadId } }))).toEqual([404, 'NoSuchUpload'])
    }
  })

  test('NoSuchBucket', async () => {
    const { s3 } = stage
    const begun = await s3.call('POST', 'absent', key, { query: { uploads: '' } })
    expect(said(begun)).toEqual([404, 'NoSuchBucket'])
    expect(said(await s3.call('GET', 'absent', '', { query: { uploads: '' } }))).toEqual([
      404,
      'NoSuchBucket',
    ])
  })
})

describe('parts', () => {
  test.each(['0', '10001', '-1', '1.5', '1e3', 'x', '', ' 1', '99999999999999999999'])(
    'InvalidArgument for the number %j',
    async (number) => {
      const { s3 } = stage
      const uploadId = await begin(s3, key)
      const answer = await sendPart(s3, { key, uploadId, number }, { body: 'x' })
      expect([...said(answer), answer.of('ArgumentName')]).toEqual([400, 'InvalidArgument', 'partNumber'])
      expect((await s3.call('GET', bucket, key)).code).toBe('NoSuchKey')
    },
  )

  test('what names half of a part is never a whole object', async () => {
    const { s3 } = stage
    const uploadId = await begin(s3, key)
    const halves: Record<string, string>[] = [
      { uploadId },
      { partNumber: '1' },
      { partNumber: '1', uploadId: '' },
    ]
    for (const query of halves) {
      expect(said(await s3.call('PUT', bucket, key, { query, body: 'x' }))).toEqual([400, 'InvalidArgument'])
      const headers = { 'x-amz-copy-source': `${bucket}/${key}` }
      expect(said(await s3.call('PUT', bucket, key, { query, headers }))).toEqual([400, 'InvalidArgument'])
    }
    expect((await s3.call('GET', bucket, key)).code).toBe('NoSuchKey')
  })

  test('EntityTooLarge where more than 5 GiB are declared', async () => {
    const { s3 } = stage
    const uploadId = await begin(s3, key)
    const headers = { 'content-length': String(limits.partBytesMax + 1) }
    const answer = await sendPart(s3, { key, uploadId, number: 1 }, { body: 'x', headers })
    expect(said(answer)).toEqual([400, 'EntityTooLarge'])
    expect(answer.of('MaxSizeAllowed')).toBe(String(limits.partBytesMax))
  })

  test('R46: what is not as it was declared is not kept, nor does it replace', async () => {
    const { s3 } = stage
    const uploadId = await begin(s3, key)
    const to = { key, uploadId, number: 1 }
    await putPart(s3, to, 'right')
    const wrong = createHash('md5').update('another').digest('base64')
    const answers = [
      await sendPart(s3, to, { body: 'wrong', headers: { 'content-md5': wrong } }),
      await sendPart(s3, to, { body: 'wrong', headers: { 'x-amz-checksum-crc32': 'AAAAAA==' } }),
      await sendPart(s3, to, { body: 'wrong', payload: createHash('sha256').update('x').digest('hex') }),
      await sendPart(s3, to, { body: 'wrong', headers: { 'content-length': '6' } }),
    ]
    expect(answers.map(said)).toEqual([
      [400, 'BadDigest'],
      [400, 'BadDigest'],
      [400, 'XAmzContentSHA256Mismatch'],
      [400, 'IncompleteBody'],
    ])
    const listed = await s3.call('GET', bucket, key, { query: { uploadId } })
    expect([listed.of('Part', 'ETag'), listed.of('Part', 'Size')]).toEqual([md5Etag('right'), '5'])
  })

  test('NotImplemented for what is not kept', async () => {
    const { s3 } = stage
    const headers = { 'x-amz-server-side-encryption': 'aws:kms' }
    const begun = await s3.call('POST', bucket, key, { query: { uploads: '' }, headers })
    expect(said(begun)).toEqual([501, 'NotImplemented'])
    const uploadId = await begin(s3, key)
    const encrypted = { 'x-amz-server-side-encryption-customer-algorithm': 'AES256' }
    const sent = await sendPart(s3, { key, uploadId, number: 1 }, { body: 'x', headers: encrypted })
    expect(said(sent)).toEqual([501, 'NotImplemented'])
  })
})

describe('CompleteMultipartUpload', () => {
  async function twoParts(): Promise<{ uploadId: string; named: [NamedPart, NamedPart] }> {
    const uploadId = await begin(stage.s3, key)
    const one = await putPart(stage.s3, { key, uploadId, number: 1 }, first)
    const two = await putPart(stage.s3, { key, uploadId, number: 2 }, last)
    return { uploadId, named: [one, two] }
  }

  test('InvalidPart, InvalidPartOrder, EntityTooSmall; and then it is completed all the same', async () => {
    const { s3 } = stage
    const { uploadId, named } = await twoParts()
    const [one, two] = named
    const to = { key, uploadId }

    const absent = await complete(s3, to, [one, { ...two, number: 3 }])
    expect(said(absent)).toEqual([400, 'InvalidPart'])
    expect([absent.of('UploadId'), absent.of('PartNumber')]).toEqual([uploadId, '3'])
    const another = await complete(s3, to, [one, { ...two, etag: one.etag }])
    expect(said(another)).toEqual([400, 'InvalidPart'])
    expect([another.of('PartNumber'), another.of('ETag')]).toEqual(['2', one.etag.slice(1, -1)])
    expect(said(await complete(s3, to, [one, { ...two, etag: '' }]))).toEqual([400, 'InvalidPart'])

    for (const order of [
      [two, one],
      [one, one],
      [one, two, one],
    ]) {
      const answer = await complete(s3, to, order)
      expect([...said(answer), answer.of('UploadId')]).toEqual([400, 'InvalidPartOrder', uploadId])
    }

    const small = await putPart(s3, { ...to, number: 1 }, first.subarray(1))
    const tooSmall = await complete(s3, to, [small, two])
    expect(said(tooSmall)).toEqual([400, 'EntityTooSmall'])
    expect([tooSmall.of('ProposedSize'), tooSmall.of('MinSizeAllowed')]).toEqual([
      String(first.length - 1),
      String(first.length),
    ])
    expect([tooSmall.of('PartNumber'), tooSmall.of('ETag')]).toEqual(['1', small.etag.slice(1, -1)])

    expect((await s3.call('GET', bucket, key)).code).toBe('NoSuchKey')
    expect((await complete(s3, to, [two])).of('ETag')).toBe(multipartEtag([last]))
  })

  test('MalformedXML', async () => {
    const { uploadId, named } = await twoParts()
    const right = documentOf(named)
    const part = '<Part><PartNumber>1</PartNumber><ETag>x</ETag></Part>'
    const within = (inner: string) => `<CompleteMultipartUpload>${inner}</CompleteMultipartUpload>`
    const wrong = [
      '',
      ' ',
      'x',
      within(''),
      right.slice(0, -1),
      right.replaceAll('CompleteMultipartUpload', 'Delete'),
      right.replaceAll('CompleteMultipartUpload', 'CompletedMultipartUpload'),
      `<!DOCTYPE x [<!ENTITY e "1">]>${right}`,
      within('<Part><PartNumber>1</PartNumber></Part>'),
      within('<Part><ETag>x</ETag></Part>'),
      within('<Part><PartNumber>one</PartNumber><ETag>x</ETag></Part>'),
      within('<Part><PartNumber>1.0</PartNumber><ETag>x</ETag></Part>'),
      within('<Part><PartNumber/><ETag>x</ETag></Part>'),
      within('<part><PartNumber>1</PartNumber><ETag>x</ETag></part>'),
      within(
        part.replace('</Part>', '<ChecksumCRC32>a</ChecksumCRC32><ChecksumSHA1>b</ChecksumSHA1></Part>'),
      ),
      within(part.repeat(10_001)),
      new Uint8Array([0xff, 0xfe, 0x00]),
    ]
    for (const body of wrong) expect(said(await completeWith(uploadId, body))).toEqual([400, 'MalformedXML'])
    for (const number of ['0', '10001', '-1']) {
      const body = within(`<Part><PartNumber>${number}</PartNumber><ETag>x</ETag></Part>`)
      const answer = await completeWith(uploadId, body)
      expect([...said(answer), answer.of('ArgumentName')]).toEqual([400, 'InvalidArgument', 'PartNumber'])
    }
    expect((await completeWith(uploadId, right)).status).toBe(200)
  })

  test('10,000 parts with a checksum each are a document like any other', async () => {
    const { s3 } = stage
    const { uploadId } = await twoParts()
    const sum = createHash('sha256').update('x').digest('base64')
    const named = Array.from({ length: limits.partsMax }, (_, i): NamedPart => ({
      number: i + 1,
      etag: md5Etag(String(i)),
      checksum: ['ChecksumSHA256', sum],
    }))
    expect(said(await complete(s3, { key, uploadId }, named))).toEqual([400, 'InvalidPart'])
  })

  test('ETags with quotes, without, with white space, in upper case; elements that mean nothing', async () => {
    const { uploadId, named } = await twoParts()
    const [one, two] = named
    const body = `<?xml version="1.0"?>
      <CompleteMultipartUpload>
        <Part><ETag> ${one.etag.slice(1, -1).toUpperCase()} </ETag><PartNumber> 1 </PartNumber><Size>7</Size></Part>
        <Part><PartNumber>2</PartNumber><ETag>"${two.etag.slice(1, -1)}"</ETag></Part>
      </CompleteMultipartUpload>`
    expect((await completeWith(uploadId, body)).of('ETag')).toBe(multipartEtag([first, last]))
  })

  test('BadDigest of its own document, which is not that of the object', async () => {
    const { uploadId, named } = await twoParts()
    const wrong = createHash('md5').update('another').digest('base64')
    const answer = await completeWith(uploadId, documentOf(named), { 'content-md5': wrong })
    expect(said(answer)).toEqual([400, 'BadDigest'])
  })

  test('x-amz-mp-object-size', async () => {
    const { s3 } = stage
    const { uploadId, named } = await twoParts()
    const sizeBytes = first.length + last.length
    for (const size of [String(sizeBytes - 1), '0', '-1', 'x', '']) {
      const answer = await complete(s3, { key, uploadId }, named, { 'x-amz-mp-object-size': size })
      expect(said(answer)).toEqual([400, 'InvalidRequest'])
    }
    const headers = { 'x-amz-mp-object-size': String(sizeBytes) }
    expect((await complete(s3, { key, uploadId }, named, headers)).status).toBe(200)
  })

  test('R4: If-None-Match and If-Match', async () => {
    const { s3 } = stage
    const { uploadId, named } = await twoParts()
    const to = { key, uploadId }
    expect(said(await complete(s3, to, named, { 'if-match': '"x"' }))).toEqual([404, 'NoSuchKey'])
    await s3.call('PUT', bucket, key, { body: 'there' })
    expect(said(await complete(s3, to, named, { 'if-none-match': '*' }))).toEqual([412, 'PreconditionFailed'])
    expect(said(await complete(s3, to, named, { 'if-match': '"x"' }))).toEqual([412, 'PreconditionFailed'])
    expect(said(await complete(s3, to, named, { 'if-none-match': '"x"' }))).toEqual([501, 'NotImplemented'])
    expect((await s3.call('GET', bucket, key)).text).toBe('there')
    expect((await complete(s3, to, named, { 'if-match': md5Etag('there') })).status).toBe(200)

    const next = await begin(s3, 'new')
    const part = await putPart(s3, { key: 'new', uploadId: next, number: 1 }, second)
    const made = await complete(s3, { key: 'new', uploadId: next }, [part], { 'if-none-match': '*' })
    expect(made.status).toBe(200)
    // The same request again is not a write over what it made itself.
    const again = await complete(s3, { key: 'new', uploadId: next }, [part], { 'if-none-match': '*' })
    expect([again.status, again.of('ETag')]).toEqual([200, multipartEtag([second])])
  })
})
