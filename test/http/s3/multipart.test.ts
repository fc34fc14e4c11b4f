import { Buffer } from 'node:buffer'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { collectGarbage } from '../../../src/core/files/collect.ts'
import { createApp } from '../../../src/http/app.ts'
import { signRequest } from '../../../src/core/sigv4/sign-request.ts'
import { createSigningKeys } from '../../../src/core/sigv4/signing-keys.ts'
import { textBytes } from '../../core/compression/samples.ts'
import { createInProcessFetch, createRequest } from '../in-process.ts'
import { readXml, textOf } from '../../../src/http/s3/xml-read.ts'
import type { S3Options } from '../../../src/http/s3/s3.ts'
import {
  begin,
  bucket,
  complete,
  documentOf,
  isSame,
  joined,
  md5Etag,
  multipartEtag,
  type NamedPart,
  partBytes,
  parts,
  putPart,
  sendPart,
  upload,
  useStage,
  whole,
} from './multipart-stage.ts'
import { host, region } from './s3-client.ts'

const stage = useStage()
const [first, second, last] = parts as [Uint8Array, Uint8Array, Uint8Array]
const key = 'a folder/ü & <b>'

describe('the life of an upload', () => {
  test('R46, R49: begun, sent, completed, read', async () => {
    const { s3 } = stage
    const begun = await s3.call('POST', bucket, key, { query: { uploads: '' } })
    expect(begun.status).toBe(200)
    expect(begun.xml.name).toBe('InitiateMultipartUploadResult')
    expect([begun.of('Bucket'), begun.of('Key')]).toEqual([bucket, key])
    const uploadId = begun.of('UploadId') as string
    const named: NamedPart[] = []
    for (const [i, body] of parts.entries()) {
      const sent = await sendPart(s3, { key, uploadId, number: i + 1 }, { body })
      expect(sent.status).toBe(200)
      expect(sent.headers.get('etag')).toBe(md5Etag(body))
      named.push({ number: i + 1, etag: md5Etag(body) })
      expect((await s3.call('GET', bucket, key)).code).toBe('NoSuchKey')
    }
    const completed = await complete(s3, { key, uploadId }, named)
    expect(completed.status).toBe(200)
    expect(completed.xml.name).toBe('CompleteMultipartUploadResult')
    expect(completed.of('ETag')).toBe(multipartEtag(parts))
    expect([completed.of('Bucket'), completed.of('Key')]).toEqual([bucket, key])
    expect(completed.of('Location')).toBe(`http://${host}/bucket/a%20folder/%C3%BC%20%26%20%3Cb%3E`)

    const read = await s3.call('GET', bucket, key)
    expect(read.status).toBe(200)
    expect(read.headers.get('etag')).toBe(multipartEtag(parts))
    expect(read.headers.get('content-length')).toBe(String(whole.length))
    expect(isSame(read.bytes, whole)).toBe(true)
    const head = await s3.call('HEAD', bucket, key)
    expect(head.status).toBe(200)
    expect(head.headers.get('etag')).toBe(multipartEtag(parts))
    expect(head.headers.get('content-length')).toBe(String(whole.length))
    expect(head.headers.get('x-amz-mp-parts-count')).toBeUndefined()
  })

  test('parts out of order, at once, with gaps and replaced', async () => {
    const { s3 } = stage
    const uploadId = await begin(s3, key)
    const numbered: [number, Uint8Array][] = [
      [10_000, last],
      [7, second],
      [3, last],
      [2, second],
    ]
    const sent = await Promise.all(
      numbered.map(([number, body]) => putPart(s3, { key, uploadId, number }, body)),
    )
    const replaced = await putPart(s3, { key, uploadId, number: 2 }, first)
    const tail = sent[0] as NamedPart
    const middle = sent[1] as NamedPart
    // Part 3 is left out.
    const completed = await complete(s3, { key, uploadId }, [replaced, middle, tail])
    expect(completed.of('ETag')).toBe(multipartEtag([first, second, last]))
    expect(isSame((await s3.call('GET', bucket, key)).bytes, whole)).toBe(true)
    const byNumber = await s3.call('GET', bucket, key, { query: { partNumber: 7 } })
    expect(isSame(byNumber.bytes, second)).toBe(true)
    const dropped = await s3.call('GET', bucket, key, { query: { partNumber: 3 } })
    expect([dropped.status, dropped.code]).toEqual([416, 'InvalidPartNumber'])
  })

  test('one part, and one of no bytes', async () => {
    const { s3 } = stage
    for (const body of [last, new Uint8Array(0)]) {
      expect((await upload(s3, 'one', [body])).of('ETag')).toBe(multipartEtag([body]))
      const read = await s3.call('GET', bucket, 'one')
      expect([read.status, isSame(read.bytes, body)]).toEqual([200, true])
    }
    const part = await s3.call('GET', bucket, 'one', { query: { partNumber: 1 } })
    expect([part.status, part.bytes.length]).toEqual([200, 0])
    expect(part.headers.get('x-amz-mp-parts-count')).toBe('1')
    expect(part.headers.get('content-range')).toBeUndefined()
  })

  test('R16: type, headers, metadata, tags and ACL are those of the beginning', async () => {
    const { s3 } = stage
    await upload(s3, key, parts, {
      'content-type': 'text/x-own',
      'cache-control': 'max-age=60',
      'content-disposition': 'attachment; filename="x"',
      'content-encoding': 'own',
      'content-language': 'de',
      expires: 'Thu, 01 Jan 2037 00:00:00 GMT',
      'x-amz-meta-colour': 'blue',
      'x-amz-tagging': 'a=1&b=2',
      'x-amz-acl': 'public-read',
    })
    const { status, headers } = await stage.public.call('HEAD', bucket, key)
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('text/x-own')
    expect(headers.get('cache-control')).toContain('max-age=60')
    expect(headers.get('content-disposition')).toBe('attachment; filename="x"')
    expect(headers.get('content-encoding')).toBe('own')
    expect(headers.get('content-language')).toBe('de')
    expect(headers.get('expires')).toBe('Thu, 01 Jan 2037 00:00:00 GMT')
    expect(headers.get('x-amz-meta-colour')).toBe('blue')
    expect(headers.get('x-amz-tagging-count')).toBe('2')
  })

  test('R46: what was there before stays until it is completed', async () => {
    const { s3 } = stage
    await s3.call('PUT', bucket, key, { body: 'before', headers: { 'x-amz-meta-a': 'b' } })
    const uploadId = await begin(s3, key)
    const part = await putPart(s3, { key, uploadId, number: 1 }, last)
    expect((await s3.call('GET', bucket, key)).text).toBe('before')
    await complete(s3, { key, uploadId }, [part])
    const read = await s3.call('GET', bucket, key)
    expect(isSame(read.bytes, last)).toBe(true)
    expect(read.headers.get('x-amz-meta-a')).toBeUndefined()
  })

  test('parts are compressed like everything else, each for itself', async () => {
    const { s3, core } = stage
    const text = [textBytes(partBytes), textBytes(70_000)]
    await upload(s3, 'text', text, { 'content-type': 'text/plain', 'x-cutty-compression': 'zstd' })
    const read = await s3.call('GET', bucket, 'text', { headers: { 'accept-encoding': 'zstd, gzip' } })
    expect(read.headers.get('content-encoding')).toBeUndefined()
    expect(isSame(read.bytes, joined(text))).toBe(true)
    const file = await core.pointers.read({ bucketName: bucket, key: 'text' }, { upToDate: true })
    expect(file?.file?.blob).toMatchObject({ location: 'parts', codec: 'zstd' })
    expect(file?.file?.blob.storedBytes).toBeLessThan(partBytes / 2)
  })

  test('a copy of it is in parts too', async () => {
    const { s3 } = stage
    await upload(s3, key, parts)
    const headers = { 'x-amz-copy-source': `${bucket}/${encodeURIComponent(key)}` }
    expect((await s3.call('PUT', bucket, 'copy', { headers })).status).toBe(200)
    await s3.call('DELETE', bucket, key)
    const part = await s3.call('GET', bucket, 'copy', { query: { partNumber: 3 } })
    expect(isSame(part.bytes, last)).toBe(true)
    expect(part.headers.get('etag')).toBe(multipartEtag(parts))
  })

  test('R44: nobody else may do any of it', async () => {
    const { s3 } = stage
    const uploadId = await begin(s3, key)
    const part = await putPart(s3, { key, uploadId, number: 1 }, last)
    for (const other of [await stage.stranger(), stage.public]) {
      const to = { key, uploadId }
      const answers = [
        await other.call('POST', bucket, key, { query: { uploads: '' } }),
        await sendPart(other, { ...to, number: 1 }, { body: 'x' }),
        await other.call('GET', bucket, key, { query: { uploadId } }),
        await other.call('GET', bucket, '', { query: { uploads: '' } }),
        await complete(other, to, [part]),
        await other.call('DELETE', bucket, key, { query: { uploadId } }),
      ]
      for (const { status, code } of answers) expect([status, code]).toEqual([403, 'AccessDenied'])
    }
    expect((await complete(s3, { key, uploadId }, [part])).status).toBe(200)
  })
})

describe('Location', () => {
  const locationAt = async (to: { host: string; path: string }, options: S3Options) => {
    const { core, adminKey } = stage
    const fetch = createInProcessFetch(createApp(core, options))
    const signingKeys = createSigningKeys()
    const accessKey = { accessKeyId: adminKey.accessKeyId, secret: adminKey.secretAccessKey }
    const uploadId = await begin(stage.s3, 'a b/c')
    const part = await putPart(stage.s3, { key: 'a b/c', uploadId, number: 1 }, 'x')
    const query = `uploadId=${uploadId}`
    const signed = signRequest({
      method: 'POST',
      ...to,
      query,
      payload: 'UNSIGNED-PAYLOAD',
      signedAtMs: Date.now(),
      region,
      accessKey,
      signingKeys,
    })
    const headers = { host: to.host, ...signed.headers }
    const answer = await fetch(`${to.path}?${query}`, { method: 'POST', headers, body: documentOf([part]) })
    return textOf(readXml(new TextDecoder().decode(answer.bytes)), 'Location')
  }

  test('behind a proxy, of a bucket with a host of its own, and both', async () => {
    const path = { host, path: `/${bucket}/a%20b/c` }
    const own = { host: `${bucket}.s3.test`, path: '/a%20b/c' }
    const baseDomains = ['s3.test']
    const publicOrigin = 'https://files.example.com'
    expect(await locationAt(path, {})).toBe(`http://${host}/${bucket}/a%20b/c`)
    expect(await locationAt(path, { publicOrigin })).toBe(`https://files.example.com/${bucket}/a%20b/c`)
    expect(await locationAt(own, { baseDomains })).toBe('http://bucket.s3.test/a%20b/c')
    expect(await locationAt(own, { baseDomains, publicOrigin })).toBe('https://bucket.s3.test/a%20b/c')
  })
})

describe('reading', () => {
  test('R7, R10: ranges across the borders of parts', async () => {
    const { s3 } = stage
    const text = [textBytes(partBytes + 3), textBytes(partBytes), textBytes(999)]
    const all = joined(text)
    await upload(s3, 'text', text, { 'content-type': 'text/plain' })
    const borders = [0, partBytes + 3, 2 * partBytes + 3, all.length]
    const near = fc.tuple(fc.constantFrom(...borders), fc.integer({ min: -70_000, max: 70_000 }))
    const at = near.map(([border, off]) => Math.min(Math.max(border + off, 0), all.length - 1))
    await fc.assert(
      fc.asyncProperty(at, at, async (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)]
        const read = await s3.call('GET', bucket, 'text', { headers: { range: `bytes=${start}-${end}` } })
        expect(read.status).toBe(206)
        expect(read.headers.get('content-range')).toBe(`bytes ${start}-${end}/${all.length}`)
        expect(isSame(read.bytes, all.subarray(start, end + 1))).toBe(true)
      }),
      { seed: 5, numRuns: 25 },
    )
  })

  test('R49: a part by its number, with the ETag of the whole', async () => {
    const { s3 } = stage
    await upload(s3, key, parts)
    let start = 0
    for (const [i, body] of parts.entries()) {
      const query = { partNumber: i + 1 }
      const end = start + body.length - 1
      for (const method of ['GET', 'HEAD']) {
        const { status, headers, bytes } = await s3.call(method, bucket, key, { query })
        expect(status).toBe(206)
        expect(headers.get('content-range')).toBe(`bytes ${start}-${end}/${whole.length}`)
        expect(headers.get('content-length')).toBe(String(body.length))
        expect(headers.get('x-amz-mp-parts-count')).toBe('3')
        expect(headers.get('etag')).toBe(multipartEtag(parts))
        if (method === 'GET') expect(isSame(bytes, body)).toBe(true)
      }
      start = end + 1
    }
    const beyond = await s3.call('GET', bucket, key, { query: { partNumber: 4 } })
    expect([beyond.status, beyond.code]).toEqual([416, 'InvalidPartNumber'])
    expect([beyond.of('PartNumberRequested'), beyond.of('ActualPartCount')]).toEqual(['4', '3'])
    expect((await s3.call('HEAD', bucket, key, { query: { partNumber: 4 } })).status).toBe(416)
    const same = { query: { partNumber: 1 }, headers: { 'if-none-match': multipartEtag(parts) } }
    expect((await s3.call('GET', bucket, key, same)).status).toBe(304)
  })

  test('part numbers of what came in one piece, of nothing, and of no use', async () => {
    const { s3 } = stage
    await s3.call('PUT', bucket, 'plain', { body: 'plain' })
    const whole = await s3.call('GET', bucket, 'plain', { query: { partNumber: 1 } })
    expect([whole.status, whole.text]).toEqual([206, 'plain'])
    expect(whole.headers.get('content-range')).toBe('bytes 0-4/5')
    expect(whole.headers.get('x-amz-mp-parts-count')).toBeUndefined()
    const second = await s3.call('GET', bucket, 'plain', { query: { partNumber: 2 } })
    expect([second.status, second.code, second.of('ActualPartCount')]).toEqual([
      416,
      'InvalidPartNumber',
      '1',
    ])

    const headers = { 'content-type': 'text/plain', 'x-amz-checksum-crc32': 'GOE1fA==' }
    const put = await s3.call('PUT', bucket, 'text', { body: 'text '.repeat(50_000), headers })
    expect(put.code).toBe('BadDigest')
    const crc = Buffer.alloc(4)
    crc.writeUInt32BE(crc32('text '.repeat(50_000)))
    headers['x-amz-checksum-crc32'] = crc.toString('base64')
    await s3.call('PUT', bucket, 'text', { body: 'text '.repeat(50_000), headers })
    // R7: a part is of identity, though the file is stored in a coding that the client takes.
    const text = await s3.call('GET', bucket, 'text', {
      query: { partNumber: 1 },
      headers: { 'accept-encoding': 'zstd, gzip, br', 'x-amz-checksum-mode': 'enabled' },
    })
    expect([text.status, text.bytes.length]).toEqual([206, 250_000])
    expect(text.headers.get('content-encoding')).toBeUndefined()
    expect(text.headers.get('x-amz-checksum-crc32')).toBe(headers['x-amz-checksum-crc32'])

    await s3.call('PUT', bucket, 'empty', { body: '' })
    const empty = await s3.call('GET', bucket, 'empty', { query: { partNumber: 1 } })
    expect([empty.status, empty.bytes.length]).toEqual([200, 0])

    for (const partNumber of ['0', '10001', '-1', '1.5', 'x', '', '1e1']) {
      const answer = await s3.call('GET', bucket, 'plain', { query: { partNumber } })
      expect([answer.status, answer.code]).toEqual([400, 'InvalidArgument'])
    }
    const both = { query: { partNumber: 1 }, headers: { range: 'bytes=0-0' } }
    const ranged = await s3.call('GET', bucket, 'plain', both)
    expect([ranged.status, ranged.code]).toEqual([400, 'InvalidRequest'])
  })

  test('an empty last part', async () => {
    const { s3 } = stage
    await upload(s3, key, [first, new Uint8Array(0)])
    expect(isSame((await s3.call('GET', bucket, key)).bytes, first)).toBe(true)
    const part = await s3.call('GET', bucket, key, { query: { partNumber: 2 } })
    expect([part.status, part.bytes.length]).toEqual([200, 0])
    expect(part.headers.get('content-length')).toBe('0')
    expect(part.headers.get('x-amz-mp-parts-count')).toBe('2')
  })

  test('R47: deleted, collected and still read to its end', async () => {
    const { s3, core, clock, adminKey } = stage
    await upload(s3, 'gone', parts)
    const { headers } = signRequest({
      method: 'GET',
      host,
      path: `/${bucket}/gone`,
      payload: 'UNSIGNED-PAYLOAD',
      signedAtMs: clock.now(),
      region,
      accessKey: { accessKeyId: adminKey.accessKeyId, secret: adminKey.secretAccessKey },
      signingKeys: createSigningKeys(),
    })
    const request = createRequest(`/${bucket}/gone`, { headers: { host, ...headers } })
    const { reply } = await createApp(core).handle(request)
    const body = (reply.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
    const chunks = [new Uint8Array((await body.next()).value as Uint8Array)]
    await s3.call('DELETE', bucket, 'gone')
    expect((await s3.call('GET', bucket, 'gone')).code).toBe('NoSuchKey')
    clock.advance(365 * 86_400_000)
    await collectGarbage(core, { graceMs: 3_600_000 })
    for (let next = await body.next(); !next.done; next = await body.next()) {
      chunks.push(new Uint8Array(next.value))
    }
    expect(isSame(joined(chunks), whole)).toBe(true)
    expect(await collectGarbage(core, { graceMs: 3_600_000 })).toBeGreaterThan(0)
  })
})
