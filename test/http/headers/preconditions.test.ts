import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatHttpDate } from '../../../src/http/headers/http-date.ts'
import {
  evaluatePreconditions,
  type PreconditionHeaders,
  type PreconditionInput,
  type PreconditionResult,
} from '../../../src/http/headers/preconditions.ts'

const modifiedMs = Date.UTC(2026, 5, 1, 12, 0, 0, 750)
const same = formatHttpDate(modifiedMs)
const earlier = formatHttpDate(modifiedMs - 1000)
const later = formatHttpDate(modifiedMs + 1000)

function evaluate(
  method: string,
  headers: PreconditionHeaders,
  file: Partial<PreconditionInput> = {},
): PreconditionResult {
  return evaluatePreconditions({
    method,
    headers,
    etagHash: 'h',
    lastModifiedMs: modifiedMs,
    nowMs: modifiedMs + 86_400_000,
    ...file,
  })
}

const absent = { etagHash: undefined, lastModifiedMs: undefined }

test('R4: no condition, no objection', () => {
  expect(evaluate('GET', {})).toBe('proceed')
  expect(evaluate('PUT', {}, absent)).toBe('proceed')
})

describe('R4: If-Match', () => {
  test.each<[string, PreconditionResult]>([
    ['"h"', 'proceed'],
    ['*', 'proceed'],
    ['"x", "h-gz"', 'proceed'],
    ['"x"', 'precondition_failed'],
    // R2: compared strongly
    ['W/"h"', 'precondition_failed'],
    ['h', 'precondition_failed'],
    ['', 'precondition_failed'],
  ])('%j', (ifMatch, expected) => {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'POST']) {
      expect(evaluate(method, { ifMatch })).toBe(expected)
    }
  })

  test.each(['*', '"h"', '""', 'nonsense'])('%j on what is not there fails', (ifMatch) => {
    expect(evaluate('PUT', { ifMatch }, absent)).toBe('precondition_failed')
    expect(evaluate('GET', { ifMatch }, absent)).toBe('precondition_failed')
  })

  test('makes If-Unmodified-Since unheard', () => {
    expect(evaluate('PUT', { ifMatch: '"h"', ifUnmodifiedSince: earlier })).toBe('proceed')
  })

  test('comes before If-None-Match', () => {
    expect(evaluate('GET', { ifMatch: '"x"', ifNoneMatch: '"h"' })).toBe('precondition_failed')
    expect(evaluate('GET', { ifMatch: '"h"', ifNoneMatch: '"h"' })).toBe('not_modified')
  })
})

describe('R4: If-Unmodified-Since', () => {
  test.each<[string, PreconditionResult]>([
    [same, 'proceed'],
    [later, 'proceed'],
    [earlier, 'precondition_failed'],
    ['yesterday', 'proceed'],
    [`${earlier}, ${earlier}`, 'proceed'],
  ])('%s', (ifUnmodifiedSince, expected) => {
    expect(evaluate('GET', { ifUnmodifiedSince })).toBe(expected)
    expect(evaluate('DELETE', { ifUnmodifiedSince })).toBe(expected)
  })

  test('is ignored where there is no date', () => {
    expect(evaluate('PUT', { ifUnmodifiedSince: earlier }, absent)).toBe('proceed')
  })

  test('a date that holds leads on to If-None-Match', () => {
    expect(evaluate('GET', { ifUnmodifiedSince: same, ifNoneMatch: '"h"' })).toBe('not_modified')
  })
})

describe('R4: If-None-Match', () => {
  test.each<[string, boolean]>([
    ['"h"', true],
    ['W/"h"', true],
    ['"x", W/"h-zst"', true],
    ['*', true],
    ['"x"', false],
    ['', false],
    ['h', false],
    ['"h" "x"', false],
  ])('%j', (ifNoneMatch, matches) => {
    expect(evaluate('GET', { ifNoneMatch })).toBe(matches ? 'not_modified' : 'proceed')
    expect(evaluate('HEAD', { ifNoneMatch })).toBe(matches ? 'not_modified' : 'proceed')
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
      expect(evaluate(method, { ifNoneMatch })).toBe(matches ? 'precondition_failed' : 'proceed')
    }
  })

  test('* lets only the first writer in', () => {
    expect(evaluate('PUT', { ifNoneMatch: '*' }, absent)).toBe('proceed')
    expect(evaluate('PUT', { ifNoneMatch: '*' })).toBe('precondition_failed')
  })

  test('makes If-Modified-Since unheard, even when it cannot be read', () => {
    expect(evaluate('GET', { ifNoneMatch: '"x"', ifModifiedSince: same })).toBe('proceed')
    expect(evaluate('GET', { ifNoneMatch: 'nonsense', ifModifiedSince: same })).toBe('proceed')
  })
})

describe('R4: If-Modified-Since', () => {
  test.each<[string, PreconditionResult]>([
    [same, 'not_modified'],
    [later, 'not_modified'],
    [earlier, 'proceed'],
    ['Mon Jun  1 12:00:00 2026', 'not_modified'],
    ['Monday, 01-Jun-26 12:00:00 GMT', 'not_modified'],
    ['0', 'proceed'],
    ['', 'proceed'],
  ])('%j', (ifModifiedSince, expected) => {
    expect(evaluate('GET', { ifModifiedSince })).toBe(expected)
    expect(evaluate('HEAD', { ifModifiedSince })).toBe(expected)
    expect(evaluate('PUT', { ifModifiedSince })).toBe('proceed')
    expect(evaluate('GET', { ifModifiedSince }, absent)).toBe('proceed')
  })
})

test('RFC 9110 §13.2.1: methods without a representation have no preconditions', () => {
  for (const method of ['OPTIONS', 'TRACE', 'CONNECT']) {
    expect(evaluate(method, { ifMatch: '"x"', ifNoneMatch: '*' })).toBe('proceed')
  }
})

test('R4: agrees with the steps of §13.2.2 written out', () => {
  type Tag = '"h"' | '"x"' | '*' | undefined
  const tag = fc.constantFrom<Tag>('"h"', '"x"', '*', undefined)
  const date = fc.constantFrom(same, earlier, later, undefined)
  fc.assert(
    fc.property(
      fc.constantFrom('GET', 'HEAD', 'PUT', 'DELETE'),
      fc.boolean(),
      fc.record({ ifMatch: tag, ifNoneMatch: tag, ifModifiedSince: date, ifUnmodifiedSince: date }),
      (method, exists, headers) => {
        const matches = (value: Tag) => exists && value !== '"x"'
        const reads = method === 'GET' || method === 'HEAD'
        const steps = (): PreconditionResult => {
          if (headers.ifMatch && !matches(headers.ifMatch)) return 'precondition_failed'
          if (!headers.ifMatch && headers.ifUnmodifiedSince === earlier && exists)
            return 'precondition_failed'
          if (headers.ifNoneMatch && matches(headers.ifNoneMatch)) {
            return reads ? 'not_modified' : 'precondition_failed'
          }
          const unmodified = headers.ifModifiedSince === same || headers.ifModifiedSince === later
          if (reads && exists && !headers.ifNoneMatch && unmodified) return 'not_modified'
          return 'proceed'
        }
        expect(evaluate(method, headers, exists ? {} : absent)).toBe(steps())
      },
    ),
    { seed: 4, numRuns: 2000 },
  )
})
