import { createHash, createHmac } from 'node:crypto'
import { Client } from 'minio'
import { beforeEach, describe, expect, test } from 'vitest'
import { encodeForm, postForm } from './forms.ts'
import { bucket, host, type Link, useStage } from './link-stage.ts'

const stage = useStage()
const noon = Date.parse('2026-11-21T12:00:00.000Z')
beforeEach(() => stage.clock.stopAt(noon))

const minio = () =>
  new Client({
    endPoint: host,
    useSSL: false,
    region: 'us-east-1',
    accessKey: stage.ada.key.accessKeyId,
    secretKey: stage.ada.key.secretAccessKey,
  })
const keys = ['plain', 'a b/é+%👋.txt', "!'()*~-_.", 'x=1&y=2?z#']

describe('URLs of the client of MinIO', () => {
  test.each(keys)('work: %s', async (key) => {
    const now = new Date(noon)
    const put = await minio().presignedUrl('PUT', bucket, key, 60, {}, now)
    expect((await stage.follow(put, { method: 'PUT', body: 'hello' })).status).toBe(200)
    const overrides = { 'response-content-type': 'text/x-own', 'X-Cutty-Id': 'mine', 'X-Cutty-Max-Uses': '1' }
    const get = await minio().presignedUrl('GET', bucket, key, 60, overrides, now)
    const answer = await stage.follow(get)
    expect(answer).toMatchObject({ status: 200, text: 'hello' })
    expect(answer.headers.get('content-type')).toBe('text/x-own')
    expect((await stage.follow(get)).status).toBe(403)
    expect(stage.kinds()).toEqual(['url_replayed'])
  })

  test('and its forms', async () => {
    const client = minio()
    const policy = client.newPostPolicy()
    // It signs as of its own clock.
    stage.clock.stopAt(Date.now())
    policy.setExpires(new Date(Date.now() + 600_000))
    policy.setBucket(bucket)
    policy.setKeyStartsWith('in/')
    policy.setContentType('text/plain')
    policy.setContentLengthRange(1, 10)
    policy.setUserMetaData({ colour: 'rot' })
    const { formData } = await client.presignedPostPolicy(policy)
    const fields = { ...formData, key: 'in/a' }
    const answer = await postForm(stage, encodeForm(Object.entries<string>(fields), { content: 'hello' }))
    expect(answer.status, answer.text).toBe(204)
  })

  test.each(keys)('are as ours, to the last digit of the signature: %s', async (key) => {
    const link = await stage.link({
      key,
      operation: 'read',
      disposition: 'inline; filename="a (1).txt"',
      maxUses: 7,
    })
    const query = new URL(link.url).searchParams
    const own = Object.fromEntries([...query].filter(([name]) => !name.startsWith('X-Amz-')))
    expect(Object.keys(own)).toEqual(['X-Cutty-Id', 'X-Cutty-Max-Uses', 'response-content-disposition'])
    const theirs = await minio().presignedUrl('GET', bucket, key, 3600, own, new Date(noon))
    const signature = (url: string) => new URL(url).searchParams.get('X-Amz-Signature')
    expect(signature(link.url)).toBe(signature(theirs))
  })
})

/** As Amazon's documents describe it, with nothing of ours; of what a client sends once it has parsed the URL. */
function verify(link: Link, secret: string): boolean {
  const url = new URL(link.url)
  const escape = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  const pairs = [...url.searchParams].filter(([name]) => name !== 'X-Amz-Signature')
  const query = pairs.map(([name, value]) => `${escape(name)}=${escape(value)}`).toSorted()
  const path = url.pathname.split('/').map((part) => escape(decodeURIComponent(part)))
  const request = [
    link.method,
    path.join('/'),
    query.join('&'),
    `host:${url.host}\n`,
    'host',
    'UNSIGNED-PAYLOAD',
  ]
  const date = url.searchParams.get('X-Amz-Date') as string
  const [, ...scope] = (url.searchParams.get('X-Amz-Credential') as string).split('/')
  const hash = createHash('sha256').update(request.join('\n')).digest('hex')
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), hash].join('\n')
  const hmac = (key: string | Buffer, part: string) => createHmac('sha256', key).update(part).digest()
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secret}`)
  return hmac(key, text).toString('hex') === url.searchParams.get('X-Amz-Signature')
}

test.each(keys)('ours are understood by a verifier of its own: %s', async (key) => {
  const { secretAccessKey } = stage.ada.key
  for (const body of [
    { operation: 'read', downloadName: 'grüße, "a".txt' },
    {
      operation: 'write',
      contentType: 'a/b; c="d e"',
      maxBytes: 10,
      maxUses: 2,
      notBefore: '2026-11-21T12:00:01Z',
    },
    { operation: 'delete', stableWindowSeconds: 60 },
  ]) {
    const link = await stage.link({ key, ...body })
    expect(verify(link, secretAccessKey)).toBe(true)
    expect(verify(link, `${secretAccessKey}x`)).toBe(false)
  }
})
