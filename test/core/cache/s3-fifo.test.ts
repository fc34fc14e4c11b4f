import fc from 'fast-check'
import { LRUCache } from 'lru-cache'
import { describe, expect, test } from 'vitest'
import { createGhosts, ghostBytes } from '../../../src/core/cache/ghosts.ts'
import { createS3Fifo, entryOverheadBytes, s3FifoPolicy } from '../../../src/core/cache/s3-fifo.ts'
import { createS3FifoModel } from './s3-fifo-model.ts'

const sizeOf = (value: number) => value
const keyOf = (number: number) => `key ${number}`

type Step =
  | { do: 'read'; key: number }
  | { do: 'readMany'; key: number; times: number }
  | { do: 'set'; key: number; value: number }
  | { do: 'delete'; key: number }
  | { do: 'clear' }

const key = fc.oneof(fc.nat(5), fc.nat(40), fc.nat(200))
const value = fc.oneof(fc.nat(50), fc.nat(500), fc.nat(500), fc.nat(8000))
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 40, arbitrary: fc.record({ do: fc.constant('read' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('readMany' as const), key, times: fc.nat(900) }) },
  { weight: 40, arbitrary: fc.record({ do: fc.constant('set' as const), key, value }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.constant({ do: 'clear' as const }) },
)

function take(cache: { get(key: string): unknown; delete(key: string): unknown; clear(): void }, step: Step) {
  if (step.do === 'clear') cache.clear()
  else if (step.do === 'delete') cache.delete(keyOf(step.key))
  else if (step.do === 'read') cache.get(keyOf(step.key))
  else if (step.do === 'readMany') for (let at = 0; at < step.times; at++) cache.get(keyOf(step.key))
}

describe('S3-FIFO in bytes', () => {
  test('has after each step what a model in arrays has', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 8000, max: 30_000 })),
        fc.record({
          smallShare: fc.constantFrom(s3FifoPolicy.smallShare, 0.1, 0.3),
          classesPerOctave: fc.constantFrom(1, s3FifoPolicy.classesPerOctave),
          windowPerEntry: fc.constantFrom(0, s3FifoPolicy.windowPerEntry),
          ghostsPerEntry: fc.constantFrom(1, s3FifoPolicy.ghostsPerEntry),
        }),
        fc.array(step, { minLength: 200, maxLength: 400, size: 'max' }),
        (bytesMax, changed, steps) => {
          const policy = { ...s3FifoPolicy, ...changed }
          const cache = createS3Fifo<number>({ bytesMax, sizeOf, policy })
          const model = createS3FifoModel(bytesMax, policy)
          for (const each of steps) {
            if (each.do === 'set') {
              model.set(keyOf(each.key), each.value)
              expect(cache.set(keyOf(each.key), each.value)).toBe(model.contents().has(keyOf(each.key)))
            } else {
              take(model, each)
              take(cache, each)
            }
            const contents = model.contents()
            if (cache.size !== contents.size) expect(cache.size).toBe(contents.size)
            for (const [name, expected] of contents)
              if (cache.peek(name) !== expected) expect({ name, is: cache.peek(name) }).toBe(expected)
            expect(cache.ghosts).toBe(model.ghosts())
            expect(cache.bytes).toBe(model.bytes())
            expect(cache.bytes).toBeLessThanOrEqual(bytesMax)
            expect(cache.ghosts).toBeLessThanOrEqual(model.ghostsMax)
          }
        },
      ),
      { seed: 20261121, numRuns: 200 },
    )
  })

  test('gives what was set last or nothing, as lru-cache does; counts what it was asked and what went', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 300, size: 'max' }), (steps) => {
        const evicted: number[] = []
        const cache = createS3Fifo<number>({
          bytesMax: 40_000,
          sizeOf,
          onEvict: (name, gone) => evicted.push(gone + 2 * name.length + entryOverheadBytes),
        })
        const oracle = new LRUCache<string, number>({ max: 1000 })
        let [reads, sets] = [0, 0]
        for (const each of steps) {
          if (each.do === 'set') {
            cache.set(keyOf(each.key), each.value)
            oracle.set(keyOf(each.key), each.value)
            sets++
          } else if (each.do === 'delete') {
            cache.delete(keyOf(each.key))
            oracle.delete(keyOf(each.key))
          } else if (each.do === 'clear') {
            cache.clear()
            oracle.clear()
          } else {
            const got = cache.get(keyOf(each.key))
            reads++
            if (got !== undefined) expect(got).toBe(oracle.get(keyOf(each.key)))
          }
        }
        const { hits, misses, admitted, refused, evictions, evictedBytes } = cache.stats
        expect([hits + misses, admitted + refused]).toEqual([reads, sets])
        expect([evictions, evictedBytes]).toEqual([evicted.length, evicted.reduce((a, b) => a + b, 0)])
      }),
      { seed: 7, numRuns: 200 },
    )
  })

  test.each([0, -1, NaN, Infinity])('cannot be built with a bound of %d', (bytesMax) => {
    expect(() => createS3Fifo({ bytesMax, sizeOf })).toThrow(RangeError)
  })

  test('refuses a size that is none', () => {
    const cache = createS3Fifo<number>({ bytesMax: 10_000, sizeOf })
    cache.set('kept', 10)
    for (const size of [NaN, -1]) expect(() => cache.set('kept', size)).toThrow(RangeError)
    expect(cache.get('kept')).toBe(10)
    expect(cache.set('kept', Infinity)).toBe(false)
    expect(cache.get('kept')).toBeUndefined()
  })

  test('keeps values that are false, and any key', () => {
    const cache = createS3Fifo<unknown>({ bytesMax: 100_000, sizeOf: () => 0 })
    const odd = ['', ' ', '__proto__', 'constructor', '\u0000', '\ud800', 'ключ', '/a/../b', 'x'.repeat(1000)]
    const falsy = [0, '', false, null, Number.NaN]
    for (const [index, name] of odd.entries()) expect(cache.set(name, falsy[index % 5])).toBe(true)
    for (const [index, name] of odd.entries()) expect(cache.get(name)).toBe(falsy[index % 5])
    expect(cache.stats).toMatchObject({ hits: odd.length, misses: 0 })
  })

  test('drops the old value where the new one is too large', () => {
    const cache = createS3Fifo<number>({ bytesMax: 100_000, sizeOf })
    cache.set('a', 100)
    expect(cache.set('a', 90_000)).toBe(false)
    expect([cache.get('a'), cache.size, cache.bytes]).toEqual([undefined, 0, 0])
  })

  test('does not give up warm small entries for large ones that nobody asks for again', () => {
    const cache = createS3Fifo<number>({ bytesMax: 1_000_000, sizeOf })
    for (let round = 0; round < 3; round++)
      for (let number = 0; number < 500; number++)
        if (cache.get(keyOf(number)) === undefined) cache.set(keyOf(number), 1000)
    for (let number = 0; number < 1000; number++) cache.set(`large ${number}`, 100_000)
    const kept = Array.from({ length: 500 }, (_, number) => cache.peek(keyOf(number)))
    expect(kept.every((each) => each === 1000)).toBe(true)
  })

  test('lets go of what was popular once', () => {
    const cache = createS3Fifo<number>({ bytesMax: 100_000, sizeOf })
    const ask = (name: string) => cache.get(name) ?? cache.set(name, 1000)
    for (let round = 0; round < 2000; round++)
      for (let number = 0; number < 50; number++) ask(`old ${number}`)
    for (let round = 0; round < 2000; round++)
      for (let number = 0; number < 50; number++) ask(`new ${number}`)
    const kept = Array.from({ length: 50 }, (_, number) => cache.peek(`new ${number}`))
    expect(kept.every((each) => each === 1000)).toBe(true)
  })
})

describe('ghosts', () => {
  test('are the last that were added, those taken left out, and never more than asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.record({ take: fc.boolean(), key: fc.nat(300) }), { maxLength: 600, size: 'max' }),
        (countMax, steps) => {
          const ghosts = createGhosts()
          let model: { key: number; rank: number; taken: boolean }[] = []
          for (const [rank, { take, key }] of steps.entries()) {
            const known = model.find((each) => each.key === key && !each.taken)
            if (take || known) expect(ghosts.take(keyOf(key))).toBe(known?.rank)
            if (known) known.taken = true
            if (!take) {
              ghosts.add(keyOf(key), rank, countMax)
              model = [...model, { key, rank, taken: false }].slice(-countMax)
            }
            expect(ghosts.count).toBe(model.filter(({ taken }) => !taken).length)
          }
        },
      ),
      { seed: 3, numRuns: 200 },
    )
  })

  test('of a key that is added twice: the newer counts, and is forgotten last', () => {
    const ghosts = createGhosts()
    ghosts.add('a', 1, 3)
    ghosts.add('b', 2, 3)
    ghosts.add('a', 3, 3)
    ghosts.add('c', 4, 3)
    expect([ghosts.count, ghosts.take('a'), ghosts.take('a'), ghosts.take('b')]).toEqual([3, 3, undefined, 2])
    ghosts.add('d', 5, 0)
    expect(ghosts.take('d')).toBeUndefined()
    expect(ghostBytes).toBeGreaterThan(0)
  })
})
