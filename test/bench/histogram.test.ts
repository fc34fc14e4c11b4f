import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createHistogram } from '../../bench/harness/histogram.ts'
import { median } from '../../bench/harness/rounds.ts'

const values = fc.array(
  fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 2 ** 31 - 1 }), fc.constantFrom(2 ** 31, 2 ** 32 - 1)),
  { minLength: 1, maxLength: 200 },
)

describe('histogram', () => {
  test('a percentile is the one of a sorted array, or at most 1/128 above it', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 100, noNaN: true }), (recorded, percent) => {
        const histogram = createHistogram()
        for (const value of recorded) histogram.record(value)
        const sorted = recorded.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(1, Math.ceil((percent / 100) * sorted.length)) - 1]!
        const read = histogram.percentile(percent)
        expect(read).toBeGreaterThanOrEqual(exact)
        expect(read).toBeLessThanOrEqual(exact < 256 ? exact : exact * (1 + 1 / 128))
        expect(histogram.max).toBe(sorted.at(-1))
        expect(histogram.count).toBe(sorted.length)
        expect(histogram.mean).toBeCloseTo(sorted.reduce((sum, value) => sum + value, 0) / sorted.length, 3)
      }),
      { seed: 7, numRuns: 500 },
    )
  })

  test('says 0 of nothing, rounds fractions, and holds what is too large at its edge', () => {
    const histogram = createHistogram()
    expect([histogram.percentile(50), histogram.max, histogram.mean]).toEqual([0, 0, 0])
    histogram.record(0.4)
    expect(histogram.percentile(100)).toBe(0)
    histogram.record(2 ** 40)
    expect(histogram.percentile(100)).toBe(2 ** 32 - 1)
  })
})

describe('median', () => {
  test('is the middle, or the mean of both middles', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([10, 9])).toBe(9.5)
    expect(median([])).toBeNaN()
  })
})
