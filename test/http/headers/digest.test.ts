import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CuttyError } from '../../../src/core/errors.ts'
import {
  formatDigest,
  formatReprDigest,
  parseContentMd5,
  parseDigestHeader,
} from '../../../src/http/headers/digest.ts'

const name = 'Content-Digest'

function digest(algorithm: string, text: string): Uint8Array {
  return new Uint8Array(createHash(algorithm).update(text).digest())
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof CuttyError) return error.code
    throw error
  }
  return 'none'
}

describe('parseContentMd5', () => {
  test('reads 16 bytes of base64', () => {
    // RFC 1864
    expect(Buffer.from(parseContentMd5('Q2hlY2sgSW50ZWdyaXR5IQ==')).toString()).toBe('Check Integrity!')
    expect(parseContentMd5('1B2M2Y8AsgTpgAmY7PhCfg==')).toEqual(digest('md5', ''))
    expect(parseContentMd5(' 1B2M2Y8AsgTpgAmY7PhCfg== ')).toEqual(digest('md5', ''))
  })

  test.each([
    '',
    '=',
    'd41d8cd98f00b204e9800998ecf8427e',
    '1B2M2Y8AsgTpgAmY7PhC',
    '1B2M2Y8AsgTpgAmY7PhCfg=',
    '1B2M2Y8AsgTpgAmY7PhCfg===',
    '1B2M2Y8AsgTpgAmY7PhCf_==',
    '1B2M2Y8AsgTp gAmY7PhCfg==',
    '1B2M2Y8AsgTpgAmY7PhCfg==, 1B2M2Y8AsgTpgAmY7PhCfg==',
    ':1B2M2Y8AsgTpgAmY7PhCfg==:',
  ])('refuses %j', (value) => {
    expect(codeOf(() => parseContentMd5(value))).toBe('invalid_digest')
  })
})

describe('parseDigestHeader', () => {
  test('RFC 9530 appendix B.1', () => {
    const value =
      'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:, ' +
      'sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:'
    // The content there is {"hello": "world"} and a line feed.
    const text = '{"hello": "world"}\n'
    expect(parseDigestHeader(value, name)).toEqual(
      new Map([
        ['sha-256', digest('sha256', text)],
        ['sha-512', digest('sha512', text)],
      ]),
    )
  })

  const md5 = formatDigest('md5', digest('md5', 'a'))
  const sha1 = formatDigest('sha', digest('sha1', 'a'))
  const sha256 = formatDigest('sha-256', digest('sha256', 'a'))
  const other256 = formatDigest('sha-256', digest('sha256', 'b'))

  test.each<[string, string[]]>([
    ['', []],
    ['   ', []],
    [md5, ['md5']],
    [sha1, ['sha']],
    [` ${sha256}\t,\t${md5} `, ['sha-256', 'md5']],
    [`${sha256};a;b=1;c="x,y"`, ['sha-256']],
    [`unixsum=30637, ${sha256}`, ['sha-256']],
    // Whatever a structured dictionary may hold (RFC 9651 §4.2)
    [`a, b=?0, c=1.5, d="q,\\"\\\\", e=tok/en:*, f=@-1, g=%"x%c3%bc", h=:AAAA:, ${sha256}`, ['sha-256']],
    [`a=(), b=( 1  "x";p=1 tok );q, *=1, ${sha256}`, ['sha-256']],
    ['a=(1 2)', []],
    ['crc32c=:AAAAAA==:', []],
  ])('%j', (value, algorithms) => {
    expect([...parseDigestHeader(value, name).keys()]).toEqual(algorithms)
  })

  test('of a repeated algorithm the last counts', () => {
    expect(parseDigestHeader(`${sha256}, ${other256}`, name).get('sha-256')).toEqual(digest('sha256', 'b'))
    expect(parseDigestHeader(`sha-256=1, ${other256}`, name).get('sha-256')).toEqual(digest('sha256', 'b'))
  })

  test('padding may be left out', () => {
    expect(parseDigestHeader(sha256.replace('=:', '#').replace('=:', ':').replace('#', '=:'), name)).toEqual(
      parseDigestHeader(sha256, name),
    )
  })

  test.each([
    ',',
    `${sha256},`,
    `,${sha256}`,
    `${sha256},,${md5}`,
    `${sha256} ${md5}`,
    `${sha256}x`,
    `\t${sha256}`,
    'sha-256',
    'sha-256=',
    'sha-256=?1',
    'sha-256=abc',
    'sha-256="abc"',
    'sha-256=(:AAAA:)',
    'sha-256=::',
    'sha-256=:AAAA:',
    'sha-256=:AAAA',
    'sha-256=:!!!!:',
    'sha-256=:A:',
    'md5=:1B2M2Y8AsgTpgAmY7PhCfg=:',
    'md5=:1B2M2Y=8AsgTpgAmY7PhCfg=:',
    'SHA-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
    // The older Digest field of RFC 3230
    'sha-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    'a=1234567890123456',
    'a=1.2345',
    'a=1.',
    'a="x',
    'a="\u00fc"',
    'a=(1',
    'a=(1,2)',
    'a =1',
    'a= 1',
    'a;B=1',
    'ü=1',
  ])('refuses %j', (value) => {
    expect(codeOf(() => parseDigestHeader(value, name))).toBe('invalid_digest')
  })

  test('the message names the header and says what is wrong', () => {
    expect(() => parseDigestHeader('SHA-256=:AAAA:', 'Repr-Digest')).toThrow(/Repr-Digest.*lower case/)
    expect(() => parseDigestHeader('sha-256=:AAAA:', 'Repr-Digest')).toThrow(/3 bytes instead of 32/)
  })

  test('reads back what is written', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    fc.assert(
      fc.property(
        bytes(16),
        bytes(20),
        bytes(32),
        bytes(64),
        (md5Bytes, shaBytes, sha256Bytes, sha512Bytes) => {
          const digests = new Map([
            ['sha-512', sha512Bytes],
            ['md5', md5Bytes],
            ['sha', shaBytes],
            ['sha-256', sha256Bytes],
          ] as const)
          expect(parseDigestHeader(formatReprDigest(digests), 'Repr-Digest')).toEqual(digests)
        },
      ),
      { seed: 8, numRuns: 200 },
    )
  })

  test('fails only as invalid_digest, and a hostile value takes no long', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(['none', 'invalid_digest']).toContain(codeOf(() => parseDigestHeader(value, name)))
      }),
      { seed: 9, numRuns: 1000 },
    )
    for (const part of [' ', ',', 'a', 'a,', ';', ';a', '(', '( ', '"', '\\', ':', '1', 'a=(1 ', 'a=1;']) {
      codeOf(() => parseDigestHeader(`a=(${part.repeat(200_000)}`, name))
      codeOf(() => parseDigestHeader(`a=(1${part.repeat(200_000)}!`, name))
      codeOf(() => parseDigestHeader(`a${part.repeat(200_000)}\0`, name))
    }
  })
})

describe('formatDigest', () => {
  test('writes a byte sequence, from a view too', () => {
    const whole = new Uint8Array(48)
    whole.set(digest('sha256', ''), 8)
    expect(formatDigest('sha-256', whole.subarray(8, 40))).toBe(
      'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
    )
    expect(formatReprDigest([])).toBe('')
  })

  test('refuses a digest of another length', () => {
    expect(() => formatDigest('sha-256', new Uint8Array(31))).toThrow(RangeError)
  })
})
