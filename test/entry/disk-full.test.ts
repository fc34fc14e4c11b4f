import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/entry/config.ts'
import { type RunningServer, startServer } from '../../src/entry/server.ts'

/** A file system of 24 MiB in memory: a real full disk, which only root may make. */
const mib = 1024 ** 2
const folder = await mkdtemp(join(tmpdir(), 'cutty-full-'))
const mounted = mount()

function mount(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { stdio: 'ignore' })
    return true
  } catch (error) {
    if (process.env['CUTTY_TEST_ALL']) throw error
    return false
  }
}

describe.skipIf(!mounted)('a full disk (needs the right to mount)', () => {
  const key = { id: 'TESTADMIN', secret: 'test-secret-of-the-admin' }
  const authorization = `Basic ${Buffer.from(`${key.id}:${key.secret}`).toString('base64')}`
  let server: RunningServer

  beforeAll(async () => {
    const env = {
      CUTTY_ADMIN_ACCESS_KEY_ID: key.id,
      CUTTY_ADMIN_SECRET_ACCESS_KEY: key.secret,
      CUTTY_LOG: 'none',
    }
    server = await startServer(readConfig(['--port', '0', '--data', folder, '--cache-bytes', '0'], env))
    await request('POST', '/api/v1/buckets', JSON.stringify({ name: 'full' }), 'application/json')
  })

  afterAll(async () => {
    await server.stop()
    execFileSync('umount', [folder])
    await rm(folder, { recursive: true, force: true })
  })

  function request(method: string, path: string, body?: string | Uint8Array<ArrayBuffer>, type?: string) {
    const headers = { authorization, ...(type && { 'content-type': type }) }
    return fetch(server.url + path, { method, headers, ...(body !== undefined && { body }) })
  }
  const put = (name: string, body: Uint8Array<ArrayBuffer>) =>
    request('PUT', `/api/v1/buckets/full/files/${name}`, body)
  const get = (name: string) => request('GET', `/api/v1/buckets/full/files/${name}`)
  const filled = (sizeBytes: number, value: number) => new Uint8Array(sizeBytes).fill(value)

  test('gives 507, loses nothing that was acknowledged, and goes on serving it', async () => {
    expect((await put('large', filled(8 * mib, 1))).status).toBe(201)
    expect((await put('small', filled(1000, 2))).status).toBe(201)

    const refused = await put('large', filled(20 * mib, 3))
    expect(refused.status).toBe(507)
    expect(await refused.json()).toMatchObject({ code: 'storage_full' })

    // Rows run out of room as well, and are told apart from files neither in the reply nor in what is lost.
    const acknowledged: number[] = []
    let status = 201
    for (let i = 0; status === 201 && i < 5000; i++) {
      status = (await put(`row-${i}`, filled(15_000, i % 256))).status
      if (status === 201) acknowledged.push(i)
    }
    expect(status).toBe(507)
    expect(acknowledged.length).toBeGreaterThan(100)

    expect(new Uint8Array(await (await get('large')).arrayBuffer())).toEqual(filled(8 * mib, 1))
    expect(new Uint8Array(await (await get('small')).arrayBuffer())).toEqual(filled(1000, 2))
    for (const i of acknowledged) {
      const response = await get(`row-${i}`)
      expect([i, response.status]).toEqual([i, 200])
      expect(Buffer.from(await response.arrayBuffer()).equals(filled(15_000, i % 256))).toBe(true)
    }
    expect((await get(`row-${acknowledged.length}`)).status).toBe(404)
  })
})
