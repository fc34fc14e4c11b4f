import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createChecksum, formatChecksumValue, checksumNames } from '../../../src/core/checksums/checksum.ts'
import { createApp } from '../../../src/http/app.ts'
import { signRequest } from '../../../src/core/sigv4/sign-request.ts'
import { signChunk, signTrailers, hashTrailers } from '../../../src/core/sigv4/chunk-signature.ts'
import { createSigningKeys } from '../../../src/core/sigv4/signing-keys.ts'
import { authorization } from '../../contracts/http/client.ts'
import type { HttpFetch } from '../../contracts/http/subject.ts'
import { textBytes } from '../../core/compression/samples.ts'
import { createInProcessFetch } from '../in-process.ts'
import { host, region, type S3Client } from './s3-client.ts'
import { openS3Stage, type S3Stage } from './s3-stage.ts'

let stage: S3Stage
let s3: S3Client
let bucket: string
let fetch: HttpFetch
beforeEach(async () => {
  stage = await openS3Stage()
  s3 = stage.s3
  bucket = await stage.bucket()
  fetch = createInProcessFetch(createApp(stage.opened.core))
})
afterEach(() => stage.opened.close())

const md5 = (bytes: string | Uint8Array) => createHash('md5').update(bytes).digest('hex')
const put = (key: string, body: string | Uint8Array = 'text', headers: Record<string, string> = {}) =>
  s3.call('PUT', bucket, key, { body, headers })
const get = (key: string, headers: Record<string, string> = {}, query = {}) =>
  s3.call('GET', bucket, key, { headers, query })

describe('one object', () => {
  test('comes back as it was sent, with what was said of it', async () => {
    const headers = {
      'content-type': 'text/x-own',
      'cache-control': 'max-age=60',
      'content-disposition': 'inline; filename="x"',
      'content-language': 'de',
      expires: 'Thu, 01 Dec 2033 16:00:00 GMT',
      'x-amz-meta-color': 'blue',
      'x-amz-tagging': 'a=b%20c&d=e',
    }
    const stored = await put('k', 'text', headers)
    expect([stored.status, stored.headers.get('etag')]).toEqual([200, `"${md5('text')}"`])
    for (const method of ['GET', 'HEAD']) {
      const read = await s3.call(method, bucket, 'k')
      expect([read.status, read.text]).toEqual([200, method === 'GET' ? 'text' : ''])
      expect(Object.fromEntries(read.headers)).toMatchObject({
        'content-type': 'text/x-own',
        // A private object is left to no shared cache (R27).
        'cache-control': 'private, max-age=60',
        'content-disposition': 'inline; filename="x"',
        'content-language': 'de',
        'content-length': '4',
        expires: 'Thu, 01 Dec 2033 16:00:00 GMT',
        etag: `"${md5('text')}"`,
        'x-amz-meta-color': 'blue',
        'x-amz-tagging-count': '2',
      })
    }
  })

  test('has S3’s type where none is named, and is gone when it is deleted, twice', async () => {
    await put('k')
    expect((await get('k')).headers.get('content-type')).toBe('binary/octet-stream')
    for (let i = 0; i < 2; i++) expect((await s3.call('DELETE', bucket, 'k')).status).toBe(204)
    expect((await get('k')).code).toBe('NoSuchKey')
    expect((await s3.call('HEAD', bucket, 'k')).status).toBe(404)
  })

  test('is the same file for REST, the other way round too, and compressed like any', async () => {
    const text = textBytes(300_000)
    await put('by-s3', text, { 'content-type': 'text/plain', 'x-amz-meta-color': 'blue' })
    const headers = { host, ...authorization(stage.opened.adminKey) }
    const files = `/api/v1/buckets/${bucket}/files`
    const rest = await fetch(`${files}/by-s3`, { headers })
    expect(Buffer.compare(rest.bytes, text)).toBe(0)
    expect(rest.headers.get('x-cutty-meta-color')).toBe('blue')
    const info = JSON.parse(
      Buffer.from((await fetch(`${files}/by-s3?info`, { headers })).bytes).toString(),
    ) as {
      codec: string
      storedBytes: number
    }
    expect(info.codec).not.toBe('identity')
    expect(info.storedBytes).toBeLessThan(150_000)

    await fetch(`${files}/by-rest`, { method: 'PUT', headers, body: text })
    const read = await get('by-rest')
    expect(Buffer.compare(read.bytes, text)).toBe(0)
    expect(read.headers.get('etag')).toMatch(/^"sha256-/)
  })

  test('R12 to R14: goes out as it is stored to who asks for that, and in ranges of the plain content (R7)', async () => {
    const text = textBytes(300_000)
    await put('k', text, { 'content-type': 'text/plain', 'x-cutty-compression': 'gzip' })
    const coded = await get('k', { 'accept-encoding': 'gzip' })
    expect(coded.headers.get('content-encoding')).toBe('gzip')
    expect(coded.headers.get('etag')).toBe(`"${md5(text)}-gz"`)
    expect(coded.bytes.length).toBeLessThan(150_000)
    const range = await get('k', { 'accept-encoding': 'gzip', range: 'bytes=100000-100009' })
    expect([range.status, range.headers.get('content-encoding')]).toEqual([206, undefined])
    expect(Buffer.compare(range.bytes, text.subarray(100_000, 100_010))).toBe(0)
    expect((await get('k', { range: 'bytes=300000-' })).code).toBe('InvalidRange')
  })

  test('R16: a coding of the client’s stays; aws-chunked is none', async () => {
    await put('own', 'not really', { 'content-encoding': 'gzip' })
    expect((await get('own')).headers.get('content-encoding')).toBe('gzip')
    await put('none', 'x', { 'content-encoding': 'aws-chunked' })
    expect((await get('none')).headers.get('content-encoding')).toBeUndefined()
  })

  test('R42: what browsers run is an attachment, whatever the request calls it', async () => {
    await put('page', '<p>', { 'content-type': 'text/html' })
    expect((await get('page')).headers.get('content-disposition')).toMatch(/^attachment/)
    await put('text', '<p>', { 'content-type': 'text/plain' })
    const called = await get('text', {}, { 'response-content-type': 'text/html' })
    expect(called.headers.get('content-type')).toBe('text/html')
    expect(called.headers.get('content-disposition')).toMatch(/^attachment/)
  })

  test('versions: null is the one there is', async () => {
    await put('k')
    expect((await get('k', {}, { versionId: 'null' })).text).toBe('text')
    expect((await get('k', {}, { versionId: 'another' })).code).toBe('NoSuchVersion')
  })
})

describe('conditions', () => {
  test('R4: of reads', async () => {
    const etag = (await put('k')).headers.get('etag') as string
    const bare = etag.slice(1, -1)
    for (const value of [etag, bare, '*']) {
      const unchanged = await get('k', { 'if-none-match': value })
      expect([unchanged.status, unchanged.text]).toEqual([304, ''])
      expect((await get('k', { 'if-match': value })).text).toBe('text')
    }
    expect((await get('k', { 'if-match': '"other"' })).code).toBe('PreconditionFailed')
    expect((await get('k', { 'if-none-match': '"other"' })).text).toBe('text')
    const [past, future] = ['Mon, 01 Jan 2001 00:00:00 GMT', 'Fri, 01 Jan 2100 00:00:00 GMT']
    expect((await get('k', { 'if-unmodified-since': past })).code).toBe('PreconditionFailed')
    expect((await get('k', { 'if-modified-since': past })).text).toBe('text')
    expect((await get('k', { 'if-modified-since': future })).status).toBe(304)
  })

  test('of writes and deletions', async () => {
    expect((await put('k', 'a', { 'if-match': '"x"' })).code).toBe('NoSuchKey')
    const { headers } = await put('k', 'a', { 'if-none-match': '*' })
    expect((await put('k', 'b', { 'if-none-match': '*' })).code).toBe('PreconditionFailed')
    expect((await put('k', 'b', { 'if-match': '"other"' })).code).toBe('PreconditionFailed')
    expect((await put('k', 'b', { 'if-none-match': '"other"' })).code).toBe('NotImplemented')
    expect((await put('k', 'b', { 'if-match': headers.get('etag') as string })).status).toBe(200)
    expect((await s3.call('DELETE', bucket, 'k', { headers: { 'if-match': '"other"' } })).code).toBe(
      'PreconditionFailed',
    )
    expect((await get('k')).text).toBe('b')
    const racing = await Promise.all(
      Array.from({ length: 10 }, (_, i) => put('race', `${i}`, { 'if-none-match': '*' })),
    )
    expect(racing.filter(({ status }) => status === 200)).toHaveLength(1)
  })
})

describe('overrides of an answer', () => {
  test('are said where the request is signed (R41)', async () => {
    await put('k', 'text', { 'x-amz-acl': 'public-read' })
    const query = {
      'response-content-type': 'text/plain',
      'response-content-language': 'fr',
      'response-cache-control': 'no-store',
      'response-content-disposition': 'attachment; filename=y',
      'response-content-encoding': 'own',
      'response-expires': 'Thu, 01 Dec 2033 16:00:00 GMT',
    }
    const read = await get('k', {}, query)
    for (const [name, value] of Object.entries(query)) {
      expect(read.headers.get(name.slice('response-'.length)), name).toBe(value)
    }
    expect((await stage.nobody.call('GET', bucket, 'k')).text).toBe('text')
    expect((await stage.nobody.call('GET', bucket, 'k', { query })).code).toBe('InvalidRequest')
    expect((await get('k', {}, { 'response-content-type': 'a\r\nb' })).code).toBe('InvalidArgument')
  })
})

describe('copies', () => {
  const copy = (key: string, source: string, headers: Record<string, string> = {}) =>
    s3.call('PUT', bucket, key, { headers: { 'x-amz-copy-source': source, ...headers } })
  beforeEach(() =>
    put('a b', 'text', { 'content-type': 'text/a', 'x-amz-meta-color': 'blue', 'x-amz-tagging': 't=1' }),
  )

  test('take all along, unless told otherwise', async () => {
    const copied = await copy('copy', `/${bucket}/a%20b`)
    expect([copied.xml.name, copied.of('ETag')]).toEqual(['CopyObjectResult', `"${md5('text')}"`])
    const read = await get('copy')
    expect([read.text, read.headers.get('x-amz-meta-color')]).toEqual(['text', 'blue'])
    expect(read.headers.get('x-amz-tagging-count')).toBe('1')

    await copy('copy', `${bucket}/a b?versionId=null`.replace(' ', '%20'), {
      'x-amz-metadata-directive': 'REPLACE',
      'x-amz-tagging-directive': 'REPLACE',
      'content-type': 'text/b',
      'x-amz-meta-size': 'L',
    })
    const replaced = await get('copy')
    expect(replaced.headers.get('content-type')).toBe('text/b')
    expect(replaced.headers.get('x-amz-meta-color')).toBeUndefined()
    expect(replaced.headers.get('x-amz-meta-size')).toBe('L')
    expect(replaced.headers.get('x-amz-tagging-count')).toBeUndefined()
  })

  test('onto itself must change something', async () => {
    expect((await copy('a b', `${bucket}/a%20b`)).code).toBe('InvalidRequest')
    const headers = { 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-color': 'red' }
    expect((await copy('a b', `${bucket}/a%20b`, headers)).status).toBe(200)
    expect((await get('a b')).headers.get('x-amz-meta-color')).toBe('red')
  })

  test.each([
    ['if-match', '"other"', 'PreconditionFailed'],
    ['if-none-match', `"${md5('text')}"`, 'PreconditionFailed'],
    ['if-unmodified-since', 'Mon, 01 Jan 2001 00:00:00 GMT', 'PreconditionFailed'],
    ['if-match', md5('text'), ''],
    ['if-none-match', '"other"', ''],
  ])('heed %s: %s of their source', async (name, value, code) => {
    expect((await copy('copy', `${bucket}/a%20b`, { [`x-amz-copy-source-${name}`]: value })).code).toBe(code)
  })

  test('R44: the source must be the caller’s to read, and be there', async () => {
    const theirs = { headers: { 'x-amz-copy-source': `${bucket}/a%20b` } }
    expect((await stage.other.call('PUT', bucket, 'x', theirs)).code).toBe('AccessDenied')
    await stage.other.call('PUT', 'their-bucket')
    expect((await stage.other.call('PUT', 'their-bucket', 'x', theirs)).code).toBe('AccessDenied')
    expect((await copy('x', `${bucket}/none`)).code).toBe('NoSuchKey')
    for (const source of ['', bucket, `${bucket}/`, `${bucket}/a?versionId=7`, `${bucket}/%ff`]) {
      expect((await copy('x', source)).code, source).toBe('InvalidArgument')
    }
    expect((await copy('x', `${bucket}/a%20b`, { 'x-amz-metadata-directive': 'MERGE' })).code).toBe(
      'InvalidArgument',
    )
  })
})

describe('what the content must be', () => {
  test.each(checksumNames)('%s is verified, kept and given back', async (name) => {
    const checksum = createChecksum(name)
    checksum.update(Buffer.from('text'))
    const value = formatChecksumValue(checksum.digest())
    const header = `x-amz-checksum-${name.toLowerCase()}`
    const stored = await put('k', 'text', { [header]: value })
    expect(stored.headers.get(header)).toBe(value)
    const read = await get('k', { 'x-amz-checksum-mode': 'ENABLED' })
    expect([read.headers.get(header), read.headers.get('x-amz-checksum-type')]).toEqual([
      value,
      'FULL_OBJECT',
    ])
    expect((await get('k')).headers.get(header)).toBeUndefined()
    expect((await put('k', 'other', { [header]: value })).code).toBe('BadDigest')
    expect((await put('k', 'text', { [header]: 'AAAA' })).code).toBe('InvalidRequest')
    expect((await get('k')).text).toBe('text')
  })

  test('MD5, SHA-256 and length are held against it too, and nothing is stored', async () => {
    const wrongMd5 = createHash('md5').update('other').digest('base64')
    expect((await put('k', 'text', { 'content-md5': wrongMd5 })).code).toBe('BadDigest')
    expect((await put('k', 'text', { 'content-md5': 'no' })).code).toBe('InvalidDigest')
    const wrongHash = await s3.call('PUT', bucket, 'k', { body: 'text', payload: md5('x').repeat(2) })
    expect(wrongHash.code).toBe('XAmzContentSHA256Mismatch')
    expect((await put('k', 'text', { 'content-length': '9' })).code).toBe('IncompleteBody')
    expect((await get('k')).code).toBe('NoSuchKey')
  })

  test('promises that are not kept are not taken', async () => {
    const refused = {
      'x-amz-server-side-encryption': 'AES256',
      'x-amz-object-lock-mode': 'GOVERNANCE',
      'x-amz-website-redirect-location': '/x',
      'x-amz-grant-read': 'id=1',
      'x-amz-acl': 'public-read-write',
    }
    for (const [name, value] of Object.entries(refused)) {
      expect((await put('k', 'text', { [name]: value })).code, name).toBe('NotImplemented')
    }
    expect((await put('k', 'text', { 'x-amz-storage-class': 'GLACIER' })).code).toBe('InvalidStorageClass')
    expect((await put('k', 'text', { 'x-amz-storage-class': 'STANDARD' })).status).toBe(200)
    expect((await put('k', 'text', { 'x-amz-meta-big': 'x'.repeat(9000) })).code).toBe('MetadataTooLarge')
    expect((await put('x'.repeat(1025))).code).toBe('KeyTooLongError')
  })

  test('an owner that is another than expected is told before anything is done', async () => {
    const mine = { 'x-amz-expected-bucket-owner': stage.userId }
    expect((await put('k', 'text', mine)).status).toBe(200)
    const theirs = { 'x-amz-expected-bucket-owner': '123456789012' }
    expect((await put('k', 'other', theirs)).code).toBe('AccessDenied')
    expect((await get('k', theirs)).code).toBe('AccessDenied')
    const source = { 'x-amz-copy-source': `${bucket}/k`, 'x-amz-source-expected-bucket-owner': '1' }
    expect((await s3.call('PUT', bucket, 'copy', { headers: source })).code).toBe('AccessDenied')
    expect((await get('k')).text).toBe('text')
  })
})

describe('aws-chunked', () => {
  const chunks = [Buffer.alloc(70_000, 'a'), Buffer.alloc(5, 'b')]
  const content = Buffer.concat(chunks)
  const crc = (() => {
    const checksum = createChecksum('CRC32')
    checksum.update(content)
    return formatChecksumValue(checksum.digest())
  })()

  /** A request whose content is in signed chunks, with a trailer; `change` may spoil what is sent. */
  async function send(key: string, change: (body: Buffer) => Buffer = (body) => body, trailer = crc) {
    const { adminKey, core } = stage.opened
    const headers: Record<string, string> = {
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': String(content.length),
      'x-amz-trailer': 'x-amz-checksum-crc32',
    }
    const path = `/${bucket}/${key}`
    const { headers: signed, chunks: signing } = signRequest({
      method: 'PUT',
      host,
      path,
      headers,
      payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
      signedAtMs: core.clock.now(),
      region,
      accessKey: { accessKeyId: adminKey.accessKeyId, secret: adminKey.secretAccessKey },
      signingKeys: createSigningKeys(),
    })
    let previousSignature = signing.seedSignature
    const parts: Buffer[] = []
    for (const chunk of [...chunks, Buffer.alloc(0)]) {
      const sha256 = createHash('sha256').update(chunk).digest('hex')
      previousSignature = signChunk({ ...signing, previousSignature, sha256 })
      parts.push(Buffer.from(`${chunk.length.toString(16)};chunk-signature=${previousSignature}\r\n`))
      if (chunk.length > 0) parts.push(chunk, Buffer.from('\r\n'))
    }
    const trailers = new Map([['x-amz-checksum-crc32', trailer]])
    const ofTrailers = signTrailers({ ...signing, previousSignature, sha256: hashTrailers(trailers) })
    parts.push(
      Buffer.from(`x-amz-checksum-crc32:${trailer}\r\nx-amz-trailer-signature:${ofTrailers}\r\n\r\n`),
    )
    const body = new Uint8Array(change(Buffer.concat(parts)))
    const answer = await fetch(path, { method: 'PUT', headers: { host, ...headers, ...signed }, body })
    return { ...answer, code: /<Code>(\w+)</.exec(Buffer.from(answer.bytes).toString())?.[1] ?? '' }
  }

  test('signed chunks are taken apart, their signatures and trailer held against the content', async () => {
    expect((await send('k')).code).toBe('')
    const read = await get('k', { 'x-amz-checksum-mode': 'ENABLED' })
    expect(Buffer.compare(read.bytes, content)).toBe(0)
    expect(read.headers.get('x-amz-checksum-crc32')).toBe(crc)
    expect(read.headers.get('content-encoding')).toBeUndefined()
  })

  test('a changed byte, another trailer, and an early end store nothing', async () => {
    const spoilt = await send('k', (body) => {
      body[40_000] = 0x62
      return body
    })
    expect(spoilt.code).toBe('SignatureDoesNotMatch')
    expect((await send('k', (body) => body.subarray(0, 40_000))).code).toBe('IncompleteBody')
    expect((await send('k', undefined, 'AAAAAA==')).code).toBe('BadDigest')
    expect((await get('k')).code).toBe('NoSuchKey')
  })
})

describe('the root', () => {
  test('sends a browser to the page, and lists buckets for who signs', async () => {
    for (const method of ['GET', 'HEAD']) {
      const reply = await stage.nobody.call(method)
      expect([reply.status, reply.headers.get('location')]).toEqual([302, '/api/v1/docs'])
    }
    expect((await s3.call('GET')).xml.name).toBe('ListAllMyBucketsResult')
    expect((await stage.nobody.call('PUT')).code).toBe('MethodNotAllowed')
  })
})
