import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contentTypeFor, isActiveType } from '../../../src/http/headers/content-type.ts'

const none = new Uint8Array()

/** Characters as bytes, up to U+00FF. */
function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0))
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

describe('contentTypeFor: what was declared', () => {
  test.each([
    'text/html',
    'Text/HTML;  charset="UTF-8"',
    'application/octet-stream',
    'video/mp4',
    'x/y;a=1',
    'multipart/form-data; boundary=x',
  ])('%j stays as it is', async (declared) => {
    expect(await contentTypeFor({ declared, key: 'a.png', head: none })).toBe(declared)
  })

  test.each([
    undefined,
    '',
    'text',
    'text/plain\r\nX: y',
    'text/plain, text/html',
    'application/x-www-form-urlencoded',
    'Application/X-WWW-Form-Urlencoded; charset=utf-8',
  ])('%j counts as nothing', async (declared) => {
    expect(await contentTypeFor({ declared, key: 'a.png', head: none })).toBe('image/png')
  })
})

describe('contentTypeFor: the name', () => {
  test.each<[string, string]>([
    ['a.png', 'image/png'],
    ['A.PNG', 'image/png'],
    ['dir.txt/a.JPG', 'image/jpeg'],
    ['a.b.c.webp', 'image/webp'],
    ['a.json', 'application/json'],
    ['a.pdf', 'application/pdf'],
    ['a.7z', 'application/x-7z-compressed'],
    ['a.tar.gz', 'application/gzip'],
    ['a.txt', 'text/plain; charset=utf-8'],
    ['a.js', 'text/javascript; charset=utf-8'],
    ['a.html', 'text/html; charset=utf-8'],
    ['日本.css', 'text/css; charset=utf-8'],
    ['a.svg', 'image/svg+xml'],
    // No extension
    ['png', 'application/octet-stream'],
    ['.png', 'application/octet-stream'],
    ['a/.png', 'application/octet-stream'],
    ['a.png/', 'application/octet-stream'],
    ['a.png/b', 'application/octet-stream'],
    ['a.', 'application/octet-stream'],
    ['', 'application/octet-stream'],
    ['a.no-such-extension', 'application/octet-stream'],
    ['a.constructor', 'application/octet-stream'],
    ['a.__proto__', 'application/octet-stream'],
  ])('%j', async (key, expected) => {
    expect(await contentTypeFor({ declared: undefined, key, head: none })).toBe(expected)
  })

  test('text that is not UTF-8 gets no charset', async () => {
    const type = (head: Uint8Array) => contentTypeFor({ declared: undefined, key: 'a.csv', head })
    expect(await type(utf8('Zürich'))).toBe('text/csv; charset=utf-8')
    expect(await type(bytes('Z\u00fcrich'))).toBe('text/csv')
    // The head ends within a character
    expect(await type(utf8('Zü').subarray(0, 2))).toBe('text/csv; charset=utf-8')
  })
})

describe('contentTypeFor: the content', () => {
  const tar = new Uint8Array(512)
  tar.set(bytes('a.txt'))
  tar.set(bytes('ustar\x0000'), 257)

  test.each<[string, Uint8Array, string]>([
    ['nothing', none, 'application/octet-stream'],
    ['one zero', Uint8Array.of(0), 'application/octet-stream'],
    ['zeros', new Uint8Array(4096), 'application/octet-stream'],
    ['text', utf8('Grüße, 世界\n'), 'text/plain; charset=utf-8'],
    ['one letter', utf8('G'), 'text/plain; charset=utf-8'],
    ['text cut within a character', utf8('世界').subarray(0, 5), 'text/plain; charset=utf-8'],
    ['a log with colours', bytes('\x1b[31mred\x1b[0m'), 'text/plain; charset=utf-8'],
    ['text with a mark', bytes('\u00ef\u00bb\u00bfx'), 'text/plain; charset=utf-8'],
    ['Latin-1', bytes('Gr\u00fc\u00dfe, Welt'), 'application/octet-stream'],
    ['letters and a zero', bytes('ABC\0'), 'application/octet-stream'],
    // R42: what looks like markup is not declared to be markup
    ['HTML', utf8('<!doctype html><script>alert(1)</script>'), 'text/plain; charset=utf-8'],
    ['SVG', utf8('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'text/plain; charset=utf-8'],
    ['XML', utf8('<?xml version="1.0"?><a/>'), 'text/plain; charset=utf-8'],
    ['XML that is not UTF-8', bytes('<?xml version="1.0"?><a>\u00fc</a>'), 'application/octet-stream'],
    ['JSON', utf8('{"a":1}'), 'text/plain; charset=utf-8'],
    ['PDF', utf8('%PDF-1.7\n'), 'application/pdf'],
    ['PDF with bytes', bytes('%PDF-1.7\n%\u00e2\u00e3\u00cf\u00d3'), 'application/pdf'],
    ['RTF', utf8('{\\rtf1\\ansi'), 'application/rtf'],
    ['PNG', bytes('\u0089PNG\r\n\x1a\n\0\0\0\rIHDR'), 'image/png'],
    ['JPEG', bytes('\u00ff\u00d8\u00ff\u00e0\0\x10JFIF'), 'image/jpeg'],
    ['GIF', bytes('GIF89a\x01\0\x01\0'), 'image/gif'],
    ['WebP', bytes('RIFF\x10\0\0\0WEBPVP8 '), 'image/webp'],
    ['AVIF', bytes('\0\0\0\x20ftypavif\0\0\0\0'), 'image/avif'],
    ['MP4', bytes('\0\0\0\x20ftypisom\0\0\x02\0'), 'video/mp4'],
    ['MP3', bytes('\u00ff\u00fb\u0090\x64'), 'audio/mpeg'],
    ['FLAC', bytes('fLaC\0\0\0\x22'), 'audio/flac'],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), 'application/gzip'],
    ['zstd', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0), 'application/zstd'],
    ['ZIP', bytes('PK\x03\x04\x14\0\0\0'), 'application/zip'],
    ['7z', bytes('7z\u00bc\u00af\x27\x1c'), 'application/x-7z-compressed'],
    ['tar', tar, 'application/x-tar'],
    ['WebAssembly', bytes('\0asm\x01\0\0\0'), 'application/wasm'],
  ])('%s', async (_, head, expected) => {
    expect(await contentTypeFor({ declared: undefined, key: 'file', head })).toBe(expected)
  })

  test('never throws, whatever follows a known beginning, and never finds an active type', async () => {
    const beginnings = [
      '',
      'PK\x03\x04',
      '\x1f\u008b\x08',
      '\x1aE\u00df\u00a3',
      'RIFF',
      'ID3',
      'OggS',
      '\u0089PNG\r\n\x1a\n',
      '\0\0\0\x20ftyp',
      '\x30\x26\u00b2\x75\u008e\x66\u00cf\x11\u00a6\u00d9',
    ]
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...beginnings),
        fc.uint8Array({ maxLength: 600 }),
        async (start, rest) => {
          const head = new Uint8Array([...bytes(start), ...rest])
          const type = await contentTypeFor({ declared: undefined, key: 'file', head })
          expect(isActiveType(type)).toBe(false)
        },
      ),
      { seed: 17, numRuns: 500 },
    )
  })
})

describe('R42: isActiveType', () => {
  test.each([
    'text/html',
    'Text/HTML; charset=utf-8',
    'application/xhtml+xml',
    'image/svg+xml',
    'IMAGE/SVG+XML;a=b',
    'text/xml',
    'application/xml',
    'application/rss+xml',
    'text/xsl',
    'text/javascript',
    'application/javascript',
    'application/x-javascript',
    'text/ecmascript',
    'multipart/x-mixed-replace; boundary=x',
    // Not readable as a type, or an invitation to guess
    '',
    'html',
    'text/html;;;=',
    'text/plain, text/html',
    'text/html\0',
    '*/*',
    'unknown/unknown',
  ])('%j', (contentType) => {
    expect(isActiveType(contentType)).toBe(true)
  })

  test.each([
    'text/plain',
    'text/plain; charset=utf-8',
    'text/plain; x="text/html"',
    'text/css',
    'text/csv',
    'application/json',
    'application/pdf',
    'application/octet-stream',
    'application/wasm',
    'application/zip',
    'image/png',
    'video/mp4',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  ])('%j is not', (contentType) => {
    expect(isActiveType(contentType)).toBe(false)
  })
})
