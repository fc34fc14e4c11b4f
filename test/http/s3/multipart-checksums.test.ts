import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type ChecksumName, checksumNames } from '../../../src/core/checksums/checksum.ts'
import type { ChecksumType } from '../../../src/core/checksums/multipart.ts'
import { children, textOf } from '../../../src/http/s3/xml-read.ts'
import {
  begin,
  bucket,
  complete,
  joined,
  type NamedPart,
  parts,
  sendPart,
  upload,
  useStage,
  whole,
} from './multipart-stage.ts'

const stage = useStage()
const key = 'key'

/** Byte by byte with a table of its own, in halves of 32 bits: slow, and nothing of what is tested. */
function tableCrc(bytes: Uint8Array, { high, low }: { high: number; low: number }, isLong: boolean): Buffer {
  const highs = new Int32Array(256)
  const lows = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let [h, l] = [0, byte]
    for (let bit = 0; bit < 8; bit++) {
      const isOdd = (l & 1) === 1
      l = (l >>> 1) | ((h & 1) << 31)
      h >>>= 1
      if (isOdd) [h, l] = [h ^ high, l ^ low]
    }
    highs[byte] = h
    lows[byte] = l
  }
  let [h, l] = [isLong ? -1 : 0, -1]
  for (const byte of bytes) {
    const at = (l ^ byte) & 255
    l = ((l >>> 8) | (h << 24)) ^ (lows[at] as number)
    h = (h >>> 8) ^ (highs[at] as number)
  }
  const digest = Buffer.alloc(8)
  digest.writeInt32BE(~h, 0)
  digest.writeInt32BE(~l, 4)
  return isLong ? digest : digest.subarray(4)
}

const computed: Record<ChecksumName, (bytes: Uint8Array) => Buffer> = {
  CRC32(bytes) {
    const digest = Buffer.alloc(4)
    digest.writeUInt32BE(crc32(bytes))
    return digest
  },
  CRC32C: (bytes) => tableCrc(bytes, { high: 0, low: 0x82f63b78 | 0 }, false),
  CRC64NVME: (bytes) => tableCrc(bytes, { high: 0x9a6c9329 | 0, low: 0xac4bc9b5 | 0 }, true),
  SHA1: (bytes) => createHash('sha1').update(bytes).digest(),
  SHA256: (bytes) => createHash('sha256').update(bytes).digest(),
}

const sum = (name: ChecksumName, bytes: Uint8Array) => computed[name](bytes).toString('base64')

function compositeSum(name: ChecksumName, bodies: readonly Uint8Array[]): string {
  return sum(name, joined(bodies.map((body) => computed[name](body))))
}

const kinds: readonly [ChecksumName, ChecksumType][] = [
  ['CRC32', 'COMPOSITE'],
  ['CRC32', 'FULL_OBJECT'],
  ['CRC32C', 'COMPOSITE'],
  ['CRC32C', 'FULL_OBJECT'],
  ['CRC64NVME', 'FULL_OBJECT'],
  ['SHA1', 'COMPOSITE'],
  ['SHA256', 'COMPOSITE'],
]

const headerOf = (name: ChecksumName) => `x-amz-checksum-${name.toLowerCase()}`
const element = (name: ChecksumName) => `Checksum${name}`

test('the sums of this test are those of the catalogues', () => {
  const check = Buffer.from('123456789')
  expect(computed.CRC32(check).toString('hex')).toBe('cbf43926')
  expect(computed.CRC32C(check).toString('hex')).toBe('e3069283')
  expect(computed.CRC64NVME(check).toString('hex')).toBe('ae8b14860a799888')
})

async function sendAll(name: ChecksumName, uploadId: string): Promise<NamedPart[]> {
  const named: NamedPart[] = []
  for (const [i, body] of parts.entries()) {
    const value = sum(name, body)
    const headers = { [headerOf(name)]: value }
    const sent = await sendPart(stage.s3, { key, uploadId, number: i + 1 }, { body, headers })
    expect([sent.status, sent.headers.get(headerOf(name))]).toEqual([200, value])
    const etag = sent.headers.get('etag') as string
    named.push({ number: i + 1, etag, checksum: [element(name), value] })
  }
  return named
}

describe('R46: checksums', () => {
  test.each(kinds)('%s, %s', async (name, type) => {
    const { s3 } = stage
    const begun = await s3.call('POST', bucket, key, {
      query: { uploads: '' },
      headers: { 'x-amz-checksum-algorithm': name, 'x-amz-checksum-type': type },
    })
    expect(begun.headers.get('x-amz-checksum-algorithm')).toBe(name)
    expect(begun.headers.get('x-amz-checksum-type')).toBe(type)
    const uploadId = begun.of('UploadId') as string
    const to = { key, uploadId }
    const named = await sendAll(name, uploadId)

    const listed = await s3.call('GET', bucket, key, { query: { uploadId } })
    expect([listed.of('ChecksumAlgorithm'), listed.of('ChecksumType')]).toEqual([name, type])
    const sums = children(listed.xml, 'Part').map((part) => textOf(part, element(name)))
    expect(sums).toEqual(parts.map((body) => sum(name, body)))
    const uploads = await s3.call('GET', bucket, '', { query: { uploads: '' } })
    expect(uploads.of('Upload', 'ChecksumAlgorithm')).toBe(name)
    expect(uploads.of('Upload', 'ChecksumType')).toBe(type)

    const digest = type === 'COMPOSITE' ? compositeSum(name, parts) : sum(name, whole)
    const value = type === 'COMPOSITE' ? `${digest}-3` : digest
    const wrong = await complete(s3, to, named, { [headerOf(name)]: sum(name, parts[2] as Uint8Array) })
    expect([wrong.status, wrong.code]).toEqual([400, 'BadDigest'])
    const [one, ...others] = named as [NamedPart, ...NamedPart[]]
    const other: NamedPart = { ...one, checksum: others[0]!.checksum! }
    expect((await complete(s3, to, [other, ...others])).code).toBe('InvalidPart')
    const otherType = type === 'COMPOSITE' ? 'FULL_OBJECT' : 'COMPOSITE'
    for (const headers of [{}, { [headerOf(name)]: value }]) {
      const mode = await complete(s3, to, named, { ...headers, 'x-amz-checksum-type': otherType })
      expect([mode.status, mode.code]).toEqual([400, 'InvalidRequest'])
    }

    const completed = await complete(s3, to, named, {
      [headerOf(name)]: value,
      'x-amz-checksum-type': type,
    })
    expect([completed.status, completed.of('ChecksumType')]).toEqual([200, type])
    expect(completed.of(element(name))).toBe(value)
    // Without the number of parts it is the same.
    const again = await complete(s3, to, named, { [headerOf(name)]: digest, 'x-amz-checksum-type': type })
    expect(again.text).toBe(completed.text)

    const read = (query: Record<string, number>, headers: Record<string, string> = {}) =>
      s3.call('HEAD', bucket, key, { query, headers: { 'x-amz-checksum-mode': 'ENABLED', ...headers } })
    const ofWhole = await read({})
    expect(ofWhole.headers.get(headerOf(name))).toBe(value)
    expect(ofWhole.headers.get('x-amz-checksum-type')).toBe(type)
    const ofPart = await read({ partNumber: 2 })
    expect(ofPart.headers.get(headerOf(name))).toBe(sum(name, parts[1] as Uint8Array))
    const plain = await s3.call('HEAD', bucket, key)
    expect(plain.headers.get(headerOf(name))).toBeUndefined()
    const ranged = await s3.call('GET', bucket, key, {
      headers: { 'x-amz-checksum-mode': 'ENABLED', range: 'bytes=0-9' },
    })
    expect([ranged.status, ranged.headers.get(headerOf(name))]).toEqual([206, undefined])
  })

  test('the type that is meant where none is said; parts whose sums nobody sent; sums that nobody repeats', async () => {
    const { s3 } = stage
    for (const name of checksumNames) {
      const answer = await upload(s3, key, parts, { 'x-amz-checksum-algorithm': name.toLowerCase() })
      const isFull = name === 'CRC64NVME'
      expect(answer.of('ChecksumType')).toBe(isFull ? 'FULL_OBJECT' : 'COMPOSITE')
      expect(answer.of(element(name))).toBe(isFull ? sum(name, whole) : `${compositeSum(name, parts)}-3`)
    }
  })

  test('one part', async () => {
    const { s3 } = stage
    const body = parts[2] as Uint8Array
    for (const [name, type] of kinds) {
      const headers = { 'x-amz-checksum-algorithm': name, 'x-amz-checksum-type': type }
      const answer = await upload(s3, key, [body], headers)
      const value = type === 'COMPOSITE' ? `${compositeSum(name, [body])}-1` : sum(name, body)
      expect(answer.of(element(name))).toBe(value)
    }
  })

  test('in a trailer', async () => {
    const { s3 } = stage
    const uploadId = await begin(s3, key, { 'x-amz-checksum-algorithm': 'CRC32' })
    const body = parts[2] as Uint8Array
    const send = (value: string) => {
      const head = `${body.length.toString(16)}\r\n`
      const tail = `\r\n0\r\nx-amz-checksum-crc32:${value}\r\n\r\n`
      return sendPart(
        s3,
        { key, uploadId, number: 1 },
        {
          body: joined([Buffer.from(head), body, Buffer.from(tail)]),
          payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
          headers: {
            'content-encoding': 'aws-chunked',
            'x-amz-decoded-content-length': String(body.length),
            'x-amz-trailer': 'x-amz-checksum-crc32',
          },
        },
      )
    }
    expect((await send('AAAAAA==')).code).toBe('BadDigest')
    const sent = await send(sum('CRC32', body))
    expect([sent.status, sent.headers.get('x-amz-checksum-crc32')]).toEqual([200, sum('CRC32', body)])
  })
})

describe('what does not go together is InvalidRequest', () => {
  test.each([
    ['SHA1', 'FULL_OBJECT'],
    ['SHA256', 'FULL_OBJECT'],
    ['CRC64NVME', 'COMPOSITE'],
    ['CRC32', 'PARTIAL'],
    ['MD5', 'COMPOSITE'],
    [undefined, 'COMPOSITE'],
  ])('algorithm %s, type %s', async (algorithm, type) => {
    const headers = {
      ...(algorithm !== undefined && { 'x-amz-checksum-algorithm': algorithm }),
      'x-amz-checksum-type': type,
    }
    const begun = await stage.s3.call('POST', bucket, key, { query: { uploads: '' }, headers })
    expect([begun.status, begun.code]).toEqual([400, 'InvalidRequest'])
  })

  test('a part by another algorithm than its upload; by any, where that has none', async () => {
    const { s3 } = stage
    const body = parts[2] as Uint8Array
    const headers = { 'x-amz-checksum-sha1': sum('SHA1', body) }
    const uploadId = await begin(s3, key, { 'x-amz-checksum-algorithm': 'CRC32' })
    const sent = await sendPart(s3, { key, uploadId, number: 1 }, { body, headers })
    expect([sent.status, sent.code]).toEqual([400, 'InvalidRequest'])

    const plain = await begin(s3, key)
    const taken = await sendPart(s3, { key, uploadId: plain, number: 1 }, { body, headers })
    expect(taken.headers.get('x-amz-checksum-sha1')).toBe(sum('SHA1', body))
    const part = { number: 1, etag: taken.headers.get('etag') as string }
    const completed = await complete(s3, { key, uploadId: plain }, [part])
    expect([completed.status, completed.of('ChecksumType')]).toEqual([200, undefined])
  })

  test('values that are none, more than one, another algorithm, of an upload without', async () => {
    const { s3 } = stage
    const body = parts[2] as Uint8Array
    const value = sum('CRC32', body)
    const uploadId = await begin(s3, key, { 'x-amz-checksum-algorithm': 'CRC32' })
    const plain = await begin(s3, key)
    const sent = await sendPart(s3, { key, uploadId, number: 1 }, { body })
    await sendPart(s3, { key, uploadId: plain, number: 1 }, { body })
    const part = { number: 1, etag: sent.headers.get('etag') as string }
    const wrong: [string, Record<string, string>][] = [
      [uploadId, { 'x-amz-checksum-crc32': 'x' }],
      [uploadId, { 'x-amz-checksum-crc32': '' }],
      [uploadId, { 'x-amz-checksum-crc32': `${value}-0` }],
      [uploadId, { 'x-amz-checksum-crc32': value, 'x-amz-checksum-crc32c': value }],
      [uploadId, { 'x-amz-checksum-crc32c': value }],
      [uploadId, { 'x-amz-checksum-type': 'X' }],
      [plain, { 'x-amz-checksum-crc32': value }],
    ]
    for (const [id, headers] of wrong) {
      const answer = await complete(s3, { key, uploadId: id }, [part], headers)
      expect([answer.status, answer.code, headers]).toEqual([400, 'InvalidRequest', headers])
    }
    const count = { 'x-amz-checksum-crc32': `${compositeSum('CRC32', [body])}-2` }
    expect((await complete(s3, { key, uploadId }, [part], count)).code).toBe('BadDigest')
    expect((await complete(s3, { key, uploadId }, [part])).status).toBe(200)
  })
})
