import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asAttachment, attachmentDisposition } from '../../../src/http/headers/content-disposition.ts'

/** A decoder that shares nothing with what is tested: split by hand, bytes by hand. */
function decode(disposition: string): { plain: string; extended: string } {
  const [type, plainPart = '', extendedPart = '', ...more] = disposition.split('; ')
  expect(type).toBe('attachment')
  expect(more).toEqual([])
  expect(plainPart.slice(0, 10) + plainPart.slice(-1)).toBe('filename=""')
  const prefix = "filename*=UTF-8''"
  expect(extendedPart.slice(0, prefix.length)).toBe(prefix)
  const bytes: number[] = []
  for (let i = prefix.length; i < extendedPart.length; i++) {
    if (extendedPart[i] === '%') {
      bytes.push(Number(`0x${extendedPart.slice(i + 1, i + 3)}`))
      i += 2
    } else {
      // attr-char, RFC 8187 §3.2.1
      expect('!#$&+-.^_`|~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789').toContain(
        extendedPart[i],
      )
      bytes.push(extendedPart.charCodeAt(i))
    }
  }
  return {
    plain: plainPart.slice(10, -1),
    extended: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes)),
  }
}

describe('attachmentDisposition', () => {
  test.each<[string, string]>([
    ['report.pdf', `attachment; filename="report.pdf"; filename*=UTF-8''report.pdf`],
    ['a b.txt', `attachment; filename="a b.txt"; filename*=UTF-8''a%20b.txt`],
    ['€ rates', `attachment; filename="_ rates"; filename*=UTF-8''%E2%82%AC%20rates`],
    ['😀.png', `attachment; filename="_.png"; filename*=UTF-8''%F0%9F%98%80.png`],
    ['say "hi".txt', `attachment; filename="say _hi_.txt"; filename*=UTF-8''say%20%22hi%22.txt`],
    ["(it's*)", `attachment; filename="(it's*)"; filename*=UTF-8''%28it%27s%2A%29`],
    ['50%20.txt', `attachment; filename="50_20.txt"; filename*=UTF-8''50%2520.txt`],
    ['a\\b/c', `attachment; filename="a_b_c"; filename*=UTF-8''a_b_c`],
    ['a;b=c,d', `attachment; filename="a;b=c,d"; filename*=UTF-8''a%3Bb%3Dc%2Cd`],
  ])('%j', (fileName, expected) => {
    expect(attachmentDisposition(fileName)).toBe(expected)
  })

  test.each<[string, string]>([
    ['', 'download'],
    ['   ', 'download'],
    ['.', 'download'],
    ['..', 'download'],
    ['\0\n', 'download'],
    ['../../etc/passwd', '.._.._etc_passwd'],
    ['C:\\x', 'C:_x'],
    ['a\r\nSet-Cookie: b=c', 'aSet-Cookie: b=c'],
    ['a\0b\x7fc\x85d', 'abcd'],
    // Shown by a browser as "gpj.exe" turned round
    ['photo\u202egpj.exe', 'photogpj.exe'],
    ['a\u2028b\u2066c\u200fd', 'abcd'],
    ['\ud800x', '\ufffdx'],
    ['.hidden', '.hidden'],
  ])('R42: %j is made safe', (fileName, expected) => {
    expect(decode(attachmentDisposition(fileName)).extended).toBe(expected)
  })

  test('a long name is cut to 255 bytes between characters and keeps its extension', () => {
    const cut = (fileName: string) => decode(attachmentDisposition(fileName)).extended
    expect(cut('a'.repeat(255))).toBe('a'.repeat(255))
    expect(cut(`${'a'.repeat(300)}.tar`)).toBe(`${'a'.repeat(251)}.tar`)
    expect(cut(`${'€'.repeat(300)}.png`)).toBe(`${'€'.repeat(83)}.png`)
    expect(cut('😀'.repeat(100))).toBe('😀'.repeat(63))
    expect(cut(`a.${'b'.repeat(300)}`)).toBe(`a.${'b'.repeat(253)}`)
  })

  test('is always ASCII, safe, and decodes to the name when the name needs no change', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (fileName) => {
        const disposition = attachmentDisposition(fileName)
        expect(disposition).toMatch(/^[ -~]+$/)
        // The split of the decoder needs a name without its separator.
        if (disposition.split('; ').length > 3) return
        const { plain, extended } = decode(disposition)
        expect(plain).not.toMatch(/["\\%/]/)
        expect(extended).not.toMatch(/[/\\]|\p{Cc}/u)
        expect(extended).not.toMatch(/^\.*$/)
        expect(new TextEncoder().encode(extended).byteLength).toBeLessThanOrEqual(255)
      }),
      { seed: 10, numRuns: 1000 },
    )
    const harmless = fc.string({
      unit: fc.constantFrom(...'abcXYZ019-_.()[]{}\'"%*&=+~!#$^`|@,äß€日本語😀'),
      minLength: 1,
      maxLength: 60,
    })
    fc.assert(
      fc.property(harmless, (fileName) => {
        fc.pre(!/^\.*$/.test(fileName))
        expect(decode(attachmentDisposition(fileName)).extended).toBe(fileName)
      }),
      { seed: 11, numRuns: 1000 },
    )
  })
})

describe('R42: asAttachment', () => {
  test.each<[string | undefined, string, string]>([
    [undefined, 'a/b/c.html', 'c.html'],
    ['', 'c.html', 'c.html'],
    [undefined, 'a/b/', 'b'],
    [undefined, '/', 'download'],
    [undefined, '', 'download'],
    ['inline', 'x/c.svg', 'c.svg'],
    ['attachment', 'c.svg', 'c.svg'],
    ['inline; filename=plain.txt', 'k', 'plain.txt'],
    ['INLINE;FileName="with space.txt"', 'k', 'with space.txt'],
    ['inline; filename="a\\"b\\\\c.txt"', 'k', 'a"b_c.txt'],
    ["inline; filename*=UTF-8''%e2%82%ac%20rates", 'k', '€ rates'],
    ["inline; filename*=iso-8859-1'en'%A3%20rates", 'k', '£ rates'],
    [`inline; filename="EURO rates"; filename*=utf-8''%e2%82%ac%20rates`, 'k', '€ rates'],
    // The extended form cannot be read: the plain one counts
    [`inline; filename="ok.txt"; filename*=UTF-8''%ff`, 'k', 'ok.txt'],
    [`inline; filename="ok.txt"; filename*=koi8-r''%c1`, 'k', 'ok.txt'],
    [`inline; filename="ok.txt"; filename*=UTF-8''%e`, 'k', 'ok.txt'],
    [`inline; filename*=UTF-8''%ff`, 'k.bin', 'k.bin'],
    // UTF-8 bytes that came as Latin-1 characters, and real Latin-1
    ['inline; filename="\u00c3\u00a9.txt"', 'k', 'é.txt'],
    ['inline; filename="\u00e9.txt"', 'k', 'é.txt'],
    ['inline; filename="../../x.sh"', 'k', '.._.._x.sh'],
    ['inline; filename=""', 'k.txt', 'k.txt'],
    ['form-data; name="f"; filename="f.txt"', 'k', 'f.txt'],
    ['inline; filename="open', 'k.txt', 'k.txt'],
    ['inline filename=x', 'k.txt', 'k.txt'],
    [';;;', 'k.txt', 'k.txt'],
    ['"quoted"', 'k.txt', 'k.txt'],
  ])('%j of %j is named %j', (stored, key, expected) => {
    expect(decode(asAttachment(stored, key)).extended).toBe(expected)
  })

  test('keeps its own output as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), (fileName) => {
        const disposition = attachmentDisposition(fileName)
        expect(asAttachment(disposition, 'key')).toBe(disposition)
      }),
      { seed: 12, numRuns: 500 },
    )
  })

  test('never begins with anything but attachment, whatever was stored', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (stored, key) => {
        expect(asAttachment(stored, key)).toMatch(/^attachment; filename="[ -~]+"; filename\*=UTF-8''[!-~]+$/)
      }),
      { seed: 13, numRuns: 1000 },
    )
  })
})
