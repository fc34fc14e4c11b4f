import { describe, expect, test } from 'vitest'
import { createMemoryBlobStore } from '../../src/adapters/memory/blob-store.ts'
import { CuttyError } from '../../src/core/errors.ts'
import type { Database } from '../../src/core/ports/database.ts'
import { blobStoreContract, bodyOf } from '../contracts/blob-store.ts'
import { faultyBlobStore } from './blob-store.ts'
import { faultyDatabase } from './database.ts'
import { after, createGate, failing, flaky, only, slow } from './plan.ts'

const unavailable = new CuttyError('storage_unavailable')
const body = (sizeBytes = 10) => bodyOf(new Uint8Array(sizeBytes).fill(1), 5)

blobStoreContract('a store without faults', async () => ({
  subject: faultyBlobStore(createMemoryBlobStore(), async () => {}),
  cleanup: async () => {},
}))

describe('faultyBlobStore', () => {
  test('failing: every operation fails, and nothing reaches the inner store', async () => {
    const inner = createMemoryBlobStore()
    const store = faultyBlobStore(inner, failing(unavailable))
    const calls = [store.put('a', body()), store.get('a'), store.delete(['a']), store.list(), store.ping()]
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: unavailable })
    }
    expect((await inner.list()).ids).toEqual([])
  })

  test('a put that breaks off at its second chunk stores nothing; one whose answer is lost is stored', async () => {
    const inner = createMemoryBlobStore()
    const broken = faultyBlobStore(inner, only(['put.chunk'], after(1, failing(unavailable))))
    await expect(broken.put('a', body())).rejects.toBe(unavailable)
    expect((await inner.list()).ids).toEqual([])
    const unheard = faultyBlobStore(inner, only(['put.acknowledge'], failing(unavailable)))
    await expect(unheard.put('b', body())).rejects.toBe(unavailable)
    expect((await inner.list()).ids).toEqual(['b'])
  })

  test('a get that breaks off midway lets go of what the inner store has open', async () => {
    let released = false
    const inner = createMemoryBlobStore()
    const opened = async function* () {
      try {
        for (;;) yield new Uint8Array(5)
      } finally {
        released = true
      }
    }
    const plan = only(['get.chunk'], after(2, failing(unavailable)))
    const store = faultyBlobStore({ ...inner, get: async () => opened() }, plan)
    const given: number[] = []
    const read = async () => {
      for await (const chunk of (await store.get('a')) as AsyncIterable<Uint8Array>) given.push(chunk.length)
    }
    await expect(read()).rejects.toBe(unavailable)
    expect(given).toEqual([5, 5])
    expect(released).toBe(true)
  })

  test('slow: goes on when the test says so, and not before', async () => {
    const gate = createGate()
    const inner = createMemoryBlobStore()
    const store = faultyBlobStore(inner, only(['put'], slow(gate.pass)))
    const puts = [store.put('a', body()), store.put('b', body())]
    await gate.reached(2)
    expect((await store.list()).ids).toEqual([])
    gate.open()
    await Promise.all(puts)
    expect((await store.list()).ids).toEqual(['a', 'b'])
  })

  test('flaky: the seed decides what fails, and the share how much', async () => {
    const run = async (seed: number) => {
      const plan = flaky(seed, { share: 0.3, error: unavailable })
      const store = faultyBlobStore(createMemoryBlobStore(), plan)
      const outcomes = await Promise.allSettled(Array.from({ length: 1000 }, () => store.ping()))
      return outcomes.map(({ status }) => (status === 'rejected' ? 'x' : '.')).join('')
    }
    const first = await run(7)
    expect(await run(7)).toBe(first)
    expect(await run(8)).not.toBe(first)
    const failed = first.replaceAll('.', '').length
    expect(failed).toBeGreaterThan(250)
    expect(failed).toBeLessThan(350)
  })
})

describe('faultyDatabase', () => {
  test('fails before a batch, or after it has taken effect', async () => {
    let batches = 0
    const inner: Database = {
      capabilities: { embedded: false, exclusive: false, inlineBlobBytesMax: 0, staleMsMax: 0 },
      query: async () => [],
      queryTogether: async () => [],
      batch: async () => {
        batches += 1
        return []
      },
      explain: async () => [],
      ping: async () => {},
      close: async () => {},
    }
    const before = faultyDatabase(inner, only(['batch'], failing(unavailable)))
    await expect(before.batch([])).rejects.toBe(unavailable)
    expect(batches).toBe(0)
    const unheard = faultyDatabase(inner, only(['batch.acknowledge'], failing(unavailable)))
    await expect(unheard.batch([])).rejects.toBe(unavailable)
    expect(batches).toBe(1)
    const once = faultyDatabase(inner, after(0, failing(unavailable), 1))
    await expect(once.ping()).rejects.toBe(unavailable)
    await once.ping()
  })
})
