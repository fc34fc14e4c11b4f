import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/entry/config.ts'
import { startServer } from '../../src/entry/server.ts'
import { authorization, type Client, createClient, type Identity } from '../contracts/http/client.ts'
import { createSocketFetch } from '../http/socket-fetch.ts'
import { type ServerProcess, startProcess } from './child.ts'
import { openConnection, until } from './connection.ts'
import { admin, serverEnv } from './test-server.ts'

let folder: string
let env: Record<string, string>
let started: ServerProcess[]
let closers: (() => void)[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutty-process-'))
  env = serverEnv(folder)
  started = []
  closers = []
})

afterEach(async () => {
  for (const close of closers) close()
  for (const each of started) each.kill('SIGKILL')
  await Promise.all(started.map(({ ended }) => ended))
  await rm(folder, { recursive: true, force: true })
})

function start(more: Record<string, string> = {}, args: readonly string[] = []): ServerProcess {
  const server = startProcess({ ...env, ...more }, args)
  started.push(server)
  return server
}

async function clientOf(server: ServerProcess): Promise<Client> {
  const { fetch, close } = createSocketFetch(await server.ready)
  closers.push(close)
  return createClient({ fetch })
}

async function stop(server: ServerProcess, signal: NodeJS.Signals = 'SIGTERM') {
  server.kill(signal)
  return server.ended
}

describe('the first start', () => {
  const noAdmin = { CUTTY_ADMIN_ACCESS_KEY_ID: '', CUTTY_ADMIN_SECRET_ACCESS_KEY: '' }

  test('prints an administrator’s key, once, and how to make another', async () => {
    const first = start(noAdmin)
    const api = await clientOf(first)
    await until(() => first.output().stderr.includes('If they are lost'))
    const { stderr } = first.output()
    const accessKeyId = /access key id\s+(\S+)/.exec(stderr)?.[1] as string
    const secretAccessKey = /secret access key\s+(\S+)/.exec(stderr)?.[1] as string
    expect(stderr).toContain('npm run cutty -- keys create')
    const key: Identity = { accessKeyId, secretAccessKey }
    expect((await api.call('GET', '/api/v1/users', { as: key })).status).toBe(200)
    expect(await stop(first)).toEqual({ code: 0, signal: null })
    expect(first.output().stdout).not.toContain(secretAccessKey)

    const second = start(noAdmin)
    const again = await clientOf(second)
    expect((await again.call('GET', '/api/v1/users', { as: key })).status).toBe(200)
    await stop(second)
    const said = second.output().stdout + second.output().stderr
    expect(said).not.toContain('access key id')
    expect(said).not.toContain(secretAccessKey)
  })

  test('takes the configured key and does not print it', async () => {
    const server = start()
    const api = await clientOf(server)
    expect((await api.call('GET', '/api/v1/users', { as: admin })).status).toBe(200)
    await stop(server)
    expect(server.output().stderr + server.output().stdout).not.toContain(admin.secretAccessKey)
  })

  test('makes its folder and its master key for nobody else to read', async () => {
    const data = join(folder, 'made', 'by itself')
    const server = start({ CUTTY_DATA: data })
    await server.ready
    expect((await stat(data)).mode & 0o777).toBe(0o700)
    expect((await stat(join(data, 'master.key'))).mode & 0o777).toBe(0o600)
  })

  test('removes what an upload left that never ended', async () => {
    await mkdir(join(folder, 'tmp'))
    await writeFile(join(folder, 'tmp', '01jabcdefghjkmnpqrstvwxyz0'), 'half of a file')
    const server = start()
    await server.ready
    expect(await readdir(join(folder, 'tmp'))).toEqual([])
  })
})

describe('a start that cannot succeed says why', () => {
  test('when the folder has a server already', async () => {
    const first = start()
    await first.ready
    const second = start()
    expect(await second.ended).toEqual({ code: 1, signal: null })
    expect(second.output().stderr).toBe(
      `cutty: The data folder ${folder} is in use by process ${first.child.pid} on ${(await import('node:os')).hostname()}.\n`,
    )
    // The first is none the worse for it, and the folder is free after it.
    const api = await clientOf(first)
    expect((await api.call('GET', '/ready')).status).toBe(200)
    await stop(first, 'SIGKILL')
    const third = start()
    await third.ready
  })

  test('when the port is in use', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    closers.push(() => other.close())
    const { port } = other.address() as AddressInfo
    const server = start({ CUTTY_PORT: String(port) })
    expect(await server.ended).toEqual({ code: 1, signal: null })
    expect(server.output().stderr).toBe(`cutty: Cannot listen on 127.0.0.1:${port}: the port is in use.\n`)
  })

  test('when the master key is another', async () => {
    const first = start()
    await first.ready
    await stop(first)
    const second = start({ CUTTY_MASTER_KEY: 'another master key, long enough for it' })
    expect(await second.ended).toEqual({ code: 1, signal: null })
    expect(second.output().stderr).toMatch(/^cutty: The master key is not the one this data was made with/)
    const third = start()
    const api = await clientOf(third)
    expect((await api.call('GET', '/api/v1/me', { as: admin })).status).toBe(200)
  })

  test('when the master key is cut short', async () => {
    await writeFile(join(folder, 'master.key'), 'half\n')
    await expect(startServer(readConfig(['--data', folder, '--port', '0'], {}))).rejects.toThrow(
      /master\.key must be at least 32/,
    )
  })

  test('and lets go of what it held', async () => {
    await writeFile(join(folder, 'master.key'), 'half\n')
    const config = readConfig(['--data', folder, '--port', '0'], { CUTTY_LOG: 'none' })
    await expect(startServer(config)).rejects.toThrow(/master\.key/)
    await rm(join(folder, 'master.key'))
    const server = await startServer(config)
    await server.stop()
  })

  test('when the configuration is wrong', async () => {
    const server = start({ CUTTY_PORT: 'none', CUTTY_PROT: '1' }, ['--log', 'all'])
    expect(await server.ended).toEqual({ code: 2, signal: null })
    const { stderr, stdout } = server.output()
    expect(stdout).toBe('')
    for (const part of ['not valid', 'CUTTY_PORT', 'CUTTY_PROT', '--log']) expect(stderr).toContain(part)
    expect(stderr).not.toMatch(/\bat .*\.ts/)
  })

  test('when the data folder cannot be one', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    const server = start({ CUTTY_DATA: file })
    expect(await server.ended).toEqual({ code: 1, signal: null })
    expect(server.output().stderr).toMatch(/^cutty: .*file/)
  })
})

describe('a signal', () => {
  /** An upload whose second half is still to come. */
  async function halfUpload(server: ServerProcess) {
    const url = await server.ready
    const api = await clientOf(server)
    await api.call('POST', '/api/v1/buckets', { as: admin, json: { name: 'bucket' } })
    const connection = await openConnection(url)
    const half = Buffer.alloc(1_200_000, 'x')
    connection.write(
      `PUT /api/v1/buckets/bucket/files/f HTTP/1.1\r\nHost: x\r\nContent-Length: ${half.length * 2}\r\n` +
        `Authorization: ${authorization(admin)['Authorization']}\r\n\r\n`,
    )
    connection.write(half)
    await until(async () => (await readdir(join(folder, 'tmp'))).length === 1)
    return { connection, half, port: Number(new URL(url).port) }
  }

  const refuses = (port: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.once('connect', () => {
        socket.destroy()
        resolve(false)
      })
      socket.once('error', () => resolve(true))
    })

  test.each(['SIGTERM', 'SIGINT'] as const)('%s lets an upload under way end, then goes', async (signal) => {
    const server = start({ CUTTY_LOG: 'requests' })
    const { connection, half, port } = await halfUpload(server)
    server.kill(signal)
    await until(() => refuses(port))
    connection.write(half)
    const answer = await connection.closed()
    expect(answer).toContain('HTTP/1.1 201 ')
    expect(answer).toMatch(/\r\nConnection: close\r\n/i)
    expect(await server.ended).toEqual({ code: 0, signal: null })
    expect(server.output().stdout).toContain('"message":"stopped"')

    const next = start()
    const got = await (await clientOf(next)).get('bucket', 'f', { as: admin })
    expect(got.bytes).toHaveLength(half.length * 2)
  })

  test('does not wait longer than it was told for an upload that stands still', async () => {
    const server = start({ CUTTY_SHUTDOWN_SECONDS: '0' })
    const { connection } = await halfUpload(server)
    expect(await stop(server)).toEqual({ code: 0, signal: null })
    await connection.closed()
    const next = start()
    const got = await (await clientOf(next)).get('bucket', 'f', { as: admin })
    expect(got.status).toBe(404)
    expect(await readdir(join(folder, 'tmp'))).toEqual([])
  })

  test('given twice ends the wait', async () => {
    const server = start()
    const { port } = await halfUpload(server)
    server.kill('SIGTERM')
    await until(() => refuses(port))
    server.kill('SIGTERM')
    expect(await server.ended).toEqual({ code: 1, signal: null })
  })

  test('is not kept waiting by connections that do nothing', async () => {
    const server = start()
    const api = await clientOf(server)
    expect((await api.call('GET', '/health')).status).toBe(200)
    const idle = await openConnection(await server.ready)
    expect(await stop(server)).toEqual({ code: 0, signal: null })
    await idle.closed()
  })
})

test('the log is lines of JSON and holds no secret', async () => {
  const server = start({ CUTTY_LOG: 'requests' })
  const api = await clientOf(server)
  const wrong = { ...admin, secretAccessKey: 'wrong-secret-of-somebody' }
  await api.call('GET', '/api/v1/me', { as: admin })
  await api.call('GET', '/api/v1/me', { as: wrong })
  await api.call('POST', '/api/v1/buckets', { as: admin, json: { name: 'bucket' } })
  await api.put('bucket', 'odd " \\ \n key', 'x', { as: admin })
  const made = await api.call('POST', '/api/v1/tokens', { as: admin })
  const { token } = made.json<{ token: string }>()
  await api.call('GET', '/api/v1/tokens?token=in-the-query', { as: { token } })
  await stop(server)
  const lines = server.output().stdout.split('\n').slice(0, -1)
  const events = lines.map((line) => JSON.parse(line) as { time: string; level: string; event: string })
  expect(events.map(({ event }) => event)).toEqual([
    'lifecycle',
    ...Array.from({ length: 6 }, () => 'request'),
    'lifecycle',
  ])
  for (const { time, level } of events) {
    expect(Date.parse(time)).toBeGreaterThan(0)
    expect(['info', 'error']).toContain(level)
  }
  const secrets = [admin.secretAccessKey, wrong.secretAccessKey, token, 'in-the-query', 'Basic ', 'Bearer ']
  for (const secret of secrets) expect(server.output().stdout).not.toContain(secret)
})
