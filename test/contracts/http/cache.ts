import { describe, expect, test } from 'vitest'
import type { Stage } from './stage.ts'

const path = '/api/v1/cache'

interface Stats {
  readonly scope: string
  readonly spanSeconds: number
  readonly bytes: {
    readonly reads: number
    readonly hits: number
    readonly loads: number
    readonly hitRate: number | null
    readonly tiers: readonly { name: string; hits: number; entries: number | null; hitRate: number | null }[]
  }
  readonly rows: { readonly entries: number; readonly statements: readonly { name: string }[] }
}

type Counts = Readonly<Record<string, number>>

export function cacheTests(stage: Stage): void {
  const post = (action: string, json?: unknown) =>
    stage.api.call('POST', `${path}/${action}`, { as: stage.admin, ...(json === undefined ? {} : { json }) })
  const stats = async (query = '') =>
    (await stage.api.call('GET', `${path}/stats${query}`, { as: stage.admin })).json<Stats & Counts>()
  const detail = async (bucket: string, key: string) => {
    const answer = await stage.api.get(bucket, key, { as: stage.alice })
    expect(answer.status).toBe(200)
    return answer.header('cache-status')
  }
  /** All calls of an invalidation, until nothing is left. */
  async function invalidateAll(selection: object) {
    const sum = { files: 0, rows: 0, entries: 0, calls: 0 }
    let after: string | null = null
    do {
      const answer = await post('invalidate', { ...selection, ...(after !== null && { after }) })
      expect(answer.status).toBe(200)
      const { next, ...done } = answer.json<{
        files: number
        rows: number
        entries: number
        next: string | null
      }>()
      sum.files += done.files
      sum.rows += done.rows
      sum.entries += done.entries
      sum.calls++
      after = next
    } while (after !== null)
    return sum
  }
  const cached = /^cutty; hit; detail="rows=memory bytes=memory"$/
  const fromSource = /fwd=miss; stored/

  describe('the caches', () => {
    test('tell what they do, over a window, in numbers that grow', async () => {
      const bucket = await stage.bucket()
      await stage.api.put(bucket, 'f', 'x', { as: stage.alice })
      const before = await stats()
      expect(before.scope).toMatch(/^(process|isolate)$/)
      for (let count = 0; count < 3; count++) await stage.api.get(bucket, 'f', { as: stage.alice })
      const after = await stats('?window=3600')
      expect(after.bytes.reads).toBeGreaterThanOrEqual(before.bytes.reads + 3)
      expect(after.bytes.hits).toBeGreaterThanOrEqual(before.bytes.hits + 2)
      expect(after.bytes.hitRate).toBeGreaterThan(0)
      expect(after.bytes.hitRate).toBeLessThanOrEqual(1)
      expect(after.bytes.tiers[0]).toMatchObject({ name: 'memory' })
      expect(after.bytes.tiers[0]?.entries).toBeGreaterThan(0)
      expect(after.rows.statements.map(({ name }) => name)).toContain('files.find')
      const minute = await stats('?window=60')
      expect(minute.spanSeconds).toBeLessThanOrEqual(60)
      expect(minute).toMatchObject({ windowSeconds: 60 })
    })

    test('forget a file: its name, and its bytes in every form (R29)', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const text = 'something that compresses, '.repeat(300)
      await api.put(bucket, 'a', text, { as: alice, headers: { 'X-Cutty-Compression': 'gzip' } })
      await api.put(bucket, 'a/b', 'x', { as: alice })
      for (const key of ['a', 'a/b']) await detail(bucket, key)
      await api.get(bucket, 'a', { as: alice, headers: { 'Accept-Encoding': 'gzip' } })
      for (const key of ['a', 'a/b']) expect(await detail(bucket, key)).toMatch(cached)
      const answer = await post('invalidate', { bucket, key: 'a' })
      // All of it, its stream, its index, its one frame.
      expect(answer.json()).toMatchObject({ files: 1, rows: 1, entries: 4, next: null })
      expect(await detail(bucket, 'a')).toMatch(fromSource)
      const coded = await api.get(bucket, 'a', { as: alice, headers: { 'Accept-Encoding': 'gzip' } })
      expect(coded.header('cache-status')).toMatch(fromSource)
      // A key is no prefix.
      expect(await detail(bucket, 'a/b')).toMatch(/bytes=memory/)
    })

    test('forget a prefix, and what they know of names without a file', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const keys = ['p', 'p/1', 'p/ü', 'p/\u{10FFFF}', 'q']
      for (const key of keys) await api.put(bucket, key, key, { as: alice })
      for (const key of keys) await detail(bucket, key)
      expect((await api.get(bucket, 'p/none', { as: alice })).status).toBe(404)
      expect(await invalidateAll({ bucket, prefix: 'p/' })).toEqual({
        files: 3,
        rows: 4,
        entries: 3,
        calls: 1,
      })
      for (const key of ['p/1', 'p/ü', 'p/\u{10FFFF}']) expect(await detail(bucket, key)).toMatch(fromSource)
      for (const key of ['p', 'q']) expect(await detail(bucket, key)).toMatch(/bytes=memory/)
      expect(await invalidateAll({ bucket, prefix: '' })).toMatchObject({ files: 5, entries: 5 })
      expect(await invalidateAll({ bucket, prefix: 'nothing' })).toMatchObject({
        files: 0,
        rows: 0,
        entries: 0,
      })
    })

    test('forget the files with a tag, and no others', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const tagged: Record<string, Record<string, string>> = {
        a: { kind: 'draft' },
        b: { kind: 'draft', other: 'x' },
        c: { kind: 'final' },
        d: {},
      }
      for (const [key, tags] of Object.entries(tagged)) {
        await api.put(bucket, key, key, { as: alice })
        expect((await api.patch(bucket, key, { as: alice, json: { tags } })).status).toBe(200)
        await detail(bucket, key)
      }
      const tag = { name: 'kind', value: 'draft' }
      expect(await invalidateAll({ bucket, tag })).toMatchObject({ files: 2, rows: 2, entries: 2 })
      for (const key of ['a', 'b']) expect(await detail(bucket, key)).toMatch(fromSource)
      for (const key of ['c', 'd']) expect(await detail(bucket, key)).toMatch(/bytes=memory/)
      const inherited = { name: 'toString', value: 'x' }
      expect(await invalidateAll({ bucket, tag: inherited })).toMatchObject({ files: 0, rows: 0 })
    })

    test('forget every frame of a long file', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      // 12 MiB of zeros: 12 frames, and three keys for the whole.
      const body = new Uint8Array(12 * 1024 ** 2)
      await api.put(bucket, 'long', body, { as: alice, headers: { 'X-Cutty-Compression': 'zstd' } })
      await api.put(bucket, 'short', 'x', { as: alice })
      expect(await invalidateAll({ bucket, prefix: '' })).toMatchObject({ files: 2, entries: 16 })
    })

    test('are emptied, and say what is left', async () => {
      const bucket = await stage.bucket()
      await stage.api.put(bucket, 'f', 'x', { as: stage.alice })
      await detail(bucket, 'f')
      const cleared = (await post('clear')).json<{
        rows: number
        tiers: { name: string; entriesBefore: number; entries: number }[]
      }>()
      expect(cleared.rows).toBeGreaterThan(0)
      const memory = cleared.tiers.find(({ name }) => name === 'memory')
      expect(memory?.entriesBefore).toBeGreaterThan(0)
      expect(memory?.entries).toBe(0)
      expect(await detail(bucket, 'f')).toMatch(fromSource)
    })

    test('are warmed with what is read most, for real', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const text = 'something that compresses, '.repeat(300)
      await api.put(bucket, 'read/much', text, { as: alice, headers: { 'X-Cutty-Compression': 'gzip' } })
      await api.put(bucket, 'gone', 'x', { as: alice })
      // More often than most of what this suite reads.
      for (let count = 0; count < 40; count++) await detail(bucket, 'read/much')
      for (let count = 0; count < 40; count++) await detail(bucket, 'gone')
      await api.delete(bucket, 'gone', { as: alice })
      await post('clear')
      const warmed = (await post('warm')).json<Counts>()
      const { loaded = 0, alreadyCached = 0, missing = 0, failed, notReached, known, bytes } = warmed
      expect(warmed).toMatchObject({ files: 100, failed: 0, notReached: 0 })
      expect(loaded + alreadyCached + missing).toBe(known)
      expect(loaded).toBeGreaterThan(0)
      expect(missing).toBeGreaterThan(0)
      expect(bytes).toBeGreaterThan(text.length)
      // Names are fresh for a second or two where others write too, and so long the warming may take.
      expect(await detail(bucket, 'read/much')).toMatch(/ bytes=memory"$/)
      const coded = await api.get(bucket, 'read/much', { as: alice, headers: { 'Accept-Encoding': 'gzip' } })
      expect(coded.header('content-encoding')).toBe('gzip')
      expect(coded.header('cache-status')).toMatch(/^cutty; hit; detail="rows=memory( stale)? bytes=memory"$/)
      const again = (await post('warm', { files: 1 })).json<Counts>()
      expect(again).toMatchObject({ files: 1, known: 1, failed, notReached })
    })

    test('what is asked of them has to be clear', async () => {
      const bucket = await stage.bucket()
      const refused: [string, unknown][] = [
        ['invalidate', undefined],
        ['invalidate', { bucket }],
        ['invalidate', { bucket, key: 'a', prefix: 'a' }],
        ['invalidate', { key: 'a' }],
        ['invalidate', { bucket, tag: { name: '' } }],
        ['invalidate', { bucket, prefix: '', after: 'not ours' }],
        ['invalidate', { bucket, prefix: '', after: btoa('["a","b",-1]') }],
        ['warm', { files: 0 }],
        ['warm', { files: 1001 }],
      ]
      for (const [action, json] of refused) {
        expect((await post(action, json)).json(), JSON.stringify(json)).toMatchObject({
          code: 'invalid_request',
        })
      }
      for (const body of [{ key: '' }, { key: 'a\0b' }, { prefix: '\ud800' }]) {
        expect((await post('invalidate', { bucket, ...body })).json()).toMatchObject({ code: 'invalid_key' })
      }
      for (const window of ['59', '3601', 'x', '']) {
        const answer = await stage.api.call('GET', `${path}/stats?window=${window}`, { as: stage.admin })
        expect(answer.json()).toMatchObject({ code: 'invalid_request' })
      }
    })
  })
}
