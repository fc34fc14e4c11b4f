import { describe, expect, test } from 'vitest'
import { signUrl } from '../../../src/core/sigv4/sign-url.ts'
import { createSigningKeys } from '../../../src/core/sigv4/signing-keys.ts'
import { putFile } from '../../../src/core/files/put.ts'
import { removeExpiredLinks } from '../../../src/core/links/revoke.ts'
import { findSignedUrl } from '../../../src/core/statements/signed-urls.ts'
import { bucket, host, type Link, useStage } from './link-stage.ts'
import { setVisibility } from './visibility.ts'

const stage = useStage()
const noon = Date.parse('2026-11-21T12:00:00.000Z')

async function store(key: string): Promise<void> {
  await putFile(stage.core, stage.ada.caller, {
    bucket,
    key,
    body: (async function* () {
      yield Buffer.from('hello')
    })(),
    describe: () => ({ contentType: 'text/plain', headers: {}, metadata: {}, tags: {} }),
  })
}

const refused = async (body: object) => {
  const json = { bucket, key: 'a', ...body }
  const answer = await stage.call('POST', '/api/v1/presigned-urls', { as: stage.ada.key, json })
  expect(answer.status, answer.text).toBe(400)
  return answer.json<{ detail: string }>().detail
}

/** A URL that another generator has signed, with these parameters of ours among the others. */
function generate(
  query: Record<string, string>,
  method = 'GET',
  more: { headers?: Record<string, string>; payload?: string } = {},
): string {
  const { accessKeyId, secretAccessKey: secret } = stage.ada.key
  return signUrl({
    method,
    scheme: 'http',
    host,
    path: `/${bucket}/a`,
    ...more,
    query: Object.entries(query),
    signedAtMs: stage.clock.now(),
    expiresSeconds: 600,
    region: 'eu-west-1',
    accessKey: { accessKeyId, secret },
    signingKeys: createSigningKeys(),
  })
}

describe('the most bytes of a link', () => {
  const body = (bytes: number) => Buffer.alloc(bytes, 7)
  /** Of no declared length; tells how much of it was asked for. */
  function stream(chunks: number, size = 1000) {
    const asked = { chunks: 0 }
    async function* iterate() {
      for (; asked.chunks < chunks; asked.chunks++) yield body(size)
    }
    return { asked, body: iterate() }
  }

  test('is held against the length that is declared, before anything is read', async () => {
    const link = await stage.link({ key: 'a', operation: 'write', maxBytes: 1000 })
    const large = stream(2)
    const headers = { 'content-length': '1001' }
    const answer = await stage.use(link, { body: large.body, headers })
    expect(answer).toMatchObject({ status: 400, code: 'EntityTooLarge' })
    expect(answer.text).toContain('<MaxSizeAllowed>1000</MaxSizeAllowed>')
    expect(large.asked.chunks).toBe(0)
    expect((await stage.use(link, { body: body(1000) })).status).toBe(200)
  })

  test('cuts off a body without one, and nothing of it is stored', async () => {
    const link = await stage.link({ key: 'a', operation: 'write', maxBytes: 10_000 })
    const endless = stream(1_000_000)
    expect((await stage.use(link, { body: endless.body })).code).toBe('EntityTooLarge')
    expect(endless.asked.chunks).toBeLessThan(20)
    expect((await stage.use(await stage.link({ key: 'a', operation: 'read' }))).code).toBe('NoSuchKey')
    expect((await stage.use(link, { body: stream(10).body })).status).toBe(200)
  })

  test('may be none', async () => {
    const link = await stage.link({ key: 'a', operation: 'write', maxBytes: 0 })
    expect((await stage.use(link, { body: 'x' })).code).toBe('EntityTooLarge')
    expect((await stage.use(link, { body: '' })).status).toBe(200)
  })

  test('counts the content of aws-chunked, not its frame', async () => {
    const send = (text: string) => {
      const headers = { 'x-amz-decoded-content-length': String(text.length) }
      const payload = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
      const url = generate({ 'X-Cutty-Max-Bytes': '5' }, 'PUT', { headers, payload })
      const frames = `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`
      return stage.follow(url, {
        method: 'PUT',
        headers: { 'content-encoding': 'aws-chunked', ...headers },
        body: frames,
      })
    }
    expect((await send('123456')).code).toBe('EntityTooLarge')
    expect((await send('12345')).status).toBe(200)
    expect((await stage.use(await stage.link({ key: 'a', operation: 'read' }))).text).toBe('12345')
  })
})

describe('the type of a link', () => {
  test('must be sent, to the letter', async () => {
    const link = await stage.link({ key: 'a', operation: 'write', contentType: 'image/png' })
    expect(link.headers).toEqual({ 'Content-Type': 'image/png' })
    expect((await stage.use(link, { body: 'x' })).status).toBe(200)
    for (const type of ['image/jpeg', 'IMAGE/PNG', 'image/png; a=b', '']) {
      const answer = await stage.use(
        { ...link, headers: {} },
        { body: 'x', headers: { 'content-type': type } },
      )
      expect(answer, type).toMatchObject({ status: 403, code: 'AccessDenied' })
    }
    expect((await stage.follow(link.url, { method: 'PUT', body: 'x' })).code).toBe('AccessDenied')
    expect(new Set(stage.kinds())).toEqual(new Set(['url_wrong_scope']))
  })
})

test('a link does not count before its time, to the second', async () => {
  await store('a')
  stage.clock.stopAt(noon)
  const notBefore = '2026-11-21T12:10:00Z'
  const link = await stage.link({ key: 'a', operation: 'read', notBefore })
  expect(await stage.use(link)).toMatchObject({ status: 403, code: 'AccessDenied' })
  stage.clock.stopAt(Date.parse(notBefore) - 1)
  expect((await stage.use(link)).status).toBe(403)
  expect(stage.kinds()).toEqual(['url_not_yet_valid', 'url_not_yet_valid'])
  stage.clock.stopAt(Date.parse(notBefore))
  expect((await stage.use(link)).status).toBe(200)
  const late = { operation: 'read', expiresInSeconds: 60, notBefore: '2026-11-21T12:11:00Z' }
  expect(await refused(late)).toContain('before the link expires')
})

describe('uses of a link', () => {
  const racing = (link: Link, times: number, init = {}) =>
    Promise.all(Array.from({ length: times }, () => stage.use(link, init)))

  test('are counted: of twenty at once, exactly three', async () => {
    await store('a')
    const link = await stage.link({ key: 'a', operation: 'read', maxUses: 3 })
    const statuses = (await racing(link, 20)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(3)
    expect(statuses.filter((status) => status === 403)).toHaveLength(17)
    expect(stage.kinds()).toEqual(Array.from({ length: 17 }, () => 'url_replayed'))
    expect((await stage.use(link)).text).toContain('used 3 times already')
  })

  test('of writes, each of which stores something or is refused', async () => {
    const link = await stage.link({ key: 'a', operation: 'write', maxUses: 1 })
    const statuses = (await racing(link, 20, { body: 'x' })).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status === 403)).toHaveLength(19)
  })

  test('do not include what was refused for another reason', async () => {
    const link = await stage.link({
      key: 'a',
      operation: 'write',
      maxUses: 1,
      maxBytes: 3,
      contentType: 'a/b',
    })
    const wrong = { headers: { 'content-type': 'b/c' } }
    expect((await stage.use(link, { body: 'x', ...wrong })).status).toBe(403)
    expect((await stage.use(link, { body: 'long' })).status).toBe(400)
    expect((await stage.follow(`${link.url}x`, { method: 'PUT', body: 'x' })).status).toBe(400)
    expect((await stage.use(link, { body: 'x' })).status).toBe(200)
    expect((await stage.use(link, { body: 'x' })).status).toBe(403)

    const early = await stage.link({ key: 'none', operation: 'read', maxUses: 1 })
    expect((await stage.use(early)).code).toBe('NoSuchKey')
    await store('none')
    expect((await stage.use(early)).status).toBe(200)
  })

  test('nor those that its key may not make any more', async () => {
    await store('a')
    const eve = await stage.person('eve')
    await setVisibility(stage, 'public')
    const link = await stage.link({ key: 'a', operation: 'read', maxUses: 1 }, eve.key)
    await setVisibility(stage, 'private')
    expect((await stage.use(link)).status).toBe(403)
    await setVisibility(stage, 'public')
    expect((await stage.use(link)).status).toBe(200)
  })

  test('are forgotten when the link is', async () => {
    await store('a')
    const link = await stage.link({ key: 'a', operation: 'read', maxUses: 1, expiresInSeconds: 60 })
    await stage.use(link)
    const { userId } = stage.ada.key
    const rows = () => stage.core.database.query(findSignedUrl, { userId, id: link.id })
    expect(await removeExpiredLinks(stage.core)).toBe(0)
    expect(await rows()).toMatchObject([{ uses: 1, accessKeyId: stage.ada.key.accessKeyId }])
    stage.clock.advance(2 * 3_600_000)
    expect(await removeExpiredLinks(stage.core)).toBe(1)
    expect(await rows()).toEqual([])
    expect((await stage.use(link)).status).toBe(403)
  })

  test('are of one user: another’s link of the same id has its own', async () => {
    await store('a')
    const eve = await stage.person('eve')
    await setVisibility(stage, 'public')
    const link = await stage.link({ key: 'a', operation: 'read', maxUses: 1 }, eve.key)
    const same = generate({ 'X-Cutty-Id': link.id, 'X-Cutty-Max-Uses': '1' })
    expect((await stage.follow(same)).status).toBe(200)
    expect((await stage.use(link)).status).toBe(200)
    expect((await stage.follow(same)).status).toBe(403)
  })
})

describe('caps that mean nothing', () => {
  test.each([
    [{ operation: 'read', maxBytes: 1 }, 'maxBytes'],
    [{ operation: 'delete', maxBytes: 1 }, 'maxBytes'],
    [{ operation: 'read', contentType: 'a/b' }, 'contentType'],
    [{ operation: 'write', disposition: 'inline' }, 'disposition'],
    [{ operation: 'delete', downloadName: 'x' }, 'disposition'],
    [{ operation: 'write', cache: 'public' }, 'cache'],
    [{ operation: 'read', cache: 'public', maxUses: 1 }, 'maxUses'],
    [{ operation: 'read', maxUses: 0 }, 'maxUses'],
    [{ operation: 'read', downloadName: 'x', disposition: 'y' }, 'not both'],
    [{ operation: 'read', disposition: 'a\r\nSet-Cookie: b' }, 'printable'],
    [{ operation: 'read', notBefore: 'tomorrow' }, 'notBefore'],
    [{ operation: 'read', maxbytes: 1 }, 'maxbytes'],
  ])('are refused when the link is made: %j', async (body, word) => {
    expect(await refused(body)).toContain(word)
  })

  test.each([
    [{ 'X-Cutty-Color': 'red' }, 'GET', 400],
    [{ 'x-cutty-id': 'a' }, 'GET', 400],
    [{ 'X-Cutty-Id': 'a b' }, 'GET', 400],
    [{ 'X-Cutty-Id': '' }, 'GET', 400],
    [{ 'X-Cutty-Id': 'a'.repeat(65) }, 'GET', 400],
    [{ 'X-Cutty-Max-Uses': '1' }, 'GET', 400],
    [{ 'X-Cutty-Max-Uses': '0', 'X-Cutty-Id': 'a' }, 'GET', 400],
    [{ 'X-Cutty-Max-Uses': '1e3', 'X-Cutty-Id': 'a' }, 'GET', 400],
    [{ 'X-Cutty-Max-Uses': '1', 'X-Cutty-Id': 'a', 'X-Cutty-Cache': 'public' }, 'GET', 400],
    [{ 'X-Cutty-Cache': 'private' }, 'GET', 400],
    [{ 'X-Cutty-Not-Before': '-1' }, 'GET', 400],
    [{ 'X-Cutty-Not-Before': '99999999999' }, 'GET', 403],
    [{ 'X-Cutty-Max-Bytes': '10' }, 'GET', 403],
    [{ 'X-Cutty-Content-Type': 'a/b' }, 'DELETE', 403],
    [{ 'X-Cutty-Cache': 'public' }, 'PUT', 403],
    [{ 'X-Cutty-Max-Bytes': '10', tagging: '' }, 'PUT', 403],
    [{ 'X-Cutty-Id': 'a', 'X-Cutty-Max-Uses': '1', acl: '' }, 'GET', 403],
    [{ 'X-Cutty-Id': 'A-z_9' }, 'GET', 200],
  ])('and when another generator signed them: %j of a %s', async (query, method, status) => {
    await store('a')
    const answer = await stage.follow(generate(query, method), {
      method,
      ...(method === 'PUT' && { body: 'x' }),
    })
    expect(answer.status, answer.text).toBe(status)
  })

  test('mean nothing where nothing is signed', async () => {
    await store('a')
    await setVisibility(stage, 'public')
    const target = `http://${host}/${bucket}/a?X-Cutty-Not-Before=99999999999&X-Cutty-Cache=public`
    const answer = await stage.follow(target)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('public, no-cache')
  })

  test('nobody takes one away, or adds one', async () => {
    const link = await stage.link({ key: 'a', operation: 'write', maxBytes: 3 })
    const without = link.url.replace(/&X-Cutty-Max-Bytes=3/, '')
    expect(without).not.toBe(link.url)
    const higher = link.url.replace('Max-Bytes=3', 'Max-Bytes=30')
    for (const url of [without, higher, `${link.url}&X-Cutty-Max-Bytes=30`]) {
      const answer = await stage.follow(url, { method: 'PUT', body: 'long' })
      expect([400, 403]).toContain(answer.status)
    }
  })
})
