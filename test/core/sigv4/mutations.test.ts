import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SigV4Request } from '../../../src/core/sigv4/canonical-request.ts'
import { SigV4Error } from '../../../src/core/sigv4/errors.ts'
import { encodePart, encodePath } from '../../../src/core/sigv4/percent.ts'
import { signRequest } from '../../../src/core/sigv4/sign-request.ts'
import { signUrl } from '../../../src/core/sigv4/sign-url.ts'
import { accessKey, exampleMs } from './example-keys.ts'
import { plainSummary } from './plain-signature.ts'
import { makeRequest, requestOf, signingKeys, verify } from './requests.ts'

const host = 'files.example'
const always = { host, signedAtMs: exampleMs, region: 'eu-west-9', accessKey, signingKeys }

const piece = fc.constantFrom(
  ' ',
  '+',
  '%',
  '/',
  '//',
  '..',
  '.',
  '?',
  '#',
  '&',
  '=',
  'é',
  '😀',
  '~',
  '*',
  "'",
  'a',
  'Z',
)
const key = fc
  .array(fc.oneof(piece, fc.string({ unit: 'grapheme', maxLength: 3 })), { maxLength: 12 })
  .map((parts) => parts.join(''))
const text = fc.string({ unit: fc.constantFrom('a', 'B', '0', ' ', '-', ';', ',', '=', '"'), maxLength: 12 })
const parameters = fc.array(
  fc.tuple(fc.constantFrom('prefix', 'response-content-type', 'a b', 'x+', 'x-id', ''), key),
  {
    maxLength: 3,
  },
)
const headers = fc.dictionary(fc.constantFrom('x-amz-meta-a', 'x-amz-acl', 'content-type', 'range'), text)
const method = fc.constantFrom('GET', 'PUT', 'HEAD', 'DELETE', 'POST')
const payload = fc.constantFrom('UNSIGNED-PAYLOAD', 'ab'.repeat(32), 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD')

const byHeader = fc
  .record({ method, key, parameters, headers, payload })
  .map(({ method, key, parameters, headers, payload }) => {
    const path = encodePath(`/bucket/${key}`)
    const query = parameters.map(([name, value]) => `${encodePart(name)}=${encodePart(value)}`).join('&')
    const signed = signRequest({ method, path, query, headers, payload, ...always })
    return makeRequest({ method, path, query, headers: { host, ...headers, ...signed.headers } })
  })

const byQuery = fc.record({ method, key, parameters, headers }).map(({ method, key, parameters, headers }) =>
  requestOf(
    signUrl({
      method,
      scheme: 'https',
      path: `/bucket/${key}`,
      query: parameters,
      headers,
      expiresSeconds: 600,
      ...always,
    }),
    headers,
    method,
  ),
)

const request = fc.oneof(byHeader, byQuery)

describe('R37: what was signed is accepted', () => {
  test('for any key, with any parameters and headers, in both forms', () => {
    fc.assert(
      fc.property(request, (request) => {
        expect(verify(request).seedSignature).toMatch(/^[0-9a-f]{64}$/)
      }),
      { seed: 51, numRuns: 1000 },
    )
  })

  test('with the path unescaped where the client leaves it so', () => {
    fc.assert(
      fc.property(key, (key) => {
        const encoded = encodePath(`/b/${key}`)
        const { headers } = signRequest({
          method: 'GET',
          path: encoded,
          payload: 'UNSIGNED-PAYLOAD',
          ...always,
        })
        for (const path of [
          `/b/${key.replaceAll('%', '%25')}`,
          encoded.toLowerCase() === encoded ? encoded : '',
        ]) {
          if (path !== '') verify(makeRequest({ path, headers: { host, ...headers } }))
        }
      }),
      { seed: 52, numRuns: 500 },
    )
  })
})

interface Mutation {
  readonly place: number
  readonly how: number
  readonly at: number
  readonly character: string
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  place: fc.nat(1000),
  how: fc.nat(4),
  at: fc.nat(100_000),
  character: fc.constantFrom(...'0123456789abcdefAFZz%/+&=;, .~-TX\t?é'),
})

function mutateText(text: string, { how, at, character }: Mutation): string {
  const index = text.length === 0 ? 0 : at % text.length
  const [before, after] = [text.slice(0, index), text.slice(index + 1)]
  switch (how) {
    case 0:
      return before + character + after
    case 1:
      return before + after
    case 2:
      return before + character + text.slice(index)
    case 3:
      return text + character
    default: {
      const letter = text[index] ?? ''
      return before + (letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase()) + after
    }
  }
}

/** Changes one thing: the method, the path, the query, a header's value, its name, or whether it is there. */
function mutate(request: SigV4Request, mutation: Mutation): SigV4Request {
  const { method, path, query } = request
  const headers = Object.fromEntries(request.headers()) as Record<string, string>
  const names = Object.keys(headers)
  const name = names[mutation.place % names.length]!
  const { [name]: value = '', ...others } = headers
  switch (mutation.place % 8) {
    case 0:
      return makeRequest({ method: mutateText(method, mutation), path, query, headers })
    case 1:
    case 2:
      return makeRequest({ method, path: mutateText(path, mutation), query, headers })
    case 3:
    case 4:
      return makeRequest({ method, path, query: mutateText(query, mutation), headers })
    case 5:
      if (mutation.how === 1) return makeRequest({ method, path, query, headers: others })
      return makeRequest({
        method,
        path,
        query,
        headers: { ...headers, 'x-amz-meta-new': mutation.character },
      })
    default:
      return makeRequest({
        method,
        path,
        query,
        headers: { ...headers, [name]: mutateText(value, mutation) },
      })
  }
}

describe('R43: what was changed is refused', () => {
  test('by any one mutation that does not leave the same meaning', () => {
    let refused = 0
    let same = 0
    const reasons = new Set<string>()
    fc.assert(
      fc.property(request, fc.array(mutation, { minLength: 20, maxLength: 20 }), (request, mutations) => {
        const before = plainSummary(request)
        for (const mutation of mutations) {
          const mutated = mutate(request, mutation)
          try {
            verify(mutated)
          } catch (error) {
            // Nothing else may be thrown, whatever is sent.
            expect(error).toBeInstanceOf(SigV4Error)
            reasons.add((error as SigV4Error).reason)
            refused++
            continue
          }
          expect(plainSummary(mutated)).toBe(before)
          same++
        }
      }),
      { seed: 53, numRuns: 1000 },
    )
    expect(refused + same).toBe(20_000)
    expect(refused).toBeGreaterThan(15_000)
    expect([...reasons]).toEqual(
      expect.arrayContaining([
        'mismatch',
        'malformed',
        'unsigned_header',
        'wrong_scope',
        'unsupported_payload',
      ]),
    )
  })

  test('by a signature with any one digit changed', () => {
    const url = signUrl({ method: 'GET', scheme: 'https', path: '/b/k', expiresSeconds: 600, ...always })
    const start = url.length - 64
    for (let at = start; at < url.length; at++) {
      const digit = ((Number.parseInt(url[at]!, 16) + 1) % 16).toString(16)
      const changed = url.slice(0, at) + digit + url.slice(at + 1)
      expect(() => verify(requestOf(changed))).toThrow(SigV4Error)
    }
  })
})
