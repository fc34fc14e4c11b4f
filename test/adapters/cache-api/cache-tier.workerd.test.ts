import { describe, expect, test } from 'vitest'
import { createEdgeCacheTier, probeTier } from '../../../src/adapters/cache-api/cache-tier.ts'
import type { EdgeCacheLike, EdgeCacheTierOptions } from '../../../src/adapters/cache-api/cache-tier.ts'
import { createMemoryCacheTier } from '../../../src/adapters/memory/cache-tier.ts'
import { createKeyHash } from '../../../src/core/cache/byte-caches.ts'
import type { CacheEntry } from '../../../src/core/ports/cache-tier.ts'
import { cacheTierContract } from '../../contracts/cache-tier.ts'
import { refusingStoreContract } from '../../contracts/refusing-store.ts'
import { patternBytes } from '../../contracts/http/bytes.ts'
import { entryOf } from '../../core/cache/entries.ts'

interface Answer {
  readonly headers: Headers
  readonly bodyUsed: boolean
}
/** The runtime's; Node's types have none. */
const { caches } = globalThis as unknown as {
  caches: { default: EdgeCacheLike; open(name: string): Promise<EdgeCacheLike> }
}

const hashKey = createKeyHash('a master key for tests')
let subjects = 0

/** A tier of its own part of a real cache, with what was put and what was answered; `override` stands in for methods. */
function watched(cache: EdgeCacheLike, more: Partial<EdgeCacheTierOptions> & { nowMs?: number } = {}) {
  const { nowMs = Date.UTC(2026, 0, 1), ...options } = more
  const clock = { nowMs }
  const baseUrl = `https://cache.cutty.invalid/${subjects++}/`
  const urls = new Set<string>()
  const puts: Headers[] = []
  const answers: Answer[] = []
  const watching: EdgeCacheLike = {
    async match(url) {
      const response = await cache.match(url)
      if (response) answers.push(response as unknown as Answer)
      return response
    },
    async put(url, response) {
      urls.add(url)
      puts.push((response as Response).headers)
      await cache.put(url, response)
    },
    delete: (url) => cache.delete(url),
  }
  const tier = createEdgeCacheTier({
    cache: watching,
    hashKey,
    baseUrl,
    clock: { now: () => clock.nowMs },
    ...options,
  })
  const cleanup = async () => {
    for (const url of urls) await cache.delete(url)
  }
  return { tier, clock, puts, answers, cleanup, urlOf: (key: string) => baseUrl + hashKey(key) }
}

cacheTierContract('edge, the default cache', async (startMs) => {
  const { tier, clock, cleanup } = watched(caches.default, { nowMs: startMs })
  return { subject: tier, clock, cleanup }
})

cacheTierContract('edge, a cache with a name', async (startMs) => {
  const { tier, clock, cleanup } = watched(await caches.open('cutty-test'), { nowMs: startMs })
  return { subject: tier, clock, cleanup }
})

describe('the edge tier', () => {
  const startMs = Date.UTC(2026, 0, 1)
  test('tells the cache the whole seconds that an entry has left, a year at most (R36)', async () => {
    const { tier, puts } = watched(caches.default)
    for (const lifeMs of [999, 1000, 1999, 60_000, 400 * 86_400_000, Infinity]) {
      await tier.set('a', entryOf(patternBytes(3), { expiresAtMs: startMs + lifeMs }))
    }
    expect(puts.map((headers) => headers.get('cache-control'))).toEqual([
      'max-age=1',
      'max-age=1',
      'max-age=60',
      'max-age=31536000',
      'max-age=31536000',
    ])
  })

  test('writes a header of printable ASCII, whatever it has to say', async () => {
    const { tier, puts } = watched(caches.default)
    const odd = '\u007f\u0000\r\n\t"\\ \u00e9 \ud83d\ude00 \ud800'
    await tier.set('a', entryOf(patternBytes(3), { metadata: odd, tags: [odd] }))
    expect(puts[0]!.get('cutty-entry')).toMatch(/^[ -~]+$/)
    expect(await tier.get('a')).toMatchObject({ metadata: odd, tags: [odd] })
  })

  test('reads every body to its end or cancels it, whatever it answers', async () => {
    const { tier, clock, answers, urlOf } = watched(caches.default, { valueBytesMax: 1000 })
    const put = (key: string, head: string | undefined, bytes = patternBytes(10)) => {
      const headers = {
        'cache-control': 'max-age=60',
        ...(head === undefined ? {} : { 'cutty-entry': head }),
      }
      return caches.default.put(urlOf(key), new Response(Buffer.from(bytes), { headers }))
    }
    const heads = {
      foreign: undefined,
      garbage: '{[',
      empty: '',
      text: '"text"',
      newer: '[2,10,0,null,"",null]',
      shorter: '[1,9,0,null,"",null]',
      longer: '[1,11,0,null,"",null]',
      huge: '[1,1001,0,null,"",null]',
      timeless: '[1,10,null,null,"",null]',
      late: '[1,10,0,"never","",null]',
      numbered: '[1,10,0,null,7,null]',
    }
    for (const [key, head] of Object.entries(heads)) await put(key, head)
    await put('huge', heads.huge, patternBytes(1001))
    for (const key of Object.keys(heads)) expect(await tier.get(key), key).toBeUndefined()
    await tier.set('a', entryOf(patternBytes(10), { expiresAtMs: startMs + 5000 }))
    expect((await tier.get('a'))?.bytes).toEqual(patternBytes(10))
    clock.nowMs += 5000
    expect(await tier.get('a')).toBeUndefined()
    expect(answers).toHaveLength(Object.keys(heads).length + 2)
    expect(answers.filter(({ bodyUsed }) => !bodyUsed)).toEqual([])
  })

  test('many reads that find nothing usable do not stall later ones', async () => {
    const { tier, clock } = watched(caches.default)
    await tier.set('a', entryOf(patternBytes(300_000), { expiresAtMs: startMs + 5000 }))
    await tier.set('b', entryOf(patternBytes(300_000)))
    clock.nowMs += 5000
    const none = await Promise.all(Array.from({ length: 100 }, () => tier.get('a')))
    expect(none.every((entry) => entry === undefined)).toBe(true)
    expect((await tier.get('b'))?.bytes.length).toBe(300_000)
  })

  test('keeps no value that is too large, nor metadata that no header takes, nor what was there before (R36)', async () => {
    const { tier, puts } = watched(caches.default, { valueBytesMax: 100 })
    const tooMuch = [entryOf(patternBytes(101)), entryOf(patternBytes(1), { metadata: 'x'.repeat(16_384) })]
    for (const entry of tooMuch) {
      await tier.set('a', entryOf(patternBytes(100)))
      await tier.set('a', entry)
      expect(await tier.get('a')).toBeUndefined()
    }
    expect(puts).toHaveLength(2)
  })

  test('shows nothing of a key or of metadata in the address of an entry (R28)', async () => {
    const urls: string[] = []
    const tier = createEdgeCacheTier({
      cache: { ...absent, put: async (url) => void urls.push(url) },
      hashKey,
      clock: { now: () => startMs },
    })
    await tier.set('secret/../key?a#b', entryOf(patternBytes(1), { metadata: 'secret' }))
    expect(urls).toEqual([expect.stringMatching(/^https:\/\/cache\.cutty\.invalid\/[\w-]{43}$/)])
  })

  refusingStoreContract((store) =>
    createEdgeCacheTier({
      cache: { match: store.get, put: store.put, delete: (url) => store.delete(url).then(() => true) },
      hashKey: (key) => key,
      clock: { now: () => startMs },
    }),
  )
})

/** Takes everything and keeps nothing, as `workers.dev` does. */
const absent: EdgeCacheLike = {
  match: async () => undefined,
  put: async () => {},
  delete: async () => false,
}

describe('probeTier', () => {
  const clock = { now: () => Date.UTC(2026, 0, 1) }

  test('tells a cache that keeps from one that only says so', async () => {
    const { tier, urlOf } = watched(caches.default)
    expect(await probeTier(tier, clock)).toBe(true)
    expect(await probeTier(createMemoryCacheTier({ bytesMax: 100_000, clock }), clock)).toBe(true)
    expect(await probeTier(createEdgeCacheTier({ cache: absent, hashKey, clock }), clock)).toBe(false)
    expect(await caches.default.match(urlOf('probe'))).toBeUndefined()
  })

  test('leaves nothing behind', async () => {
    const kept = new Set<string>()
    const { tier } = watched({
      match: (url) => caches.default.match(url),
      async put(url, response) {
        await caches.default.put(url, response)
        kept.add(url)
      },
      async delete(url) {
        kept.delete(url)
        return caches.default.delete(url)
      },
    })
    expect(await probeTier(tier, clock)).toBe(true)
    expect(kept.size).toBe(0)
  })

  test('asks for as long a life as the tier wants, and is not misled by another entry', async () => {
    const { tier } = watched(caches.default)
    const asked: CacheEntry[] = []
    const other = await probeTier(
      {
        ...tier,
        capabilities: { ...tier.capabilities, ttlSecondsMin: 300 },
        set: async (_key, entry) => void asked.push(entry),
        get: async () => ({ ...(asked[0] as CacheEntry), metadata: 'another' }),
      },
      clock,
    )
    expect(other).toBe(false)
    expect(asked[0]!.expiresAtMs - clock.now()).toBeGreaterThanOrEqual(300_000)
  })

  test('rejects where the tier does, but not for a delete', async () => {
    const { tier } = watched(caches.default)
    const refuses = () => Promise.reject(new Error('no connection'))
    await expect(probeTier({ ...tier, set: refuses }, clock)).rejects.toThrow('no connection')
    await expect(probeTier({ ...tier, get: refuses }, clock)).rejects.toThrow('no connection')
    expect(await probeTier({ ...tier, delete: refuses }, clock)).toBe(true)
  })
})
