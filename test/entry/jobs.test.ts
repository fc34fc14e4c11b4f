import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, createClient } from '../contracts/http/client.ts'
import { createSocketFetch } from '../http/socket-fetch.ts'
import { words } from '../core/jobs/stage.ts'
import { type ServerProcess, startProcess } from './child.ts'
import { until } from './connection.ts'
import { admin, serverEnv } from './test-server.ts'

interface Job {
  readonly id: string
  readonly state: string
  readonly progress: { readonly files: number }
  readonly result: { readonly files: number; readonly damaged: unknown[] } | null
}

let folder: string
let server: ServerProcess
let api: Client
let disconnect = () => {}

async function start() {
  server = startProcess(serverEnv(folder))
  const { fetch, close } = createSocketFetch(await server.ready)
  disconnect = close
  api = createClient({ fetch })
}
async function end(signal: NodeJS.Signals) {
  disconnect()
  server.kill(signal)
  return server.ended
}
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutty-jobs-'))
  await start()
})
afterEach(async () => {
  await end('SIGKILL')
  await rm(folder, { recursive: true })
})

const files = 30
const contentOf = (index: number) => words(150_000, index + 1)
const read = async (id: string) =>
  (await api.call('GET', `/api/v1/jobs/${id}`, { as: admin })).json<unknown>() as Job

test('a job goes on after a crash, and after a stop that does not wait for its end (R46)', async () => {
  await api.call('POST', '/api/v1/buckets', { as: admin, json: { name: 'bucket' } })
  const headers = { 'X-Cutty-Compression': 'zstd;level=1', 'Content-Type': 'text/plain' }
  for (let index = 0; index < files; index++) {
    expect((await api.put('bucket', `f${index}`, contentOf(index), { as: admin, headers })).status).toBe(201)
  }
  // Some seconds, so that it is met in its midst.
  const json = { kind: 'recompress', bytesPerSecond: 2_000_000 }
  const { id } = (await api.call('POST', '/api/v1/jobs', { as: admin, json })).json<Job>()

  let before = 0
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const last = before
    await until(async () => (before = (await read(id)).progress.files) > last)
    await end(signal)
    await start()
    const { state, progress } = await read(id)
    expect(['running', 'done']).toContain(state)
    expect(progress.files).toBeGreaterThanOrEqual(before)
  }
  await until(async () => (await read(id)).state === 'done')
  const { result } = await read(id)
  expect(result).toMatchObject({ files, damaged: [] })
  for (let index = 0; index < files; index++) {
    const { bytes } = await api.get('bucket', `f${index}`, { as: admin })
    expect(Buffer.compare(bytes, contentOf(index)), `f${index}`).toBe(0)
  }
  const scrub = await api.call('POST', '/api/v1/jobs', { as: admin, json: { kind: 'scrub' } })
  const scrubId = scrub.json<Job>().id
  await until(async () => (await read(scrubId)).state === 'done')
  expect((await read(scrubId)).result).toMatchObject({ damaged: [] })
})
