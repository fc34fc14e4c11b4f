import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/entry/config.ts'
import { type RunningServer, startServer } from '../../src/entry/server.ts'

/** A file system in memory: a real full disk, which only root may make. */
const mib = 1024 ** 2
const folder = await mkdtemp(join(tmpdir(), 'cutty-full-'))

function mount(): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder], { stdio: 'ignore' })
}

function unmount(): void {
  execFileSync('umount', [folder])
}

function canMount(): boolean {
  try {
    mount()
    unmount()
    return true
  } catch (error) {
    if (process.env['CUTTY_TEST_ALL']) throw error
    return false
  }
}

const key = { id: 'TESTADMIN', secret: 'test-secret-of-the-admin' }
const authorization = `Basic ${Buffer.from(`${key.id}:${key.secret}`).toString('base64')}`
const filled = (sizeBytes: number, value: number) => new Uint8Array(sizeBytes).fill(value)
let server: RunningServer

function request(method: string, path: string, body?: string | Uint8Array<ArrayBuffer>) {
  // What is compressed fills no disk.
  const type =
    typeof body === 'string' ? { 'content-type': 'application/json' } : { 'x-cutty-compression': 'off' }
  const headers = { authorization, ...type }
  return fetch(`${server.url}/api/v1/buckets${path}`, {
    method,
    headers,
    ...(body !== undefined && { body }),
  })
}
const put = (name: string, body: Uint8Array<ArrayBuffer>) => request('PUT', `/full/files/${name}`, body)
const get = (name: string) => request('GET', `/full/files/${name}`)
const remove = (name: string) => request('DELETE', `/full/files/${name}`)

async function start(reserve: string) {
  mount()
  const env = {
    CUTTY_ADMIN_ACCESS_KEY_ID: key.id,
    CUTTY_ADMIN_SECRET_ACCESS_KEY: key.secret,
    CUTTY_LOG: 'none',
  }
  const flags = ['--port', '0', '--data', folder, '--cache-bytes', '0', '--reserve-bytes', reserve]
  server = await startServer(readConfig(flags, env))
  await request('POST', '', JSON.stringify({ name: 'full' }))
}

/** Puts small files until one is refused; the numbers of those that were not. */
async function fillUp(): Promise<number[]> {
  const acknowledged: number[] = []
  for (let i = 0; i < 5000; i++) {
    const { status } = await put(`row-${i}`, filled(15_000, i % 256))
    if (status !== 201) {
      expect(status).toBe(507)
      return acknowledged
    }
    acknowledged.push(i)
  }
  throw new Error('the disk did not run full')
}

async function expectContent(name: string, content: Uint8Array) {
  const response = await get(name)
  expect([name, response.status]).toEqual([name, 200])
  expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true)
}

describe.skipIf(!canMount())('a full disk (needs the right to mount)', () => {
  afterEach(async () => {
    await server.stop()
    unmount()
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('to the last byte gives 507, loses nothing that was acknowledged, and goes on serving it', async () => {
    await start('0')
    expect((await put('large', filled(20 * mib, 1))).status).toBe(201)
    expect((await put('small', filled(1000, 2))).status).toBe(201)
    // Refused before it is read, since its length is declared; refused by the disk, since it is not.
    for (const body of [filled(60 * mib, 3), new Blob([filled(60 * mib, 3)]).stream()]) {
      const refused = await fetch(`${server.url}/api/v1/buckets/full/files/large`, {
        method: 'PUT',
        headers: { authorization, 'x-cutty-compression': 'off' },
        body,
        duplex: 'half',
      })
      expect(refused.status).toBe(507)
      expect(await refused.json()).toMatchObject({ code: 'storage_full' })
    }

    // Rows run out of room as well, and are told apart from files neither in the reply nor in what is lost.
    const acknowledged = await fillUp()
    expect(acknowledged.length).toBeGreaterThan(100)
    await expectContent('large', filled(20 * mib, 1))
    await expectContent('small', filled(1000, 2))
    for (const i of acknowledged) await expectContent(`row-${i}`, filled(15_000, i % 256))
    expect((await get(`row-${acknowledged.length}`)).status).toBe(404)
  })

  test('but for the reserve can be emptied', async () => {
    await start('36MiB')
    const acknowledged = await fillUp()
    const refused = await put('more', filled(15_000, 1))
    expect(await refused.json()).toMatchObject({
      code: 'storage_full',
      detail: expect.stringMatching(/kept so that/),
    })
    // Each refusal would be an entry of the access log, which must not take the room either.
    const tooMuch = filled(4 * mib, 1)
    for (let count = 0; count < 300; count++) expect((await put('more', tooMuch)).status).toBe(507)
    const log = await fetch(`${server.url}/api/v1/access-log?statusMin=500`, { headers: { authorization } })
    expect(log.status).toBe(200)
    for (const i of acknowledged) expect((await remove(`row-${i}`)).status).toBe(204)
    expect((await get('row-0')).status).toBe(404)
  })
})
