import { describe, expect, test } from 'vitest'
import { cacheInFront, reply } from './cache-in-front.ts'

const lasting = { 'cache-control': 'max-age=60' }

describe('storing (RFC 9111 §3)', () => {
  test('R34: Cache-Status tells a miss that is stored, and a hit with what is left (RFC 9211)', async () => {
    const { get, pass, asked } = cacheInFront(() => reply('a', lasting))
    expect(await get('/')).toMatchObject({ said: 'cutty; fwd=uri-miss; fwd-status=200; ttl=60; stored' })
    pass(20)
    const hit = await get('/')
    expect(hit).toMatchObject({ status: 200, text: 'a', said: 'cutty; hit; ttl=40' })
    expect(hit.headers.get('age')).toBe('20')
    expect(asked).toHaveLength(1)
  })

  test('our member of Cache-Status comes after those of caches before us', async () => {
    const { get } = cacheInFront(() => reply('a', { ...lasting, 'cache-status': 'other; hit' }))
    expect((await get('/')).said).toBe('other; hit, cutty; fwd=uri-miss; fwd-status=200; ttl=60; stored')
  })

  test('private="…" and no-cache="…" keep fields out, not the response (§5.2.2.7)', async () => {
    const { get } = cacheInFront(() =>
      reply('a', { 'cache-control': 'max-age=60, private="x-user"', 'x-user': 'ann', 'x-other': '1' }),
    )
    expect((await get('/')).headers.get('x-user')).toBe('ann')
    const hit = await get('/')
    expect([hit.headers.get('x-user'), hit.headers.get('x-other')]).toEqual([null, '1'])
  })

  test('no freshness and no validator: not kept, and it says why', async () => {
    const { get } = cacheInFront(() => reply('a'))
    expect((await get('/')).said).toBe('cutty; fwd=uri-miss; fwd-status=200; detail=no-freshness')
  })

  test('Set-Cookie: kept with an own lifetime (§7.3), never by heuristics, never where that is switched off', async () => {
    const cookie = { 'set-cookie': 'a=b' }
    const explicit = cacheInFront(() => reply('a', { ...lasting, ...cookie }))
    await explicit.get('/')
    expect((await explicit.get('/')).headers.getSetCookie()).toEqual(['a=b'])
    const modified = { 'last-modified': 'Fri, 01 Jan 2016 01:01:01 GMT' }
    const guessed = cacheInFront(() => reply('a', { ...modified, ...cookie }), { heuristics: true })
    expect((await guessed.get('/')).said).toContain('detail=set-cookie')
    const off = cacheInFront(() => reply('a', { ...lasting, ...cookie }), { storeSetCookie: false })
    expect((await off.get('/')).said).toContain('detail=set-cookie')
  })

  test('must-understand lets no-store go by for codes that are understood (§5.2.2.3)', async () => {
    const header = { 'cache-control': 'max-age=60, must-understand, no-store' }
    const known = cacheInFront(() => reply('a', header))
    expect((await known.get('/')).said).toContain('stored')
    const strange = cacheInFront(() => reply('a', header, 299))
    expect((await strange.get('/')).said).toContain('detail=must-understand')
  })

  test('R28: an identity has its own responses, and its full text counts', async () => {
    const { get, asked } = cacheInFront((request) => reply(request.headers.get('x-user'), lasting), {
      identity: (request) => request.headers.get('x-user') ?? undefined,
    })
    const long = 'u'.repeat(5000)
    for (const user of ['ann', 'bob', `${long}1`, `${long}2`]) await get('/', { headers: { 'x-user': user } })
    expect(asked).toHaveLength(4)
    for (const user of ['ann', 'bob', `${long}1`]) {
      expect(await get('/', { headers: { 'x-user': user } })).toMatchObject({
        text: user,
        said: 'cutty; hit; ttl=60',
      })
    }
    // An unsafe method of one invalidates those of all.
    await get('/', { method: 'PUT', body: 'x', headers: { 'x-user': 'ann' } })
    await get('/', { headers: { 'x-user': 'bob' } })
    expect(asked).toHaveLength(6)
  })
})

describe('reuse (§4, §5.2.1)', () => {
  test('several variants are kept side by side (§4.1)', async () => {
    const { get, asked } = cacheInFront((request) =>
      reply(request.headers.get('accept-language'), { ...lasting, vary: 'Accept-Language' }),
    )
    const ask = (language: string) => get('/', { headers: { 'accept-language': language } })
    await ask('en')
    expect((await ask('de')).said).toContain('fwd=vary-miss')
    expect(await ask('en')).toMatchObject({ text: 'en', said: 'cutty; hit; ttl=60' })
    expect(await ask('de')).toMatchObject({ text: 'de' })
    expect(asked).toHaveLength(2)
  })

  test('R32: only-if-cached without a usable response is 504, and the origin is not asked (§5.2.1.7)', async () => {
    const { get, asked } = cacheInFront(() => reply('a', lasting))
    const init = { headers: { 'cache-control': 'only-if-cached' } }
    expect(await get('/', init)).toMatchObject({ status: 504 })
    expect(asked).toHaveLength(0)
    await get('/')
    expect(await get('/', init)).toMatchObject({ status: 200, text: 'a' })
  })

  test('Pragma counts only without Cache-Control (§5.4)', async () => {
    const { get } = cacheInFront(() => reply('a', lasting))
    await get('/')
    expect((await get('/', { headers: { pragma: 'no-cache' } })).said).toContain('fwd=request')
    const both = { pragma: 'no-cache', 'cache-control': 'max-age=100' }
    expect((await get('/', { headers: both })).said).toContain('hit')
  })

  test('HEAD is answered from what a GET left (RFC 9110 §9.3.2)', async () => {
    const { get, asked } = cacheInFront(() => reply('abc', lasting))
    await get('/')
    const head = await get('/', { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, text: '', said: 'cutty; hit; ttl=60' })
    expect(head.headers.get('content-length')).toBe('3')
    expect(asked).toHaveLength(1)
  })

  test('a HEAD that tells of another body ends the stored one (§4.3.5)', async () => {
    let tag = '"1"'
    const { get, pass } = cacheInFront((request) =>
      reply(request.method === 'HEAD' ? null : tag, { 'cache-control': 'max-age=2', etag: tag }),
    )
    await get('/')
    pass(3)
    tag = '"2"'
    await get('/', { method: 'HEAD' })
    expect((await get('/')).said).toContain('fwd=uri-miss')
  })
})

describe('validation (§4.3)', () => {
  test('R32: a 304 freshens, and leaves Content-Length, -Encoding and -Range alone (§3.2)', async () => {
    const { get, pass, asked } = cacheInFront((request) =>
      request.headers.has('if-none-match')
        ? reply(
            null,
            {
              'cache-control': 'max-age=9',
              etag: '"1"',
              'content-length': '99',
              'content-encoding': 'br',
              'x-a': '2',
            },
            304,
          )
        : reply('abc', { 'cache-control': 'max-age=5', etag: '"1"', 'x-a': '1' }),
    )
    await get('/')
    pass(6)
    const validated = await get('/')
    expect(validated).toMatchObject({
      status: 200,
      text: 'abc',
      said: 'cutty; fwd=stale; fwd-status=304; ttl=9',
    })
    const { headers } = await get('/')
    expect([headers.get('content-length'), headers.get('content-encoding'), headers.get('x-a')]).toEqual([
      '3',
      null,
      '2',
    ])
    expect(asked).toHaveLength(2)
  })

  test('a 304 for another response than the stored one: asked again for the whole (§4.3.4)', async () => {
    const { get, pass } = cacheInFront((request) =>
      request.headers.has('if-none-match')
        ? reply(null, { etag: '"2"' }, 304)
        : reply(`${request.headers.has('if-none-match')}`, { 'cache-control': 'max-age=5', etag: '"1"' }),
    )
    await get('/')
    pass(6)
    expect(await get('/')).toMatchObject({ status: 200, text: 'false' })
  })

  test('the client’s own conditions are answered from the cache, after validation too', async () => {
    const { get, pass } = cacheInFront((request) =>
      request.headers.get('if-none-match') === '"1"'
        ? reply(null, { etag: '"1"', 'cache-control': 'max-age=5' }, 304)
        : reply('abc', { 'cache-control': 'max-age=5', etag: '"1"', 'content-type': 'text/plain' }),
    )
    await get('/')
    const fresh = await get('/', { headers: { 'if-none-match': '"0", W/"1"' } })
    expect(fresh).toMatchObject({ status: 304, text: '' })
    expect(fresh.headers.get('content-type')).toBeNull()
    pass(6)
    expect(await get('/', { headers: { 'if-none-match': '"0"' } })).toMatchObject({
      status: 200,
      text: 'abc',
    })
    expect(await get('/', { headers: { 'if-none-match': '*' } })).toMatchObject({ status: 304 })
  })

  test('If-Match is the origin’s to evaluate (§4.3.2)', async () => {
    const { get } = cacheInFront(() => reply('abc', { ...lasting, etag: '"1"' }))
    await get('/')
    expect((await get('/', { headers: { 'if-match': '"1"' } })).said).toContain('fwd=bypass')
  })
})

describe('ranges (RFC 9110 §14) come from complete responses', () => {
  const ranged = () => cacheInFront(() => reply('0123456789', { ...lasting, etag: '"1"' }))
  test.each([
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=4-2', 200, '0123456789', null],
    ['bytes=0-1,3-4', 200, '0123456789', null],
    ['lines=0-1', 200, '0123456789', null],
  ])('%s', async (range, status, text, contentRange) => {
    const { get, asked } = ranged()
    await get('/')
    const part = await get('/', { headers: { range } })
    expect(part).toMatchObject({ status, text })
    expect(part.headers.get('content-range')).toBe(contentRange)
    expect(asked).toHaveLength(1)
  })

  test('If-Range: another ETag, or a weak one, gets the whole (RFC 9110 §13.1.5)', async () => {
    const { get } = ranged()
    await get('/')
    const ask = (condition: string) => get('/', { headers: { range: 'bytes=0-0', 'if-range': condition } })
    expect([(await ask('"1"')).status, (await ask('"2"')).status, (await ask('W/"1"')).status]).toEqual([
      206, 200, 200,
    ])
  })

  test('R32: a 206 is passed on, and is never taken for the whole (§3.3)', async () => {
    const { get, asked } = cacheInFront((request) =>
      request.headers.has('range')
        ? reply('01', { ...lasting, 'content-range': 'bytes 0-1/10' }, 206)
        : reply('0123456789', lasting),
    )
    expect(await get('/', { headers: { range: 'bytes=0-1' } })).toMatchObject({ status: 206, text: '01' })
    expect(await get('/')).toMatchObject({ status: 200, text: '0123456789' })
    expect(asked).toHaveLength(2)
  })
})

describe('stale responses (RFC 5861)', () => {
  const directives = 'max-age=2, stale-while-revalidate=5, stale-if-error=60'
  test('R33: while it is revalidated behind the answer, once', async () => {
    let count = 0
    const { get, raw, pass, cache, asked } = cacheInFront(() =>
      reply(String(++count), { 'cache-control': directives }),
    )
    await get('/')
    pass(4)
    const stale = await Promise.all([raw('/'), raw('/'), raw('/')])
    expect(await Promise.all(stale.map((response) => response.text()))).toEqual(['1', '1', '1'])
    expect(stale[0]?.headers.get('cache-status')).toBe('cutty; hit; ttl=-2; detail=stale-while-revalidate')
    await cache.settled()
    expect(asked).toHaveLength(2)
    expect(await get('/')).toMatchObject({ text: '2', said: 'cutty; hit; ttl=2' })
  })

  test.each([500, 502, 503, 504, 'gone away'])('R33: instead of %s', async (failure) => {
    let broken = false
    const { get, pass } = cacheInFront(() => {
      if (!broken) return reply('a', { 'cache-control': directives })
      if (typeof failure === 'number') return reply('error', {}, failure)
      throw new TypeError(failure)
    })
    await get('/')
    broken = true
    pass(30)
    expect(await get('/')).toMatchObject({ status: 200, text: 'a' })
    pass(60)
    if (typeof failure === 'number') expect(await get('/')).toMatchObject({ status: failure })
    else await expect(get('/')).rejects.toThrow(failure)
  })

  test('R33: a HEAD is stood in for too', async () => {
    let broken = false
    const { get, pass } = cacheInFront(() =>
      broken ? reply(null, {}, 503) : reply('a', { 'cache-control': directives }),
    )
    await get('/')
    broken = true
    pass(30)
    expect(await get('/', { method: 'HEAD' })).toMatchObject({ status: 200 })
  })

  test('R33: nor what is no longer for all', async () => {
    let now = 'public'
    const { get, pass } = cacheInFront(() =>
      now === 'error'
        ? reply('', {}, 503)
        : reply(now, { 'cache-control': now === 'public' ? directives : now }),
    )
    await get('/')
    pass(30)
    now = 'private'
    expect(await get('/')).toMatchObject({ text: 'private' })
    now = 'error'
    expect(await get('/')).toMatchObject({ status: 503 })
  })

  test.each([401, 403, 404, 410])(
    'R33: never instead of %d, and then not even during an error',
    async (status) => {
      let now: number = 200
      const { get, pass } = cacheInFront(() =>
        reply(String(now), now === 200 ? { 'cache-control': directives } : {}, now),
      )
      await get('/')
      pass(30)
      now = status
      expect(await get('/')).toMatchObject({ status })
      now = 503
      expect(await get('/')).toMatchObject({ status: 503 })
    },
  )

  test.each(['must-revalidate', 'proxy-revalidate', 's-maxage=2', 'no-cache'])(
    'R33: never with %s',
    async (directive) => {
      let broken = false
      const { get, pass } = cacheInFront(() =>
        broken
          ? reply('error', {}, 503)
          : reply('a', { 'cache-control': `${directives}, ${directive}`, etag: '"1"' }),
      )
      await get('/')
      broken = true
      pass(4)
      expect(await get('/', { headers: { 'cache-control': 'max-stale' } })).toMatchObject({ status: 503 })
    },
  )
})

describe('invalidation (§4.4)', () => {
  test('R32: Location and Content-Location count within the origin only; errors and safe methods do not', async () => {
    let status = 500
    const { cache, get, asked } = cacheInFront((request) =>
      request.method === 'GET'
        ? reply('a', lasting)
        : reply(null, { location: '/b', 'content-location': 'http://other.test/c' }, status),
    )
    const other = () => cache.fetch(new Request('http://other.test/c'), () => reply('c', lasting))
    await (await other()).text()
    await get('/a')
    await get('/b')
    await get('/a', { method: 'POST', body: 'x' })
    await get('/a', { method: 'OPTIONS' })
    expect((await get('/a')).said).toContain('hit')
    status = 201
    await get('/a', { method: 'POST', body: 'x' })
    expect((await get('/a')).said).toContain('uri-miss')
    expect((await get('/b')).said).toContain('uri-miss')
    expect((await other()).headers.get('cache-status')).toContain('hit')
    expect(asked.length).toBe(7)
  })

  test('R30: a response that was asked for before does not come back', async () => {
    const gate = Promise.withResolvers<void>()
    let count = 0
    const { get, raw, cache, asked } = cacheInFront(async () => {
      const own = ++count
      if (own === 1) await gate.promise
      return reply(String(own), lasting)
    })
    const early = raw('/')
    await expect.poll(() => asked.length).toBe(1)
    await cache.invalidate('http://a.test/')
    gate.resolve()
    expect(await (await early).text()).toBe('1')
    await cache.settled()
    expect(await get('/')).toMatchObject({ text: '2' })
  })
})
