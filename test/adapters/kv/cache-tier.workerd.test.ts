import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { createKvCacheTier } from '../../../src/adapters/kv/cache-tier.ts'
import type { KvCacheTierOptions, KvNamespaceLike } from '../../../src/adapters/kv/cache-tier.ts'
import { createKeyHash } from '../../../src/core/cache/byte-caches.ts'
import { cacheTierContract } from '../../contracts/cache-tier.ts'
import { refusingStoreContract } from '../../contracts/refusing-store.ts'
import { patternBytes } from '../../contracts/http/bytes.ts'
import { entryOf } from '../../core/cache/entries.ts'

const hashKey = createKeyHash('a master key for tests')
const startMs = Date.UTC(2026, 0, 1)
const mebi = 1024 ** 2
let subjects = 0

/** A tier with a part of the real namespace to itself, and what was asked of that. */
function watched(more: Partial<KvCacheTierOptions> & { nowMs?: number } = {}) {
  const { nowMs = startMs, ...options } = more
  const clock = { nowMs }
  const prefix = `tier ${subjects++}/`
  const reads: unknown[] = []
  const puts: { sizeBytes: number; expirationTtl: number }[] = []
  const namespace: KvNamespaceLike = {
    get(key, asked) {
      reads.push(asked)
      return env.CACHE.get(key, asked)
    },
    put(key, value, asked) {
      puts.push({ sizeBytes: value.byteLength, ...asked })
      return env.CACHE.put(key, value as Uint8Array<ArrayBuffer>, asked)
    },
    delete: (key) => env.CACHE.delete(key),
  }
  const tier = createKvCacheTier({
    namespace,
    hashKey,
    prefix,
    clock: { now: () => clock.nowMs },
    ...options,
  })
  const cleanup = async () => {
    const { keys } = await env.CACHE.list({ prefix })
    for (const { name } of keys) await env.CACHE.delete(name)
  }
  return { tier, clock, reads, puts, cleanup, prefix, nameOf: (key: string) => prefix + hashKey(key) }
}

cacheTierContract('kv', async (nowMs) => {
  const { tier, clock, cleanup } = watched({ nowMs })
  return { subject: tier, clock, cleanup }
})

describe('the KV tier', () => {
  test('takes the runtime’s namespace as it is', async () => {
    const tier = createKvCacheTier({ namespace: env.CACHE, hashKey, clock: { now: () => startMs } })
    await tier.set('a', entryOf(patternBytes(10)))
    expect((await tier.get('a'))?.bytes).toEqual(patternBytes(10))
    expect(await env.CACHE.get(`entries/${hashKey('a')}`)).not.toBeNull()
    await tier.delete(['a'])
    expect(await tier.get('a')).toBeUndefined()
  })

  test('never asks KV for less than a minute, nor for ever (R36)', async () => {
    const { tier, puts, cleanup } = watched()
    for (const lifeMs of [59_999, 60_000, 60_999, 61_000, 30 * 86_400_000 + 1, Infinity]) {
      await tier.set('a', entryOf(patternBytes(10), { expiresAtMs: startMs + lifeMs }))
    }
    expect(puts.map(({ expirationTtl }) => expirationTtl)).toEqual([60, 60, 61, 2_592_000, 2_592_000])
    await cleanup()
  })

  test('keeps for as long as it is told at the most, and cannot be told less than KV takes', async () => {
    const { tier, puts, cleanup } = watched({ keepSecondsMax: 90.5 })
    await tier.set('a', entryOf(patternBytes(10)))
    expect(puts[0]!.expirationTtl).toBe(90)
    await cleanup()
    for (const keepSecondsMax of [59, 0, -1, Number.NaN])
      expect(() => watched({ keepSecondsMax })).toThrow(RangeError)
  })

  test('keeps more than 1,024 bytes of metadata (R36)', async () => {
    const { tier, cleanup } = watched()
    for (const metadata of ['x'.repeat(1024), '\u00e9'.repeat(1025), '\ud800'.repeat(5000)]) {
      await tier.set('a', entryOf(patternBytes(10), { metadata }))
      expect((await tier.get('a'))?.metadata).toBe(metadata)
    }
    await cleanup()
  })

  test('offers KV no value above 25 MiB, metadata and all, and forgets what was there before (R36)', async () => {
    const { tier, puts, cleanup } = watched()
    const { valueBytesMax } = tier.capabilities
    expect(valueBytesMax).toBeLessThan(25 * mebi)
    for (const [bytes, metadata] of [
      [new Uint8Array(valueBytesMax), 'x'.repeat(70_000)],
      [new Uint8Array(valueBytesMax + 1), ''],
      [new Uint8Array(26 * mebi), ''],
      [new Uint8Array(1), 'x'.repeat(26 * mebi)],
    ] as const) {
      await tier.set('a', entryOf(patternBytes(10)))
      puts.length = 0
      await tier.set('a', entryOf(bytes, { metadata }))
      expect(puts).toEqual([])
      expect(await tier.get('a')).toBeUndefined()
    }
    await tier.set('a', entryOf(new Uint8Array(valueBytesMax), { metadata: 'x'.repeat(60_000) }))
    expect((await tier.get('a'))?.bytes.length).toBe(valueBytesMax)
    expect(watched({ valueBytesMax: 100 * mebi }).tier.capabilities).toEqual(tier.capabilities)
    await cleanup()
  })

  test('gives nothing for a value that is cut, longer, foreign or from another version', async () => {
    const { tier, nameOf, cleanup } = watched()
    await tier.set('a', entryOf(patternBytes(100), { metadata: 'm', tags: ['t'] }))
    const value = new Uint8Array((await env.CACHE.get(nameOf('a'), 'arrayBuffer')) as ArrayBuffer)
    const head = new TextDecoder().decode(value.subarray(8, value.length - 100))
    expect(head).toBe(`[100,${startMs},null,"m",["t"]]`)
    const withHead = (text: string) => {
      const bytes = new Uint8Array([
        ...value.subarray(0, 8),
        ...new TextEncoder().encode(text),
        ...patternBytes(100),
      ])
      new DataView(bytes.buffer).setUint32(4, bytes.length - 108, true)
      return bytes
    }
    const others = [
      new Uint8Array(0),
      ...[1, 4, 7, 8, 9, 30, value.length - 100, value.length - 1].map((end) => value.slice(0, end)),
      new Uint8Array([...value, 0]),
      new Uint8Array([value[0]! ^ 1, ...value.subarray(1)]),
      new Uint8Array([...value.subarray(0, 3), 2, ...value.subarray(4)]),
      new Uint8Array([...value.subarray(0, 4), 255, 255, 255, 255, ...value.subarray(8)]),
      withHead('{}'),
      withHead('[100,'),
      withHead('[100,null,null,"m",null]'),
      withHead('[100,0,"soon","m",null]'),
      withHead('[100,0,null,null,null]'),
      // A head that would end behind the value, and is one all the same.
      Uint8Array.of(...value.subarray(0, 4), 255, 0, 0, 0, ...new TextEncoder().encode('[0,0,null,"",null]')),
      new TextEncoder().encode('somebody else’s text'),
    ]
    for (const bytes of others) {
      await env.CACHE.put(nameOf('a'), bytes)
      expect(await tier.get('a')).toBeUndefined()
    }
    await env.CACHE.put(nameOf('a'), withHead(head))
    expect((await tier.get('a'))?.bytes).toEqual(patternBytes(100))
    await cleanup()
  })

  test('asks for answers as old as it is told', async () => {
    const plain = watched()
    await plain.tier.get('a')
    const patient = watched({ cacheTtlSeconds: 3600 })
    await patient.tier.get('a')
    expect([plain.reads, patient.reads]).toEqual([
      [{ type: 'arrayBuffer' }],
      [{ type: 'arrayBuffer', cacheTtl: 3600 }],
    ])
  })

  test('shows nothing of a key, however long it is (R28)', async () => {
    const { tier, prefix, cleanup } = watched()
    await tier.set('secret '.repeat(1000), entryOf(patternBytes(1)))
    const { keys } = await env.CACHE.list({ prefix })
    expect(keys).toHaveLength(1)
    expect(keys[0]!.name.slice(prefix.length)).toMatch(/^[\w-]{43}$/)
    expect(keys[0]!.metadata).toBeUndefined()
    await cleanup()
  })

  refusingStoreContract((store) =>
    createKvCacheTier({
      namespace: { ...store, get: async (name) => (await store.get(name)) ?? null },
      hashKey: (key) => key,
      clock: { now: () => startMs },
    }),
  )
})
