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
  folder = await mkdtemp(join(tmpdir(), 'cutty-statements-'))
})
afterEach(() => rm(folder, { recursive: true }))

interface Stats {
  readonly statements: readonly { name: string; count: number }[]
}

/** One life of a server over the folder. */
async function withServer<T>(work: (api: ReturnType<typeof createClient>) => Promise<T>): Promise<T> {
  const server = await startServer(readConfig([], serverEnv(folder)))
  const { fetch, close } = createSocketFetch(server.url)
  try {
    return await work(createClient({ fetch }))
  } finally {
    close()
    await server.stop()
  }
}

test('what statements cost is known after a restart', async () => {
  const stats = async (api: ReturnType<typeof createClient>) => {
    const answer = await api.call('GET', '/api/v1/database/stats?window=2h', { as: admin })
    return new Map(answer.json<Stats>().statements.map(({ name, count }) => [name, count]))
  }
  const before = await withServer(async (api) => {
    await api.call('POST', '/api/v1/buckets', { as: admin, json: { name: 'bucket' } })
    for (const key of ['a', 'b', 'c']) await api.put('bucket', key, 'text', { as: admin })
    await api.call('GET', '/api/v1/buckets/bucket/files', { as: admin })
    return stats(api)
  })
  expect(before.get('listing.by_key')).toBe(1)
  const after = await withServer(stats)
  for (const [name, count] of before) expect(after.get(name), name).toBeGreaterThanOrEqual(count)
  expect(after.get('listing.by_key')).toBe(1)
})
