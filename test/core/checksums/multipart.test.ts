import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checksumNames,
  formatChecksumValue,
  parseChecksumValue,
} from '../../../src/core/checksums/checksum.ts'
import { combineChecksums } from '../../../src/core/checksums/combine.ts'
import {
  compositeChecksum,
  formatCompositeValue,
  multipartChecksum,
  multipartChecksumTypes,
  parseCompositeValue,
} from '../../../src/core/checksums/multipart.ts'
import { checksumOf, hex } from './reference.ts'

const crcNames = ['CRC32', 'CRC32C', 'CRC64NVME'] as const

describe.each(crcNames)('%s of a whole', (name) => {
  const partsOf = (chunks: readonly Uint8Array[]) =>
    chunks.map((chunk) => ({ digest: checksumOf(name, chunk), sizeBytes: chunk.length }))
  const whole = (chunks: readonly Uint8Array[]) =>
    checksumOf(name, Uint8Array.from(chunks.flatMap((chunk) => [...chunk])))

  test('is what its parts give together', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }), (chunks) => {
        expect(hex(combineChecksums(name, partsOf(chunks)))).toBe(hex(whole(chunks)))
      }),
      { seed: 11, numRuns: 300 },
    )
  })

  test('of no part, empty parts, and one byte', () => {
    const empty = new Uint8Array()
    const one = Uint8Array.of(7)
    for (const chunks of [[], [empty], [empty, empty], [one], [empty, one], [one, empty], [one, one, one]]) {
      expect(hex(combineChecksums(name, partsOf(chunks)))).toBe(hex(whole(chunks)))
    }
  })

  test('of parts whose sizes have more than 32 bits', () => {
    // 5 GB of zeros, from a gigabyte of them, from a megabyte of them.
    const repeated = (part: { digest: Uint8Array; sizeBytes: number }, times: number) => ({
      digest: combineChecksums(
        name,
        Array.from({ length: times }, () => part),
      ),
      sizeBytes: part.sizeBytes * times,
    })
    const megabyte = { digest: checksumOf(name, new Uint8Array(1e6)), sizeBytes: 1e6 }
    const large = repeated(repeated(megabyte, 1000), 5)
    const one = { digest: checksumOf(name, Uint8Array.of(1)), sizeBytes: 1 }
    const twice = combineChecksums(name, [one, large, large])
    const piecewise = combineChecksums(name, [one, ...Array.from({ length: 10_000 }, () => megabyte)])
    expect(hex(twice)).toBe(hex(piecewise))
  })

  test('refuses what is no digest and no size', () => {
    expect(() => combineChecksums(name, [{ digest: new Uint8Array(5), sizeBytes: 1 }])).toThrow(RangeError)
    for (const sizeBytes of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
      const part = { digest: checksumOf(name, new Uint8Array()), sizeBytes }
      expect(() => combineChecksums(name, [part])).toThrow(RangeError)
    }
  })

  test('of 10,000 parts of as many sizes needs no more than a moment', () => {
    const digest = checksumOf(name, Uint8Array.of(1))
    const parts = Array.from({ length: 10_000 }, (_, i) => ({ digest, sizeBytes: 5_000_000_000 - i * 7919 }))
    combineChecksums(name, parts)
    const start = performance.now()
    combineChecksums(name, parts)
    // It takes 35 ms; a limit against the linear way, of minutes, on a busy machine.
    expect(performance.now() - start).toBeLessThan(1000)
  })
})

describe('a composite checksum', () => {
  test('is what S3 answers', () => {
    // Parts of 5 MiB, 5 MiB and 1 MiB: answers of UploadPart and CompleteMultipartUpload, https://github.com/floci-io/floci/issues/3083
    const values = [
      'lcKa6Boe7a167tUCN5C4OaFygGSYD8MBnBARTrdL+1w=',
      'gHjhbUT4oo2tSCtSZJdlKi+jeNXJT+VImqdPXsXvkOc=',
      '4l9PQ3zOPZ0oGFvknFX+J4zZwE4WMzO+l3r8XrbWOeM=',
    ]
    const digests = values.map((value) => parseChecksumValue('SHA256', value)!)
    const composite = compositeChecksum('SHA256', digests)
    expect(formatCompositeValue(composite, 3)).toBe('rVWtNbadtsaKXJAcgWPWjifHzJaXde/iV4jaJAOdivc=-3')
  })

  test.each(checksumNames)('of %s is the checksum of the digests, even of one part', (name) => {
    const digests = [Uint8Array.of(1), Uint8Array.of(2)].map((bytes) => checksumOf(name, bytes))
    expect(hex(compositeChecksum(name, digests))).toBe(hex(checksumOf(name, Buffer.concat(digests))))
    expect(hex(compositeChecksum(name, digests.slice(0, 1)))).toBe(hex(checksumOf(name, digests[0]!)))
    expect(() => compositeChecksum(name, [new Uint8Array(3)])).toThrow(RangeError)
  })

  test.each(checksumNames)('of %s is read with the number of parts and without', (name) => {
    const digest = checksumOf(name, Uint8Array.of(3))
    const value = formatChecksumValue(digest)
    expect(parseCompositeValue(name, value)).toEqual({ digest, partCount: undefined })
    expect(parseCompositeValue(name, formatCompositeValue(digest, 10_000))).toEqual({
      digest,
      partCount: 10_000,
    })
    for (const wrong of [
      '',
      '-1',
      `${value}-`,
      `${value}-0`,
      `${value}-01`,
      `${value}--1`,
      `${value}-1-1`,
      `${value}-1\n`,
      `${value}-1e3`,
      `${value}-123456`,
      `${value} -1`,
      `A${value}-1`,
    ]) {
      expect(parseCompositeValue(name, wrong)).toBeUndefined()
    }
  })
})

describe('types', () => {
  test('are those of S3, the default first', () => {
    expect(multipartChecksumTypes).toEqual({
      CRC32: ['COMPOSITE', 'FULL_OBJECT'],
      CRC32C: ['COMPOSITE', 'FULL_OBJECT'],
      CRC64NVME: ['FULL_OBJECT'],
      SHA1: ['COMPOSITE'],
      SHA256: ['COMPOSITE'],
    })
  })

  test.each(checksumNames)('of %s are all that can be had', (name) => {
    const chunks = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)]
    const parts = chunks.map((chunk) => ({ digest: checksumOf(name, chunk), sizeBytes: chunk.length }))
    const expected = {
      FULL_OBJECT: checksumOf(name, Buffer.concat(chunks)),
      COMPOSITE: checksumOf(name, Buffer.concat(parts.map(({ digest }) => digest))),
    }
    for (const type of ['FULL_OBJECT', 'COMPOSITE'] as const) {
      if (multipartChecksumTypes[name].includes(type)) {
        expect(hex(multipartChecksum(name, type, parts))).toBe(hex(expected[type]))
      } else {
        expect(() => multipartChecksum(name, type, parts)).toThrow(RangeError)
      }
    }
  })
})
