/**
 * Log-linear histogram of whole numbers, after HdrHistogram (http://hdrhistogram.org): 128 buckets for each
 * power of two, so a percentile is at most 1/128 (0.8 %) above the value that was recorded, at any size, and
 * recording costs one array increment. Values below 256 are exact.
 */
const bucketBits = 7
const bucketsPerOctave = 1 << bucketBits
const valueMax = 2 ** 32 - 1

export interface Histogram {
  /** Adds a value from 0 to 2^32 - 1; fractions are rounded, larger values count as the largest. */
  record(value: number): void
  /** The value that `percent` (0 to 100) of all values do not exceed; 0 when nothing was recorded. */
  percentile(percent: number): number
  readonly count: number
  readonly max: number
  readonly mean: number
}

export function createHistogram(): Histogram {
  const counts = new Float64Array(bucketIndex(valueMax) + 1)
  let count = 0
  let sum = 0
  let max = 0

  return {
    record(value) {
      const whole = Math.min(Math.round(value), valueMax)
      counts[bucketIndex(whole)]! += 1
      count += 1
      sum += whole
      if (whole > max) max = whole
    },
    percentile(percent) {
      const wanted = Math.max(1, Math.ceil((percent / 100) * count))
      let seen = 0
      for (let index = 0; index < counts.length; index += 1) {
        seen += counts[index]!
        if (seen >= wanted) return Math.min(bucketTop(index), max)
      }
      return max
    },
    get count() {
      return count
    },
    get max() {
      return max
    },
    get mean() {
      return count === 0 ? 0 : sum / count
    },
  }
}

function bucketIndex(value: number): number {
  if (value < 2 * bucketsPerOctave) return value
  const shift = 31 - Math.clz32(value) - bucketBits
  return shift * bucketsPerOctave + (value >>> shift)
}

/** The largest value that shares a bucket. */
function bucketTop(index: number): number {
  if (index < 2 * bucketsPerOctave) return index
  const shift = Math.floor(index / bucketsPerOctave) - 1
  const leading = index - shift * bucketsPerOctave
  return (leading + 1) * 2 ** shift - 1
}
