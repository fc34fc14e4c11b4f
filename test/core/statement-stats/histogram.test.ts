import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  createHistogram,
  type Histogram,
  relativeError,
} from '../../../src/core/statement-stats/histogram.ts'

function histogramOf(durations: readonly number[]): Histogram {
  const histogram = createHistogram()
  for (const duration of durations) histogram.record(duration)
  return histogram
}

function merged(...histograms: readonly Histogram[]): Histogram {
  const sum = createHistogram()
  for (const histogram of histograms) sum.merge(histogram.encode())
  return sum
}

/** From 100 ns to an hour, as likely short as long. */
const duration = fc.double({ min: Math.log(1e-4), max: Math.log(3.6e6), noNaN: true }).map(Math.exp)
const durations = fc.array(duration, { minLength: 1, maxLength: 300 })
const shares = [0, 0.01, 0.5, 0.95, 0.99, 1]

describe('a histogram of durations', () => {
  test('has quantiles within 2 % of those of an exact sort', () => {
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, any) => {
        const histogram = histogramOf(values)
        const sorted = values.toSorted((a, b) => a - b)
        for (const share of [...shares, any]) {
          const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] as number
          const found = histogram.quantile(share) as number
          // 100 ns are the floor, which counts as 0.
          if (exact <= 1e-4) expect(found).toBe(0)
          else expect(Math.abs(found / exact - 1)).toBeLessThanOrEqual(relativeError * (1 + 1e-9))
        }
      }),
      { seed: 20_261_121, numRuns: 300 },
    )
  })

  test('is, merged, what it would be of all of them together, in any order and grouping', () => {
    fc.assert(
      fc.property(durations, durations, durations, (a, b, c) => {
        const [x, y, z] = [histogramOf(a), histogramOf(b), histogramOf(c)]
        const together = histogramOf([...a, ...b, ...c]).encode()
        expect(merged(merged(x, y), z).encode()).toEqual(together)
        expect(merged(x, merged(y, z)).encode()).toEqual(together)
        expect(merged(z, x, y).encode()).toEqual(together)
        expect(merged(x, createHistogram()).encode()).toEqual(x.encode())
      }),
      { seed: 20_261_122, numRuns: 100 },
    )
  })

  test('of nothing has no quantile: that is not 0', () => {
    const empty = createHistogram()
    expect(empty.count).toBe(0)
    for (const share of shares) expect(empty.quantile(share)).toBeUndefined()
    expect(empty.encode()).toEqual(Uint8Array.of(1))
  })

  test('takes what no clock should give', () => {
    const odd = histogramOf([0, -5, Number.NaN, Number.NEGATIVE_INFINITY, Number.MIN_VALUE])
    expect(odd.count).toBe(5)
    expect(odd.quantile(1)).toBe(0)
    const endless = histogramOf([Number.POSITIVE_INFINITY, Number.MAX_VALUE])
    expect(endless.quantile(0.5)).toBeGreaterThan(2 * 3_600_000)
    expect(merged(odd, endless).count).toBe(7)
  })

  test('counts beyond 32 bits', () => {
    let histogram = histogramOf([5])
    for (let doubled = 0; doubled < 40; doubled++) histogram = merged(histogram, histogram)
    expect(histogram.count).toBe(2 ** 40)
    expect(merged(histogram, histogramOf([9])).count).toBe(2 ** 40 + 1)
  })

  test('is small: a hundred thousand durations around 5 µs take some 100 bytes', () => {
    const random = fc.sample(fc.double({ min: -1, max: 1, noNaN: true }), { seed: 7, numRuns: 100_000 })
    expect(histogramOf(random.map((each) => 0.005 * 4 ** each)).encode().length).toBeLessThan(260)
  })

  test.each([
    ['nothing', []],
    ['another version', [2]],
    ['a bucket without a count', [1, 5]],
    ['half a number', [1, 5, 0x80]],
    ['a bucket beyond the last', [1, 0xff, 0x7f, 1]],
    ['a count beyond all', [1, 5, ...Array<number>(9).fill(0xff), 1]],
  ])('is not made of %s, and stays as it was', (_what, bytes) => {
    const histogram = histogramOf([1, 2])
    const before = histogram.encode()
    expect(() => histogram.merge(Uint8Array.from(bytes))).toThrow(RangeError)
    expect(histogram.encode()).toEqual(before)
  })
})
