import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createD1Database } from '../../src/adapters/d1/database.ts'
import { createMemoryBlobStore } from '../../src/adapters/memory/blob-store.ts'
import type { NewAccessKey } from '../../src/core/accounts/credentials.ts'
import { ensureAdministrator } from '../../src/core/accounts/users.ts'
import { createSignedBookmarks } from '../../src/core/signed-bookmarks.ts'
import { statements } from '../../src/core/statements/registry.ts'
import { createApp } from '../../src/http/app.ts'
import { createLaggingD1, type LaggingD1 } from '../adapters/d1/lagging-d1.ts'
import { schema } from '../adapters/d1/schema.ts'
import { type CallInit, createClient } from '../contracts/http/client.ts'
import { createMemoryCore } from '../core/memory-core.ts'
import { testBytes } from '../core/test-bytes.ts'
import { createTestClock, type TestClock } from '../core/test-clock.ts'
import { createInProcessFetch } from './in-process.ts'

const bucket = 'shared'
let d1: LaggingD1
let clock: TestClock
let blobs: ReturnType<typeof createMemoryBlobStore>
let admin: NewAccessKey
type Isolate = Awaited<ReturnType<typeof start>>
let one: Isolate
let other: Isolate

async function start({ replicas = true, masterKey = 'k' } = {}) {
  const core = createMemoryCore({
    database: createD1Database(d1, {
      statements,
      replicas: replicas ? { renewMs: 1000, monotonic: () => clock.now() } : undefined,
    }),
    clock,
    blobs,
    background: { run: (_name, work) => void work() },
    ...testBytes({ bytesMax: 1, entryBytesMax: 0 }),
  })
  const { bookmarks } = core.database
  const key = new TextEncoder().encode(masterKey)
  const app = createApp({
    ...core,
    bookmarks: bookmarks && createSignedBookmarks({ bookmarks, masterKey: key }),
  })
  const client = createClient({ fetch: createInProcessFetch(app) })
  return {
    core,
    client,
    async put(text: string, bookmark?: string) {
      const { status, header } = await client.put(bucket, 'a', text, asAdmin(bookmark))
      expect(status).toBeLessThan(300)
      return header('cutty-bookmark')
    },
    get: async (bookmark?: string) => (await client.get(bucket, 'a', asAdmin(bookmark))).text,
  }
}

const asAdmin = (bookmark?: string): CallInit => ({
  as: admin,
  headers: bookmark === undefined ? {} : { 'Cutty-Bookmark': bookmark },
})

beforeEach(async () => {
  clock = createTestClock()
  clock.stopAt(Date.UTC(2026, 0, 1))
  d1 = createLaggingD1({ schema, copies: 1, random: () => 0 })
  blobs = createMemoryBlobStore()
  one = await start()
  other = await start()
  admin = (await ensureAdministrator(one.core, undefined)) as NewAccessKey
  await one.client.call('POST', '/api/v1/buckets', { as: admin, json: { name: bucket } })
})
afterEach(() => d1.close())

describe('Cutty-Bookmark', () => {
  test('is given by what writes, and not by what reads', async () => {
    expect(await one.put('first')).toMatch(/^\d{8}\.[\w-]{22}$/)
    const answers = await Promise.all([
      one.client.get(bucket, 'a', asAdmin()),
      one.client.head(bucket, 'a', asAdmin()),
      one.client.list(bucket, {}, asAdmin()),
    ])
    expect(answers.map(({ header }) => header('cutty-bookmark'))).toEqual([undefined, undefined, undefined])
    const json = { metadata: { a: 'b' } }
    expect(
      (await one.client.patch(bucket, 'a', { ...asAdmin(), json })).header('cutty-bookmark'),
    ).toBeDefined()
    expect((await one.client.delete(bucket, 'a', asAdmin())).header('cutty-bookmark')).toBeDefined()
  })

  test('makes another isolate read what was written, from memory or from a copy that lags', async () => {
    const first = await one.put('first')
    expect(await other.get(first)).toBe('first')
    for (let round = 0; round < 10; round++) {
      d1.replicate(0)
      expect(await other.get()).not.toBe('')
      const bookmark = await one.put(`text ${round}`)
      if (round === 0) expect(await other.get(), 'from memory').toBe('first')
      expect(await other.get(bookmark)).toBe(`text ${round}`)
      expect(await other.get(), 'without it, as new').toBe(`text ${round}`)
    }
  })

  test('of the oldest makes nothing older', async () => {
    const bookmarks = [await one.put('1'), await one.put('2'), await one.put('3')]
    expect(await other.get(bookmarks[2])).toBe('3')
    for (const bookmark of bookmarks) expect(await other.get(bookmark)).toBe('3')
  })

  test('goes on from one isolate to the next, whoever wrote last', async () => {
    let bookmark: string | undefined
    for (let round = 0; round < 6; round++) {
      const [writer, reader] = round % 2 === 0 ? [one, other] : [other, one]
      bookmark = await writer.put(`text ${round}`, bookmark)
      expect(await reader.get(bookmark)).toBe(`text ${round}`)
      clock.advance(300)
    }
  })

  test.each([
    ['nothing', ''],
    ['a bookmark without a signature', '00000001'],
    ['a signature without a bookmark', `.${'A'.repeat(22)}`],
    ['one that was made up', `99999999.${'A'.repeat(22)}`],
    ['a short signature', '00000001.AAAA'],
    ['something long', 'x'.repeat(10_000)],
    ['control characters', '\u0001.\u0002'],
  ])('%s is refused', async (_what, bookmark) => {
    const answer = await one.client.get(bucket, 'a', asAdmin(bookmark))
    expect(answer.status).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'invalid_request' })
    expect(answer.text).toContain('Cutty-Bookmark')
  })

  test('with one character changed, or of another master key, is refused', async () => {
    const bookmark = (await one.put('first')) as string
    expect(await other.get(bookmark)).toBe('first')
    // The last one of base64 has bits that stand for nothing.
    for (let at = 0; at < bookmark.length - 1; at++) {
      const changed = bookmark.slice(0, at) + (bookmark[at] === '0' ? '1' : '0') + bookmark.slice(at + 1)
      expect((await other.client.get(bucket, 'a', asAdmin(changed))).status, changed).toBe(400)
    }
    const foreign = await start({ masterKey: 'another' })
    expect((await foreign.client.get(bucket, 'a', asAdmin(bookmark))).status).toBe(400)
    expect((await one.client.delete(bucket, 'a', asAdmin('0.0'))).status).toBe(400)
    expect(await one.get()).toBe('first')
  })

  test('means nothing where the primary answers all', async () => {
    const plain = await start({ replicas: false })
    expect(await plain.put('first')).toBeUndefined()
    expect(await plain.get('no bookmark')).toBe('first')
  })
})
