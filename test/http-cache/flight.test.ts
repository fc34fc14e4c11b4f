import { describe, expect, test } from 'vitest'
import type { StoredRecord } from '../../src/http-cache/index.ts'
import { cacheInFront, chunks, reply } from './cache-in-front.ts'

const lasting = { 'cache-control': 'max-age=60' }

describe('R31: single flight', () => {
  test('1,000 at once for what can be kept: one request to the origin', async () => {
    const { raw, asked } = cacheInFront(() => new Response(chunks('a', 'b'), { headers: lasting }))
    const all = await Promise.all(Array.from({ length: 1000 }, () => raw('/')))
    expect(new Set(await Promise.all(all.map((response) => response.text())))).toEqual(new Set(['ab']))
    expect(asked).toHaveLength(1)
    expect(all[1]?.headers.get('cache-status')).toContain('hit; ttl=60; collapsed')
  })

  test('what cannot be kept is nobody else’s, and is not waited for again', async () => {
    let count = 0
    const gates: (() => void)[] = []
    const { raw, asked } = cacheInFront(async () => {
      const own = String(++count)
      await new Promise<void>((resolve) => gates.push(resolve))
      return reply(own, { 'cache-control': 'private' })
    })
    const first = [raw('/'), raw('/'), raw('/')]
    await expect.poll(() => gates.length).toBe(1)
    gates[0]!()
    await expect.poll(() => gates.length).toBe(3)
    gates.forEach((open) => open())
    const texts = await Promise.all(first.map(async (response) => (await response).text()))
    expect(texts.toSorted()).toEqual(['1', '2', '3'])
    // Known now: nobody waits.
    const second = [raw('/'), raw('/')]
    await expect.poll(() => gates.length).toBe(5)
    gates.forEach((open) => open())
    await Promise.all(second)
    expect(asked).toHaveLength(5)
  })

  test('one that hangs is waited for so long, and no longer', async () => {
    let count = 0
    const { raw } = cacheInFront(
      () => (++count === 1 ? new Promise<Response>(() => {}) : reply('b', lasting)),
      {
        collapseTimeoutMs: 10,
        originTimeoutMs: 500,
      },
    )
    const hung = raw('/')
    expect(await (await raw('/')).text()).toBe('b')
    await expect(hung).rejects.toThrow('The origin takes too long')
  })

  test('another variant goes its own way', async () => {
    const { raw } = cacheInFront((request) => reply(request.headers.get('x-a'), { ...lasting, vary: 'x-a' }))
    const ask = (value: string) => raw('/', { headers: { 'x-a': value } })
    const [one, two] = await Promise.all([ask('1'), ask('2')])
    expect([await one.text(), await two.text()]).toEqual(['1', '2'])
  })
})

describe('bodies (RFC 9111 §3.3)', () => {
  test.each([
    ['short', ['abc'], 4],
    ['long', ['abc', 'de'], 4],
    ['broken', ['ab', new Error('reset')], 4],
  ])('R25, R32: a %s one is an error for its reader, and is not kept', async (_, parts, length) => {
    let good = false
    const { raw, get, asked, cache } = cacheInFront(() => {
      const headers = { ...lasting, 'content-length': good ? '4' : String(length) }
      return new Response(good ? chunks('good') : chunks(...parts), { headers })
    })
    await expect(raw('/').then((response) => response.text())).rejects.toThrow()
    await cache.settled()
    good = true
    expect(await get('/')).toMatchObject({ text: 'good', status: 200 })
    expect(asked).toHaveLength(2)
  })

  test('a client that hangs up does not spoil what is kept', async () => {
    const { raw, get, cache, asked } = cacheInFront(
      () => new Response(chunks('a', 'b', 'c'), { headers: lasting }),
    )
    const reader = (await raw('/')).body!.getReader()
    await reader.read()
    await reader.cancel()
    await cache.settled()
    expect(await get('/')).toMatchObject({ text: 'abc', said: 'cutty; hit; ttl=60' })
    expect(asked).toHaveLength(1)
  })

  test('it is passed on while it comes', async () => {
    const gate = Promise.withResolvers<void>()
    async function* body() {
      yield new TextEncoder().encode('first')
      await gate.promise
      yield new TextEncoder().encode('last')
    }
    const { raw } = cacheInFront(() => {
      const iterator = body()
      const stream = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { done, value } = await iterator.next()
          if (done) controller.close()
          else controller.enqueue(value)
        },
      })
      return new Response(stream, { headers: lasting })
    })
    const reader = (await raw('/')).body!.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('first')
    gate.resolve()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('last')
  })

  test('one above the limit is passed on at the reader’s pace, and not kept', async () => {
    let pulled = 0
    const source = () =>
      new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            if (++pulled > 300) controller.close()
            else controller.enqueue(new Uint8Array(65_536))
          },
        },
        { highWaterMark: 0 },
      )
    const { raw, cache, asked } = cacheInFront(() => new Response(source(), { headers: lasting }), {
      entryBytesMax: 1_000_000,
    })
    const body = (await raw('/')).body!
    const reader = body.getReader()
    await reader.read()
    expect(pulled).toBeLessThan(100)
    let bytes = 65_536
    for (let next = await reader.read(); !next.done; next = await reader.read()) bytes += next.value.length
    expect(bytes).toBe(300 * 65_536)
    await cache.settled()
    pulled = 299
    await (await raw('/')).text()
    expect(asked).toHaveLength(2)
  })

  test('a reader may do as it likes with its bytes', async () => {
    const { raw, get, cache } = cacheInFront(() => new Response(chunks('abc'), { headers: lasting }))
    const { value } = await (await raw('/')).body!.getReader().read()
    value!.fill(0)
    await cache.settled()
    new Uint8Array(await (await raw('/')).arrayBuffer()).fill(0)
    expect((await get('/')).text).toBe('abc')
  })
})

describe('a store that fails', () => {
  const never = () => new Promise<never>(() => {})
  const fail = async () => {
    throw new Error('the store is down')
  }
  test.each([
    ['throws', { get: fail, set: fail, delete: fail }],
    ['hangs', { get: never, set: never, delete: never }],
  ])('and %s is passed over', async (_, store) => {
    const { raw, errors } = cacheInFront(() => reply('a', lasting), { store, storeTimeoutMs: 5 })
    for (const method of ['GET', 'DELETE', 'GET', 'HEAD']) {
      expect((await raw('/', { method })).status).toBe(200)
    }
    expect(errors.length).toBeGreaterThan(2)
  })

  test('R30: what it could not delete is not believed any more', async () => {
    const records = new Map<string, StoredRecord>()
    let count = 0
    const store = {
      get: async (key: string) => records.get(key),
      set: async (key: string, record: StoredRecord) => void records.set(key, record),
      delete: fail,
    }
    const { get, pass } = cacheInFront(() => reply(String(++count), lasting), { store })
    await get('/')
    expect((await get('/')).text).toBe('1')
    await get('/', { method: 'PUT', body: 'x' })
    pass(1)
    expect((await get('/')).text).toBe('3')
    expect((await get('/')).text).toBe('3')
  })
})
