import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from '../../src/entry/config.ts'
import { startServer } from '../../src/entry/server.ts'
import { createClient } from '../contracts/http/client.ts'
import { createSocketFetch } from '../http/socket-fetch.ts'
import { admin, serverEnv } from './test-server.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutty-reads-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** One life of a server over the folder. */
async function withServer(work: (api: ReturnType<typeof createClient>) => Promise<void>): Promise<void> {
  const server = await startServer(readConfig([], serverEnv(folder)))
  const { fetch, close } = createSocketFetch(server.url)
  try {
    await work(createClient({ fetch }))
  } finally {
    close()
    await server.stop()
  }
}

test('what is read most is known after a restart: answered GETs count, and nothing else does', async () => {
  const as = admin
  await withServer(async (api) => {
    await api.call('POST', '/api/v1/buckets', { as, json: { name: 'bucket' } })
    const keys = ['read', 'unread', 'range', 'unchanged', 'by-key']
    for (const key of keys) await api.put('bucket', key, 'text', { as })
    await api.get('bucket', 'read', { as })
    expect((await api.get('bucket', 'range', { as, headers: { Range: 'bytes=1-2' } })).status).toBe(206)
    const etag = (await api.head('bucket', 'unchanged', { as })).header('etag') as string
    const unchanged = await api.get('bucket', 'unchanged', { as, headers: { 'If-None-Match': etag } })
    expect(unchanged.status).toBe(304)
    await api.call('GET', '/api/v1/buckets/bucket/files?key=by-key', { as })

    await api.head('bucket', 'unread', { as })
    await api.info('bucket', 'unread', { as })
    await api.get('bucket', 'unread', {})
    await api.get('bucket', 'unread', { as, headers: { 'If-Match': '"other"' } })
    await api.get('bucket', 'unread', { as, headers: { Range: 'bytes=10-' } })
    await api.get('bucket', 'none', { as })
  })
  await withServer(async (api) => {
    const warmed = (await api.call('POST', '/api/v1/cache/warm', { as })).json()
    expect(warmed).toMatchObject({ known: 4, loaded: 4, alreadyCached: 0, missing: 0, failed: 0 })
    for (const key of ['read', 'range', 'unchanged', 'by-key']) {
      const answer = await api.get('bucket', key, { as })
      expect(answer.header('cache-status')).toBe('cutty; hit; detail="rows=memory bytes=memory"')
    }
    expect((await api.get('bucket', 'unread', { as })).header('cache-status')).toContain('fwd=miss')
  })
})
