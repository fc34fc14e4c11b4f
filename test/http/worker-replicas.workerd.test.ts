import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test, vi } from 'vitest'
import type { Env } from '../../src/entry/worker.ts'
import { authorization } from '../contracts/http/client.ts'
import { createWorkerFetch } from './worker-fetch.ts'

const admin = { accessKeyId: 'TEST_ADMIN', secretAccessKey: 'a-secret-for-tests-only' }
const bindings: Env = {
  BLOBS: env.BLOBS,
  DB: env.DB,
  CUTTY_MASTER_KEY: 'a master key of over 32 characters',
  CUTTY_ADMIN_ACCESS_KEY_ID: admin.accessKeyId,
  CUTTY_ADMIN_SECRET_ACCESS_KEY: admin.secretAccessKey,
  CUTTY_READ_REPLICAS: 'on',
}

/** An isolate of its own. */
async function start(of: Env = bindings) {
  vi.resetModules()
  const { default: worker } = await import('../../src/entry/worker.ts')
  return { fetch: createWorkerFetch(worker, of) }
}

test('a bookmark goes from the isolate that has written to the one that reads', async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  const [one, other] = [await start(), await start()]
  const headers = authorization(admin)
  const path = '/api/v1/buckets/bookmarked'
  const create = { method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' } }
  await one.fetch('/api/v1/buckets', { ...create, body: JSON.stringify({ name: 'bookmarked' }) })
  const put = (text: string) => one.fetch(`${path}/files/a`, { method: 'PUT', headers, body: text })
  const get = async (more: Record<string, string> = {}) => {
    const { bytes } = await other.fetch(`${path}/files/a`, { headers: { ...headers, ...more } })
    return new TextDecoder().decode(bytes)
  }
  await put('first')
  expect(await get()).toBe('first')
  const bookmark = (await put('second')).headers.get('cutty-bookmark')
  expect(bookmark).toMatch(/^[0-9a-f-]+\.[\w-]{22}$/)
  expect(await get(), 'from memory').toBe('first')
  expect(await get({ 'Cutty-Bookmark': bookmark as string })).toBe('second')
  await one.fetch(`${path}/files/a`, { method: 'DELETE', headers })
  await one.fetch(path, { method: 'DELETE', headers })
})

test.each(['', 'ON', 'true', '1'])('CUTTY_READ_REPLICAS=%s is refused', async (wanted) => {
  const { fetch } = await start({ ...bindings, CUTTY_READ_REPLICAS: wanted })
  expect((await fetch('/live')).status).toBe(503)
})
