import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareText } from '../../src/core/files/list.ts'
import { checkBucketName, checkKey, keyCeiling, prefixSuccessor } from '../../src/core/files/names.ts'

const seed = 7_300_011

/** Well-formed text with the borders of UTF-8 in it. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('a', 'b', '/', '\u0001', '\u007f', '\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000'),
    fc.constantFrom('\uffff', '\u{10000}', '\u{1f600}', '\u{10fffe}', '\u{10ffff}'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 6,
})

const below = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0

describe('bucket names', () => {
  test.each([
    'abc',
    '123',
    'a-b',
    'a.b',
    'a.b.c-d',
    'my-bucket.2026',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.a',
    'apis',
    'my-api',
    'a--b',
    'a.-b',
    'x'.repeat(63),
  ])('may be %s', (name) => {
    expect(() => checkBucketName(name)).not.toThrow()
  })

  test.each([
    ['', '3 to 63'],
    ['ab', '3 to 63'],
    ['x'.repeat(64), '3 to 63'],
    ['Abc', 'lower case'],
    ['a_b', 'lower case'],
    ['a b', 'lower case'],
    ['a/b', 'lower case'],
    ['abc\n', 'lower case'],
    ['abç', 'lower case'],
    ['٠١٢', 'lower case'],
    ['-ab', 'begin and end'],
    ['ab-', 'begin and end'],
    ['.ab', 'begin and end'],
    ['ab.', 'begin and end'],
    ['...', 'begin and end'],
    ['a..b', 'two dots'],
    ['1.2.3.4', 'IP address'],
    ['999.999.999.999', 'IP address'],
    ['xn--abc', 'reserved prefix'],
    ['sthree-abc', 'reserved prefix'],
    ['amzn-s3-demo-abc', 'reserved prefix'],
    ['abc-s3alias', 'reserved suffix'],
    ['abc--ol-s3', 'reserved suffix'],
    ['abc.mrap', 'reserved suffix'],
    ['abc--x-s3', 'reserved suffix'],
    ['abc--table-s3', 'reserved suffix'],
    ['api', 'service itself'],
    ['assets', 'service itself'],
    ['dashboard', 'service itself'],
    ['docs', 'service itself'],
    ['favicon.ico', 'service itself'],
    ['health', 'service itself'],
    ['metrics', 'service itself'],
    ['ready', 'service itself'],
    ['robots.txt', 'service itself'],
  ])('may not be “%s”: %s', (name, why) => {
    expect(() => checkBucketName(name)).toThrow(
      expect.objectContaining({
        code: 'invalid_bucket_name',
        message: expect.stringContaining(why) as string,
      }) as Error,
    )
  })
})

describe('keys', () => {
  test(`are well-formed text of 1 to 1,024 bytes without NUL (seed ${seed})`, () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string({ unit: 'binary', minLength: 300, maxLength: 1200 }),
        ),
        fc.constantFrom('', '\0', '\ud800', '\udc00a', 'x'),
        (start, end) => {
          const key = start + end
          const bytes = Buffer.from(key)
          const storable =
            bytes.length >= 1 && bytes.length <= 1024 && bytes.toString() === key && !key.includes('\0')
          if (storable) checkKey(key)
          else expect(() => checkKey(key)).toThrow(expect.objectContaining({ code: 'invalid_key' }) as Error)
        },
      ),
      { seed, numRuns: 500 },
    )
  })

  test.each([
    ['x'.repeat(1024), true],
    ['x'.repeat(1025), false],
    [`${'€'.repeat(341)}x`, true],
    [`${'€'.repeat(341)}xx`, false],
    ['😀'.repeat(256), true],
    [`${'😀'.repeat(256)}x`, false],
  ])('are counted in bytes: %#', (key, fits) => {
    if (fits) checkKey(key)
    else expect(() => checkKey(key)).toThrow()
  })

  test('are all below the ceiling', () => {
    expect(below('\u{10ffff}'.repeat(256), keyCeiling)).toBe(true)
  })
})

describe('prefixSuccessor', () => {
  test(`parts what begins with a prefix from all that sorts after it (seed ${seed})`, () => {
    fc.assert(
      fc.property(text, text, text, (prefix, rest, other) => {
        const successor = prefixSuccessor(prefix)
        expect(below(prefix, successor)).toBe(true)
        expect(below(prefix + rest, successor)).toBe(true)
        const inside = !below(other, prefix) && below(other, successor)
        expect(inside).toBe(other.startsWith(prefix))
      }),
      { seed, numRuns: 2000 },
    )
  })

  test.each([
    ['', keyCeiling],
    ['a', 'b'],
    ['a/', 'a0'],
    ['\ud7ff', '\ue000'],
    ['\uffff', '\u{10000}'],
    ['a\u{10ffff}', 'b'],
    ['\u{10ffff}', keyCeiling],
    ['a\u{10fffe}\u{10ffff}\u{10ffff}', 'a\u{10ffff}'],
  ])('%#', (prefix, successor) => {
    expect(prefixSuccessor(prefix)).toBe(successor)
  })
})

test(`compareText is the order of bytes (seed ${seed})`, () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareText(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
    { seed, numRuns: 1000 },
  )
})
