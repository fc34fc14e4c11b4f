import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/entry/config.ts'
import { startServer } from '../../src/entry/server.ts'
import { admin, serverEnv } from './test-server.ts'

interface Page {
  readonly entries: readonly { method: string; path: string; status: number; bytesReceived: number }[]
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutty-access-log-'))
})
afterEach(() => rm(folder, { recursive: true }))

const Authorization = `Basic ${btoa(`${admin.accessKeyId}:${admin.secretAccessKey}`)}`

/** Runs a server of this folder for as long as `work` takes. */
async function serving<T>(env: Record<string, string>, work: (url: string) => Promise<T>): Promise<T> {
  const server = await startServer(readConfig([], { ...serverEnv(folder), ...env }))
  try {
    return await work(server.url)
  } finally {
    await server.stop()
  }
}

const readLog = (url: string) => fetch(`${url}/api/v1/access-log`, { headers: { Authorization } })

describe('the access log of a server', () => {
  test('is there after a restart, with the last requests before it', async () => {
    const env = { CUTTY_ACCESS_LOG: 'changes' }
    await serving(env, async (url) => {
      const body = JSON.stringify({ name: 'kept' })
      const headers = { Authorization, 'Content-Type': 'application/json' }
      expect((await fetch(`${url}/api/v1/buckets`, { method: 'POST', headers, body })).status).toBe(201)
      expect((await fetch(`${url}/api/v1/buckets`, { headers })).status).toBe(200)
      expect((await fetch(`${url}/kept/none`)).status).toBe(403)
    })
    const { entries } = (await serving(env, async (url) => (await readLog(url)).json())) as Page
    expect(
      entries.map(({ method, path, status, bytesReceived }) => [method, path, status, bytesReceived]),
    ).toEqual([
      ['GET', '/kept/none', 403, 0],
      ['POST', '/api/v1/buckets', 201, 15],
    ])
  })

  test('is not there where it is turned off, and says so', async () => {
    const answer = await serving({ CUTTY_ACCESS_LOG: 'none' }, async (url) => {
      const response = await readLog(url)
      return [response.status, await response.json()]
    })
    expect(answer).toMatchObject([
      404,
      { code: 'not_found', detail: expect.stringContaining('no access log') as string },
    ])
    expect(await readdir(folder)).not.toContain('access-log.db')
  })

  test('that cannot be read stops the start, and lets go of the folder', async () => {
    await writeFile(join(folder, 'access-log.db'), 'no database, but long enough to be looked at as one')
    await expect(serving({}, readLog)).rejects.toThrow(
      /access-log\.db cannot be opened: file is not a database\. Move it away to begin another, or set CUTTY_ACCESS_LOG=none\./,
    )
    expect((await serving({ CUTTY_ACCESS_LOG: 'none' }, readLog)).status).toBe(404)
  })

  test('knows its settings', () => {
    const read = (env: Record<string, string>) => readConfig([], { ...serverEnv(folder), ...env })
    expect(() => read({ CUTTY_ACCESS_LOG: 'some' })).toThrow(
      'CUTTY_ACCESS_LOG must be one of changes, all, none, not “some”.',
    )
    expect(() => read({ CUTTY_ACCESS_LOG_DAYS: '0' })).toThrow('must be a whole number from 1 to 3650')
    expect(() => read({ CUTTY_ACCESS_LOG_ROWS: '10' })).toThrow('must be a whole number from 1000')
  })
})
