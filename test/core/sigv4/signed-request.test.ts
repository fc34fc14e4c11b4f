import { describe, expect, test } from 'vitest'
import { parsePayload } from '../../../src/core/sigv4/payload.ts'
import { signRequest } from '../../../src/core/sigv4/sign-request.ts'
import { signUrl } from '../../../src/core/sigv4/sign-url.ts'
import { readSignedRequest } from '../../../src/core/sigv4/signed-request.ts'
import { createSigningKeys } from '../../../src/core/sigv4/signing-keys.ts'
import { accessKey, exampleMs } from './example-keys.ts'
import { makeRequest, reasonOf, requestOf, sigV4Error, signingKeys, verify } from './requests.ts'

const host = 'files.example:9000'
const minuteMs = 60_000
const always = { host, signedAtMs: exampleMs, region: 'us-east-1', accessKey, signingKeys }

function signedHeaders(
  extra: Record<string, string> = {},
  payload = 'UNSIGNED-PAYLOAD',
): Record<string, string> {
  const { headers } = signRequest({ method: 'GET', path: '/b/k', headers: extra, payload, ...always })
  return { host, ...extra, ...headers }
}

const read = (headers: Record<string, string | readonly string[]>, query = '') =>
  readSignedRequest(makeRequest({ path: '/b/k', query, headers }), { api: 's3' })
const readAuthorization = (authorization: string) => read({ ...signedHeaders(), authorization })

const url = (options: Partial<Parameters<typeof signUrl>[0]> = {}) =>
  signUrl({ method: 'GET', scheme: 'https', path: '/b/k', expiresSeconds: 60, ...always, ...options })

describe('Authorization', () => {
  const credential = 'Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request'
  const names = 'SignedHeaders=host;x-amz-content-sha256;x-amz-date'
  const signature = `Signature=${'0'.repeat(64)}`

  test.each([
    `AWS4-HMAC-SHA256 ${credential}, ${names}, ${signature}`,
    `AWS4-HMAC-SHA256 ${credential},${names},${signature}`,
    ` AWS4-HMAC-SHA256   ${credential} ,  ${names} , ${signature} `,
    `AWS4-HMAC-SHA256 ${signature}, ${names}, ${credential}`,
  ])('%s', (authorization) => {
    expect(readAuthorization(authorization)).toMatchObject({ signature: '0'.repeat(64), region: 'us-east-1' })
  })

  test.each([
    'AWS4-HMAC-SHA256',
    `AWS4-HMAC-SHA256 ${credential}, ${names}`,
    `AWS4-HMAC-SHA256 ${credential}, ${names}, ${signature}, ${signature}`,
    `AWS4-HMAC-SHA256 ${credential}, ${names}, ${signature}, Expires=1`,
    `AWS4-HMAC-SHA256 ${credential}, ${names}, ${signature},`,
    `AWS4-HMAC-SHA256 ${credential}; ${names}; ${signature}`,
    `AWS4-HMAC-SHA256 ${credential}, ${names}, Signature=${'0'.repeat(63)}`,
    `AWS4-HMAC-SHA256 ${credential}, ${names}, Signature=${'A'.repeat(64)}`,
    `AWS4-HMAC-SHA256 ${credential}, ${names}, Signature=${'g'.repeat(64)}`,
    `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=, ${signature}`,
    `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=Host, ${signature}`,
    `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host;, ${signature}`,
    `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host;host, ${signature}`,
    `AWS4-HMAC-SHA256 ${credential}, __proto__=x, ${signature}`,
    `AWS4-HMAC-SHA256 Credential=a/20130524/us-east-1/s3, ${names}, ${signature}`,
    `AWS4-HMAC-SHA256 Credential=a/b/20130524/us-east-1/s3/aws4_request, ${names}, ${signature}`,
    `AWS4-HMAC-SHA256 Credential=/20130524/us-east-1/s3/aws4_request, ${names}, ${signature}`,
    `AWS4-HMAC-SHA256 Credential=a/20130524//s3/aws4_request, ${names}, ${signature}`,
    `AWS4-HMAC-SHA256 Credential=a/2013524/us-east-1/s3/aws4_request, ${names}, ${signature}`,
    `AWS4-HMAC-SHA256 Credential=${'a'.repeat(129)}/20130524/us-east-1/s3/aws4_request, ${names}, ${signature}`,
  ])('R43: malformed: %s', (authorization) => {
    expect(reasonOf(() => readAuthorization(authorization))).toBe('malformed')
  })

  test.each([
    ['AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=', 'unsupported_algorithm'],
    [`AWS4-ECDSA-P256-SHA256 ${credential}, ${names}, ${signature}`, 'unsupported_algorithm'],
    [`aws4-hmac-sha256 ${credential}, ${names}, ${signature}`, 'unsupported_algorithm'],
    [`AWS4-HMAC-SHA256 ${credential.replace('/s3/', '/sts/')}, ${names}, ${signature}`, 'wrong_scope'],
    [`AWS4-HMAC-SHA256 ${credential.replace('aws4_', 'aws5_')}, ${names}, ${signature}`, 'wrong_scope'],
    [`AWS4-HMAC-SHA256 ${credential.replace('20130524', '20130525')}, ${names}, ${signature}`, 'wrong_scope'],
    [`AWS4-HMAC-SHA256 ${credential}, SignedHeaders=x-amz-date, ${signature}`, 'unsigned_header'],
  ])('R43: %s is %s', (authorization, reason) => {
    expect(reasonOf(() => readAuthorization(authorization))).toBe(reason)
  })

  test.each(['Bearer abc', 'Basic YTpi', 'AWSome a', ''])(
    'R40: a stray %j is no signature',
    (authorization) => {
      expect(readAuthorization(authorization)).toBeUndefined()
      const stray = requestOf(url(), { authorization })
      expect(verify(stray).seedSignature).toHaveLength(64)
    },
  )

  test('a request without any signature has none', () => {
    expect(read({ host })).toBeUndefined()
    expect(read({ host }, 'list-type=2&prefix=%20amz')).toBeUndefined()
  })

  test('R40: a request that is signed twice is refused', () => {
    const query = url().split('?')[1]!
    expect(reasonOf(() => read(signedHeaders(), query))).toBe('malformed')
    expect(reasonOf(() => read({ host, authorization: 'AWS a:b' }, query))).toBe('malformed')
  })
})

describe('the date', () => {
  test('the Date header stands in for x-amz-date', () => {
    // As a client would sign it that sends no x-amz-date.
    const { 'x-amz-date': _, ...headers } = signedHeaders()
    const date = 'Fri, 24 May 2013 00:00:00 GMT'
    expect(read({ ...headers, date })).toMatchObject({ amzDate: '20130524T000000Z', signedAtMs: exampleMs })
    expect(reasonOf(() => read(headers))).toBe('missing_date')
    expect(reasonOf(() => read({ ...headers, date: 'yesterday' }))).toBe('malformed')
    expect(reasonOf(() => read({ ...headers, 'x-amz-date': date }))).toBe('malformed')
  })

  test.each([
    [-15 * minuteMs, 'ok'],
    [15 * minuteMs, 'ok'],
    [-15 * minuteMs - 1, 'skewed'],
    [15 * minuteMs + 1, 'skewed'],
    // A broken clock must not open the door.
    [Number.NaN, 'skewed'],
  ])('R38: in the header form, %d ms later: %s', (laterMs, outcome) => {
    const action = () =>
      verify(makeRequest({ path: '/b/k', headers: signedHeaders() }), { nowMs: exampleMs + laterMs })
    if (outcome === 'ok') action()
    else expect(reasonOf(action)).toBe(outcome)
  })

  test.each([
    [-15 * minuteMs - 1, 'not_yet_valid'],
    [-15 * minuteMs, 'ok'],
    [0, 'ok'],
    [minuteMs, 'ok'],
    [minuteMs + 1, 'expired'],
    [Number.NaN, 'not_yet_valid'],
  ])('R39: in the query form with 60 s, %d ms later: %s', (laterMs, outcome) => {
    const action = () => verify(requestOf(url()), { nowMs: exampleMs + laterMs })
    if (outcome === 'ok') action()
    else expect(reasonOf(action)).toBe(outcome)
  })
})

describe('presigned URLs', () => {
  test.each<[string, string | undefined, string]>([
    ['X-Amz-Algorithm', undefined, 'malformed'],
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA1', 'unsupported_algorithm'],
    ['X-Amz-Algorithm', 'AWS4-ECDSA-P256-SHA256', 'unsupported_algorithm'],
    ['X-Amz-Credential', undefined, 'malformed'],
    ['X-Amz-Credential', 'a%0Ab/20130524/r/s3/aws4_request', 'malformed'],
    ['X-Amz-Credential', '%FF', 'malformed'],
    ['X-Amz-Credential', 'a/20130524/r/s4/aws4_request', 'wrong_scope'],
    ['X-Amz-Credential', 'a/20130523/r/s3/aws4_request', 'wrong_scope'],
    ['X-Amz-Date', undefined, 'malformed'],
    ['X-Amz-Date', '20130524', 'malformed'],
    ['X-Amz-Expires', undefined, 'malformed'],
    ['X-Amz-Expires', '0', 'malformed'],
    ['X-Amz-Expires', '-1', 'malformed'],
    ['X-Amz-Expires', '1.5', 'malformed'],
    ['X-Amz-Expires', '1e3', 'malformed'],
    ['X-Amz-Expires', '604801', 'too_long_lived'],
    ['X-Amz-Expires', '99999999999999999999', 'malformed'],
    ['X-Amz-SignedHeaders', undefined, 'malformed'],
    ['X-Amz-SignedHeaders', 'range', 'unsigned_header'],
    ['X-Amz-Signature', undefined, 'malformed'],
    ['X-Amz-Signature', '0', 'malformed'],
    ['X-Amz-Signature', '0'.repeat(64), 'mismatch'],
  ])('R39, R43: %s=%s is %s', (name, value, reason) => {
    const pattern = new RegExp(`${name}=[^&]*&?`)
    const changed = url().replace(pattern, value === undefined ? '' : `${name}=${value}&`)
    expect(reasonOf(() => verify(requestOf(changed)))).toBe(reason)
  })

  test.each(['Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders', 'Signature', 'Content-Sha256'])(
    'a second X-Amz-%s is malformed, however it is written',
    (name) => {
      const [start = '', query = ''] = url({ payload: 'UNSIGNED-PAYLOAD' }).split('?')
      const own = query.split('&').find((pair) => pair.startsWith(`X-Amz-${name}=`))!
      for (const second of [own, `X-Amz-${name}`, own.replace('X-Amz', '%58-Am%7A')]) {
        expect(reasonOf(() => verify(requestOf(`${start}?${query}&${second}`)))).toBe('malformed')
      }
    },
  )

  test('Signature Version 2 is recognised', () => {
    const query = 'AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1&Signature=vjby%2BPk='
    expect(reasonOf(() => read({ host }, query))).toBe('unsupported_algorithm')
  })

  test('the order of the parameters does not matter', () => {
    const [start = '', query = ''] = url({ query: [['response-content-type', 'text/plain']] }).split('?')
    verify(requestOf(`${start}?${query.split('&').toReversed().join('&')}`))
  })

  test('R41: what is not signed cannot be added', () => {
    verify(requestOf(url({ query: [['response-content-type', 'text/html']] })))
    expect(reasonOf(() => verify(requestOf(`${url()}&response-content-type=text/html`)))).toBe('mismatch')
  })

  test('R40: a signed header must be sent as it was signed', () => {
    const signed = url({ method: 'PUT', headers: { 'x-amz-meta-a': 'b  c', 'content-type': 'text/plain' } })
    const headers = { 'x-amz-meta-a': ' b c', 'content-type': 'text/plain' }
    verify(requestOf(signed, headers, 'PUT'))
    expect(reasonOf(() => verify(requestOf(signed, headers, 'POST')))).toBe('mismatch')
    const changed = { ...headers, 'content-type': 'text/html' }
    expect(reasonOf(() => verify(requestOf(signed, changed, 'PUT')))).toBe('mismatch')
    expect(reasonOf(() => verify(requestOf(signed, { 'content-type': 'text/plain' }, 'PUT')))).toBe(
      'mismatch',
    )
  })

  test('a header that was signed as empty must be sent', () => {
    const signed = url({ headers: { 'x-amz-meta-a': '' } })
    verify(requestOf(signed, { 'x-amz-meta-a': '' }))
    expect(reasonOf(() => verify(requestOf(signed)))).toBe('mismatch')
  })

  test('they last for one second to seven days', () => {
    for (const expiresSeconds of [0, -1, 604_801, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => url({ expiresSeconds })).toThrow(RangeError)
    }
    verify(requestOf(url({ expiresSeconds: 604_800 })), { nowMs: exampleMs + 604_800_000 })
    verify(requestOf(url({ expiresSeconds: 1 })))
  })
})

describe('R40: headers that are not signed', () => {
  test.each(['x-amz-acl', 'x-amz-meta-', 'x-amz-copy-source', 'x-amz-security-token'])('%s', (name) => {
    const byHeader = sigV4Error(() => read({ ...signedHeaders(), [name]: 'a' }))
    const byQuery = sigV4Error(() => verify(requestOf(url(), { [name]: 'a' })))
    for (const error of [byHeader, byQuery]) {
      expect(error).toMatchObject({ reason: 'unsigned_header', details: { headers: [name] } })
    }
  })

  test('others may be sent, as S3 has it', () => {
    const others = { 'content-type': 'a/b', 'content-md5': 'x', range: 'bytes=0-1', 'x-amzn-trace-id': 'a' }
    verify(makeRequest({ path: '/b/k', headers: { ...signedHeaders(), ...others } }))
    verify(requestOf(url(), others))
  })

  test('x-amz-content-sha256 is bound without being named', () => {
    const { headers } = signRequest({ method: 'GET', path: '/b/k', payload: 'UNSIGNED-PAYLOAD', ...always })
    const sent = { host, ...headers }
    const changed = { ...sent, 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' }
    expect(reasonOf(() => verify(makeRequest({ path: '/b/k', headers: changed })))).toBe('mismatch')
    const sha256 = '0'.repeat(64)
    expect(reasonOf(() => verify(requestOf(url(), { 'x-amz-content-sha256': sha256 })))).toBe('mismatch')
  })
})

describe('the payload', () => {
  test.each([
    ['UNSIGNED-PAYLOAD', { kind: 'unsigned' }],
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { kind: 'chunks', signed: true, trailers: false }],
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', { kind: 'chunks', signed: true, trailers: true }],
    ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', { kind: 'chunks', signed: false, trailers: true }],
    ['aB'.repeat(32), { kind: 'hash', sha256: 'ab'.repeat(32) }],
  ])('%s', (value, payload) => {
    expect(parsePayload(value)).toEqual(payload)
    const request = makeRequest({ path: '/b/k', headers: signedHeaders({}, value) })
    expect(readSignedRequest(request, { api: 's3' })?.payload).toEqual(payload)
    verify(request)
  })

  test.each(['', 'unsigned-payload', '0'.repeat(63), 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD', 'é'])(
    '%j is not supported',
    (value) => {
      expect(reasonOf(() => parsePayload(value))).toBe('unsupported_payload')
    },
  )

  test('in the header form S3 wants it to be said', () => {
    const { 'x-amz-content-sha256': _, ...headers } = signedHeaders()
    expect(reasonOf(() => read(headers))).toBe('missing_payload_hash')
  })

  test('in the query form it is unsigned, unless the query or the header says otherwise', () => {
    const payloadOf = (url: string, headers = {}) =>
      readSignedRequest(requestOf(url, headers), { api: 's3' })?.payload
    expect(payloadOf(url())).toEqual({ kind: 'unsigned' })
    const sha256 = 'ab'.repeat(32)
    const signed = url({ payload: sha256 })
    expect(payloadOf(signed)).toEqual({ kind: 'hash', sha256 })
    verify(requestOf(signed))
    verify(requestOf(signed, { 'x-amz-content-sha256': sha256 }))
    const other = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
    expect(reasonOf(() => verify(requestOf(signed, other)))).toBe('malformed')
  })
})

describe('verification', () => {
  test('a wrong signature says what was signed, and not what the right one is', () => {
    const wrong = url().replace(/Signature=.{64}/, `Signature=${'0'.repeat(64)}`)
    const right = /X-Amz-Signature=(.{64})/.exec(url())![1]!
    const error = sigV4Error(() => verify(requestOf(wrong)))
    expect(error.details.canonicalRequest).toMatch(
      /^GET\n\/b\/k\nX-Amz-Algorithm=.*\nhost:files.example:9000\n\nhost\nUNSIGNED-PAYLOAD$/,
    )
    expect(error.details.stringToSign).toMatch(
      /^AWS4-HMAC-SHA256\n20130524T000000Z\n20130524\/us-east-1\/s3\/aws4_request\n[0-9a-f]{64}$/,
    )
    expect(JSON.stringify([error.message, error.details, error.stack])).not.toContain(right)
    expect(JSON.stringify([error.message, error.details, error.stack])).not.toContain(accessKey.secret)
  })

  test('behind a proxy, one of several hosts may have been signed; the first is shown', () => {
    const request = requestOf(url(), { host: '10.0.0.1:8080' })
    verify(request, { hosts: ['10.0.0.1:8080', host] })
    const error = sigV4Error(() => verify(request, { hosts: ['10.0.0.1:8080', 'other.example'] }))
    expect(error.details.canonicalRequest).toContain('host:10.0.0.1:8080\n')
    expect(reasonOf(() => verify(request, { hosts: [] }))).toBe('mismatch')
  })

  test('a header that came several times counts with all its values', () => {
    const headers = signedHeaders({ 'x-amz-meta-a': 'b,c' })
    verify(makeRequest({ path: '/b/k', headers: { ...headers, 'x-amz-meta-a': ['b ', 'c'] } }))
    const less = makeRequest({ path: '/b/k', headers: { ...headers, 'x-amz-meta-a': ['b'] } })
    expect(reasonOf(() => verify(less))).toBe('mismatch')
  })

  test('R43: derived keys are kept, but a changed secret does not find the old one', () => {
    const keys = createSigningKeys()
    const credential = { accessKeyId: 'a', date: '20130524', region: 'r', api: 's3' }
    const first = keys(credential, 'one')
    expect(keys({ ...credential }, 'one')).toBe(first)
    expect(keys(credential, 'two')).not.toEqual(first)
    expect(keys(credential, 'one')).toEqual(first)
    for (const other of [{ accessKeyId: 'b' }, { date: '20130525' }, { region: 'q' }, { api: 's4' }]) {
      expect(keys({ ...credential, ...other }, 'one')).not.toBe(first)
    }
    // Bounded: whoever signs for ever new regions pushes out what is old, and gets no wrong key.
    for (let region = 0; region < 3000; region++) keys({ ...credential, region: String(region) }, 'one')
    expect(keys(credential, 'one')).toEqual(first)
  })
})
