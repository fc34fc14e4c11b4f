import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checksumNames,
  checksumSizeBytes,
  createChecksum,
  formatChecksumValue,
  isChecksumName,
  parseChecksumValue,
} from '../../../src/core/checksums/checksum.ts'
import { checksumOf, hex, referenceDigest } from './reference.ts'

const text = (value: string) => new TextEncoder().encode(value)

/** The catalogue of parametrised CRC algorithms, and FIPS 180's answers. */
const published = {
  CRC32: { check: 'cbf43926', empty: '00000000' },
  CRC32C: { check: 'e3069283', empty: '00000000' },
  CRC64NVME: { check: 'ae8b14860a799888', empty: '0000000000000000' },
  SHA1: {
    check: 'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
    empty: 'da39a3ee5e6b4b0d3255bfef95601890afd80709',
  },
  SHA256: {
    check: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
    empty: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  },
}

describe.each(checksumNames)('%s', (name) => {
  test('gives the published values', () => {
    expect(hex(checksumOf(name, text('123456789')))).toBe(published[name].check)
    expect(hex(createChecksum(name).digest())).toBe(published[name].empty)
    expect(hex(checksumOf(name, new Uint8Array()))).toBe(published[name].empty)
    expect(checksumOf(name, text('x'))).toHaveLength(checksumSizeBytes[name])
  })

  test('agrees with a reference that goes bit by bit, whatever the length and the place in memory', () => {
    for (const pattern of [() => 0, () => 255, (i: number) => (i * 167 + (i >> 3)) & 255]) {
      const memory = Uint8Array.from({ length: 80 }, (_, i) => pattern(i))
      for (let start = 0; start < 9; start++) {
        for (let end = start; end <= memory.length; end++) {
          const bytes = memory.subarray(start, end)
          expect(hex(checksumOf(name, bytes))).toBe(hex(referenceDigest(name, bytes)))
        }
      }
    }
  })

  test('is the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 70 }), { maxLength: 12 }), (chunks) => {
        const checksum = createChecksum(name)
        for (const chunk of chunks) checksum.update(chunk)
        const whole = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]))
        expect(hex(checksum.digest())).toBe(hex(referenceDigest(name, whole)))
      }),
      { seed: 5, numRuns: 300 },
    )
  })

  test('of two streams at once are two', () => {
    const a = createChecksum(name)
    const b = createChecksum(name)
    a.update(text('1234'))
    b.update(text('other'))
    a.update(text('56789'))
    expect(hex(a.digest())).toBe(published[name].check)
    expect(hex(b.digest())).toBe(hex(checksumOf(name, text('other'))))
    expect(a.name).toBe(name)
  })

  test('of a megabyte, in one piece and in bytes', () => {
    const bytes = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * i) >>> 7)
    const checksum = createChecksum(name)
    for (let i = 0; i < bytes.length; i += 997) checksum.update(bytes.subarray(i, i + 997))
    expect(hex(checksum.digest())).toBe(hex(checksumOf(name, bytes)))
  })

  test('of a Buffer, as Node hands chunks out', () => {
    expect(hex(checksumOf(name, Buffer.from('..123456789..').subarray(2, 11)))).toBe(published[name].check)
  })
})

describe('the value of a checksum', () => {
  test('is base64 of the bytes in big-endian order, as S3 has it', () => {
    expect(formatChecksumValue(checksumOf('CRC32', text('Hello world')))).toBe('i9aeUg==')
    expect(formatChecksumValue(checksumOf('CRC64NVME', text('123456789')))).toBe('rosUhgp5mIg=')
    expect(formatChecksumValue(checksumOf('CRC32C', text('123456789')))).toBe('4waSgw==')
  })

  test.each(checksumNames)('of %s is read as it is written', (name) => {
    const sizeBytes = checksumSizeBytes[name]
    fc.assert(
      fc.property(fc.uint8Array({ minLength: sizeBytes, maxLength: sizeBytes }), (digest) => {
        const read = parseChecksumValue(name, formatChecksumValue(digest))
        expect(read && hex(read)).toBe(hex(digest))
      }),
      { seed: 6, numRuns: 100 },
    )
  })

  test.each(checksumNames)('of %s is refused in another length', (name) => {
    for (let sizeBytes = 0; sizeBytes < 40; sizeBytes++) {
      const value = formatChecksumValue(new Uint8Array(sizeBytes))
      expect(parseChecksumValue(name, value) !== undefined).toBe(sizeBytes === checksumSizeBytes[name])
    }
  })

  test.each([
    '',
    '====',
    'AAAA',
    'AAAAAA',
    'AAAAAA=',
    'AAAAAA===',
    'AAAAAA==\n',
    ' AAAAAA=',
    'AAAA AA=',
    'AAAAA-==',
    'AAAAA_==',
    'AAAAAAA=',
    'AAAAAB==', // bits after the last byte
    'AAA=AA==',
    'AAAAAÀ==',
    '00000000',
  ])('%j is no value of a CRC32', (value) => {
    expect(parseChecksumValue('CRC32', value)).toBeUndefined()
  })
})

test('names are told by their case', () => {
  expect(['CRC32', 'SHA256', 'CRC64NVME'].every(isChecksumName)).toBe(true)
  expect(['crc32', 'MD5', '', 'toString', 'CRC32 '].some(isChecksumName)).toBe(false)
})
