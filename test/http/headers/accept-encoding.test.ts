import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAcceptEncoding } from '../../../src/http/headers/accept-encoding.ts'

function weights(value: string | undefined) {
  const accept = parseAcceptEncoding(value)
  return {
    gzip: accept.accepts('gzip'),
    br: accept.accepts('br'),
    zstd: accept.accepts('zstd'),
    identity: accept.accepts('identity'),
    identityAcceptable: accept.identityAcceptable,
  }
}

const identityOnly = { gzip: 0, br: 0, zstd: 0, identity: 1, identityAcceptable: true }

describe('R12: Accept-Encoding', () => {
  test.each([undefined, '', ' ', ',', 'gzip;q=2', '???é'])('%j wishes for nothing: identity', (value) => {
    expect(weights(value)).toEqual(identityOnly)
  })

  test.each<[string, Partial<ReturnType<typeof weights>>]>([
    // RFC 9110 §12.5.3
    ['compress, gzip', { gzip: 1, br: 0, identity: 0.001, identityAcceptable: true }],
    ['*', { gzip: 1, br: 1, zstd: 1, identity: 1, identityAcceptable: true }],
    ['compress;q=0.5, gzip;q=1.0', { gzip: 1, br: 0 }],
    ['gzip;q=1.0, identity; q=0.5, *;q=0', { gzip: 1, br: 0, identity: 0.5, identityAcceptable: true }],
    // What browsers send
    ['gzip, deflate, br, zstd', { gzip: 1, br: 1, zstd: 1, identity: 0.001 }],
    ['gzip;q=0', { gzip: 0, identity: 0.001, identityAcceptable: true }],
    ['gzip;q=0.000', { gzip: 0 }],
    ['gzip;q=0.', { gzip: 0 }],
    ['gzip;q=1.', { gzip: 1 }],
    ['gzip;q=0.001', { gzip: 0.001 }],
    ['gzip;Q=0.5', { gzip: 0.5 }],
    ['GZip', { gzip: 1 }],
    ['gzip \t;\tq=0.25\t, br', { gzip: 0.25, br: 1 }],
    ['x-gzip', { gzip: 1 }],
    ['x-gzip;q=0, *', { gzip: 0, br: 1 }],
    ['identity;q=0', { identity: 0, identityAcceptable: false, gzip: 0 }],
    ['*;q=0', { identity: 0, identityAcceptable: false, gzip: 0 }],
    ['*;q=0, identity', { identity: 1, identityAcceptable: true }],
    ['identity;q=0, *', { identity: 0, identityAcceptable: false, gzip: 1 }],
    ['*;q=0.5, gzip;q=0', { gzip: 0, br: 0.5, identity: 0.5 }],
    ['gzip, gzip;q=0', { gzip: 0 }],
    ['gzip;q=0, gzip', { gzip: 0 }],
    // Malformed members leave the others alone
    ['gzip;q=1.5, br', { gzip: 0, br: 1 }],
    ['gzip;q=-1, br', { gzip: 0, br: 1 }],
    ['gzip;q=0.1234, br', { gzip: 0, br: 1 }],
    ['gzip;q =1, br', { gzip: 0, br: 1 }],
    ['gzip;q="1", br', { gzip: 0, br: 1 }],
    ['gzip;level=1, br', { gzip: 0, br: 1 }],
    ['gzip;q=1;q=0, br', { gzip: 0, br: 1 }],
    ['gzip br, zstd', { gzip: 0, br: 0, zstd: 1 }],
    ['gzipped, not-gzip, br', { gzip: 0, br: 1 }],
    ['__proto__, constructor;q=0.5', { gzip: 0, br: 0 }],
  ])('%s', (value, expected) => {
    expect(weights(value)).toMatchObject(expected)
  })

  test.each<[string | undefined, string[]]>([
    [undefined, ['identity']],
    ['', ['identity']],
    [',', ['identity']],
    ['gzip', ['gzip']],
    ['GZIP;q=0.1, br', ['gzip', 'br']],
    ['x-gzip', ['gzip']],
    ['identity', ['identity']],
    // A star covers a coding and does not name it; to refuse one is to name it.
    ['*', []],
    ['*;q=0', []],
    ['*, br;q=0.5', ['br']],
    ['br;q=0', ['br']],
    ['br;q=2, zstd', ['zstd']],
    ['gzipped, not-br', []],
  ])('%j names codings, and no others', (value, named) => {
    const accept = parseAcceptEncoding(value)
    const codings = ['gzip', 'br', 'zstd', 'identity']
    expect(codings.filter((coding) => accept.lists(coding))).toEqual(named)
    expect(accept.lists('x-gzip')).toBe(named.includes('gzip'))
    expect(accept.lists('*') || accept.lists('__proto__')).toBe(value?.includes('*') ?? false)
  })

  test('the alias can be asked for as well', () => {
    expect(parseAcceptEncoding('gzip;q=0.5').accepts('x-gzip')).toBe(0.5)
  })

  test('what is remembered of one value does not answer another', () => {
    expect(parseAcceptEncoding('gzip').accepts('gzip')).toBe(1)
    expect(parseAcceptEncoding('br').accepts('gzip')).toBe(0)
    expect(parseAcceptEncoding('gzip').accepts('gzip')).toBe(1)
    expect(parseAcceptEncoding(undefined).accepts('gzip')).toBe(0)
  })

  test('agrees with a table of the members', () => {
    const names = ['gzip', 'br', 'zstd', 'identity', '*']
    const table = fc.uniqueArray(
      fc.record({
        name: fc.constantFrom(...names),
        thousandths: fc.option(fc.integer({ min: 0, max: 1000 }), { nil: undefined }),
      }),
      { selector: (member) => member.name, minLength: 1 },
    )
    fc.assert(
      fc.property(table, fc.constantFrom(',', ', ', ' ,\t'), (members, separator) => {
        const value = members
          .map(({ name, thousandths }) =>
            thousandths === undefined ? name : `${name};q=${(thousandths / 1000).toFixed(3)}`,
          )
          .join(separator)
        const accept = parseAcceptEncoding(value)
        const given = (name: string) => {
          const member = members.find((m) => m.name === name)
          return member && (member.thousandths ?? 1000) / 1000
        }
        for (const coding of ['gzip', 'br', 'zstd', 'compress']) {
          expect(accept.accepts(coding)).toBe(given(coding) ?? given('*') ?? 0)
        }
        expect(accept.accepts('identity')).toBe(given('identity') ?? given('*') ?? 0.001)
        expect(accept.identityAcceptable).toBe((given('identity') ?? given('*')) !== 0)
      }),
      { seed: 6, numRuns: 1000 },
    )
  })

  test('never throws, and a hostile value takes no long', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const weight = parseAcceptEncoding(value).accepts('gzip')
        expect(weight >= 0 && weight <= 1).toBe(true)
      }),
      { seed: 7, numRuns: 500 },
    )
    for (const part of [' ', ',', ';', 'a', ' ;', 'gzip ']) {
      expect(weights(`${part.repeat(200_000)}\0`).identityAcceptable).toBe(true)
    }
  })
})
