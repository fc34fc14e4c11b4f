import { expect, test } from 'vitest'
import { createMemoryStore, type StoredResponse } from '../../src/http-cache/index.ts'

const response = (bytes: number): StoredResponse => ({
  kind: 'response',
  status: 200,
  statusText: 'OK',
  headers: [['x-name', 'value']],
  body: new Uint8Array(bytes),
  requestMs: 0,
  responseMs: 0,
  selecting: [],
  keepUntilMs: 0,
})

test('the memory store is bounded in bytes, bookkeeping included; the longest unused goes first', async () => {
  const store = createMemoryStore({ bytesMax: 100_000 })
  for (let index = 0; index < 1000; index++) {
    await store.set(`key-${index}`, response(0))
    await store.get('key-0')
  }
  const kept: number[] = []
  for (let index = 0; index < 1000; index++) if (await store.get(`key-${index}`)) kept.push(index)
  expect(kept.length).toBeGreaterThan(50)
  expect(kept.length).toBeLessThan(90)
  expect([kept[0], kept.at(-1)]).toEqual([0, 999])
  // One that is larger than all of it is not kept, and takes nothing else away.
  await store.set('large', response(200_000))
  expect(await store.get('large')).toBeUndefined()
  expect(await store.get('key-0')).toBeDefined()
})
