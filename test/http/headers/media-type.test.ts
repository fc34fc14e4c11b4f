import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseMediaType } from '../../../src/http/headers/media-type.ts'

describe('parseMediaType', () => {
  test.each<[string, string, Record<string, string>]>([
    ['text/plain', 'text/plain', {}],
    ['  Text/HTML ', 'text/html', {}],
    // RFC 9110 §8.3.1: all the same
    ['text/html;charset=utf-8', 'text/html', { charset: 'utf-8' }],
    ['Text/HTML;Charset="utf-8"', 'text/html', { charset: 'utf-8' }],
    ['text/html; charset="utf-8"', 'text/html', { charset: 'utf-8' }],
    ['text/html;charset=UTF-8', 'text/html', { charset: 'UTF-8' }],
    [
      'multipart/form-data; boundary=----WebKitFormBoundaryAbC',
      'multipart/form-data',
      {
        boundary: '----WebKitFormBoundaryAbC',
      },
    ],
    ['multipart/form-data; boundary="a b:c;d"', 'multipart/form-data', { boundary: 'a b:c;d' }],
    ['a/b;c="x\\"y\\\\z"', 'a/b', { c: 'x"y\\z' }],
    ['a/b;c=""', 'a/b', { c: '' }],
    ['a/b;c="é€"', 'a/b', { c: 'é€' }],
    ['a/b;;; ;c=1; ', 'a/b', { c: '1' }],
    ['a/b \t;\tc=1', 'a/b', { c: '1' }],
    ['a/b;c=1;C=2', 'a/b', { c: '1' }],
    ['a/b;__proto__=1', 'a/b', {}],
    ['application/vnd.x+xml', 'application/vnd.x+xml', {}],
    ['*/*', '*/*', {}],
  ])('%j', (value, type, parameters) => {
    const parsed = parseMediaType(value)
    expect(parsed?.type).toBe(type)
    for (const [name, text] of Object.entries(parameters)) expect(parsed?.parameters.get(name)).toBe(text)
    if (!value.includes('__proto__')) expect(parsed?.parameters.size).toBe(Object.keys(parameters).length)
  })

  test.each([
    '',
    'text',
    'text/',
    '/plain',
    'text /plain',
    'text/ plain',
    'text/plain, text/html',
    'text/plain charset=utf-8',
    'text/plain; charset',
    'text/plain; charset=',
    'text/plain; charset =utf-8',
    'text/plain; charset= utf-8',
    'text/plain; charset="utf-8',
    'text/plain; charset="utf-8"x',
    'text/plain; charset="a\nb"',
    'text/plain; charset=a\r\nX: y',
    'text/plain\r\nX: y',
    'text/plain; =x',
    'text/pläin',
    'text/plain/x',
  ])('%j is malformed', (value) => {
    expect(parseMediaType(value)).toBeUndefined()
  })

  test('reads back quoted values of any allowed text', () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 }).filter((s) => !/[^\P{Cc}\t]/u.test(s))
    fc.assert(
      fc.property(text, (value) => {
        const quoted = value.replace(/["\\]/g, '\\$&')
        expect(parseMediaType(`a/b; c="${quoted}"; d=1`)?.parameters.get('c')).toBe(value)
      }),
      { seed: 14, numRuns: 500 },
    )
  })

  test('never throws, and a hostile value takes no long', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        parseMediaType(value)
        parseMediaType(`a/b;${value}`)
      }),
      { seed: 15, numRuns: 500 },
    )
    for (const part of [' ', ';', ' ;', '\\', '"', 'a', 'a=', ';a=1']) {
      expect(parseMediaType(`a/b${part.repeat(200_000)}\0`)).toBeUndefined()
      expect(parseMediaType(`a/b;c="${part.repeat(200_000)}\0`)).toBeUndefined()
    }
  })
})
