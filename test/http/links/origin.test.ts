import { describe, expect, test } from 'vitest'
import { createLog } from '../../../src/entry/log.ts'
import { createApp } from '../../../src/http/app.ts'
import { createInProcessFetch, createRequest } from '../in-process.ts'
import { bucket, host, useStage } from './link-stage.ts'

describe('without a public origin', () => {
  const stage = useStage()
  const json = { bucket, key: 'a', operation: 'read' }
  const make = (headers: Record<string, string>) =>
    stage.call('POST', '/api/v1/presigned-urls', { as: stage.ada.key, json, headers })

  test('URLs are for the host of the request', async () => {
    const url = async (host: string) =>
      (await make({ host })).json<{ url: string }>().url.split(`/${bucket}`)[0]
    expect(await url('127.0.0.1:8787')).toBe('http://127.0.0.1:8787')
    expect(await url('[::1]:80')).toBe('http://[::1]')
    expect(await url('Files.Example')).toBe('http://files.example')
    for (const host of ['', 'a/b', 'a@b', 'a b']) expect((await make({ host })).status, host).toBe(400)
  })

  test('headers that anybody can send change nothing', async () => {
    const forwarded = {
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example',
    }
    expect((await make(forwarded)).json<{ url: string }>().url).toMatch(new RegExp(`^http://${host}/`))
  })

  test('where the entry knows of TLS, they have it', async () => {
    const { accessKeyId, secretAccessKey } = stage.ada.key
    const request = createRequest('/api/v1/presigned-urls', {
      method: 'POST',
      headers: { host, authorization: `Basic ${btoa(`${accessKeyId}:${secretAccessKey}`)}` },
      body: JSON.stringify(json),
    })
    const { reply } = await createApp(stage.core).handle({ ...request, scheme: 'https' })
    expect(reply.body).toContain(`https://${host}/${bucket}/a?`)
  })

  test('a URL for another host is refused with what was signed', async () => {
    const link = await stage.link({ key: 'a', operation: 'read' })
    const answer = await stage.follow(link.url, { headers: { host: 'inside:8787' } })
    expect(answer).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    expect(answer.text).toContain('host:inside:8787')
    expect(answer.text).toContain('The host that this request was sent to is inside:8787: sign for that.')
  })
})

describe('with a public origin', () => {
  const stage = useStage({ publicOrigin: 'https://files.example.com' })

  test('URLs are for it, and work behind a proxy that hides it', async () => {
    const write = await stage.link({ key: 'a', operation: 'write' })
    expect(write.url).toMatch(/^https:\/\/files\.example\.com\/photos\/a\?/)
    expect((await stage.use(write, { body: 'x' })).status).toBe(200)
    const inside = { headers: { host: '127.0.0.1:8787' }, body: 'y' }
    expect((await stage.use(write, inside)).status).toBe(200)
    const form = await stage.call('POST', '/api/v1/presigned-posts', {
      as: stage.ada.key,
      json: { bucket, key: 'a' },
    })
    expect(form.json()['url']).toBe('https://files.example.com/photos')
  })

  test('one for a third host is refused, and told both', async () => {
    const link = await stage.link({ key: 'a', operation: 'read' })
    const forged = link.url.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))
    const answer = await stage.follow(forged, { headers: { host: 'inside' } })
    expect(answer.text).toContain('was sent to is inside, which is known to clients as files.example.com')
  })
})

test('no signature reaches the log (R43)', async () => {
  const stage = await (await import('./link-stage.ts')).openStage()
  let written = ''
  const log = createLog({ level: 'requests', write: (text) => (written += text), now: () => 0 })
  const fetch = createInProcessFetch(createApp({ ...stage.core, observe: log.observe }))
  try {
    const link = await stage.link({ key: 'a', operation: 'write', maxUses: 1 })
    const form = (
      await stage.call('POST', '/api/v1/presigned-posts', { as: stage.ada.key, json: { bucket, key: 'a' } })
    ).json<{ fields: Record<string, string> }>()
    const target = link.url.slice(`http://${host}`.length)
    const { encodeForm } = await import('./forms.ts')
    const headers = { host, 'content-type': 'multipart/form-data; boundary=----form-boundary' }
    const bodies = [form.fields, { ...form.fields, key: 'b' }].map((fields) =>
      encodeForm(Object.entries(fields), { content: 'x' }),
    )
    for (const body of bodies) await fetch(`/${bucket}`, { method: 'POST', headers, body })
    const wrong = target.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))
    for (const each of [target, target, wrong, wrong.replace('Date=2', 'Date=1'), `${target}&X-Cutty-A=b`]) {
      await fetch(each, { method: 'PUT', headers: { host }, body: 'x' })
    }
    stage.clock.advance(86_400_000)
    await fetch(target, { method: 'PUT', headers: { host }, body: 'x' })
    log.flush()
    const kinds = [...written.matchAll(/"kind":"(\w+)"/g)].map(([, kind]) => kind)
    expect(kinds).toEqual(['url_wrong_scope', 'url_replayed', 'url_forged', 'url_forged', 'url_expired'])
    expect(written).toContain(`"path":"/${bucket}/a"`)
    expect(written).not.toContain('X-Amz')
    expect(written).not.toMatch(/[0-9a-f]{64}/i)
    expect(written).not.toContain(form.fields['policy'])
  } finally {
    await stage.close()
  }
})
