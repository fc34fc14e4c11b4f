import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareText } from '../../../src/core/files/list.ts'
import { children, textOf } from '../../../src/http/s3/xml-read.ts'
import { begin, bucket, md5Etag, putPart, useStage } from './multipart-stage.ts'
import type { S3Answer } from './s3-client.ts'

const stage = useStage()
const key = 'key & more'

describe('ListParts', () => {
  const list = (uploadId: string, query: Record<string, string | number> = {}) =>
    stage.s3.call('GET', bucket, key, { query: { uploadId, ...query } })

  test('of no parts, of some', async () => {
    const { s3, adminKey, clock } = stage
    clock.stopAt(Date.UTC(2026, 10, 21, 12, 0, 0, 7))
    const uploadId = await begin(s3, key)
    const empty = await list(uploadId)
    expect([empty.status, empty.xml.name]).toEqual([200, 'ListPartsResult'])
    expect([empty.of('IsTruncated'), empty.of('MaxParts'), empty.of('Part')]).toEqual([
      'false',
      '1000',
      undefined,
    ])
    for (const number of [9, 2, 10_000]) await putPart(s3, { key, uploadId, number }, `part ${number}`)
    const listed = await list(uploadId)
    expect([listed.of('Bucket'), listed.of('Key'), listed.of('UploadId')]).toEqual([bucket, key, uploadId])
    expect(listed.of('StorageClass')).toBe('STANDARD')
    expect(listed.of('Initiator', 'ID')).toBe(adminKey.userId)
    expect(listed.of('Owner', 'ID')).toBe(adminKey.userId)
    expect([listed.of('PartNumberMarker'), listed.of('NextPartNumberMarker')]).toEqual(['0', '10000'])
    expect(partsOf(listed)).toEqual(
      [2, 9, 10_000].map((number) => ({
        PartNumber: String(number),
        LastModified: '2026-11-21T12:00:00.007Z',
        ETag: md5Etag(`part ${number}`),
        Size: String(`part ${number}`.length),
      })),
    )
  })

  test('page by page', async () => {
    const { s3 } = stage
    const uploadId = await begin(s3, key)
    const numbers = [1, 2, 3, 5, 8, 13, 21]
    for (const number of numbers) await putPart(s3, { key, uploadId, number }, '')
    const seen: string[] = []
    let marker = '0'
    for (let pages = 0; ; pages++) {
      const page = await list(uploadId, { 'max-parts': 2, 'part-number-marker': marker })
      expect([page.of('MaxParts'), page.of('PartNumberMarker')]).toEqual(['2', marker])
      seen.push(...partsOf(page).map(({ PartNumber }) => PartNumber as string))
      marker = page.of('NextPartNumberMarker') as string
      expect(marker).toBe(seen.at(-1))
      if (page.of('IsTruncated') === 'false') {
        expect(pages).toBe(3)
        break
      }
    }
    expect(seen).toEqual(numbers.map(String))
    const beyond = await list(uploadId, { 'part-number-marker': 21 })
    expect([partsOf(beyond).length, beyond.of('IsTruncated')]).toEqual([0, 'false'])
    const none = await list(uploadId, { 'max-parts': 0 })
    expect([partsOf(none).length, none.of('IsTruncated')]).toEqual([0, 'false'])
    const many = await list(uploadId, { 'max-parts': 2_147_483_647, 'part-number-marker': 2_147_483_647 })
    expect([many.of('MaxParts'), many.status]).toEqual(['1000', 200])
    for (const name of ['max-parts', 'part-number-marker']) {
      for (const value of ['-1', 'x', '1.5', '2147483648']) {
        const answer = await list(uploadId, { [name]: value })
        expect([answer.status, answer.code, answer.of('ArgumentName')]).toEqual([
          400,
          'InvalidArgument',
          name,
        ])
      }
    }
  })
})

describe('ListMultipartUploads', () => {
  const list = (query: Record<string, string | number> = {}) =>
    stage.s3.call('GET', bucket, '', { query: { uploads: '', ...query } })

  test('those under way only, by key and then by time', async () => {
    const { s3, clock, adminKey } = stage
    clock.stopAt(Date.UTC(2040, 10, 21))
    const ids = [await begin(s3, 'b')]
    clock.advance(1000)
    ids.push(await begin(s3, 'b'))
    ids.unshift(await begin(s3, 'a'))
    const ended = await begin(s3, 'c')
    await s3.call('DELETE', bucket, 'c', { query: { uploadId: ended } })
    const listed = await list()
    expect([listed.status, listed.xml.name]).toEqual([200, 'ListMultipartUploadsResult'])
    expect([listed.of('Bucket'), listed.of('MaxUploads'), listed.of('IsTruncated')]).toEqual([
      bucket,
      '1000',
      'false',
    ])
    expect(uploadsOf(listed)).toEqual(['a', 'b', 'b'].map((at, i) => [at, ids[i]]))
    expect(listed.of('Upload', 'Initiated')).toBe('2040-11-21T00:00:01.000Z')
    expect(listed.of('Upload', 'Initiator', 'ID')).toBe(adminKey.userId)
    expect(listed.of('Upload', 'StorageClass')).toBe('STANDARD')
    const one = await begin(s3, 'd')
    const after = await list({ 'key-marker': 'b', 'upload-id-marker': ids[1] as string })
    expect(uploadsOf(after)).toEqual([
      ['b', ids[2]],
      ['d', one],
    ])
    // Without a key it says nothing.
    expect(uploadsOf(await list({ 'upload-id-marker': ids[1] as string }))).toHaveLength(4)
    expect(uploadsOf(await list({ 'key-marker': 'b' }))).toEqual([['d', one]])
  })

  test('R48: pages of prefixes, delimiters and sizes, against a model', async () => {
    const { s3 } = stage
    const keys = [
      'a',
      'a/',
      'a/1',
      'a/2/x',
      'a/2/y',
      'a//',
      'b',
      'b/1',
      'b0',
      'ü/1',
      '\u{1f600}',
      '\uffee',
      'b',
      'a/2/x',
    ]
    const begun: [string, string][] = []
    for (const each of keys) begun.push([each, await begin(s3, each)])
    begun.sort(([a, x], [b, y]) => compareText(a, b) || compareText(x, y))
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('', 'a', 'a/', 'a/2', 'b', 'ü', 'none'),
        fc.constantFrom('', '/', '2', '/2'),
        fc.integer({ min: 1, max: 5 }),
        async (prefix, delimiter, size) => {
          const expected: string[] = []
          for (const [at, id] of begun) {
            if (!at.startsWith(prefix)) continue
            const end = delimiter === '' ? -1 : at.indexOf(delimiter, prefix.length)
            const shown = end < 0 ? `${at} ${id}` : at.slice(0, end + delimiter.length)
            if (expected.at(-1) !== shown) expected.push(shown)
          }
          const seen: string[] = []
          let markers: Record<string, string> = {}
          for (;;) {
            const page = await list({ prefix, delimiter, 'max-uploads': size, ...markers })
            const shown = [
              ...uploadsOf(page).map(([at, id]) => `${at} ${id}`),
              ...children(page.xml, 'CommonPrefixes').map((each) => textOf(each, 'Prefix') as string),
            ]
            expect(shown.length).toBeLessThanOrEqual(size)
            seen.push(...shown)
            if (page.of('IsTruncated') === 'false') break
            expect(shown.length).toBe(size)
            markers = {
              'key-marker': page.of('NextKeyMarker') as string,
              'upload-id-marker': page.of('NextUploadIdMarker') ?? '',
            }
          }
          expect(seen.toSorted(compareText)).toEqual(expected.toSorted(compareText))
        },
      ),
      { seed: 11, numRuns: 60 },
    )
  })

  test('encoding-type, and what no key holds', async () => {
    const { s3 } = stage
    const odd = 'a b/\t\r\n&<ü+%'
    await begin(s3, odd)
    const listed = await list({ 'encoding-type': 'url', prefix: 'a b', delimiter: '\n', 'key-marker': 'a+' })
    expect(listed.of('EncodingType')).toBe('url')
    expect([listed.of('Prefix'), listed.of('Delimiter'), listed.of('KeyMarker')]).toEqual([
      'a+b',
      '%0A',
      'a%2B',
    ])
    const all = await list({ 'encoding-type': 'url' })
    const [[shown] = ['']] = uploadsOf(all)
    expect(decodeURIComponent(shown.replaceAll('+', ' '))).toBe(odd)
    const other = await list({ 'encoding-type': 'base64' })
    expect([other.status, other.code]).toEqual([400, 'InvalidArgument'])
    for (const query of ['a\0', '\0'].map((prefix) => ({ prefix, 'encoding-type': 'url' }))) {
      const answer = await list(query)
      expect([answer.status, uploadsOf(answer).length, answer.of('IsTruncated')]).toEqual([200, 0, 'false'])
    }
    const harmless: Record<string, string | number>[] = [
      { 'key-marker': 'a\0b' },
      { delimiter: '\0' },
      { 'max-uploads': 1 },
    ]
    for (const query of harmless) {
      expect(uploadsOf(await list({ 'encoding-type': 'url', ...query }))).toHaveLength(1)
    }
    const none = await list({ 'max-uploads': 0 })
    expect([uploadsOf(none).length, none.of('IsTruncated')]).toEqual([0, 'false'])
    expect((await list({ 'max-uploads': 'x' })).code).toBe('InvalidArgument')
  })

  test('a bucket with uploads under way can be deleted, and they end', async () => {
    const { s3 } = stage
    const uploadId = await begin(s3, key)
    await putPart(s3, { key, uploadId, number: 1 }, 'x')
    expect((await s3.call('DELETE', bucket)).status).toBe(204)
    expect((await s3.call('GET', bucket, key, { query: { uploadId } })).code).toBe('NoSuchBucket')
  })
})

function partsOf({ xml }: S3Answer): Record<string, string>[] {
  return children(xml, 'Part').map((part) =>
    Object.fromEntries(part.children.map(({ name, text }) => [name, text])),
  )
}

function uploadsOf({ xml }: S3Answer): [key: string, id: string][] {
  return children(xml, 'Upload').map((each) => [
    textOf(each, 'Key') as string,
    textOf(each, 'UploadId') as string,
  ])
}
