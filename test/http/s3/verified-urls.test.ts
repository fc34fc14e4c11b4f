import { afterEach, beforeEach, expect, test } from 'vitest'
import { replaceAccessKey } from '../../../src/core/accounts/credentials.ts'
import { createBucket } from '../../../src/core/files/buckets.ts'
import { signUrl } from '../../../src/core/sigv4/sign-url.ts'
import { createSigningKeys } from '../../../src/core/sigv4/signing-keys.ts'
import { createApp } from '../../../src/http/app.ts'
import type { HttpFetch } from '../../contracts/http/subject.ts'
import { openTestCore, type TestCore } from '../../core/test-core.ts'
import { createInProcessFetch } from '../in-process.ts'

/** A URL whose signature was found right is known from then on. Nothing else about it is. */
let opened: TestCore
let fetch: HttpFetch
const host = 'cutty.test'
const path = '/bucket/f'

beforeEach(async () => {
  opened = await openTestCore()
  await createBucket(opened.core, opened.admin, { name: 'bucket', visibility: 'private' })
  fetch = createInProcessFetch(createApp(opened.core))
  const put = await fetch(sign('PUT'), { method: 'PUT', headers: { host }, body: 'text' })
  expect(put.status).toBe(200)
})
afterEach(() => opened.close())

function sign(method: string, secret = opened.adminKey.secretAccessKey): string {
  const url = new URL(
    signUrl({
      method,
      scheme: 'http',
      host,
      path,
      signedAtMs: opened.core.clock.now(),
      expiresSeconds: 60,
      region: 'us-east-1',
      accessKey: { accessKeyId: opened.adminKey.accessKeyId, secret },
      signingKeys: createSigningKeys(),
    }),
  )
  return url.pathname + url.search
}

/** Used twice, so that it is known. */
async function knownUrl(): Promise<string> {
  const url = sign('GET')
  for (let i = 0; i < 2; i++) expect((await fetch(url, { headers: { host } })).status).toBe(200)
  return url
}

const statusOf = async (url: string, init: Parameters<HttpFetch>[1] = {}) =>
  (await fetch(url, { ...init, headers: { host, ...init?.headers } })).status

test('it expires (R39)', async () => {
  const url = await knownUrl()
  opened.clock.advance(59_000)
  expect(await statusOf(url)).toBe(200)
  opened.clock.advance(2000)
  expect(await statusOf(url)).toBe(403)
})

test('another method, host, path or query is another URL (R38)', async () => {
  const url = await knownUrl()
  expect(await statusOf(url, { method: 'HEAD' })).toBe(403)
  expect(await statusOf(url, { method: 'DELETE' })).toBe(403)
  expect(await statusOf(url, { headers: { host: 'other.test' } })).toBe(403)
  expect(await statusOf(url.replace('/f?', '/g?'))).toBe(403)
  expect(await statusOf(`${url}&response-content-type=text/html`)).toBe(403)
  expect(await statusOf(url)).toBe(200)
})

test('a header that means something is still refused (R40)', async () => {
  const url = await knownUrl()
  expect(await statusOf(url, { headers: { 'x-amz-checksum-mode': 'ENABLED' } })).toBe(403)
})

test('it stops with the secret that signed it, and with the key', async () => {
  const url = await knownUrl()
  const { accessKeyId } = opened.adminKey
  const key = { accessKeyId, userId: opened.admin.userId as string, label: 'again' }
  await replaceAccessKey(opened.core, { ...key, secretAccessKey: 'another secret of the same key' })
  expect(await statusOf(url)).toBe(403)
  await replaceAccessKey(opened.core, { ...key, secretAccessKey: opened.adminKey.secretAccessKey })
  expect(await statusOf(url)).toBe(200)
})
