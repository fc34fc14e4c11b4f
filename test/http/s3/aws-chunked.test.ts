import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChunkSigning } from '../../../src/core/sigv4/chunk-signature.ts'
import { hashTrailers, signChunk, signTrailers } from '../../../src/core/sigv4/chunk-signature.ts'
import { sha256Hex } from '../../../src/core/sigv4/hmac.ts'
import { deriveSigningKey } from '../../../src/core/sigv4/signing-keys.ts'
import type { AwsChunkedOptions } from '../../../src/http/s3/aws-chunked.ts'
import { AwsChunkedError, decodeAwsChunked } from '../../../src/http/s3/aws-chunked.ts'

const signing: ChunkSigning = {
  signingKey: deriveSigningKey(
    { date: '20130524', region: 'us-east-1', api: 's3' },
    'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  ),
  amzDate: '20130524T000000Z',
  scope: '20130524/us-east-1/s3/aws4_request',
  seedSignature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
}
const crc32c = 'x-amz-checksum-crc32c'
const signature = 'x-amz-trailer-signature'

/** A body as the SDKs make it, one string of bytes for each chunk. */
function encode(
  chunks: readonly string[],
  trailers: Record<string, string> = {},
  signed?: ChunkSigning,
): string {
  let previousSignature = signed?.seedSignature ?? ''
  let text = ''
  for (const chunk of [...chunks, '']) {
    text += chunk.length.toString(16)
    if (signed) {
      const sha256 = sha256Hex(Buffer.from(chunk, 'latin1'))
      previousSignature = signChunk({ ...signed, previousSignature, sha256 })
      text += `;chunk-signature=${previousSignature}`
    }
    text += chunk === '' ? '\r\n' : `\r\n${chunk}\r\n`
  }
  for (const [name, value] of Object.entries(trailers)) text += `${name}:${value}\r\n`
  if (signed && Object.keys(trailers).length > 0) {
    const sha256 = hashTrailers(new Map(Object.entries(trailers)))
    text += `${signature}:${signTrailers({ ...signed, previousSignature, sha256 })}\r\n`
  }
  return `${text}\r\n`
}

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))

/** Gives a body in pieces, each in its own memory and overwritten when the next one is asked for. */
async function* inPieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0
  for (const end of [...cuts, bytes.length]) {
    const piece = bytes.slice(start, end)
    yield piece
    piece.fill(0x21)
    start = end
  }
}

async function decode(
  body: string | Uint8Array,
  options: AwsChunkedOptions = {},
  cuts: readonly number[] = [],
) {
  const bytes = typeof body === 'string' ? bytesOf(body) : body
  const decoded = decodeAwsChunked(inPieces(bytes, cuts), options)
  let text = ''
  for await (const piece of decoded.body) text += Buffer.from(piece).toString('latin1')
  return { text, trailers: Object.fromEntries(decoded.trailers()) }
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (error instanceof AwsChunkedError) return error.reason
    throw error
  }
  return 'accepted'
}

describe("the examples of S3's documentation", () => {
  const a = 'a'.repeat(65_536)
  const data = { text: 'a'.repeat(66_560) }

  test('signed chunks', async () => {
    const body =
      `10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n${a}\r\n` +
      `400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n${a.slice(0, 1024)}\r\n` +
      '0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n'
    // As the documentation has it, in Content-Length.
    expect(body).toHaveLength(66_824)
    expect(await decode(body, { signing, decodedBytes: 66_560 })).toEqual({ ...data, trailers: {} })
  })

  test('signed chunks with a trailer', async () => {
    const seedSignature = '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e'
    const body =
      `10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n${a}\r\n` +
      `400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n${a.slice(0, 1024)}\r\n` +
      '0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n' +
      'x-amz-checksum-crc32c:sOO8/Q==\r\n' +
      'x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n'
    const options = { signing: { ...signing, seedSignature }, trailers: [crc32c], decodedBytes: 66_560 }
    const decoded = { ...data, trailers: { [crc32c]: 'sOO8/Q==' } }
    expect(await decode(body, options)).toEqual(decoded)
    // As minio-go sends it: the trailer ends with a lone line feed, and an empty line follows.
    expect(await decode(body.replace('Q==\r\n', 'Q==\n\r\n'), options)).toEqual(decoded)
    // With an empty line before the trailers.
    expect(await decode(body.replace('992\r\n', '992\r\n\r\n'), options)).toEqual(decoded)
    expect(await reasonOf(decode(body.replace('sOO8', 'sOO9'), options))).toBe('mismatch')
    expect(await reasonOf(decode(body.replace('trailer-signature:d', 'trailer-signature:e'), options))).toBe(
      'mismatch',
    )
  })
})

describe('what clients send', () => {
  test.each([
    ['an empty body', '0\r\n\r\n', ''],
    ['without the last line', '0\r\n', ''],
    ['one byte', '1\r\nx\r\n0\r\n\r\n', 'x'],
    ['upper case and zeros in front', '0A\r\n0123456789\r\n00\r\n\r\n', '0123456789'],
    ['line ends inside of a chunk', '6\r\n\r\n0\r\n\r\r\n0\r\n\r\n', '\r\n0\r\n\r'],
    ['many small chunks', `${'1\r\nx\r\n'.repeat(5000)}0\r\n\r\n`, 'x'.repeat(5000)],
  ])('%s', async (_, body, text) => {
    expect(await decode(body, { decodedBytes: text.length })).toEqual({ text, trailers: {} })
    expect(await decode(body)).toEqual({ text, trailers: {} })
  })

  test('R43: an unsigned body with a trailer', async () => {
    const trailers = { 'x-amz-checksum-crc32': 'NSRBwg==' }
    const body = encode(['hello', ' world'], trailers)
    const options = { trailers: ['x-amz-checksum-crc32'], decodedBytes: 11 }
    expect(await decode(body, options)).toEqual({ text: 'hello world', trailers })
    expect(await decode(body.replace('crc32:', 'CRC32: '), options)).toEqual({
      text: 'hello world',
      trailers,
    })
    expect(await decode(body.slice(0, -2), options)).toEqual({ text: 'hello world', trailers })
  })

  test('two signed trailers', async () => {
    const trailers = { 'x-amz-checksum-crc32': 'NSRBwg==', 'x-amz-checksum-sha1': 'a b' }
    const options = { signing, trailers: Object.keys(trailers) }
    expect(await decode(encode(['a'], trailers, signing), options)).toEqual({ text: 'a', trailers })
  })
})

describe('what is refused', () => {
  const first = signChunk({ ...signing, previousSignature: signing.seedSignature, sha256: sha256Hex('a') })
  const others = '0'.repeat(64)

  test.each<[string, string, AwsChunkedOptions]>([
    ['incomplete', '', {}],
    ['incomplete', '5', {}],
    ['incomplete', '5\r', {}],
    ['incomplete', '5\r\n', {}],
    ['incomplete', '5\r\nhell', {}],
    ['incomplete', '5\r\nhello', {}],
    ['malformed', '5\r\nhello0\r\n\r\n', {}],
    ['incomplete', '5\r\nhello\r\n', {}],
    ['incomplete', '0', {}],
    ['incomplete', '0\r\n\r', {}],
    ['incomplete', 'hello', { decodedBytes: 5 }],
    ['malformed', '\r\n', {}],
    ['malformed', '5 \r\nhello\r\n0\r\n\r\n', {}],
    ['malformed', '-5\r\nhello\r\n0\r\n\r\n', {}],
    ['malformed', '0x5\r\nhello\r\n0\r\n\r\n', {}],
    ['incomplete', '5\nhello\n0\n\n', {}],
    ['malformed', '5;a=b\r\nhello\r\n0\r\n\r\n', {}],
    ['malformed', '4\r\nhello\r\n0\r\n\r\n', {}],
    ['malformed', '6\r\nhello\r\n0\r\n\r\n', {}],
    ['malformed', '140000001\r\n', {}],
    ['malformed', `${'0'.repeat(17)}\r\n`, {}],
    ['malformed', '0'.repeat(2000), {}],
    ['incomplete', '0\r\n\r\nx', {}],
    ['malformed', '0\r\n\r\nx\r\n', {}],
    ['malformed', '0\r\n\r\n0\r\n\r\n', {}],
    ['malformed', `0\r\n${'\r\n'.repeat(20)}`, {}],
    ['wrong_length', '5\r\nhello\r\n0\r\n\r\n', { decodedBytes: 4 }],
    ['wrong_length', '5\r\nhello\r\n0\r\n\r\n', { decodedBytes: 6 }],
    ['wrong_length', '0\r\n\r\n', { decodedBytes: 1 }],
    ['wrong_length', '1\r\nx\r\n140000000\r\n', { decodedBytes: 100 }],
    // Signatures that are missing, not asked for, or not in their place.
    ['malformed', '1\r\na\r\n0\r\n\r\n', { signing }],
    ['malformed', `1;chunk-signature=${first}\r\na\r\n0\r\n\r\n`, { signing }],
    ['malformed', `1;chunk-signature=${first}\r\na\r\n0\r\n\r\n`, {}],
    ['malformed', `1;chunk-signature=${first.toUpperCase()}\r\na\r\n`, { signing }],
    ['malformed', `1;chunk-signature=${first.slice(1)}\r\na\r\n`, { signing }],
    ['mismatch', `1;chunk-signature=${others}\r\na\r\n`, { signing }],
    ['mismatch', `1;chunk-signature=${first}\r\nb\r\n`, { signing }],
    ['mismatch', `1;chunk-signature=${first}\r\na\r\n0;chunk-signature=${first}\r\n\r\n`, { signing }],
    ['incomplete', `1;chunk-signature=${first}\r\na\r\n`, { signing }],
    // Trailers.
    ['malformed', '0\r\nx-a:1\r\n\r\n', {}],
    ['malformed_trailer', '0\r\n\r\n', { trailers: ['x-a'] }],
    ['malformed_trailer', '0\r\nx-b:1\r\n\r\n', { trailers: ['x-a'] }],
    ['malformed_trailer', '0\r\nx-a:1\r\nx-b:1\r\n\r\n', { trailers: ['x-a'] }],
    ['malformed_trailer', '0\r\nx-a:1\r\nx-a:1\r\n\r\n', { trailers: ['x-a'] }],
    ['malformed_trailer', '0\r\nx-a:\r\n\r\n', { trailers: ['x-a'] }],
    ['malformed_trailer', '0\r\nx-a\r\n\r\n', { trailers: ['x-a'] }],
    ['malformed_trailer', '0\r\nx-a:\u0001\r\n\r\n', { trailers: ['x-a'] }],
    ['malformed_trailer', `0\r\nx-a:1\r\n${signature}:${others}\r\n\r\n`, { trailers: ['x-a'] }],
    ['incomplete', '0\r\nx-a:1', { trailers: ['x-a'] }],
    ['malformed', `0\r\nx-a:${'1'.repeat(2000)}\r\n`, { trailers: ['x-a'] }],
  ])('%s: %j', async (reason, body, options) => {
    for (const cuts of [[], [...body].map((_, at) => at)]) {
      expect(await reasonOf(decode(body, options, cuts))).toBe(reason)
    }
  })

  test('signed trailers without their signature, with another, or before the last chunk was right', async () => {
    const options = { signing, trailers: [crc32c] }
    const body = encode(['hello'], { [crc32c]: 'sOO8/Q==' }, signing)
    expect((await decode(body, options)).text).toBe('hello')
    const [start = '', right = ''] = body.split(`${signature}:`)
    expect(await reasonOf(decode(`${start}\r\n`, options))).toBe('malformed_trailer')
    expect(await reasonOf(decode(`${start}${signature}:${others}\r\n\r\n`, options))).toBe('mismatch')
    expect(await reasonOf(decode(`${start}${signature}:abc\r\n\r\n`, options))).toBe('malformed_trailer')
    expect(await reasonOf(decode(`${body.slice(0, -2)}${crc32c}:a\r\n`, options))).toBe('malformed_trailer')
    const twice = `${start}${signature}:${right.slice(0, -2)}${signature}:${right}`
    expect(await reasonOf(decode(twice, options))).toBe('malformed_trailer')
  })

  test('chunks in another order, left out or repeated', async () => {
    const chunks = encode(['one', 'two', 'three'], {}, signing).split(/(?<=\r\n)(?=[0-9a-f];)/)
    expect(chunks).toHaveLength(4)
    const [one = '', two = '', three = '', end = ''] = chunks
    expect((await decode(chunks.join(''), { signing })).text).toBe('onetwothree')
    for (const wrong of [
      [two, one, three, end],
      [one, three, end],
      [one, two, three, three, end],
      [one, end],
      [end],
      [one, two, end, three],
    ]) {
      expect(await reasonOf(decode(wrong.join(''), { signing }))).not.toBe('accepted')
    }
    expect(await reasonOf(decode(one + two + three, { signing }))).toBe('incomplete')
  })
})

describe('the stream', () => {
  test('a large chunk is passed on piece by piece, as views and before its signature is read', async () => {
    // 5 GiB are announced, and 64 KiB of them come at a time.
    const piece = new Uint8Array(65_536)
    let asked = 0
    async function* source() {
      yield bytesOf(`140000000;chunk-signature=${'0'.repeat(64)}\r\n`)
      for (;;) {
        asked++
        yield piece
      }
    }
    let taken = 0
    for await (const given of decodeAwsChunked(source(), { signing }).body) {
      expect(given).toBe(piece)
      expect(asked).toBe(++taken)
      if (taken === 100) break
    }
    expect(taken).toBe(100)
  })

  test('whoever stops early, or is stopped by an error, lets go of the body', async () => {
    let closed = 0
    async function* source(text: string) {
      try {
        for (;;) yield bytesOf(text)
      } finally {
        closed++
      }
    }
    for await (const _ of decodeAwsChunked(source('5\r\nhello\r\n')).body) break
    expect(closed).toBe(1)
    const broken = decodeAwsChunked(source('what?\r\n')).body[Symbol.asyncIterator]()
    await expect(broken.next()).rejects.toBeInstanceOf(AwsChunkedError)
    expect(closed).toBe(2)
  })

  test('an error of the body is passed on as it is', async () => {
    const hangUp = new Error('The client went away')
    async function* source() {
      yield bytesOf('5\r\nhel')
      throw hangUp
    }
    const { body, trailers } = decodeAwsChunked(source())
    const iterator = body[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toEqual(bytesOf('hel'))
    await expect(iterator.next()).rejects.toBe(hangUp)
    expect(() => trailers()).toThrow('not known before the end')
  })

  test('empty pieces are nothing', async () => {
    const body = '5\r\nhello\r\n0\r\n\r\n'
    expect((await decode(body, {}, [0, 0, 1, 1, 3, 3, 3, 8, 8, 15, 15])).text).toBe('hello')
  })
})

describe('properties', () => {
  const chunks = fc.array(
    fc.string({ unit: fc.constantFrom('\r', '\n', '0', ';', 'a', '\u00ff'), minLength: 1, maxLength: 30 }),
    {
      maxLength: 4,
    },
  )
  const body = fc.record({ chunks, isSigned: fc.boolean(), hasTrailer: fc.boolean() }).map((made) => {
    const trailers: Record<string, string> = made.hasTrailer ? { [crc32c]: 'sOO8/Q==' } : {}
    const text = made.chunks.join('')
    const encoded = encode(made.chunks, trailers, made.isSigned ? signing : undefined)
    const options: AwsChunkedOptions = {
      signing: made.isSigned ? signing : undefined,
      trailers: Object.keys(trailers),
      decodedBytes: text.length,
    }
    return { text, trailers, encoded, options }
  })

  test('it does not matter where the body is cut', async () => {
    await fc.assert(
      fc.asyncProperty(body, fc.array(fc.nat(1000)), async ({ text, trailers, encoded, options }, places) => {
        const cuts = places.map((place) => place % encoded.length).toSorted((a, b) => a - b)
        expect(await decode(encoded, options, cuts)).toEqual({ text, trailers })
      }),
      { seed: 61, numRuns: 400 },
    )
  })

  test('a body that ends anywhere before its end is refused', async () => {
    await fc.assert(
      fc.asyncProperty(body, fc.nat(1000), async ({ encoded, options }, place) => {
        // The last line may be missing.
        const end = place % (encoded.length - 2)
        expect(await reasonOf(decode(encoded.slice(0, end), options))).not.toBe('accepted')
      }),
      { seed: 62, numRuns: 400 },
    )
  })

  test('R43: a signed body with one byte changed is refused', async () => {
    const trailers = { [crc32c]: 'sOO8/Q==' }
    const bytes = bytesOf(encode(['hello\r\n', 'z'.repeat(171)], trailers, signing))
    const options = { signing, trailers: [crc32c], decodedBytes: 178 }
    let sameMeaning = 0
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [0x01, 0x04, 0x07, 0x20, 0x80]) {
        const changed = Uint8Array.from(bytes)
        changed[at]! ^= flip
        if (flip === 0x20 && sameInOtherCase(bytes, at)) {
          sameMeaning++
          expect(await reasonOf(decode(changed, options))).toBe('accepted')
        } else {
          expect(await reasonOf(decode(changed, options))).not.toBe('accepted')
        }
      }
    }
    // Two letters of the size `ab`, and those of both names.
    expect(sameMeaning).toBe(2 + [...(crc32c + signature).replace(/[^a-z]/g, '')].length)
  })

  /** Only a size and the name of a trailer may be written in either case. */
  function sameInOtherCase(bytes: Uint8Array, at: number): boolean {
    const text = Buffer.from(bytes).toString('latin1')
    if (!/[a-z]/.test(text[at]!)) return false
    const inside = (start: number, length: number) => start >= 0 && at >= start && at < start + length
    const size = text.indexOf('\r\nab;') + 2
    const names = [crc32c, signature].map((name) => [text.indexOf(`\r\n${name}:`) + 2, name.length] as const)
    return inside(size, 2) || names.some(([start, length]) => inside(start, length))
  }

  test('whatever is sent, nothing but an AwsChunkedError is thrown', async () => {
    const noise = fc.string({
      unit: fc.constantFrom('\r\n', '0', '1', 'a', ':', ';', '\n', '\r', 'x', 'chunk-signature='),
    })
    await fc.assert(
      fc.asyncProperty(noise, fc.boolean(), async (text, isSigned) => {
        await reasonOf(decode(text, { signing: isSigned ? signing : undefined, trailers: ['x'] }))
      }),
      { seed: 63, numRuns: 1000 },
    )
  })
})
