import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCutty, spawnCutty } from '../cli/cutty.ts'
import { patternBytes } from '../contracts/http/bytes.ts'
import { type Client, createClient } from '../contracts/http/client.ts'
import { createSocketFetch } from '../http/socket-fetch.ts'
import { type ServerProcess, startProcess } from './child.ts'
import { until } from './connection.ts'
import { admin, serverEnv } from './test-server.ts'

const bucket = 'bucket'
/** In the database, on the disk, and around the border between them. */
const sizes = [0, 700, 16_384, 16_385, 60_000, 250_000]

let folder: string
let data: string
let target: string
let servers: ServerProcess[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutty-backup-'))
  data = join(folder, 'data')
  target = join(folder, 'backup')
  servers = []
})
afterEach(async () => {
  for (const { kill, ended } of servers) {
    kill('SIGKILL')
    await ended
  }
  rmSync(folder, { recursive: true })
})

async function serve(of: string): Promise<{ api: Client; close: () => void; server: ServerProcess }> {
  const server = startProcess(serverEnv(of))
  servers.push(server)
  const { fetch, close } = createSocketFetch(await server.ready)
  return { api: createClient({ fetch }), close, server }
}

/** Content that tells which write it is from. */
const contentOf = (write: number) => patternBytes(sizes[write % sizes.length] as number, write + 1)

/** Writers of their own keys. What each key held, in the order of its writes, and which of them was the last to be answered. */
function createWriters(api: Client, count: number) {
  const states = new Map<string, (number | undefined)[]>()
  const acknowledged = new Map<string, number>()
  let writes = 0
  const stopping = new AbortController()
  const write = async (key: string, remove: boolean) => {
    const history = states.get(key) ?? [undefined]
    states.set(key, history)
    const number = remove ? undefined : writes++
    history.push(number)
    const at = history.length - 1
    const answer =
      number === undefined
        ? await api.delete(bucket, key, { as: admin })
        : await api.put(bucket, key, contentOf(number), { as: admin })
    expect([200, 201, 204, 404], answer.text).toContain(answer.status)
    acknowledged.set(key, at)
  }
  const running = Array.from({ length: count }, async (_, writer) => {
    for (let turn = 0; !stopping.signal.aborted; turn++) {
      // Each seventh deletes; a few keys are replaced again and again, the others stay.
      const key = turn % 3 === 0 ? `${writer}/kept ${turn}` : `${writer}/busy ${turn % 5}`
      await write(key, turn % 7 === 6)
    }
  })
  return {
    states,
    snapshot: () => new Map(acknowledged),
    async stop() {
      stopping.abort()
      await Promise.all(running)
    },
  }
}

async function makeBucket(api: Client): Promise<void> {
  const made = await api.call('POST', '/api/v1/buckets', { as: admin, json: { name: bucket } })
  expect(made.status).toBe(201)
}

describe('a backup of a server that is written to', () => {
  test('is a state between its begin and its end, byte for byte, again and again', async () => {
    const { api, close } = await serve(data)
    await makeBucket(api)
    const writers = createWriters(api, 6)
    for (let round = 0; round < 3; round++) {
      await until(async () => writers.snapshot().size > 20 * (round + 1))
      const before = writers.snapshot()
      const outcome = await runCutty(['db', 'backup', target, '--data', data, '--json'])
      const after = new Map([...writers.states].map(([key, history]) => [key, history.length - 1]))
      expect(outcome, outcome.stderr).toMatchObject({ code: 0 })
      if (round === 1) await writers.stop()

      const restored = join(folder, `restored-${round}`)
      const put = await runCutty(['db', 'restore', target, '--data', restored, '--json'])
      expect(put, put.stderr + put.stdout.toString()).toMatchObject({ code: 0 })
      const copy = await serve(restored)
      for (const [key, history] of writers.states) {
        const got = await copy.api.get(bucket, key, { as: admin })
        expect([200, 404]).toContain(got.status)
        // What was acknowledged before the begin, or one that came later and was begun before the end.
        const possible = history.slice(before.get(key) ?? 0, (after.get(key) ?? 0) + 1)
        const fits = possible.some((write) =>
          write === undefined
            ? got.status === 404
            : got.status === 200 && Buffer.compare(got.bytes, contentOf(write)) === 0,
        )
        expect(fits, `${key} has ${got.status}, ${got.bytes.length} bytes; may have ${possible.join()}`).toBe(
          true,
        )
      }
      copy.close()
    }
    await writers.stop()
    close()
    expect((await runCutty(['db', 'check', '--hash', '--data', data])).code).toBe(0)
  }, 180_000)

  test('that is killed at any moment is not taken for a whole one, and is gone on with', async () => {
    const { api, close } = await serve(data)
    await makeBucket(api)
    for (let file = 0; file < 60; file++) {
      expect((await api.put(bucket, `${file}`, contentOf(file), { as: admin })).status).toBe(201)
    }
    const names = () => (existsSync(target) ? readdirSync(target) : [])
    const moments = [
      () => true,
      () => names().includes('lock'),
      () => names().includes('blobs'),
      () => names().some((name) => name.endsWith('.db')),
    ]
    for (const [index, isMoment] of moments.entries()) {
      rmSync(target, { recursive: true, force: true })
      const child = spawnCutty(['db', 'backup', target, '--data', data])
      const ended = new Promise<NodeJS.Signals | null>((resolve) =>
        child.on('close', (_code, signal) => resolve(signal)),
      )
      await until(isMoment)
      child.kill('SIGKILL')
      expect(await ended, `moment ${index}`).toBe('SIGKILL')
      const refused = await runCutty(['db', 'restore', target, '--data', join(folder, 'none')])
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('no whole backup') as string })
      expect(existsSync(join(folder, 'none'))).toBe(false)
    }
    expect(await runCutty(['db', 'backup', target, '--data', data])).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(target).toSorted()).toEqual([
      'blobs',
      expect.stringMatching(/^database-.*\.db$/),
      'lock',
      'manifest.json',
      'master.key',
      'owner',
    ])
    expect(await runCutty(['db', 'restore', target, '--data', join(folder, 'restored')])).toMatchObject({
      code: 0,
      stderr: '',
    })
    expect(readFileSync(join(folder, 'restored/master.key'))).toEqual(readFileSync(join(data, 'master.key')))
    close()
  }, 120_000)
})

describe('the commands of a data folder', () => {
  test('say what they did, and end with 1 when something is wrong', async () => {
    const { api, close, server } = await serve(data)
    await makeBucket(api)
    await api.put(bucket, 'large', contentOf(5), { as: admin })
    const env = { CUTTY_DATA: data }
    const run = (...args: string[]) => runCutty(['db', ...args], { env })

    const status = (await run('status')).stdout.toString()
    expect(status).toContain(`server      process ${server.child.pid} on `)
    expect(status).toMatch(/^0001_files\.sql +applied +20\d\d-/m)
    expect(status).toMatch(/^files +1$/m)
    expect(await run('migrate')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is in use by process \d+/) as string,
    })
    expect((await run('migrate', '--dry-run')).stdout.toString()).toBe('Nothing to apply.\n')

    const without = await run('backup', target, '--without-key')
    expect(without).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^THE MASTER KEY IS NOT IN/) as string,
    })
    expect(without.stdout.toString()).toMatch(/^blobs +1, 244\.1 KiB; 1 of them new/m)
    const restored = await run('restore', target, '--data', join(folder, 'restored'))
    expect(restored).toMatchObject({ code: 0, stderr: expect.stringContaining('THE MASTER KEY') as string })
    // As it says: the secrets in it are of another key.
    const refused = startProcess(serverEnv(join(folder, 'restored')))
    await expect(refused.ready).rejects.toThrow(/key/i)

    close()
    server.kill('SIGTERM')
    await server.ended
    const blob = readdirSync(join(data, 'blobs'), { recursive: true, withFileTypes: true }).find((each) =>
      each.isFile(),
    )
    rmSync(join(blob?.parentPath ?? '', blob?.name ?? ''))
    const check = await run('check', '--json')
    expect(check.code).toBe(1)
    const result = JSON.parse(check.stdout.toString()) as {
      ok: boolean
      findings: { kind: string; count: number }[]
    }
    expect(result.ok).toBe(false)
    expect(result.findings.filter(({ count }) => count > 0).map(({ kind }) => kind)).toEqual(['missing_blob'])
    expect((await run('check')).stdout.toString()).toContain('is not there (bucket/large)')
    expect(await run('status', '--data', join(folder, 'none'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is no data folder') as string,
    })
  }, 60_000)

  test('end at Ctrl-C with a sentence, and nothing half is taken for whole', async () => {
    const { api, close, server } = await serve(data)
    await makeBucket(api)
    await api.put(bucket, 'large', contentOf(5), { as: admin })
    close()
    server.kill('SIGTERM')
    await server.ended
    // A database that takes a while to look at.
    const script = `const { DatabaseSync } = require('node:sqlite'); const d = new DatabaseSync(process.argv[1])
      d.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)
      INSERT INTO file_reads SELECT 'bucket', hex(randomblob(100)) || i, 1, 1 FROM n")`
    const filled = spawn(process.execPath, ['-e', script, join(data, 'cutty.db')], { stdio: 'ignore' })
    await new Promise((resolve) => filled.on('close', resolve))
    const child = spawnCutty(['db', 'backup', target, '--data', data])
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)))
    await until(async () => existsSync(target) && readdirSync(target).some((name) => name.endsWith('.db')))
    child.kill('SIGINT')
    expect({ code: await ended, stderr }).toEqual({ code: 1, stderr: 'cutty: Cancelled.\n' })
    expect(existsSync(join(target, 'manifest.json'))).toBe(false)
  }, 60_000)
})
