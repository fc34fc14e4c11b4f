import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patternBytes } from '../contracts/http/bytes.ts'
import { type Client, createClient } from '../contracts/http/client.ts'
import { createSocketFetch } from '../http/socket-fetch.ts'
import { type ServerProcess, startProcess } from './child.ts'
import { until } from './connection.ts'
import { admin, serverEnv } from './test-server.ts'

const rounds = Number(process.env['CUTTY_TEST_CRASH_ROUNDS'] ?? 30)
const seed = Number(process.env['CUTTY_TEST_CRASH_SEED'] ?? 20_261_121)
const writers = 8
const keysPerWriter = 5
/** In the database, on the disk, and around the border between them. */
const sizes = [0, 1, 700, 4096, 16_384, 16_385, 60_000, 250_000, 1_200_000]
const bucket = 'bucket'

/** What a key may hold: the number of the write whose content it is, or nothing. */
type State = number | undefined

/** mulberry32: what a round does, and for how long, is decided by the seed. */
function createRandom(start: number): (below: number) => number {
  let state = start >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Content that tells which write it is from. */
function contentOf(write: number): Uint8Array {
  return patternBytes(sizes[write % sizes.length] as number, write + 1)
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe(`a server that is killed (seed ${seed})`, () => {
  let folder: string
  let server: ServerProcess | undefined
  /** All that each key may hold: more than one state only where an answer did not come. */
  const possible = new Map<string, Set<State>>()
  let writes = 0
  const counts = { acknowledged: 0, unanswered: 0, tookEffect: 0 }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cutty-crash-'))
  })
  afterAll(async () => {
    server?.kill('SIGKILL')
    await server?.ended
    await rm(folder, { recursive: true, force: true })
  })

  async function start(): Promise<{ api: Client; close: () => void }> {
    server = startProcess(serverEnv(folder))
    const { fetch, close } = createSocketFetch(await server.ready)
    return { api: createClient({ fetch }), close }
  }

  /** One writer has its keys for itself, so that the order of their writes is known. */
  async function writeOn(api: Client, writer: number, random: (below: number) => number): Promise<void> {
    for (;;) {
      const key = `writer ${writer}/key ${random(keysPerWriter)}`
      const before = possible.get(key) ?? new Set([undefined])
      const write = random(5) === 0 ? undefined : writes++
      possible.set(key, new Set([...before, write]))
      try {
        const answer =
          write === undefined
            ? await api.delete(bucket, key, { as: admin })
            : await api.put(bucket, key, contentOf(write), { as: admin })
        const expected = write === undefined ? [204, 404] : [200, 201]
        expect(expected, answer.text).toContain(answer.status)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === undefined) throw error
        counts.unanswered += 1
        return
      }
      possible.set(key, new Set([write]))
      counts.acknowledged += 1
    }
  }

  /** What is visible is what was acknowledged, or was under way; all of it is whole, and nothing else is there. */
  async function verify(api: Client): Promise<void> {
    const listed = await api.list(bucket, {}, { as: admin })
    expect(listed.status).toBe(200)
    const { files } = listed.json<{ files: { key: string; sizeBytes: number }[] }>()
    const visible = new Map(files.map(({ key, sizeBytes }) => [key, sizeBytes]))
    for (const key of visible.keys()) expect([...possible.keys()]).toContain(key)
    await Promise.all(
      [...possible].map(async ([key, states]) => {
        const got = await api.get(bucket, key, { as: admin })
        expect(got.status, key).toBe(visible.has(key) ? 200 : 404)
        const found = [...states].find((state) =>
          state === undefined
            ? got.status === 404
            : got.status === 200 && sha256(contentOf(state)) === sha256(got.bytes),
        )
        const fits = found !== undefined || (got.status === 404 && states.has(undefined))
        expect(
          fits,
          `${key} has ${got.status}, ${got.bytes.length} bytes; may have ${[...states].join()}`,
        ).toBe(true)
        if (states.size > 1 && found === [...states].at(-1)) counts.tookEffect += 1
        possible.set(key, new Set([found]))
      }),
    )
  }

  /** After the sweep at the start there are exactly the blobs that have a row, and no drafts. */
  async function verifyDisk(): Promise<void> {
    expect(await readdir(join(folder, 'tmp'))).toEqual([])
    const database = new DatabaseSync(join(folder, 'cutty.db'), { readOnly: true })
    try {
      const known = database
        .prepare(`SELECT id FROM blobs WHERE location = 'store' ORDER BY id`)
        .all()
        .map(({ id }) => id as string)
      const onDisk = async () =>
        (await readdir(join(folder, 'blobs'), { recursive: true, withFileTypes: true }))
          .filter((each) => each.isFile())
          .map(({ name }) => name)
          .toSorted()
      await until(async () => (await onDisk()).length <= known.length)
      expect(await onDisk()).toEqual(known)
    } finally {
      database.close()
    }
  }

  test(
    `${rounds} times keeps what it acknowledged, and nothing else`,
    async () => {
      const random = createRandom(seed)
      for (let round = 0; round < rounds; round++) {
        const { api, close } = await start()
        if (round === 0) {
          const made = await api.call('POST', '/api/v1/buckets', { as: admin, json: { name: bucket } })
          expect(made.status).toBe(201)
        }
        await verifyDisk()
        await verify(api)
        const killed = server as ServerProcess
        const timer = setTimeout(() => killed.kill('SIGKILL'), 100 + random(200))
        const writing = Array.from({ length: writers }, (_, writer) =>
          writeOn(api, writer, createRandom(seed + round * writers + writer)),
        )
        await Promise.all(writing).finally(() => clearTimeout(timer))
        expect(await killed.ended).toEqual({ code: null, signal: 'SIGKILL' })
        close()
      }
      const { api, close } = await start()
      await verifyDisk()
      await verify(api)
      close()
      server?.kill('SIGTERM')
      expect(await server?.ended).toEqual({ code: 0, signal: null })
      // The test has tested something.
      expect(counts.acknowledged).toBeGreaterThan(rounds * 10)
      expect(counts.unanswered).toBeGreaterThan(0)
    },
    30_000 + rounds * 5_000,
  )
})
