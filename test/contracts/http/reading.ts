import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { patternBytes } from './bytes.ts'
import type { Answer } from './client.ts'
import type { Stage } from './stage.ts'

export function readingTests(stage: Stage): void {
  rangeTests(stage)
  validatorTests(stage)
  headTests(stage)
  protectionTests(stage)
}

/** What a range of a file of `size` bytes must be answered with, by the letter of R8. */
function expectedRange(value: string, size: number): [number, number] | 'whole' | 'unsatisfiable' {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(value) ?? []
  if (first === '' && last === '') return 'whole'
  if (first === '') {
    return Number(last) === 0 || size === 0 ? 'unsatisfiable' : [Math.max(0, size - Number(last)), size - 1]
  }
  if (last !== '' && Number(last) < Number(first)) return 'whole'
  if (Number(first) >= size) return 'unsatisfiable'
  return [Number(first), last === '' ? size - 1 : Math.min(Number(last), size - 1)]
}

function rangeTests(stage: Stage): void {
  describe('ranges', () => {
    test.each([0, 1, 10, 5000, 70_000, 1_300_000])(
      'of a file of %i bytes are its very bytes (R8, R11)',
      async (size) => {
        const { api, alice } = stage
        const bucket = await stage.bucket()
        const bytes = patternBytes(size)
        const put = await api.put(bucket, 'f', bytes, { as: alice })
        const middle = Math.floor(size / 2)
        const pairs = [
          [0, 0],
          [0, ''],
          ['', 1],
          ['', 5],
          ['', 0],
          ['', size],
          ['', size + 9],
          [size - 1, ''],
          [size, ''],
          [size + 1, size + 5],
          [middle, middle],
          [middle, size + 100],
          [1, size - 1],
          [0, '9'.repeat(30)],
          [5, 2],
          ['', ''],
        ]
        for (const [first, last] of pairs.filter(([first]) => typeof first !== 'number' || first >= 0)) {
          const value = `bytes=${first}-${last}`
          const got = await api.get(bucket, 'f', { as: alice, headers: { Range: value } })
          const expected = expectedRange(value, size)
          expect(got.header('accept-ranges'), value).toBe('bytes')
          if (expected === 'whole') {
            expect([got.status, got.header('content-range')], value).toEqual([200, undefined])
            expect(got.bytes.length).toBe(size)
          } else if (expected === 'unsatisfiable') {
            expect([got.status, got.header('content-range')], value).toEqual([416, `bytes */${size}`])
            expect(got.json()).toMatchObject({ code: 'range_not_satisfiable' })
          } else {
            const [start, end] = expected
            expect([got.status, got.header('content-range')], value).toEqual([
              206,
              `bytes ${start}-${end}/${size}`,
            ])
            expect(got.header('etag')).toBe(put.header('etag'))
            expect(Buffer.compare(got.bytes, bytes.subarray(start, end + 1)), value).toBe(0)
          }
        }
      },
    )

    test.each([
      'bytes=0-0,2-3',
      'bytes=0-1, 1-2, 2-3',
      'items=0-1',
      'bytes',
      'bytes=',
      'bytes=a-b',
      'bytes=-1-2',
    ])('that are malformed, many or of another unit are ignored: %s (R8)', async (value) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'f', '0123456789', { as: alice })
      const got = await api.get(bucket, 'f', { as: alice, headers: { Range: value } })
      expect([got.status, got.text]).toEqual([200, '0123456789'])
    })

    test('count only with an If-Range that matches strongly (R9)', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const put = await api.put(bucket, 'f', '0123456789', { as: alice })
      const etag = put.header('etag') as string
      const modified = (await api.head(bucket, 'f', { as: alice })).header('last-modified') as string
      const read = async (ifRange: string) => {
        const headers = { Range: 'bytes=2-3', 'If-Range': ifRange }
        const got = await api.get(bucket, 'f', { as: alice, headers })
        return [got.status, got.text]
      }
      expect(await read(etag)).toEqual([206, '23'])
      for (const other of [`W/${etag}`, '"other"', modified, '*', etag.slice(1, -1)]) {
        expect(await read(other), other).toEqual([200, '0123456789'])
      }
      await api.put(bucket, 'f', 'abcdefghij', { as: alice })
      expect(await read(etag)).toEqual([200, 'abcdefghij'])
      // What cannot be satisfied is no error either when it does not count.
      const headers = { Range: 'bytes=99-', 'If-Range': etag }
      expect((await api.get(bucket, 'f', { as: alice, headers })).status).toBe(200)
    })

    test('of a file with a coding of its own are of its bytes as they are (R7, R16)', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'f', '0123456789', { as: alice, headers: { 'Content-Encoding': 'gzip' } })
      const headers = { Range: 'bytes=3-5', 'Accept-Encoding': 'gzip' }
      const got = await api.get(bucket, 'f', { as: alice, headers })
      expect([got.status, got.text, got.header('content-encoding')]).toEqual([206, '345', 'gzip'])
    })
  })
}

function validatorTests(stage: Stage): void {
  describe('conditional reads', () => {
    const past = 'Thu, 01 Jan 1998 00:00:00 GMT'
    const future = 'Fri, 01 Jan 2100 00:00:00 GMT'

    test('are evaluated in the order of RFC 9110 §13.2.2 (R2, R4)', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const etag = (await api.put(bucket, 'f', 'x', { as: alice })).header('etag') as string
      const hash = etag.slice(1, -1)
      const cases: [Record<string, string>, number][] = [
        [{ 'If-None-Match': etag }, 304],
        [{ 'If-None-Match': `W/${etag}` }, 304],
        [{ 'If-None-Match': `"a", "${hash}-gz" , "b"` }, 304],
        [{ 'If-None-Match': '*' }, 304],
        [{ 'If-None-Match': '"other"' }, 200],
        [{ 'If-None-Match': '"other"', 'If-Modified-Since': future }, 200],
        [{ 'If-None-Match': etag, 'If-Modified-Since': past }, 304],
        [{ 'If-Modified-Since': future }, 304],
        [{ 'If-Modified-Since': past }, 200],
        [{ 'If-Modified-Since': 'yesterday' }, 200],
        [{ 'If-Match': etag }, 200],
        [{ 'If-Match': '*' }, 200],
        [{ 'If-Match': `"${hash}-br"` }, 200],
        [{ 'If-Match': `W/${etag}` }, 412],
        [{ 'If-Match': '"other"' }, 412],
        [{ 'If-Match': 'not a tag' }, 412],
        [{ 'If-Match': '"other"', 'If-None-Match': etag }, 412],
        [{ 'If-Match': etag, 'If-Unmodified-Since': past }, 200],
        [{ 'If-Unmodified-Since': past }, 412],
        [{ 'If-Unmodified-Since': future }, 200],
        [{ 'If-Match': etag, 'If-None-Match': etag }, 304],
      ]
      for (const [headers, status] of cases) {
        for (const method of ['GET', 'HEAD'] as const) {
          const got = await api.call(method, `/api/v1/buckets/${bucket}/files/f`, { as: alice, headers })
          expect(got.status, `${method} ${JSON.stringify(headers)}`).toBe(status)
        }
        // Conditions come before the range.
        const ranged = await api.get(bucket, 'f', { as: alice, headers: { ...headers, Range: 'bytes=9-' } })
        expect(ranged.status).toBe(status === 200 ? 416 : status)
      }
    })

    test('by the file’s own Last-Modified are not modified', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'f', 'x', { as: alice })
      const modified = (await api.get(bucket, 'f', { as: alice })).header('last-modified') as string
      expect(modified).toMatch(/^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/)
      const read = (name: string) => api.get(bucket, 'f', { as: alice, headers: { [name]: modified } })
      expect((await read('If-Modified-Since')).status).toBe(304)
      expect((await read('If-Unmodified-Since')).status).toBe(200)
    })

    test('answer 304 with what the 200 says to caches (R5)', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket('public')
      const own = { 'Cache-Control': 'public, max-age=7', 'X-Cutty-Meta-a': '1', 'Content-Language': 'de' }
      await api.put(bucket, 'f', 'x', { as: alice, headers: own })
      const whole = await api.get(bucket, 'f')
      const not = await api.get(bucket, 'f', {
        headers: { 'If-None-Match': whole.header('etag') as string },
      })
      expect(not.status).toBe(304)
      for (const name of ['etag', 'cache-control', 'expires', 'vary', 'content-location']) {
        expect(not.header(name), name).toBe(whole.header(name))
      }
      for (const name of ['content-type', 'content-length', 'content-encoding', 'content-language']) {
        expect(not.header(name), name).toBeUndefined()
      }
    })

    test('of what does not exist are 404 first', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const conditions: Record<string, string>[] = [{ 'If-None-Match': '*' }, { 'If-Modified-Since': future }]
      for (const headers of conditions) {
        expect((await api.get(bucket, 'none', { as: alice, headers })).status).toBe(404)
      }
    })
  })
}

/** What may differ between two answers to one question. */
function comparable({ status, headers }: Answer): unknown {
  const own = [
    'x-request-id',
    'date',
    'connection',
    'keep-alive',
    'server-timing',
    'cache-status',
    'transfer-encoding',
  ]
  return {
    status,
    headers: Object.fromEntries([...headers].filter(([name]) => !own.includes(name))),
  }
}

function headTests(stage: Stage): void {
  test('HEAD says what GET would say, Content-Length included (R6)', async () => {
    const { api, alice } = stage
    const bucket = await stage.bucket()
    const headers = { 'Content-Encoding': 'br', 'Content-Disposition': 'inline', 'X-Cutty-Meta-a': 'b' }
    await api.put(bucket, 'small.html', 'x'.repeat(100), { as: alice, headers })
    await api.put(bucket, 'large', patternBytes(2_000_000), { as: alice })
    await api.put(bucket, 'empty', '', { as: alice })
    const files = `/api/v1/buckets/${bucket}/files`
    const targets = [
      `${files}/small.html`,
      `${files}/small.html?download=1`,
      `${files}/large`,
      `${files}/empty`,
      `${files}?key=large`,
      `${files}?key=large&info`,
      `${files}/none`,
      `${files}?key=`,
      files,
      `${files}?limit=none`,
      `/api/v1/buckets/${bucket}`,
      '/api/v1/buckets',
      '/api/v1/me',
      '/api/v1/nothing-here',
      '/api/v1/openapi.json',
      '/api/v1/docs',
      '/health',
      '/ready',
    ]
    for (const target of targets) {
      const got = await api.call('GET', target, { as: alice })
      const head = await api.call('HEAD', target, { as: alice })
      // A problem holds its request's id, of which the length may grow.
      if (got.status < 400) expect(comparable(head), target).toEqual(comparable(got))
      else expect(head.status, target).toBe(got.status)
      expect(head.header('content-length'), target).toBeDefined()
    }
  })

  test('HEAD ignores Range (§14.2)', async () => {
    const { api, alice } = stage
    const bucket = await stage.bucket()
    await api.put(bucket, 'f', '0123456789', { as: alice })
    const head = await api.head(bucket, 'f', { as: alice, headers: { Range: 'bytes=2-3' } })
    expect([head.status, head.header('content-length')]).toEqual([200, '10'])
  })
}

function protectionTests(stage: Stage): void {
  describe('user content is served so that it cannot act as this origin (R42)', () => {
    test.each([
      ['page.html', 'text/html', true],
      ['page', 'Text/HTML; charset=utf-8', true],
      ['image.svg', 'image/svg+xml', true],
      ['page.xhtml', 'application/xhtml+xml', true],
      ['code.js', 'text/javascript', true],
      ['data.xml', 'application/xml', true],
      ['odd', '*/*', true],
      ['image.png', 'image/png', false],
      ['text.txt', 'text/plain', false],
      ['paper.pdf', 'application/pdf', false],
    ])('%s as %s: attachment %s', async (key, type, attachment) => {
      const { api, alice } = stage
      for (const visibility of ['public', 'private'] as const) {
        const bucket = await stage.bucket(visibility)
        await api.put(bucket, key, '<script>x</script>', { as: alice, headers: { 'Content-Type': type } })
        const as = visibility === 'public' ? undefined : alice
        for (const headers of [{}, { Range: 'bytes=0-3' }] as Record<string, string>[]) {
          const got = await api.get(bucket, key, { as, headers })
          expect(got.header('content-type')).toBe(type)
          expect(got.header('content-disposition')?.startsWith('attachment') ?? false).toBe(attachment)
          const policy = got.header('content-security-policy')?.split('; ')
          expect(policy).toEqual(expect.arrayContaining(["default-src 'none'", 'sandbox']))
        }
      }
    })

    test('?download=1 makes an attachment of any file, named by its key or by its own disposition', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const dispositionOf = async (key: string, own?: string) => {
        const headers: Record<string, string> = own === undefined ? {} : { 'Content-Disposition': own }
        await api.put(bucket, key, 'x', { as: alice, headers })
        const target = `/api/v1/buckets/${bucket}/files?key=${encodeURIComponent(key)}`
        expect((await api.call('GET', target, { as: alice })).header('content-disposition')).toBe(own)
        return (await api.call('GET', `${target}&download=1`, { as: alice })).header('content-disposition')
      }
      expect(await dispositionOf('dir/a.txt')).toBe(`attachment; filename="a.txt"; filename*=UTF-8''a.txt`)
      expect(await dispositionOf('ü €.txt')).toBe(
        `attachment; filename="_ _.txt"; filename*=UTF-8''%C3%BC%20%E2%82%AC.txt`,
      )
      expect(await dispositionOf('b.txt', 'inline; filename="own name.txt"')).toBe(
        `attachment; filename="own name.txt"; filename*=UTF-8''own%20name.txt`,
      )
      expect(await dispositionOf('a"\r\nSet-Cookie: x.txt')).not.toMatch(/[\r\n]/)
    })
  })

  describe('what is private is never left to shared caches (R27)', () => {
    const written = [
      undefined,
      'public',
      'Public, max-age=31536000, immutable',
      'max-age=60',
      's-maxage=60, max-age=5',
      'private, public',
      'public,private',
      'private="set-cookie", public, max-age=9',
      'x="private", public',
      'x=", private, ", public , s-maxage = 5',
      'no-store',
      'no-cache="a, b"',
      'S-MaxAge="5"',
      '"',
      ',,',
    ]

    test.each(written)('whatever its owner wrote: %s', async (own) => {
      const { api, alice } = stage
      const headers: Record<string, string> = own === undefined ? {} : { 'Cache-Control': own }
      const closed = await stage.bucket('private')
      await api.put(closed, 'f', 'x', { as: alice, headers })
      const answers = [
        await api.get(closed, 'f', { as: alice }),
        await api.head(closed, 'f', { as: alice }),
        await api.get(closed, 'f', { as: alice, headers: { 'If-None-Match': '*' } }),
        await api.get(closed, 'f', { as: alice, headers: { Range: 'bytes=0-0' } }),
      ]
      for (const answer of answers) {
        const said = directives(answer.header('cache-control') ?? '')
        expect(said.some((directive) => /^(private|no-store)$/i.test(directive))).toBe(true)
        expect(said.some((directive) => /^(public|s-maxage)\b/i.test(directive))).toBe(false)
      }
      // The description still says what the owner wrote, and the public gets it so.
      const info = await api.info(closed, 'f', { as: alice })
      expect(info.json()['cacheControl']).toBe(own ?? null)
      const open = await stage.bucket('public')
      await api.put(open, 'f', 'x', { as: alice, headers })
      const answer = await api.get(open, 'f')
      expect(answer.header('cache-control')).toBe(own ?? 'public, no-cache')
    })

    test('and stops being public with its bucket', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket('public')
      await api.put(bucket, 'f', 'x', { as: alice })
      expect((await api.get(bucket, 'f')).header('cache-control')).toBe('public, no-cache')
      const path = `/api/v1/buckets/${bucket}`
      await api.call('PATCH', path, { as: alice, json: { visibility: 'private' } })
      expect((await api.get(bucket, 'f')).status).toBe(401)
      expect((await api.get(bucket, 'f', { as: alice })).header('cache-control')).toBe('private, no-cache')
    })
  })
}

/** RFC 9111 §5.2: a list of directives; commas may stand in quotes. */
function directives(value: string): string[] {
  return (value.match(/(?:[^,"]|"(?:[^"\\]|\\.)*"|")+/g) ?? []).map((directive) => directive.trim())
}
