import { describe, expect, test } from 'vitest'
import { revokeAccessKey } from '../../../src/core/accounts/credentials.ts'
import { setVisibility } from './visibility.ts'
import { bucket, host, useStage } from './link-stage.ts'

const stage = useStage()
const put = (key: string, body = 'hello', headers = {}) =>
  stage.call('PUT', `/api/v1/buckets/${bucket}/files?key=${encodeURIComponent(key)}`, {
    as: stage.ada.key,
    body,
    headers,
  })

describe('links', () => {
  test('are written to, read, and deleted by whoever has them', async () => {
    const write = await stage.link({ key: 'a.txt', operation: 'write' })
    expect(write).toMatchObject({ method: 'PUT', headers: {} })
    expect(write.url).toMatch(new RegExp(`^http://${host}/photos/a\\.txt\\?`))
    expect(
      (await stage.use(write, { body: 'by a link', headers: { 'content-type': 'text/plain' } })).status,
    ).toBe(200)

    const read = await stage.link({ key: 'a.txt', operation: 'read' })
    const answer = await stage.use(read)
    expect(answer).toMatchObject({ status: 200, text: 'by a link' })
    expect(answer.headers.get('content-type')).toBe('text/plain')
    expect(answer.headers.get('cache-control')).toMatch(/private/)

    const remove = await stage.link({ key: 'a.txt', operation: 'delete' })
    expect((await stage.use(remove)).status).toBe(204)
    expect((await stage.use(read)).code).toBe('NoSuchKey')
    expect(stage.kinds()).toEqual([])
  })

  test.each([
    'plain',
    'with space and + and % and %2F',
    'grüße/👋/日本.txt',
    "!*'()~-_.;:@&=$,?#[]",
    '//double//slash/',
    ' lead and trail ',
    'new\nline\ttab',
    '..',
    'a/../b/./c',
    'x'.repeat(1024),
  ])('name every key: %j', async (key) => {
    const write = await stage.link({ key, operation: 'write' })
    expect((await stage.use(write, { body: 'x' })).status).toBe(200)
    const listed = await stage.call('GET', `/api/v1/buckets/${bucket}/files`, { as: stage.ada.key })
    expect(listed.json<{ files: { key: string }[] }>().files.map((file) => file.key)).toEqual([key])
    expect((await stage.use(await stage.link({ key, operation: 'read' }))).text).toBe('x')
  })

  test('are for one method, one key and one bucket (R38)', async () => {
    await put('a')
    await put('b')
    const read = await stage.link({ key: 'a', operation: 'read' })
    for (const url of [read.url.replace('/a?', '/b?'), read.url.replace('/photos/', '/other/')]) {
      expect((await stage.follow(url)).code).toBe('SignatureDoesNotMatch')
    }
    for (const method of ['PUT', 'DELETE', 'HEAD', 'POST']) {
      expect((await stage.follow(read.url, { method, body: 'x' })).status).toBe(403)
    }
    const added = await stage.follow(`${read.url}&response-content-type=text%2Fhtml`)
    expect(added.code, 'R41').toBe('SignatureDoesNotMatch')
    expect(stage.kinds()).toEqual(Array.from({ length: 7 }, () => 'url_forged'))
    const header = await stage.follow(read.url, { headers: { 'x-amz-acl': 'public-read' } })
    expect(header, 'R40').toMatchObject({ status: 403, code: 'AccessDenied' })
    expect(stage.kinds()).toEqual(['unsigned_header'])
    const own = await stage.link({ key: 'c', operation: 'write' })
    const coded = await stage.use(own, { body: 'x', headers: { 'x-cutty-compression': 'zstd;level=22' } })
    expect(coded, 'R40, of ours').toMatchObject({ status: 403, code: 'AccessDenied' })
  })

  test('are not disturbed by credentials of another scheme (R40)', async () => {
    await put('a')
    const link = await stage.link({ key: 'a', operation: 'read' })
    for (const authorization of ['Bearer nonsense', 'Basic bm9ib2R5Om5vdGhpbmc=', 'Negotiate x']) {
      expect((await stage.use(link, { headers: { authorization } })).status).toBe(200)
    }
    const twice = await stage.use(link, { headers: { authorization: 'AWS4-HMAC-SHA256 Credential=a' } })
    expect(twice.status).toBe(400)
  })

  test('expire, to the second (R39)', async () => {
    await put('a')
    stage.clock.stopAt(Date.parse('2026-11-21T12:00:00.000Z'))
    const link = await stage.link({ key: 'a', operation: 'read', expiresInSeconds: 60 })
    expect(link.expiresAt).toBe('2026-11-21T12:01:00.000Z')
    stage.clock.advance(60_000)
    expect((await stage.use(link)).status).toBe(200)
    stage.clock.advance(1)
    expect(await stage.use(link)).toMatchObject({ status: 403, code: 'AccessDenied' })
    expect(stage.kinds()).toEqual(['url_expired'])
  })

  test('last at most seven days, a window included (R39)', async () => {
    const make = (json: object) =>
      stage.call('POST', '/api/v1/presigned-urls', {
        as: stage.ada.key,
        json: { bucket, key: 'a', operation: 'read', ...json },
      })
    expect((await make({ expiresInSeconds: 604_800 })).status).toBe(201)
    expect((await make({ expiresInSeconds: 604_801 })).status).toBe(400)
    expect((await make({ expiresInSeconds: 0 })).status).toBe(400)
    expect((await make({ expiresInSeconds: 604_799, stableWindowSeconds: 1 })).status).toBe(201)
    const long = await make({ expiresInSeconds: 604_799, stableWindowSeconds: 2 })
    expect(long).toMatchObject({ status: 400, text: expect.stringContaining('seven days') as string })
  })

  test('carry the name of a download, whatever it holds', async () => {
    await put('page', '<script>', { 'content-type': 'text/html' })
    const named = await stage.link({ key: 'page', operation: 'read', downloadName: 'grüße "1".html' })
    expect((await stage.use(named)).headers.get('content-disposition')).toBe(
      `attachment; filename="gr__e _1_.html"; filename*=UTF-8''gr%C3%BC%C3%9Fe%20%221%22.html`,
    )
    const inline = await stage.link({ key: 'page', operation: 'read', disposition: 'inline' })
    const answer = await stage.use(inline)
    expect(answer.headers.get('content-disposition'), 'R42').toMatch(/^attachment/)
    expect(answer.headers.get('content-security-policy'), 'R42').toMatch(/sandbox/)
  })
})

describe('a link can do no more than its key', () => {
  test('and nobody makes one for what they may not do', async () => {
    const eve = await stage.person('eve')
    const make = (operation: string, as: typeof eve.key | undefined, more = {}) =>
      stage.call('POST', '/api/v1/presigned-urls', { as, json: { bucket, key: 'a', operation, ...more } })
    for (const operation of ['read', 'write', 'delete']) {
      expect((await make(operation, eve.key)).status).toBe(403)
      expect((await make(operation, undefined)).status).toBe(401)
    }
    expect((await make('read', eve.key, { bucket: 'none' })).status).toBe(404)
    await setVisibility(stage, 'public')
    expect((await make('read', eve.key)).status).toBe(201)
    expect((await make('write', eve.key)).status).toBe(403)
    expect(
      (await make('read', eve.key, { accessKeyId: stage.ada.key.accessKeyId })).status,
      'another’s key',
    ).toBe(404)
  })

  test('nor by a generator of their own', async () => {
    await put('a')
    const eve = await stage.person('eve')
    await setVisibility(stage, 'public')
    const read = await stage.link({ key: 'a', operation: 'read' }, eve.key)
    expect((await stage.use(read)).status).toBe(200)
    await setVisibility(stage, 'private')
    expect(await stage.use(read)).toMatchObject({ status: 403, code: 'AccessDenied' })
    expect(stage.kinds()).toEqual(['url_wrong_scope'])
  })

  test('and stops when the key does, or its user', async () => {
    await put('a')
    const second = await stage.keyOf(stage.ada)
    const links = {
      first: await stage.link({ key: 'a', operation: 'read' }),
      second: await stage.link({ key: 'a', operation: 'read', accessKeyId: second.accessKeyId }),
    }
    expect((await stage.use(links.second)).status).toBe(200)
    const { userId } = stage.ada.key
    await revokeAccessKey(stage.core, stage.admin, { userId, accessKeyId: second.accessKeyId })
    expect((await stage.use(links.second)).code).toBe('InvalidAccessKeyId')
    expect((await stage.use(links.first)).status).toBe(200)
    await stage.disable(stage.ada)
    expect((await stage.use(links.first)).code).toBe('InvalidAccessKeyId')
    expect(stage.kinds()).toEqual(['unknown_key', 'unknown_key'])
    await stage.disable(stage.ada, false)
    expect((await stage.use(links.first)).status).toBe(200)
  })
})

describe('which key signs', () => {
  const keyIn = (url: string) => /X-Amz-Credential=(\w+)/.exec(url)?.[1]

  test('the one of the request; with a token the oldest; or the one that is named', async () => {
    const second = await stage.keyOf(stage.ada)
    const token = await stage.tokenOf(stage.ada)
    const request = { key: 'a', operation: 'read' }
    expect(keyIn((await stage.link(request, second)).url)).toBe(second.accessKeyId)
    expect(keyIn((await stage.link(request, token)).url)).toBe(stage.ada.key.accessKeyId)
    const named = await stage.link({ ...request, accessKeyId: second.accessKeyId }, token)
    expect(keyIn(named.url)).toBe(second.accessKeyId)
  })

  test('who has none is told so', async () => {
    const token = await stage.tokenOf(stage.ada)
    const { userId, accessKeyId } = stage.ada.key
    await revokeAccessKey(stage.core, stage.admin, { userId, accessKeyId })
    const answer = await stage.call('POST', '/api/v1/presigned-urls', {
      as: token,
      json: { bucket, key: 'a', operation: 'read' },
    })
    expect(answer.json()).toMatchObject({
      code: 'key_not_found',
      detail: expect.stringContaining('you have none') as string,
    })
  })
})

describe('a batch', () => {
  test('of 1,000 has an answer for each, in order, duplicates and errors included', async () => {
    const bad: Record<number, object> = {
      3: { bucket, key: '', operation: 'read' },
      100: { bucket: 'none', key: 'a', operation: 'read' },
      500: { bucket, key: 'a', operation: 'fly' },
      501: 'nothing' as never,
      998: { bucket, key: 'a', operation: 'read', maxBytes: 1 },
    }
    const items = Array.from({ length: 1000 }, (_, i) => {
      const operation = ['read', 'write', 'delete'][i % 3]
      return bad[i] ?? { bucket, key: `k${i % 10}`, operation, expiresInSeconds: 1 + i }
    })
    const answer = await stage.call('POST', '/api/v1/presigned-urls/batch', {
      as: stage.ada.key,
      json: { items },
    })
    expect(answer.status).toBe(200)
    const made = answer.json<{ items: { index: number; url?: string; error?: { code: string } }[] }>().items
    expect(made.map(({ index }) => index)).toEqual(items.map((_, i) => i))
    const failed = made.flatMap(({ index, error }) => (error ? [[index, error.code]] : []))
    expect(failed).toEqual([
      [3, 'invalid_key'],
      [100, 'bucket_not_found'],
      [500, 'invalid_request'],
      [501, 'invalid_request'],
      [998, 'invalid_request'],
    ])
    expect(made[7]?.url).toContain('/photos/k7?')
    expect(made[7]?.url).toContain('X-Amz-Expires=8&')
    expect(new Set(made.map(({ url }) => url)).size).toBe(1000 - 5 + 1)
  })

  test('is bounded (R39)', async () => {
    const item = { bucket, key: 'a', operation: 'read' }
    const post = (length: number) =>
      stage.call('POST', '/api/v1/presigned-urls/batch', {
        as: stage.ada.key,
        json: { items: Array.from({ length }, () => item) },
      })
    expect((await post(0)).status).toBe(400)
    expect((await post(1001)).status).toBe(400)
    const { status } = await stage.call('POST', '/api/v1/presigned-urls/batch', { json: { items: [item] } })
    expect(status).toBe(401)
  })
})
