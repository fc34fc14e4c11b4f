import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type EntityTag,
  fileTagMatches,
  formatEtag,
  formatFileEtag,
  type FileForm,
  matchingFileForm,
  parseEtagList,
  strongMatch,
  weakMatch,
} from '../../../src/http/headers/etag.ts'

describe('formatEtag', () => {
  test('puts quotes around the tag and W/ before a weak one', () => {
    expect(formatEtag('abc')).toBe('"abc"')
    expect(formatEtag('abc', true)).toBe('W/"abc"')
    expect(formatEtag('')).toBe('""')
  })

  test.each(['a"b', 'a b', 'a\nb', 'a\r\nSet-Cookie: x', '\0', '\x7f', '€'])('refuses %j', (tag) => {
    expect(() => formatEtag(tag)).toThrow(TypeError)
  })

  test('R1: every form of a file has a tag of its own', () => {
    expect(formatFileEtag('h')).toBe('"h"')
    expect(formatFileEtag('h', 'gzip')).toBe('"h-gz"')
    expect(formatFileEtag('h', 'br')).toBe('"h-br"')
    expect(formatFileEtag('h', 'zstd')).toBe('"h-zst"')
    expect(formatFileEtag('h', 'deflate')).toBe('"h-df"')
  })
})

describe('parseEtagList', () => {
  test.each<[string, '*' | EntityTag[]]>([
    ['*', '*'],
    [' * ', '*'],
    ['', []],
    [' , ,', []],
    ['""', [{ weak: false, tag: '' }]],
    ['"xyzzy"', [{ weak: false, tag: 'xyzzy' }]],
    ['W/"xyzzy"', [{ weak: true, tag: 'xyzzy' }]],
    // RFC 9110 §13.1.1 and §13.1.2
    [
      '"xyzzy", "r2d2xxxx", "c3piozzzz"',
      [
        { weak: false, tag: 'xyzzy' },
        { weak: false, tag: 'r2d2xxxx' },
        { weak: false, tag: 'c3piozzzz' },
      ],
    ],
    [
      'W/"a"\t,"b,c" , , W/",",',
      [
        { weak: true, tag: 'a' },
        { weak: false, tag: 'b,c' },
        { weak: true, tag: ',' },
      ],
    ],
    ['"*"', [{ weak: false, tag: '*' }]],
    ['"back\\slash"', [{ weak: false, tag: 'back\\slash' }]],
    ['"\u00ff"', [{ weak: false, tag: '\u00ff' }]],
  ])('%j', (value, expected) => {
    expect(parseEtagList(value)).toEqual(expected)
  })

  test.each([
    'abc',
    '"abc',
    'abc"',
    'w/"abc"',
    'W/ "abc"',
    'W/abc',
    '"a" "b"',
    '"a"b',
    '"a", *',
    '*, "a"',
    '**',
    '"a b"',
    '"a\tb"',
    '"a", b',
    '"a\\"b"',
  ])('%j is malformed', (value) => {
    expect(parseEtagList(value)).toBeUndefined()
  })

  test('reads back what was written, with any spaces and empty members', () => {
    const character = fc.integer({ min: 0x21, max: 0xff }).filter((c) => c !== 0x22 && c !== 0x7f)
    const tag = fc
      .array(character, { maxLength: 12 })
      .map((codes) => codes.map((code) => String.fromCharCode(code)).join(''))
    const separator = fc.constantFrom(',', ', ', ' ,', '\t,\t', ',,', ' , ,, ')
    fc.assert(
      fc.property(
        fc.array(fc.record({ weak: fc.boolean(), tag }), { maxLength: 6 }),
        separator,
        fc.constantFrom('', ' ', ',', ' , '),
        (tags, between, around) => {
          const value = around + tags.map((t) => formatEtag(t.tag, t.weak)).join(between) + around
          expect(parseEtagList(value)).toEqual(tags)
        },
      ),
      { seed: 1, numRuns: 500 },
    )
  })

  test('never throws, and a long hostile value takes no long', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        parseEtagList(value)
      }),
      { seed: 2, numRuns: 500 },
    )
    expect(parseEtagList(' ,'.repeat(50_000) + 'x')).toBeUndefined()
    expect(parseEtagList('"a",'.repeat(20_000))).toHaveLength(20_000)
  })
})

test('RFC 9110 §8.8.3.2: the table of comparisons', () => {
  const weak1 = { weak: true, tag: '1' }
  const weak2 = { weak: true, tag: '2' }
  const strong1 = { weak: false, tag: '1' }
  expect([strongMatch(weak1, weak1), weakMatch(weak1, weak1)]).toEqual([false, true])
  expect([strongMatch(weak1, weak2), weakMatch(weak1, weak2)]).toEqual([false, false])
  expect([strongMatch(weak1, strong1), weakMatch(weak1, strong1)]).toEqual([false, true])
  expect([strongMatch(strong1, strong1), weakMatch(strong1, strong1)]).toEqual([true, true])
})

describe('fileTagMatches', () => {
  test.each(['h', 'h-gz', 'h-df', 'h-br', 'h-zst'])('R2: %j is a form of the file', (tag) => {
    expect(fileTagMatches([{ weak: false, tag }], 'h', 'strong')).toBe(true)
    expect(fileTagMatches([{ weak: true, tag }], 'h', 'weak')).toBe(true)
    expect(fileTagMatches([{ weak: true, tag }], 'h', 'strong')).toBe(false)
  })

  test.each(['', 'H', 'hh', 'h-', 'h-gzip', 'h-gz-gz', '-gz', 'x-gz', ' h'])('%j is not', (tag) => {
    expect(fileTagMatches([{ weak: false, tag }], 'h', 'weak')).toBe(false)
  })

  test('one of many is enough, none is not, and * is every file', () => {
    const others = [
      { weak: false, tag: 'x' },
      { weak: true, tag: 'h' },
    ]
    expect(fileTagMatches(others, 'h', 'strong')).toBe(false)
    expect(fileTagMatches([...others, { weak: false, tag: 'h-br' }], 'h', 'strong')).toBe(true)
    expect(fileTagMatches([], 'h', 'weak')).toBe(false)
    expect(fileTagMatches('*', 'h', 'strong')).toBe(true)
  })
})

describe('matchingFileForm', () => {
  // The selected form is gzip.
  test.each<[string, FileForm]>([
    ['"h"', 'identity'],
    ['W/"h"', 'identity'],
    ['"h-gz"', 'gzip'],
    ['W/"h-gz"', 'gzip'],
    ['"h-br"', 'br'],
    ['"h-zst"', 'zstd'],
    ['"h-df"', 'deflate'],
    // The selected form first, wherever it stands; else the first of this file's.
    ['"h", "h-gz"', 'gzip'],
    ['"h-br", "h-gz", "h"', 'gzip'],
    ['"x", "x-gz", "h-br", "h"', 'br'],
    // None of them is.
    ['*', 'gzip'],
    ['', 'gzip'],
    ['"x"', 'gzip'],
    ['"h-lz4", "h-", "H", "h-gz-br"', 'gzip'],
  ])('R2, R5: of %s', (value, form) => {
    expect(matchingFileForm(parseEtagList(value), 'h', 'gzip')).toBe(form)
  })

  test('goes by the selected form where there is no list, or none that can be read', () => {
    for (const selected of ['identity', 'gzip', 'br'] as const) {
      expect(matchingFileForm(undefined, 'h', selected)).toBe(selected)
      expect(matchingFileForm(parseEtagList('h-gz'), 'h', selected)).toBe(selected)
    }
  })

  test('agrees with fileTagMatches on which tags are a file’s, for any list', () => {
    const tag = fc.constantFrom('h', 'h-gz', 'h-br', 'h-zst', 'h-df', 'h-', 'x', 'x-gz', '')
    const forms = ['identity', 'gzip', 'deflate', 'br', 'zstd'] as const
    fc.assert(
      fc.property(
        fc.array(fc.record({ weak: fc.boolean(), tag }), { maxLength: 5 }),
        fc.constantFrom(...forms),
        (list, selected) => {
          const form = matchingFileForm(list, 'h', selected)
          const isNamed = list.some(({ tag: given }) => `"${given}"` === formatFileEtag('h', form))
          expect(isNamed).toBe(fileTagMatches(list, 'h', 'weak'))
          if (!isNamed) expect(form).toBe(selected)
        },
      ),
      { seed: 8, numRuns: 500 },
    )
  })
})
