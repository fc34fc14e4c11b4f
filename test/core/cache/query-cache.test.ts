import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createQueryCache } from '../../../src/core/cache/query-cache.ts'
import { createSingleFlight } from '../../../src/core/cache/single-flight.ts'
import type { Found } from '../../../src/core/cache/trace.ts'
import {
  bind,
  DatabaseError,
  type Params,
  type Statement,
  type Value,
} from '../../../src/core/ports/database.ts'
import { defineStatement } from '../../../src/core/statements/define.ts'
import { createTestClock } from '../test-clock.ts'
import { burn, createStage, elsewhere, find, lifetime, paint, put, type Row } from './books.ts'

describe('rows that this process alone writes', () => {
  test('are read once, and again when they were written', async () => {
    const { read, put: write, queries, clock } = createStage({ exclusive: true })
    await write('a', 'one')
    for (let i = 0; i < 3; i++) expect(await read('a')).toBe('one')
    clock.advance(365 * 86_400_000)
    expect(await read('a')).toBe('one')
    expect(queries()).toBe(1)
    await write('a', 'two')
    expect(await read('a')).toBe('two')
    expect(queries()).toBe(2)
  })

  test('stay when another row, or another table, was written', async () => {
    const { cache, read, put: write, queries } = createStage({ exclusive: true })
    await write('a', 'one')
    await read('a')
    for (let i = 0; i < 20; i++) await write(`other-${i}`, 'x')
    await cache.database.batch([bind(elsewhere, {})])
    expect(await read('a')).toBe('one')
    expect(queries()).toBe(1)
  })

  test('of a scope go with a write to any row in it, and stay when another scope is written', async () => {
    const { cache, queries } = createStage({ exclusive: true })
    const shelf = cache.namespace<{ shelf: string; key: string }, Row, Row>({
      statement: find,
      make: ([row]) => row,
      dependsOn: (_row, params, on) => [on('books', [params.shelf])],
      lifetime,
    })
    const shelves = ['s', 'ss', 'sa', '', 't']
    const readAll = async () => {
      for (const name of shelves) await shelf.read({ shelf: name, key: 'all' })
    }
    await readAll()
    await readAll()
    expect(queries()).toBe(5)
    for (const key of ['a', 's', '', 'all']) {
      const before = queries()
      await cache.database.batch([bind(put, { text: 'x', shelf: 's', key })])
      await readAll()
      expect(queries()).toBe(before + 1)
    }
    await cache.database.batch([bind(burn, {})])
    await readAll()
    expect(queries()).toBe(14)
  })

  test.each([
    ['all rows of the table', burn],
    ['a table that the statement joins', paint],
  ])('go with a write to %s', async (_what, statement) => {
    const { cache, read, put: write, queries } = createStage({ exclusive: true })
    await write('a', 'one')
    await read('a')
    await cache.database.batch([bind(statement, {})])
    await read('a')
    expect(queries()).toBe(2)
  })

  test('that there is no row is kept too, until there is one (R35)', async () => {
    const { read, put: write, queries } = createStage({ exclusive: true })
    for (let i = 0; i < 3; i++) expect(await read('a')).toBeUndefined()
    expect(queries()).toBe(1)
    await write('a', '')
    expect(await read('a')).toBe('')
  })

  test('R30: what was read before a write is not kept after it', async () => {
    const { read, put: write, hold } = createStage({ exclusive: true })
    await write('a', 'old')
    const release = hold()
    const reading = read('a')
    await write('a', 'new')
    release()
    expect(await reading).toBe('old')
    expect(await read('a')).toBe('new')
  })

  test('a batch that failed counts as a write: it may have taken effect', async () => {
    const { cache, read, put: write, inner } = createStage({ exclusive: true })
    await write('a', 'old')
    await read('a')
    const { batch } = inner
    inner.batch = async (statements) => {
      await batch(statements)
      throw new DatabaseError('unavailable', 'the line broke')
    }
    await expect(write('a', 'new')).rejects.toThrow('the line broke')
    expect(await read('a')).toBe('new')
    expect(cache.stats().byStatement['books.find']).toMatchObject({ misses: 2 })
  })

  test('cannot be changed by who reads them', async () => {
    const { namespace, put: write } = createStage({ exclusive: true })
    await write('a', 'one')
    const row = (await namespace.read({ shelf: 's', key: 'a' })) as { text: string }
    expect(() => (row.text = 'two')).toThrow(TypeError)
  })

  test('R28: no two names are one', async () => {
    const { namespace, cache } = createStage({ exclusive: true })
    const names = ['', ':', '1:', '1:a', 'a1:', '\0', 'é', 'e\u0301', '__proto__', 'a\nb']
    const pairs = names.flatMap((shelf) => names.map((key) => ({ shelf, key })))
    await cache.database.batch(pairs.map((pair) => bind(put, { ...pair, text: JSON.stringify(pair) })))
    for (const round of [1, 2]) {
      for (const pair of pairs) {
        expect((await namespace.read(pair))?.text, String(round)).toBe(JSON.stringify(pair))
      }
    }
  })

  test('are forgotten one by one, or all', async () => {
    const { namespace, cache, read, put: write, queries } = createStage({ exclusive: true })
    for (const key of ['a/1', 'a/2', 'b']) await write(key, 'x')
    for (const key of ['a/1', 'a/2', 'b']) await read(key)
    expect(namespace.forget(({ key }) => key.startsWith('a/'))).toBe(2)
    for (const key of ['a/1', 'a/2', 'b']) await read(key)
    expect(queries()).toBe(5)
    cache.clear()
    for (const key of ['a/1', 'a/2', 'b']) await read(key)
    expect(queries()).toBe(8)
  })

  test('take no more memory than they may', async () => {
    const { cache, read, put: write } = createStage({ exclusive: true })
    for (let i = 0; i < 5000; i++) {
      await write(`k${i}`, 'x'.repeat(i % 500))
      await read(`k${i}`)
    }
    const { bytes, bytesMax, entries } = cache.stats()
    expect(bytes).toBeLessThanOrEqual(bytesMax)
    expect(entries).toBeGreaterThan(500)
  })
})

describe('rows that others write too', () => {
  const shared = { exclusive: false }

  test('are used while they are fresh; a write of this process is seen at once', async () => {
    const { read, put: write, putElsewhere, clock, queries } = createStage(shared)
    await write('a', 'one')
    await read('a')
    await putElsewhere('a', 'two')
    clock.advance(1999)
    expect(await read('a')).toBe('one')
    expect(queries()).toBe(1)
    await write('a', 'three')
    expect(await read('a')).toBe('three')
  })

  test('R33: then once more while they are read again, and not after that', async () => {
    const { read, put: write, putElsewhere, clock, settled } = createStage(shared)
    await write('a', 'one')
    await read('a')
    await putElsewhere('a', 'two')
    clock.advance(2000)
    const found: Found = {}
    expect(await read('a', { found })).toBe('one')
    expect(found).toMatchObject({ tier: 'memory', stale: true })
    await settled()
    expect(await read('a')).toBe('two')
    await putElsewhere('a', 'three')
    clock.advance(5000)
    expect(await read('a')).toBe('three')
  })

  test('are never older than the bound, whatever happens between', async () => {
    const bound = lifetime.freshMs + lifetime.staleWhileRevalidateMs
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.record({ kind: fc.constant('read' as const) }),
            fc.record({ kind: fc.constant('other' as const) }),
            fc.record({ kind: fc.constant('own' as const) }),
            fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(4000) }),
          ),
          { maxLength: 60 },
        ),
        async (steps) => {
          const { read, put: write, putElsewhere, clock, settled } = createStage(shared)
          /** Values, and when each was written. */
          const written = [{ text: undefined as string | undefined, atMs: clock.now(), own: true }]
          for (const [index, step] of steps.entries()) {
            if (step.kind === 'wait') clock.advance(step.ms)
            if (step.kind === 'other' || step.kind === 'own') {
              await (step.kind === 'own' ? write : putElsewhere)('a', `${index}`)
              written.push({ text: `${index}`, atMs: clock.now(), own: step.kind === 'own' })
            }
            if (step.kind !== 'read') continue
            const text = await read('a')
            await settled()
            const at = written.findLastIndex((each) => each.text === text)
            const newer = written.slice(at + 1)
            expect(newer.some(({ own }) => own)).toBe(false)
            for (const { atMs } of newer) expect(clock.now() - atMs).toBeLessThan(bound)
          }
        },
      ),
      { seed: 4, numRuns: 300 },
    )
  })

  test('R35: that there is none is kept for a shorter time', async () => {
    const { read, putElsewhere, clock } = createStage({
      ...shared,
      life: { ...lifetime, staleWhileRevalidateMs: 0 },
    })
    expect(await read('a')).toBeUndefined()
    await putElsewhere('a', 'one')
    clock.advance(999)
    expect(await read('a')).toBeUndefined()
    clock.advance(1001)
    expect(await read('a')).toBe('one')
  })

  test('R33: are used when the database cannot be reached, for so long', async () => {
    const { read, put: write, clock, fail, cache } = createStage(shared)
    await write('a', 'one')
    await read('a')
    fail(new DatabaseError('unavailable', 'gone'))
    clock.advance(59_999)
    const found: Found = {}
    expect(await read('a', { found })).toBe('one')
    expect(found).toMatchObject({ tier: 'memory', stale: true })
    expect(cache.stats().byStatement['books.find']).toMatchObject({ staleIfError: 1 })
    clock.advance(1)
    await expect(read('a')).rejects.toThrow('gone')
  })

  test('R33: but not in place of an answer, nor when this process has written', async () => {
    const { read, put: write, clock, fail } = createStage(shared)
    await write('a', 'one')
    await read('a')
    clock.advance(10_000)
    fail(new Error('a defect'))
    await expect(read('a')).rejects.toThrow('a defect')
    fail(new DatabaseError('unavailable', 'gone'))
    await expect(write('a', 'two')).rejects.toThrow('gone')
    await expect(read('a')).rejects.toThrow('gone')
  })

  test('are asked for by whoever is about to write', async () => {
    const { read, put: write, putElsewhere } = createStage(shared)
    await write('a', 'one')
    await read('a')
    await putElsewhere('a', 'two')
    expect(await read('a', { upToDate: true })).toBe('two')
    expect(await read('a')).toBe('two')
  })

  test('R31: are asked for once by all who ask at one time, and again after a write', async () => {
    const { read, put: write, hold, queries } = createStage(shared)
    await write('a', 'old')
    const release = hold()
    const readers = Array.from({ length: 1000 }, () => read('a'))
    expect(queries()).toBe(1)
    await write('a', 'new')
    const late = read('a')
    release()
    expect(new Set(await Promise.all(readers))).toEqual(new Set(['old']))
    expect(await late).toBe('new')
    expect(queries()).toBe(2)
  })

  test.each([
    ['back', -3_600_000],
    ['ahead', 3_600_000],
  ])('are read again when the clock jumps %s', async (_direction, ms) => {
    const { read, put: write, putElsewhere, clock } = createStage(shared)
    await write('a', 'one')
    await read('a')
    await putElsewhere('a', 'two')
    clock.advance(ms)
    expect(await read('a')).toBe('two')
  })

  test('R36: what was read together is not asked for together again', async () => {
    let next = 0
    const clock = createTestClock()
    clock.stopAt(Date.UTC(2026, 0, 1))
    let queries = 0
    const cache = createQueryCache({
      database: {
        ...createStage(shared).inner,
        async query<P extends Params, R>(_statement: Statement<P, R>): Promise<R[]> {
          queries++
          return [{ text: 'x' } as R]
        },
      },
      bytesMax: 1024 ** 2,
      clock,
      background: { run: () => {} },
      flight: createSingleFlight({ timeoutMs: 1000 }),
      random: () => (next++ % 10) / 10,
    })
    const namespace = cache.namespace<{ shelf: string; key: string }, Row, Row>({
      statement: find,
      make: ([row]) => row,
      dependsOn: () => [],
      lifetime: { ...lifetime, staleWhileRevalidateMs: 0 },
    })
    const readAll = async () => {
      for (let i = 0; i < 10; i++) await namespace.read({ shelf: 's', key: String(i) })
    }
    await readAll()
    clock.advance(1900)
    queries = 0
    await readAll()
    expect(queries).toBeGreaterThan(2)
    expect(queries).toBeLessThan(8)
  })
})

test('values of all kinds are told apart in a key', async () => {
  const seen = new Set<Value>()
  const clock = createTestClock()
  const anything = defineStatement<{ value: Value }, { value: Value }>({
    name: 'any.find',
    text: '',
    params: ['value'],
    reads: [],
    writes: [],
  })
  const cache = createQueryCache({
    database: {
      ...createStage({ exclusive: true }).inner,
      async query<P extends Params, R>(_statement: Statement<P, R>, params: P): Promise<R[]> {
        const { value } = params as unknown as { value: Value }
        seen.add(value)
        return [{ value } as R]
      },
    },
    bytesMax: 1024 ** 2,
    clock,
    background: { run: () => {} },
    flight: createSingleFlight({ timeoutMs: 1000 }),
  })
  const namespace = cache.namespace({
    statement: anything,
    make: ([row]) => row,
    dependsOn: () => [],
    lifetime,
  })
  const values: Value[] = [
    null,
    0,
    1,
    -1,
    0.5,
    '',
    '0',
    'n;',
    'null',
    'x0:',
    new Uint8Array(),
    Uint8Array.of(0),
  ]
  for (const value of values) await namespace.read({ value })
  expect(seen.size).toBe(values.length)
})
