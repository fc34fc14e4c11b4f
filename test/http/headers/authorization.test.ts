import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CuttyError } from '../../../src/core/errors.ts'
import { type Authorization, parseAuthorization } from '../../../src/http/headers/authorization.ts'

const basic = (text: string | Uint8Array) => `Basic ${Buffer.from(text as string).toString('base64')}`

describe('parseAuthorization', () => {
  test.each([undefined, '', '  '])('%j: nobody', (value) => {
    expect(parseAuthorization(value)).toBeUndefined()
  })

  test.each<[string, Authorization]>([
    // RFC 7617 §2 and §2.1
    [
      'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
      { scheme: 'basic', accessKeyId: 'Aladdin', secret: 'open sesame' },
    ],
    ['Basic dGVzdDoxMjPCow==', { scheme: 'basic', accessKeyId: 'test', secret: '123£' }],
    ['bAsIc   YTpi', { scheme: 'basic', accessKeyId: 'a', secret: 'b' }],
    [basic('id:se:cr:et'), { scheme: 'basic', accessKeyId: 'id', secret: 'se:cr:et' }],
    [basic(':'), { scheme: 'basic', accessKeyId: '', secret: '' }],
    [basic('\ufeffid:s'), { scheme: 'basic', accessKeyId: '\ufeffid', secret: 's' }],
    // RFC 6750 §2.1
    ['Bearer mF_9.B5f-4.1JqM', { scheme: 'bearer', token: 'mF_9.B5f-4.1JqM' }],
    ['BEARER abc==', { scheme: 'bearer', token: 'abc==' }],
    // R40: not ours to judge
    ['AWS4-HMAC-SHA256 Credential=x', { scheme: 'other', name: 'aws4-hmac-sha256' }],
    ['Digest username="x"', { scheme: 'other', name: 'digest' }],
    ['Negotiate', { scheme: 'other', name: 'negotiate' }],
    ['Basically YTpi', { scheme: 'other', name: 'basically' }],
    ['???', { scheme: 'other', name: '???' }],
  ])('%j', (value, expected) => {
    expect(parseAuthorization(value)).toEqual(expected)
  })

  test.each([
    'Basic',
    'Basic ',
    'Basic !!!',
    'Basic YTpi=',
    'Basic YTp',
    'Basic YTpiYw',
    'Basic YT pi',
    'Basic YTpi, Basic YTpi',
    'Basic YWI=',
    basic(Uint8Array.of(0xff, 0x3a, 0xff)),
    basic('a:b\0'),
    basic('a\n:b'),
    basic('a:\u0085'),
    'Bearer',
    'Bearer a b',
    'Bearer "a"',
    'Bearer =',
    'Bearer a, Bearer b',
    'Bearer tökén',
  ])('%j is invalid_credentials, and the message repeats nothing of it', (value) => {
    let error: unknown
    try {
      parseAuthorization(value)
    } catch (thrown) {
      error = thrown
    }
    if (!(error instanceof CuttyError)) throw new Error('Nothing was thrown')
    expect(error.code).toBe('invalid_credentials')
    const sent = value.split(' ')[1]
    if (sent !== undefined && sent.length > 3) expect(error.message).not.toContain(sent)
  })

  test('reads any id without a colon and any secret', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((s) => !/\p{Cc}/u.test(s))
    fc.assert(
      fc.property(text, text, (id, secret) => {
        const accessKeyId = id.replaceAll(':', '')
        expect(parseAuthorization(basic(`${accessKeyId}:${secret}`))).toEqual({
          scheme: 'basic',
          accessKeyId,
          secret,
        })
      }),
      { seed: 16, numRuns: 500 },
    )
  })
})
