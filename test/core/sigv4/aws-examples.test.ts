/** The examples of S3's documentation, each signed by us and verified as it stands there. */
import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { hashTrailers, signChunk, signTrailers } from '../../../src/core/sigv4/chunk-signature.ts'
import { sha256Hex } from '../../../src/core/sigv4/hmac.ts'
import { readSignedPolicy, signPolicy, verifyPolicy } from '../../../src/core/sigv4/post-policy.ts'
import { signRequest } from '../../../src/core/sigv4/sign-request.ts'
import { signUrl } from '../../../src/core/sigv4/sign-url.ts'
import { readSignedRequest } from '../../../src/core/sigv4/signed-request.ts'
import { createSigningKeys, deriveSigningKey } from '../../../src/core/sigv4/signing-keys.ts'
import { accessKey, exampleMs } from './example-keys.ts'
import { makeRequest, reasonOf, requestOf, signingKeys, verify } from './requests.ts'

const host = 'examplebucket.s3.amazonaws.com'
const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const scope = '20130524/us-east-1/s3/aws4_request'
const signedAlways = { signedAtMs: exampleMs, region: 'us-east-1', accessKey, signingKeys }

// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
describe('Examples: Signature Calculations', () => {
  const examples: {
    name: string
    method: string
    path: string
    query: string
    headers: Record<string, string>
    payload: string
    signature: string
  }[] = [
    {
      name: 'GET Object with a range',
      method: 'GET',
      path: '/test.txt',
      query: '',
      headers: { range: 'bytes=0-9' },
      payload: empty,
      signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    },
    {
      name: 'PUT Object of a key with a dollar',
      method: 'PUT',
      path: '/test$file.text',
      query: '',
      headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      payload: sha256Hex('Welcome to Amazon S3.'),
      signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    },
    {
      name: 'GET Bucket Lifecycle',
      method: 'GET',
      path: '/',
      query: 'lifecycle',
      headers: {},
      payload: empty,
      signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    },
    {
      name: 'Get Bucket (List Objects)',
      method: 'GET',
      path: '/',
      query: 'max-keys=2&prefix=J',
      headers: {},
      payload: empty,
      signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    },
  ]

  test.each(examples)('$name', ({ signature, method, path, query, headers: own, payload }) => {
    const example = { method, path, query, headers: own, payload }
    const { headers } = signRequest({ ...example, ...signedAlways, host })
    expect(headers['authorization']).toContain(`Signature=${signature}`)
    const sent = makeRequest({ ...example, headers: { ...example.headers, ...headers, host } })
    expect(verify(sent)).toMatchObject({ seedSignature: signature, scope, amzDate: '20130524T000000Z' })
  })

  test('the Authorization of the first one, letter by letter', () => {
    const headers = {
      host,
      range: 'bytes=0-9',
      'x-amz-content-sha256': empty,
      'x-amz-date': '20130524T000000Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,' +
        'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,' +
        'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    }
    const signed = readSignedRequest(makeRequest({ path: '/test.txt', headers }), { api: 's3' })
    expect(signed).toMatchObject({
      form: 'header',
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      date: '20130524',
      region: 'us-east-1',
      api: 's3',
      signedHeaders: ['host', 'range', 'x-amz-content-sha256', 'x-amz-date'],
      signedAtMs: exampleMs,
      expiresSeconds: undefined,
      payload: { kind: 'hash', sha256: empty },
    })
    verify(makeRequest({ path: '/test.txt', headers }))
  })

  test('the derived key is that of the documentation of AWS', () => {
    // https://docs.aws.amazon.com/general/latest/gr/signature-v4-examples.html
    const key = deriveSigningKey(
      { date: '20120215', region: 'us-east-1', api: 'iam' },
      'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    )
    expect(Buffer.from(key).toString('hex')).toBe(
      'f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d',
    )
  })
})

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
test('the presigned URL', () => {
  const url =
    'https://examplebucket.s3.amazonaws.com/test.txt' +
    '?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
    '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
    '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
    '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404'
  const options = { method: 'GET', scheme: 'https', host, path: '/test.txt', expiresSeconds: 86_400 } as const
  expect(signUrl({ ...options, ...signedAlways })).toBe(url)
  verify(requestOf(url))
  verify(requestOf(url), { nowMs: exampleMs + 86_400_000 })
  expect(reasonOf(() => verify(requestOf(url), { nowMs: exampleMs + 86_400_001 }))).toBe('expired')
})

describe('chunks', () => {
  const body = { host: 's3.amazonaws.com', path: '/examplebucket/chunkObject.txt', method: 'PUT' }
  const headers = {
    'content-encoding': 'aws-chunked',
    'content-length': '66824',
    'x-amz-decoded-content-length': '66560',
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
  }
  const chunks = [65_536, 1024, 0].map((size) => sha256Hex('a'.repeat(size)))

  // https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
  test('of the chunked upload', () => {
    const payload = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
    const signed = signRequest({ ...body, headers, payload, ...signedAlways })
    const seed = '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9'
    expect(signed.chunks.seedSignature).toBe(seed)
    const sent = makeRequest({ ...body, headers: { ...headers, ...signed.headers, host: body.host } })
    expect(verify(sent)).toEqual(signed.chunks)

    const signatures: string[] = [seed]
    for (const sha256 of chunks) {
      signatures.push(signChunk({ ...signed.chunks, previousSignature: signatures.at(-1)!, sha256 }))
    }
    expect(signatures.slice(1)).toEqual([
      'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
    ])
  })

  // https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
  test('of the chunked upload with a trailer', () => {
    const seed = '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e'
    // The example sends Content-Length, but does not sign it.
    const { 'content-length': _, ...others } = headers
    const signed = signRequest({
      ...body,
      headers: { ...others, 'x-amz-trailer': 'x-amz-checksum-crc32c' },
      payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
      ...signedAlways,
    })
    expect(signed.chunks.seedSignature).toBe(seed)

    const signatures: string[] = [seed]
    for (const sha256 of chunks) {
      signatures.push(signChunk({ ...signed.chunks, previousSignature: signatures.at(-1)!, sha256 }))
    }
    expect(signatures.slice(1)).toEqual([
      'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
      '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
      '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
    ])
    const sha256 = hashTrailers(new Map([['x-amz-checksum-crc32c', 'sOO8/Q==']]))
    expect(signTrailers({ ...signed.chunks, previousSignature: signatures.at(-1)!, sha256 })).toBe(
      'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435',
    )
  })
})

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html
describe('the POST policy', () => {
  const text = `{ "expiration": "2015-12-30T12:00:00.000Z",
  "conditions": [
    {"bucket": "sigv4examplebucket"},
    ["starts-with", "$key", "user/user1/"],
    {"acl": "public-read"},
    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},
    ["starts-with", "$Content-Type", "image/"],
    {"x-amz-meta-uuid": "14365123651274"},
    {"x-amz-server-side-encryption": "AES256"},
    ["starts-with", "$x-amz-meta-tag", ""],

    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},
    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
    {"x-amz-date": "20151229T000000Z" }
  ]
}`
  const policy = Buffer.from(text.replaceAll('\n', '\r\n')).toString('base64')
  const signature = '8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e'
  const fields = {
    policy,
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': 'AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request',
    'x-amz-date': '20151229T000000Z',
    'x-amz-signature': signature,
  }
  const read = (changed: Record<string, string | undefined> = {}) => {
    const entries = new Map<string, string>()
    for (const [name, value] of Object.entries({ ...fields, ...changed })) {
      if (value !== undefined) entries.set(name, value)
    }
    return readSignedPolicy(entries, { api: 's3' })!
  }
  const own = { secret: accessKey.secret, signingKeys: createSigningKeys() }

  test('is signed and verified as in the example', () => {
    const signedAtMs = Date.UTC(2015, 11, 29)
    expect(signPolicy({ policy, region: 'us-east-1', signedAtMs, accessKey, signingKeys })).toBe(signature)
    expect(read()).toMatchObject({ accessKeyId: accessKey.accessKeyId, signedAtMs, policy, signature })
    verifyPolicy(read(), own)
  })

  test('R43: what is wrong with one is told apart', () => {
    expect(reasonOf(() => verifyPolicy(read({ policy: `${policy}A` }), own))).toBe('mismatch')
    expect(reasonOf(() => verifyPolicy(read(), { ...own, secret: 'x' }))).toBe('mismatch')
    expect(reasonOf(() => read({ policy: undefined }))).toBe('malformed')
    expect(reasonOf(() => read({ 'x-amz-signature': 'abc' }))).toBe('malformed')
    expect(reasonOf(() => read({ 'x-amz-date': undefined }))).toBe('missing_date')
    expect(reasonOf(() => read({ 'x-amz-date': '20151230T000000Z' }))).toBe('wrong_scope')
    expect(reasonOf(() => read({ 'x-amz-date': '20151229' }))).toBe('malformed')
    expect(reasonOf(() => read({ 'x-amz-algorithm': undefined }))).toBe('unsupported_algorithm')
    expect(reasonOf(() => read({ signature: 'a' }))).toBe('unsupported_algorithm')
    expect(readSignedPolicy(new Map([['key', 'a']]), { api: 's3' })).toBeUndefined()
  })
})
