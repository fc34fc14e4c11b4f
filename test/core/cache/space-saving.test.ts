import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createSpaceSaving } from '../../../src/core/cache/space-saving.ts'

/** What it has, by name. */
const countsOf = (summary: ReturnType<typeof createSpaceSaving>) =>
  new Map(
    [...summary.counters()].map(({ bucket, key, count, error }) => [`${bucket}/${key}`, { count, error }]),
  )

const reads = fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 0, max: 15 }).map(String)), {
  maxLength: 400,
})

describe('the files that are read most', () => {
  test('where all have room, counts are exact, halved as often as they are', () => {
    const step = fc.oneof(
      { weight: 10, arbitrary: reads.map((read) => ({ read, halve: 0 })) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }).map((halve) => ({ read: [], halve })) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const summary = createSpaceSaving({ capacity: 32 })
        const model = new Map<string, number>()
        for (const { read, halve } of steps) {
          for (const [bucket, key] of read) {
            const counter = summary.count(bucket, key)
            model.set(`${bucket}/${key}`, (model.get(`${bucket}/${key}`) ?? 0) + 1)
            expect(counter).toMatchObject({ bucket, key, count: model.get(`${bucket}/${key}`) })
          }
          if (halve === 0) continue
          summary.halve(halve)
          for (const [name, count] of model) model.set(name, Math.floor(count / 2 ** halve))
          for (const [name, count] of model) if (count === 0) model.delete(name)
        }
        expect(new Map([...countsOf(summary)].map(([name, { count }]) => [name, count]))).toEqual(model)
        expect(summary.size).toBe(model.size)
      }),
      { seed: 4, numRuns: 300 },
    )
  })

  test('where there is no room for all: never too low, too high by the error at most, and none that matters is left out', () => {
    fc.assert(
      fc.property(reads, fc.integer({ min: 1, max: 12 }), (read, capacity) => {
        const summary = createSpaceSaving({ capacity })
        const model = new Map<string, number>()
        for (const [bucket, key] of read) {
          summary.count(bucket, key)
          model.set(`${bucket}/${key}`, (model.get(`${bucket}/${key}`) ?? 0) + 1)
          expect(summary.size).toBeLessThanOrEqual(capacity)
        }
        const counts = countsOf(summary)
        expect(counts.size).toBe(Math.min(capacity, model.size))
        // Theorem 1 of the paper: the counts add up to the reads.
        expect([...counts.values()].reduce((sum, { count }) => sum + count, 0)).toBe(read.length)
        for (const [name, { count, error }] of counts) {
          const exact = model.get(name) ?? 0
          expect(count).toBeGreaterThanOrEqual(exact)
          expect(count - error).toBeLessThanOrEqual(exact)
        }
        for (const [name, exact] of model)
          if (exact > read.length / capacity) expect(counts.has(name)).toBe(true)
      }),
      { seed: 4, numRuns: 300 },
    )
  })

  test('a name with a slash is not another bucket’s', () => {
    const summary = createSpaceSaving({ capacity: 4 })
    summary.count('a', 'b/c')
    summary.count('a/b', 'c')
    expect(summary.size).toBe(2)
  })
})
