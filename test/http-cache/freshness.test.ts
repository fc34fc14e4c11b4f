import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  parseCacheControl,
  parseTargeted,
  secondsMax,
  secondsOf,
} from '../../src/http-cache/cache-control.ts'
import { ageMs, policyOf, remainingMs } from '../../src/http-cache/freshness.ts'
import { formatHttpDate, parseHttpDate } from '../../src/http-cache/http-date.ts'
import { startMs } from './cache-in-front.ts'

const rules = { heuristics: false, targetedFields: ['cdn-cache-control'] }

test('age and lifetime are those of RFC 9111 §4.2, in whole seconds and by the simplest means', () => {
  const seconds = fc.integer({ min: -5000, max: 5000 })
  const some = fc.option(fc.nat({ max: 5000 }), { nil: undefined })
  const given = fc.record({
    sMaxAge: some,
    maxAge: some,
    expires: fc.option(seconds, { nil: undefined }),
    date: fc.option(seconds, { nil: undefined }),
    age: some,
    delay: fc.nat({ max: 100 }),
    later: seconds,
  })
  fc.assert(
    fc.property(given, ({ sMaxAge, maxAge, expires, date, age, delay, later }) => {
      const requestMs = startMs
      const responseMs = startMs + delay * 1000
      const headers = new Headers()
      const set = (name: string, value: string | undefined) =>
        value !== undefined && headers.append(name, value)
      set('cache-control', sMaxAge === undefined ? undefined : `s-maxage=${sMaxAge}`)
      set('cache-control', maxAge === undefined ? undefined : `max-age=${maxAge}`)
      set('expires', expires === undefined ? undefined : formatHttpDate(startMs + expires * 1000))
      set('date', date === undefined ? undefined : formatHttpDate(startMs + date * 1000))
      set('age', age?.toString())
      const policy = policyOf({ status: 200, headers, requestMs, responseMs }, rules)

      const dateOr = date ?? delay
      const lifetime = sMaxAge ?? maxAge ?? (expires === undefined ? 0 : Math.max(0, expires - dateOr))
      const initial = Math.max(delay - dateOr, (age ?? 0) + delay, 0)
      // A clock that is set back makes nothing younger than it was when it came.
      const current = initial + Math.max(0, later)
      const nowMs = responseMs + later * 1000
      expect(ageMs(policy, nowMs)).toBe(current * 1000)
      expect(remainingMs(policy, nowMs)).toBe((lifetime - current) * 1000)
    }),
    { seed: 9111, numRuns: 2000 },
  )
})

test('any text is some Cache-Control, and lifetimes are within bounds (§1.2.2)', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.nat(), (text, number) => {
      const seconds = secondsOf(parseCacheControl(`${text}, max-age=${number}`), 'max-age') ?? 0
      expect(seconds >= 0 && seconds <= secondsMax).toBe(true)
      parseTargeted(text)
    }),
    { seed: 9213, numRuns: 2000 },
  )
})

describe('CDN-Cache-Control is a dictionary of structured fields (RFC 9213 §2.1)', () => {
  test.each([
    ['max-age=60', { 'max-age': '60' }],
    ['max-age=60;why="x, y", no-store', { 'max-age': '60', 'no-store': true }],
    ['no-store=?0, max-age=1', { 'max-age': '1' }],
    ['max-age=1, max-age=2', { 'max-age': '2' }],
    ['a="b\\"c", private', { a: 'b"c', private: true }],
    ['', undefined],
    ['max-age=60,', undefined],
    ['Max-Age=60', undefined],
    ['max-age="60"', undefined],
    ['max-age=6.5', undefined],
    ['max-age=-1', undefined],
    ['max-age=60 no-store', undefined],
    ['&&&', undefined],
  ])('%s', (text, expected) => {
    const directives = parseTargeted(text)
    expect(directives && Object.fromEntries(directives)).toEqual(expected)
  })
})

test('dates are read in the three formats of RFC 9110 §5.6.7, and in no other', () => {
  const ms = Date.UTC(1994, 10, 6, 8, 49, 37)
  for (const text of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
  ]) {
    expect(parseHttpDate(text, startMs)).toBe(ms)
  }
  for (const text of [
    '0',
    '',
    '-1',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    '1994-11-06T08:49:37Z',
    'Sun, 31 Feb 1994 08:49:37 GMT',
  ]) {
    expect(parseHttpDate(text, startMs)).toBeUndefined()
  }
})
