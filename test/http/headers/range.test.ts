import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatContentRange,
  formatUnsatisfiedRange,
  ifRangeAllows,
  parseRange,
} from '../../../src/http/headers/range.ts'

const range = (start: number, end: number) => ({ kind: 'range', range: { start, end } })
const whole = { kind: 'whole' }
const unsatisfiable = { kind: 'unsatisfiable' }

describe('parseRange', () => {
  test('R8: without the header, the whole file', () => {
    expect(parseRange(undefined, 10)).toEqual(whole)
    expect(parseRange(undefined, 0)).toEqual(whole)
  })

  // RFC 9110 §14.1.2
  test.each<[string, number, number]>([
    ['bytes=0-499', 0, 499],
    ['bytes=500-999', 500, 999],
    ['bytes=-500', 9500, 9999],
    ['bytes=9500-', 9500, 9999],
    ['bytes=0-0', 0, 0],
    ['bytes=-1', 9999, 9999],
    ['BYTES=9999-', 9999, 9999],
    ['Bytes=0-9999', 0, 9999],
    ['bytes=0-10000', 0, 9999],
    ['bytes=0-99999999999999999999999999', 0, 9999],
    ['bytes=-99999999999999999999999999', 0, 9999],
    ['bytes=000000000000000000001-000000000000000000002', 1, 2],
    // Empty list members
    ['bytes=0-1,', 0, 1],
    ['bytes=,0-1', 0, 1],
    ['bytes=, \t,0-1 , ,\t', 0, 1],
  ])('R8: %s of 10000 bytes', (value, start, end) => {
    expect(parseRange(value, 10_000)).toEqual(range(start, end))
  })

  test.each([
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=,',
    'bytes=a-b',
    'bytes=5-2',
    'bytes=1',
    'bytes=--1',
    'bytes=-1-2',
    'bytes=1-2-3',
    'bytes=1 - 2',
    'bytes= 1-2',
    'bytes =1-2',
    ' bytes=1-2',
    'bytes:1-2',
    'bytes=+1-2',
    'bytes=1.0-2',
    'bytes=0x1-0x2',
    'bytes=１-２',
    'bytes=1-2;q=1',
    'items=0-1',
    'none=0-1',
    'bytesx=0-1',
    '0-1',
  ])('R8: %j is ignored', (value) => {
    expect(parseRange(value, 10)).toEqual(whole)
    expect(parseRange(value, 0)).toEqual(whole)
  })

  test.each([
    'bytes=0-0,-1',
    'bytes=0-1, 0-1',
    'bytes=0-0, bytes=2-2',
    'bytes=20-,30-',
    'bytes=0-,'.repeat(999),
  ])('R8: more than one range is answered whole (%s)', (value) => {
    expect(parseRange(value, 10)).toEqual(whole)
  })

  test.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=-000', 'bytes=9007199254740993-'])(
    'R8: %s of 10 bytes is unsatisfiable',
    (value) => {
      expect(parseRange(value, 10)).toEqual(unsatisfiable)
    },
  )

  test.each(['bytes=0-', 'bytes=0-0', 'bytes=-5', 'bytes=-0', 'bytes=7-9'])(
    'R8: %s of an empty file is unsatisfiable',
    (value) => {
      expect(parseRange(value, 0)).toEqual(unsatisfiable)
    },
  )

  test('R8: numbers beyond 2^53 are told apart', () => {
    // As floating point numbers the two are equal.
    expect(parseRange('bytes=9007199254740993-9007199254740992', 10)).toEqual(whole)
    expect(parseRange('bytes=9007199254740992-9007199254740993', 10)).toEqual(unsatisfiable)
    const size = Number.MAX_SAFE_INTEGER
    expect(parseRange('bytes=9007199254740990-9007199254740993', size)).toEqual(range(size - 1, size - 1))
    expect(parseRange(`bytes=0-${'9'.repeat(400)}`, 10)).toEqual(range(0, 9))
    expect(parseRange(`bytes=${'9'.repeat(400)}-`, 10)).toEqual(unsatisfiable)
  })

  test('R8: agrees with cutting a buffer', () => {
    const bytes = Uint8Array.from({ length: 40 }, (_, i) => i)
    const position = fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), position, position, (size, first, last) => {
        const file = bytes.subarray(0, size)
        const found = parseRange(`bytes=${first ?? ''}-${last ?? ''}`, size)
        if (first === undefined ? last === undefined : last !== undefined && last < first) {
          expect(found).toEqual(whole)
          return
        }
        const expected =
          first === undefined
            ? file.slice(Math.max(0, size - (last ?? 0)))
            : file.slice(first, last === undefined ? size : last + 1)
        if (expected.length === 0) {
          expect(found).toEqual(unsatisfiable)
        } else {
          if (found.kind !== 'range') throw new Error(`No range but ${found.kind}`)
          expect(found.range.end).toBeLessThan(size)
          expect(file.slice(found.range.start, found.range.end + 1)).toEqual(expected)
        }
      }),
      { seed: 5, numRuns: 3000 },
    )
  })

  test('a hostile value takes no long', () => {
    for (const part of [',', ' ', ' ,', ', ', '0', '-', '0-', '0-,']) {
      expect(parseRange(`bytes=${part.repeat(200_000)}x`, 10)).toEqual(whole)
      expect(parseRange(`bytes=0-0${part.repeat(200_000)}x`, 10)).toEqual(whole)
    }
  })
})

test('Content-Range, as in RFC 9110 §14.4', () => {
  expect(formatContentRange({ start: 42, end: 1233 }, 1234)).toBe('bytes 42-1233/1234')
  expect(formatUnsatisfiedRange(1234)).toBe('bytes */1234')
  expect(formatUnsatisfiedRange(0)).toBe('bytes */0')
})

describe('R9: ifRangeAllows', () => {
  test.each<[string | undefined, boolean]>([
    [undefined, true],
    ['"h"', true],
    [' "h" ', true],
    ['W/"h"', false],
    ['"x"', false],
    ['h', false],
    ['', false],
    ['*', false],
    ['"h", "h"', false],
    // R7: a range is cut from the identity form
    ['"h-gz"', false],
    ['"h-zst"', false],
    ['Sun, 06 Nov 1994 08:49:37 GMT', false],
  ])('%j', (value, expected) => {
    expect(ifRangeAllows(value, 'h')).toBe(expected)
  })
})
