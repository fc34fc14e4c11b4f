import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { defaultPolicy } from '../../../src/core/compression/policy.ts'
import { textBytes } from '../../core/compression/samples.ts'
import {
  accepting,
  expectCoded,
  expectIdentity,
  formOf,
  forms,
  mebibyte,
  store,
  type Headers,
} from './coded.ts'
import type { Stage } from './stage.ts'

/** Bodies in a row, in the store, and in several frames; of zstd those have a rule of their own. */
const sizes = ['gzip', 'deflate', 'brotli', 'zstd'].flatMap((codec) => {
  const several = codec === 'gzip' || codec === 'deflate' ? [2 * mebibyte + 5] : []
  return [5000, 200_000, ...several].map((size) => [codec, size] as const)
})

const varyOfFrames = 'Accept-Encoding, Sec-Fetch-Mode'

/** `c` stands for the coding that is stored; what the client gets, by RFC 9110 §12.5.3. */
const wishes: readonly (readonly [string | undefined, 'identity' | 'coded' | 406])[] = [
  [undefined, 'identity'],
  ['', 'identity'],
  ['c', 'coded'],
  ['C', 'coded'],
  ['gzip, deflate, br, zstd', 'coded'],
  ['c;q=0', 'identity'],
  ['c;q=0.001', 'coded'],
  ['c;q=0.000', 'identity'],
  ['c, identity', 'coded'],
  ['c;q=0.5, identity', 'identity'],
  ['c;q=0.5, identity;q=0.5', 'coded'],
  ['c;q=0.5, identity;q=0.4', 'coded'],
  // A star comes from scripts that decode nothing.
  ['*', 'identity'],
  ['*;q=0.5', 'identity'],
  ['*, identity;q=0.5', 'coded'],
  ['c;q=0, *', 'identity'],
  ['*;q=0', 406],
  ['*;q=0, identity', 'identity'],
  ['*;q=0, c', 'coded'],
  ['identity;q=0', 406],
  ['identity;q=0, c;q=0', 406],
  ['identity;q=0, c;q=0, *', 406],
  ['identity;q=0, compress', 406],
  ['identity;q=0, c;q=0.001', 'coded'],
  ['identity;q=0, *', 'coded'],
  ['c, c;q=0', 'identity'],
  ['compress', 'identity'],
  ['not-c, cc', 'identity'],
  // Malformed members say nothing.
  ['c;q=2', 'identity'],
  ['c;level=9', 'identity'],
  [' , ,', 'identity'],
  ['"c"', 'identity'],
  ['c;q=0.5;q=1, identity;q=0.1', 'identity'],
]

/** As a whole word. */
const withCoding = (wish: string | undefined, coding: string) =>
  wish
    ?.replaceAll(
      /(?<![a-z])(not-)?(c+)(?![a-z])/g,
      (_all, not = '', c: string) => `${not}${coding.repeat(c.length)}`,
    )
    .replaceAll(/(?<![a-z])C(?![a-z])/gi, coding.toUpperCase())

export function negotiationTests(stage: Stage): void {
  describe.each(forms)('a file stored in $codec', (form) => {
    const body = textBytes(200_000)

    test('goes out in the form that Accept-Encoding asks for (R1, R6, R12, R13, R14)', async () => {
      const { api } = stage
      const bucket = await stage.bucket('public')
      const tag = await store(stage, { bucket, key: 'f', codec: form.codec, body })
      const more: typeof wishes =
        form.coding === 'gzip'
          ? [
              ['x-gzip', 'coded'],
              ['x-gzip;q=0, *', 'identity'],
              ['identity;q=0, X-GZIP', 'coded'],
            ]
          : []
      for (const [wish, expected] of [...wishes, ...more]) {
        const headers = accepting(withCoding(wish, form.coding))
        const what = JSON.stringify(headers)
        const got = await api.get(bucket, 'f', { headers })
        expect(got.header('vary'), what).toBe('Accept-Encoding')
        if (expected === 406) {
          expect(got.json(), what).toMatchObject({ status: 406, code: 'not_acceptable' })
          expect(got.json()['codings']).toEqual([form.coding, 'identity'])
          expect((await api.head(bucket, 'f', { headers })).status).toBe(406)
          continue
        }
        expect(got.header('content-encoding') ?? 'identity', what).toBe(
          expected === 'coded' ? form.coding : 'identity',
        )
        if (expected === 'coded') expectCoded(got, form, tag, body)
        else expectIdentity(got, tag, body)
        const head = await api.head(bucket, 'f', { headers })
        for (const name of [
          'content-length',
          'content-encoding',
          'etag',
          'vary',
          'cache-control',
          'content-type',
        ]) {
          expect(head.header(name), `HEAD ${what} ${name}`).toBe(got.header(name))
        }
      }
    })

    test('no-transform is written once, behind what its owner wrote (R17)', async () => {
      const { api } = stage
      const bucket = await stage.bucket('public')
      for (const [own, expected] of [
        ['max-age=60', 'max-age=60, no-transform'],
        ['No-Transform, max-age=5', 'No-Transform, max-age=5'],
        ['x="no-transform"', 'x="no-transform", no-transform'],
      ] as const) {
        await store(stage, { bucket, key: 'f', codec: form.codec, body, headers: { 'Cache-Control': own } })
        const coded = await api.get(bucket, 'f', { headers: accepting(form.coding) })
        expect(coded.header('cache-control')).toBe(expected)
        expect((await api.get(bucket, 'f')).header('cache-control')).toBe(own)
      }
    })
  })

  test.each(sizes)('%s, %i bytes: the coded bytes are one stream of all the text', async (codec, size) => {
    const { api, alice } = stage
    const bucket = await stage.bucket()
    const body = textBytes(size)
    const tag = await store(stage, { bucket, key: 'f', codec, body })
    const form = formOf(codec)
    for (let times = 0; times < 2; times++) {
      const coded = await api.get(bucket, 'f', { as: alice, headers: accepting(form.coding) })
      expectCoded(coded, form, tag, body)
      expectIdentity(await api.get(bucket, 'f', { as: alice }), tag, body)
    }
    const head = await api.head(bucket, 'f', { as: alice, headers: accepting(form.coding) })
    expect(head.header('etag')).toBe(`"${tag}${form.suffix}"`)
    // Nobody but its owner learns what it takes at rest: R26.
    expect((await api.info(bucket, 'f')).status).toBe(401)
  })

  test('zstd of several frames goes out coded to those who read all of them (R14, decisions/012)', async () => {
    const { api } = stage
    const bucket = await stage.bucket('public')
    const body = textBytes(2 * mebibyte + 5)
    const tag = await store(stage, { bucket, key: 'f', codec: 'zstd', body })
    const form = formOf('zstd')
    const browser = { 'Accept-Encoding': 'gzip, deflate, br, zstd', 'Sec-Fetch-Mode': 'navigate' }
    const readers: Headers[] = [
      browser,
      { ...accepting('zstd'), 'Sec-Fetch-Mode': 'cors' },
      { ...accepting('zstd, identity;q=0'), 'Sec-Fetch-Mode': '' },
      // curl names them in this order and no other.
      accepting('deflate, gzip, br, zstd'),
    ]
    for (const headers of readers) {
      const what = JSON.stringify(headers)
      const got = await api.get(bucket, 'f', { headers })
      expectCoded(got, form, tag, body)
      const head = await api.head(bucket, 'f', { headers })
      expect(head.header('content-length'), what).toBe(got.header('content-length'))
      for (const answer of [got, head]) expect(answer.header('vary'), what).toBe(varyOfFrames)
    }
    // urllib3 sends what browsers send, and some of its releases stop after the first frame.
    const others: Headers[] = [
      {},
      accepting('zstd'),
      accepting('gzip, deflate, br, zstd'),
      accepting('gzip,deflate,br,zstd'),
      accepting('deflate, gzip, br, zstd, identity'),
      accepting('Deflate, gzip, br, zstd'),
      { ...browser, 'Accept-Encoding': 'gzip, deflate, br' },
      { ...browser, 'Accept-Encoding': 'zstd;q=0' },
      { ...browser, Range: 'bytes=5-2' },
    ]
    for (const headers of others) {
      const got = await api.get(bucket, 'f', { headers })
      expectIdentity(got, tag, body)
      expect(got.header('vary'), JSON.stringify(headers)).toBe(varyOfFrames)
    }
    const refused = await api.get(bucket, 'f', { headers: accepting('zstd, identity;q=0') })
    expect(refused.json()).toMatchObject({ status: 406, code: 'not_acceptable' })
    expect(refused.header('vary')).toBe(varyOfFrames)
    const not = await api.get(bucket, 'f', { headers: { ...browser, 'If-None-Match': `"${tag}-zst"` } })
    expect([not.status, not.header('etag'), not.header('vary')]).toEqual([304, `"${tag}-zst"`, varyOfFrames])
  })

  test('?download=1 is an attachment in either form', async () => {
    const { api } = stage
    const bucket = await stage.bucket('public')
    const body = textBytes(50_000)
    const tag = await store(stage, { bucket, key: 'a.txt', codec: 'gzip', body })
    const target = `/api/v1/buckets/${bucket}/files/a.txt?download=1`
    const coded = await api.call('GET', target, { headers: accepting('gzip') })
    expectCoded(coded, formOf('gzip'), tag, body)
    const plain = await api.call('GET', target)
    expectIdentity(plain, tag, body)
    for (const answer of [coded, plain])
      expect(answer.header('content-disposition')).toMatch(/^attachment; .*a\.txt/)
  })

  test('lz4 is no content coding: it is sent decoded, whoever asks (R15)', async () => {
    const { api, alice } = stage
    const bucket = await stage.bucket()
    for (const size of [5000, 2 * mebibyte + 5]) {
      const body = textBytes(size)
      const tag = await store(stage, { bucket, key: 'f', codec: 'lz4', body })
      for (const wish of [undefined, 'lz4', 'gzip, lz4, br', '*, identity;q=0.1', 'identity;q=0, *']) {
        const got = await api.get(bucket, 'f', { as: alice, headers: accepting(wish) })
        expectIdentity(got, tag, body)
        // There is one form only.
        expect(got.header('vary')).toBeUndefined()
      }
    }
  })

  test('empty and tiny files are stored and sent as they are', async () => {
    const { api, alice } = stage
    const bucket = await stage.bucket()
    for (const body of [new Uint8Array(), new Uint8Array(1), textBytes(defaultPolicy.minimumBytes - 1)]) {
      for (const wanted of [undefined, 'gzip', 'zstd;level=19', 'brotli', 'auto']) {
        const headers: Headers = wanted === undefined ? {} : { 'X-Cutty-Compression': wanted }
        const put = await api.put(bucket, 'f', body, { as: alice, headers })
        expect(put.json()).toMatchObject({
          codec: 'identity',
          storedBytes: body.length,
          compression: {
            reason: 'small',
            level: 0,
            gain: null,
            frameBytes: 0,
          },
        })
        const got = await api.get(bucket, 'f', { as: alice, headers: accepting('gzip, br, zstd') })
        expectIdentity(got, (put.header('etag') as string).slice(1, -1), body)
      }
    }
  })
}

export function clientCodingTests(stage: Stage): void {
  describe('a Content-Encoding of the client’s (R16)', () => {
    test.each(['gzip', 'br', 'x-own', 'gzip, br', 'identity'])(
      '%s stays, and none is put on top',
      async (coding) => {
        const { api, alice } = stage
        const bucket = await stage.bucket()
        // Not what it says, and would get much smaller: nobody looks.
        const body = textBytes(100_000)
        const headers = {
          'Content-Type': 'text/plain',
          'Content-Encoding': coding,
          'X-Cutty-Compression': 'zstd',
        }
        const put = await api.put(bucket, 'f', body, { as: alice, headers })
        expect(put.json()).toMatchObject({
          codec: 'identity',
          storedBytes: body.length,
          contentEncoding: coding,
          compression: { reason: 'encoded' },
        })
        for (const wish of [undefined, 'gzip, br', 'identity', 'identity;q=0', '*;q=0']) {
          const got = await api.get(bucket, 'f', { as: alice, headers: accepting(wish) })
          expect([got.status, got.header('content-encoding'), got.header('vary')]).toEqual([
            200,
            coding,
            undefined,
          ])
          expect(got.header('etag')).toBe(put.header('etag'))
          expect(Buffer.compare(got.bytes, body)).toBe(0)
        }
        const ranged = { ...accepting('gzip'), Range: 'bytes=5-9' }
        const part = await api.get(bucket, 'f', { as: alice, headers: ranged })
        expect([part.status, part.header('content-encoding')]).toEqual([206, coding])
      },
    )

    test('that is said later makes one form of a file that had two, and two again when it is taken back', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const body = textBytes(100_000)
      const tag = await store(stage, { bucket, key: 'f', codec: 'gzip', body })
      const say = (contentEncoding: string | null) =>
        api.patch(bucket, 'f', { as: alice, json: { contentEncoding } })
      const read = () => api.get(bucket, 'f', { as: alice, headers: accepting('gzip') })
      expect((await say('br')).json()).toMatchObject({ codec: 'gzip', contentEncoding: 'br' })
      const one = await read()
      expect([one.header('content-encoding'), one.header('vary')]).toEqual(['br', undefined])
      expect(Buffer.compare(one.bytes, body)).toBe(0)
      await say(null)
      expectCoded(await read(), formOf('gzip'), tag, body)
    })
  })
}
