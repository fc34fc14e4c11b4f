import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { textBytes } from '../../core/compression/samples.ts'
import { accepting, expectCoded, expectIdentity, forms, mebibyte, store, type Headers } from './coded.ts'
import type { Stage } from './stage.ts'

export function codedConditionTests(stage: Stage): void {
  describe.each(forms)('conditions of a file stored in $codec', ({ codec, coding, suffix }) => {
    const body = textBytes(30_000)

    test('304 names the tag that the client named, with what a 200 of that form would say (R2, R5)', async () => {
      const { api } = stage
      const bucket = await stage.bucket('public')
      const own = { 'Cache-Control': 'max-age=7' }
      const tag = await store(stage, { bucket, key: 'f', codec, body, headers: own })
      const [plain, coded] = [`"${tag}"`, `"${tag}${suffix}"`]
      const other = `"${tag}${suffix === '-gz' ? '-br' : '-gz'}"`
      // Condition, what is asked for, tag of the 304.
      const cases: [string, string | undefined, string][] = [
        [plain, undefined, plain],
        [coded, undefined, coded],
        [plain, coding, plain],
        [coded, coding, coded],
        [`W/${coded}`, coding, coded],
        [`W/${plain}`, coding, plain],
        [other, coding, other],
        [`"x", ${other}, ${coded}`, coding, coded],
        [`${coded}, ${plain}`, undefined, plain],
        [`"x", ${coded}, ${other}`, undefined, coded],
        ['*', undefined, plain],
        ['*', coding, coded],
      ]
      for (const [condition, wish, expected] of cases) {
        for (const method of ['GET', 'HEAD'] as const) {
          const headers = { ...accepting(wish), 'If-None-Match': condition }
          const got = await api.call(method, `/api/v1/buckets/${bucket}/files/f`, { headers })
          const what = `${method} ${JSON.stringify(headers)}`
          expect([got.status, got.header('etag')], what).toEqual([304, expected])
          expect(got.header('vary'), what).toBe('Accept-Encoding')
          const cacheControl = expected === plain ? 'max-age=7' : 'max-age=7, no-transform'
          expect(got.header('cache-control'), what).toBe(cacheControl)
          for (const name of ['content-length', 'content-encoding', 'content-type']) {
            expect(got.header(name), `${what} ${name}`).toBeUndefined()
          }
        }
      }
      const since = (await api.get(bucket, 'f')).header('last-modified') as string
      for (const [wish, expected] of [
        [undefined, plain],
        [coding, coded],
      ] as const) {
        const got = await api.get(bucket, 'f', {
          headers: { ...accepting(wish), 'If-Modified-Since': since },
        })
        expect([got.status, got.header('etag')]).toEqual([304, expected])
      }
      const not = { ...accepting(coding), 'If-None-Match': `"${tag}-lz4", "${tag}-gz-br"` }
      expect((await api.get(bucket, 'f', { headers: not })).status).toBe(200)
    })

    test('If-Match takes the tag of any form, strongly, to read and to write (R2)', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const tag = await store(stage, { bucket, key: 'f', codec, body })
      const read = (condition: string, wish?: string) =>
        api.get(bucket, 'f', { as: alice, headers: { ...accepting(wish), 'If-Match': condition } })
      for (const wish of [undefined, coding]) {
        for (const any of ['', '-gz', '-br', '-zst', '-df']) {
          expect((await read(`"${tag}${any}"`, wish)).status).toBe(200)
        }
        expect((await read(`W/"${tag}${suffix}"`, wish)).status).toBe(412)
        expect((await read(`"${tag}-lz4"`, wish)).status).toBe(412)
      }
      const target = `/api/v1/buckets/${bucket}/copy`
      const json = (ifMatch: string) => ({
        source: { key: 'f' },
        destination: { key: 'f2' },
        conditions: { ifMatch },
      })
      await api.put(bucket, 'f2', body, { as: alice, headers: { 'X-Cutty-Compression': codec } })
      const copy = (ifMatch: string) => api.call('POST', target, { as: alice, json: json(ifMatch) })
      expect((await copy(`"${tag}-lz4"`)).status).toBe(412)
      expect((await copy(`"${tag}${suffix}"`)).status).toBe(200)
      const write = (condition: string) =>
        api.put(bucket, 'f', 'new', { as: alice, headers: { 'If-Match': condition } })
      expect((await write(`W/"${tag}${suffix}"`)).status).toBe(412)
      expect((await write(`"${tag}${suffix}"`)).status).toBe(200)
      expect((await write(`"${tag}${suffix}"`)).status).toBe(412)
    })
  })
}

export function codedRangeTests(stage: Stage): void {
  describe.each(forms)('ranges of a file stored in $codec', (form) => {
    const size = form.codec === 'brotli' ? 900_000 : 2 * mebibyte + 5
    const body = textBytes(size)
    const { codec, coding, suffix } = form
    // So that zstd of several frames is among what could be sent: see negotiation.ts.
    const browser = { 'Sec-Fetch-Mode': 'cors' }
    const vary = codec === 'zstd' ? 'Accept-Encoding, Sec-Fetch-Mode' : 'Accept-Encoding'

    test('are cut from identity, whatever the client accepts (R7)', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const tag = await store(stage, { bucket, key: 'f', codec, body })
      const ranges: [string, number, number][] = [
        ['bytes=0-0', 0, 0],
        ['bytes=100-299', 100, 299],
        ['bytes=65000-66000', 65_000, 66_000],
        ['bytes=-7', size - 7, size - 1],
        ['bytes=800000-', 800_000, size - 1],
        [`bytes=1-${size * 2}`, 1, size - 1],
        ['bytes=1048570-1048580', 1_048_570, 1_048_580],
      ]
      for (const [range, start, end] of ranges.filter(([, , end]) => end < size)) {
        for (const wish of [undefined, coding, `${coding}, identity;q=0.1`]) {
          const got = await api.get(bucket, 'f', {
            as: alice,
            headers: { ...browser, ...accepting(wish), Range: range },
          })
          expect([got.status, got.header('content-range')], range).toEqual([
            206,
            `bytes ${start}-${end}/${size}`,
          ])
          expect(got.header('content-encoding')).toBeUndefined()
          expect([got.header('etag'), got.header('vary')]).toEqual([`"${tag}"`, vary])
          expect(Buffer.compare(got.bytes, body.subarray(start, end + 1)), range).toBe(0)
        }
      }
      const outside = { ...browser, ...accepting(coding), Range: `bytes=${size}-` }
      const refused = await api.get(bucket, 'f', { as: alice, headers: outside })
      expect([refused.status, refused.header('content-range')]).toEqual([416, `bytes */${size}`])
    })

    test('are left out where they cannot be cut: whole, in a form that the client accepts', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const tag = await store(stage, { bucket, key: 'f', codec, body })
      const read = (headers: Headers, method = 'GET') =>
        api.call(method, `/api/v1/buckets/${bucket}/files/f`, { as: alice, headers })
      // Identity is refused: the whole of the other form (§14.2 lets a server ignore Range).
      expectCoded(
        await read({ ...browser, ...accepting(`${coding}, identity;q=0`), Range: 'bytes=0-9' }),
        form,
        tag,
        body,
      )
      expect((await read({ ...browser, ...accepting('identity;q=0'), Range: 'bytes=0-9' })).status).toBe(406)
      for (const range of ['bytes=5-2', 'lines=1-2', 'bytes=0-1,5-6']) {
        expectIdentity(await read({ ...browser, ...accepting(coding), Range: range }), tag, body)
      }
      // HEAD has no range.
      const head = await read({ ...browser, ...accepting(coding), Range: 'bytes=0-9' }, 'HEAD')
      expect([head.status, head.header('content-encoding')]).toEqual([200, coding])
    })

    test('If-Range goes by identity’s tag alone (R9)', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const tag = await store(stage, { bucket, key: 'f', codec, body })
      const read = (condition: string, wish?: string) => {
        const headers = { ...browser, ...accepting(wish), Range: 'bytes=10-19', 'If-Range': condition }
        return api.get(bucket, 'f', { as: alice, headers })
      }
      for (const wish of [undefined, coding]) {
        const got = await read(`"${tag}"`, wish)
        expect([got.status, got.text]).toEqual([206, Buffer.from(body.subarray(10, 20)).toString()])
        for (const condition of [`"${tag}${suffix}"`, `W/"${tag}"`, `"${tag}", "${tag}"`, '"other"']) {
          expectIdentity(await read(condition, wish), tag, body)
        }
      }
    })

    test('Want-Repr-Digest gets identity, whose digest is known', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const tag = await store(stage, { bucket, key: 'f', codec, body })
      const headers = { ...browser, ...accepting(coding), 'Want-Repr-Digest': 'sha-256=1' }
      const got = await api.get(bucket, 'f', { as: alice, headers })
      expectIdentity(got, tag, body)
      const sha256 = Buffer.from(tag.replace('sha256-', ''), 'hex').toString('base64')
      expect(got.header('repr-digest')).toBe(`sha-256=:${sha256}:`)
      const refusing = { ...headers, 'Accept-Encoding': `${coding}, identity;q=0` }
      const coded = await api.get(bucket, 'f', { as: alice, headers: refusing })
      expectCoded(coded, form, tag, body)
      expect(coded.header('repr-digest')).toBeUndefined()
    })
  })
}
