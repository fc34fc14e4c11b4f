import { createHash } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createBucket } from '../../../src/core/files/buckets.ts'
import { encodePath } from '../../../src/core/sigv4/percent.ts'
import { signRequest } from '../../../src/core/sigv4/sign-request.ts'
import { signUrl } from '../../../src/core/sigv4/sign-url.ts'
import { createSigningKeys } from '../../../src/core/sigv4/signing-keys.ts'
import { createApp } from '../../../src/http/app.ts'
import { openTestCore, type TestCore } from '../../core/test-core.ts'
import type { HttpFetch } from '../../contracts/http/subject.ts'
import { createInProcessFetch } from '../in-process.ts'

let opened: TestCore
let fetch: HttpFetch
beforeEach(async () => {
  opened = await openTestCore()
  for (const name of ['first', 'dotted.name']) {
    await createBucket(opened.core, opened.admin, { name, visibility: 'public' })
  }
  const app = createApp(opened.core, {
    baseDomains: ['files.test', 's3.files.test'],
    publicOrigin: 'https://s3.files.test',
  })
  fetch = createInProcessFetch(app)
})
afterEach(() => opened.close())

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

async function call(
  method: string,
  host: string,
  path: string,
  body = '',
  headers: Record<string, string> = {},
) {
  const { accessKeyId, secretAccessKey: secret } = opened.adminKey
  const [rawPath = '', query = ''] = path.split('?')
  const signed = signRequest({
    method,
    host,
    path: rawPath,
    query,
    headers,
    payload: createHash('sha256').update(body).digest('hex'),
    signedAtMs: opened.core.clock.now(),
    region: 'us-east-1',
    accessKey: { accessKeyId, secret },
    signingKeys: createSigningKeys(),
  })
  return fetch(path, { method, headers: { host, ...headers, ...signed.headers }, body })
}

test.each([
  ['first.files.test', 'first'],
  ['FIRST.files.test:8787', 'first'],
  ['dotted.name.files.test', 'dotted.name'],
])('at %s the bucket is %s, and the path is the key', async (host, bucket) => {
  const key = 'a b/../c//d'
  expect((await call('PUT', host, `/${encodePath(key)}`, 'text')).status).toBe(200)
  expect(text((await call('GET', host, `/${encodePath(key)}`)).bytes)).toBe('text')
  expect(text((await call('GET', host, '/?list-type=2')).bytes)).toContain(`<Name>${bucket}</Name>`)
  const byPath = await call('GET', 'cutty.test', `/${bucket}/${encodePath(key)}`)
  expect(text(byPath.bytes)).toBe('text')
})

test('paths of ours are keys there, and a name that no bucket can have is none', async () => {
  expect((await call('PUT', 'first.files.test', '/api/v1/me', 'mine')).status).toBe(200)
  expect(text((await call('GET', 'first.files.test', '/api/v1/me')).bytes)).toBe('mine')
  expect((await call('GET', 'none.files.test', '/')).status).toBe(404)
  // The base itself is not below itself.
  expect(text((await call('GET', 'files.test', '/')).bytes)).toContain('<ListAllMyBucketsResult')
})

test('a page may act as it likes where nothing else lives at its origin (R42)', async () => {
  const html = { 'content-type': 'text/html' }
  await call('PUT', 'first.files.test', '/page', '<p>', html)
  const alone = await fetch('/page', { headers: { host: 'first.files.test' } })
  expect(alone.headers.get('content-disposition')).toBeUndefined()
  expect(alone.headers.get('content-security-policy')).toBeUndefined()
  const shared = await fetch('/first/page', { headers: { host: 'cutty.test' } })
  expect(shared.headers.get('content-disposition')).toMatch(/^attachment/)
  expect(shared.headers.get('content-security-policy')).toContain('sandbox')
})

test('a URL that was signed for the public origin counts behind a proxy that sends another host', async () => {
  await call('PUT', 'cutty.test', '/first/f', 'text')
  const { accessKeyId, secretAccessKey: secret } = opened.adminKey
  const url = new URL(
    signUrl({
      method: 'GET',
      scheme: 'https',
      host: 's3.files.test',
      path: '/first/f',
      signedAtMs: opened.core.clock.now(),
      expiresSeconds: 60,
      region: 'us-east-1',
      accessKey: { accessKeyId, secret },
      signingKeys: createSigningKeys(),
    }),
  )
  const target = url.pathname + url.search
  expect((await fetch(target, { headers: { host: '10.0.0.7:8787' } })).status).toBe(200)
  const forged = target.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
  const refused = await fetch(forged, { headers: { host: '10.0.0.7:8787' } })
  expect(refused.status).toBe(403)
  expect(text(refused.bytes)).toContain('s3.files.test')
})
