import { describe, expect, test } from 'vitest'
import { createBlobCache } from '../../src/core/cache/blob-cache.ts'
import { createReadCache } from '../../src/core/cache/read-cache.ts'
import type { Pointer } from '../../src/core/files/file.ts'

describe('blob cache', () => {
  test('holds no more bytes than it may, bookkeeping included', () => {
    const cache = createBlobCache({ bytesMax: 100_000, entryBytesMax: 10_000 })
    for (let i = 0; i < 1000; i++) cache.set(`blob-${i}`, new Uint8Array(i % 2000))
    let bytes = 0
    let entries = 0
    for (let i = 0; i < 1000; i++) {
      const kept = cache.get(`blob-${i}`)
      if (!kept) continue
      expect(kept.length).toBe(i % 2000)
      bytes += kept.length
      entries += 1
    }
    expect(entries).toBeGreaterThan(10)
    expect(bytes + entries * 300).toBeLessThanOrEqual(100_000)
  })

  test('keeps empty bodies as well, and bounds their number', () => {
    const cache = createBlobCache({ bytesMax: 30_000, entryBytesMax: 1000 })
    for (let i = 0; i < 1000; i++) cache.set(`blob-${i}`, new Uint8Array())
    const kept = Array.from({ length: 1000 }, (_, i) => cache.get(`blob-${i}`)).filter(Boolean)
    expect(kept).toHaveLength(100)
  })

  test('does not keep what is larger than an entry may be', () => {
    const cache = createBlobCache({ bytesMax: 100_000, entryBytesMax: 1000 })
    cache.set('fits', new Uint8Array(1000))
    cache.set('larger', new Uint8Array(1001))
    expect(cache.get('fits')).toHaveLength(1000)
    expect(cache.get('larger')).toBeUndefined()
  })

  test('keeps a copy of what is a view of something larger', () => {
    const cache = createBlobCache({ bytesMax: 100_000, entryBytesMax: 1000 })
    const chunk = new Uint8Array(64 * 1024).fill(1)
    cache.set('view', chunk.subarray(0, 10))
    chunk.fill(2)
    const kept = cache.get('view') as Uint8Array
    expect([...kept]).toEqual(Array.from({ length: 10 }, () => 1))
    expect(kept.buffer.byteLength).toBe(10)
  })

  test('of no bytes keeps nothing', () => {
    const cache = createBlobCache({ bytesMax: 0, entryBytesMax: 1000 })
    cache.set('blob', new Uint8Array())
    expect(cache.get('blob')).toBeUndefined()
  })
})

describe('read cache', () => {
  const pointer = (id: string) => ({ bucket: { id }, file: undefined }) as unknown as Pointer
  const name = 'key'

  function counted() {
    let changes = 0
    let loads = 0
    const cache = createReadCache<Pointer>({ changeCount: () => changes })
    return {
      cache,
      change: () => void (changes += 1),
      load: (id: string) => async () => {
        loads += 1
        return pointer(id)
      },
      loads: () => loads,
    }
  }

  test('keeps what it read until anything is written', async () => {
    const { cache, change, load, loads } = counted()
    for (let i = 0; i < 3; i++) expect(await cache.read(name, load('one'))).toEqual(pointer('one'))
    expect(loads()).toBe(1)
    change()
    expect(await cache.read(name, load('two'))).toEqual(pointer('two'))
    expect(loads()).toBe(2)
  })

  test('does not keep a pointer whose reading began before a write (R30)', async () => {
    const { cache, change, load } = counted()
    const { promise, resolve } = Promise.withResolvers<Pointer>()
    const reading = cache.read(name, () => promise)
    change()
    resolve(pointer('old'))
    await reading
    expect(await cache.read(name, load('new'))).toEqual(pointer('new'))
  })

  test('does not keep that there is no bucket', async () => {
    const { cache, load } = counted()
    expect(await cache.read(name, async () => undefined)).toBeUndefined()
    expect(await cache.read(name, load('made'))).toEqual(pointer('made'))
  })

  test('keeps nothing where others write too', async () => {
    const cache = createReadCache<Pointer>({})
    await cache.read(name, async () => pointer('one'))
    expect(await cache.read(name, async () => pointer('two'))).toEqual(pointer('two'))
  })
})
