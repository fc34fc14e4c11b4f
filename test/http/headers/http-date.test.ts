import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatHttpDate, parseHttpDate } from '../../../src/http/headers/http-date.ts'

const nowMs = Date.UTC(2026, 10, 21, 8, 0, 0)
const example = Date.UTC(1994, 10, 6, 8, 49, 37)

describe('formatHttpDate', () => {
  test('writes IMF-fixdate and drops the part of a second', () => {
    expect(formatHttpDate(example)).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
    expect(formatHttpDate(example + 999)).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
    expect(formatHttpDate(example + 1000)).toBe('Sun, 06 Nov 1994 08:49:38 GMT')
    expect(formatHttpDate(0)).toBe('Thu, 01 Jan 1970 00:00:00 GMT')
    expect(formatHttpDate(-1)).toBe('Wed, 31 Dec 1969 23:59:59 GMT')
  })

  test('follows a clock that jumps back', () => {
    const text = formatHttpDate(nowMs)
    formatHttpDate(nowMs + 60_000)
    expect(formatHttpDate(nowMs)).toBe(text)
  })

  test.each([NaN, Infinity, -Infinity, 253402300800000, -62167219200001, 8.64e15 + 1])('refuses %d', (ms) => {
    expect(() => formatHttpDate(ms)).toThrow(RangeError)
  })

  test('a refused time leaves nothing behind', () => {
    const text = formatHttpDate(example)
    expect(() => formatHttpDate(NaN)).toThrow(RangeError)
    expect(() => formatHttpDate(NaN)).toThrow(RangeError)
    expect(formatHttpDate(example)).toBe(text)
  })
})

describe('parseHttpDate', () => {
  test.each(['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])(
    'RFC 9110 §5.6.7: %s',
    (value) => {
      expect(parseHttpDate(value, nowMs)).toBe(example)
    },
  )

  test.each<[string, number]>([
    ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
    ['Fri, 31 Dec 9999 23:59:59 GMT', Date.UTC(9999, 11, 31, 23, 59, 59)],
    ['Sat, 01 Jan 0000 00:00:00 GMT', Date.parse('0000-01-01T00:00:00Z')],
    ['Mon, 06 Nov 0094 08:49:37 GMT', Date.parse('0094-11-06T08:49:37Z')],
    // A leap second
    ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
    // The day's name does not fit
    ['Mon, 06 Nov 1994 08:49:37 GMT', example],
    ['Sun Nov 06 08:49:37 1994', example],
  ])('%s', (value, expected) => {
    expect(parseHttpDate(value, nowMs)).toBe(expected)
  })

  test.each([
    '',
    '0',
    'now',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'sun, 06 nov 1994 08:49:37 gmt',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun,06 Nov 1994 08:49:37 GMT',
    ' Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT\n',
    'Sun, 06 Nov 1994 08:49 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 31 Nov 1994 08:49:37 GMT',
    'Wed, 29 Feb 2023 00:00:00 GMT',
    'Sun, 29 Feb 1900 00:00:00 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Xxx, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Xxx 1994 08:49:37 GMT',
    'Sun, 06-Nov-94 08:49:37 GMT',
    'Sunday, 06-Nov-1994 08:49:37 GMT',
    'Sunday, 30-Feb-94 08:49:37 GMT',
    'Sun Nov 6 08:49:37 1994',
    'Sun Nov  6 08:49:37 1994 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov １９９４ 08:49:37 GMT',
  ])('%j is not a date', (value) => {
    expect(parseHttpDate(value, nowMs)).toBeUndefined()
  })

  test.each<[string, number, string]>([
    // Exactly 50 years ahead is still the future; a second more is the past.
    ['2026-11-21T08:00:00Z', 2076, 'Saturday, 21-Nov-76 08:00:00 GMT'],
    ['2026-11-21T08:00:00Z', 1976, 'Saturday, 21-Nov-76 08:00:01 GMT'],
    ['2026-11-21T08:00:00Z', 2026, 'Saturday, 21-Nov-26 08:00:01 GMT'],
    ['2026-11-21T08:00:00Z', 1999, 'Friday, 31-Dec-99 23:59:59 GMT'],
    ['2099-12-31T23:59:59Z', 2100, 'Friday, 01-Jan-00 00:00:00 GMT'],
    ['1970-01-01T00:00:00Z', 1999, 'Friday, 31-Dec-99 23:59:59 GMT'],
    ['2026-11-21T08:00:00Z', 2000, 'Tuesday, 29-Feb-00 00:00:00 GMT'],
  ])('the year of a short date, read at %s, is %d', (now, year, value) => {
    const parsed = parseHttpDate(value, Date.parse(now))
    expect(new Date(parsed ?? NaN).getUTCFullYear()).toBe(year)
  })

  test('reads back what formatHttpDate writes, to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62167219200, max: 253402300799 }), (second) => {
        expect(parseHttpDate(formatHttpDate(second * 1000), nowMs)).toBe(second * 1000)
      }),
      { seed: 3, numRuns: 2000 },
    )
  })
})
