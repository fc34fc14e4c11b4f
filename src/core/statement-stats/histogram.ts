/**
 * Durations in milliseconds, as a sketch that can be merged (DDSketch, https://arxiv.org/abs/1908.10693): buckets whose bounds
 * grow by a constant factor, so that a quantile is within 2 % of the exact one from 100 ns to hours. What is shorter than that
 * counts as 0. Merging adds bucket by bucket, in whatever order.
 */
export interface Histogram {
  readonly count: number
  record(durationMs: number): void
  /** Adds what {@link Histogram.encode} gave. Throws a RangeError for anything else. */
  merge(encoded: Uint8Array): void
  /** Nearest rank: what `share` (0 to 1) of the durations do not exceed. `undefined` of nothing. */
  quantile(share: number): number | undefined
  /** A version, then for each bucket that is not empty the step from the one before and its count, as varints. */
  encode(): Uint8Array
}

/** Of a quantile, at most. */
export const relativeError = 0.02
const leastMs = 1e-4
const growth = (1 + relativeError) / (1 - relativeError)
const growthLog = Math.log(growth)
/** The last one begins above two hours. */
const bucketCount = 630
const version = 1

export function createHistogram(): Histogram {
  const counts = new Float64Array(bucketCount)
  let count = 0

  return {
    get count() {
      return count
    },
    record(durationMs) {
      const bucket = bucketOf(durationMs)
      counts[bucket] = (counts[bucket] as number) + 1
      count++
    },
    merge(encoded) {
      const pairs = decode(encoded)
      for (let pair = 0; pair < pairs; pair++) {
        const bucket = decoded.buckets[pair] as number
        const added = decoded.counts[pair] as number
        counts[bucket] = (counts[bucket] as number) + added
        count += added
      }
    },
    quantile(share) {
      const rank = Math.max(1, Math.ceil(share * count))
      let seen = 0
      const bucket = counts.findIndex((each) => (seen += each) >= rank)
      return bucket === -1 ? undefined : middleOf(bucket)
    },
    encode() {
      const bytes: number[] = [version]
      let last = 0
      for (const [bucket, each] of counts.entries()) {
        if (each === 0) continue
        pushVarint(bytes, bucket - last)
        pushVarint(bytes, each)
        last = bucket
      }
      return Uint8Array.from(bytes)
    },
  }
}

function bucketOf(durationMs: number): number {
  // Also what is no number.
  if (!(durationMs > leastMs)) return 0
  return Math.min(bucketCount - 1, Math.ceil(Math.log(durationMs / leastMs) / growthLog))
}

/** As far from the lower bound of the bucket as from the upper, relative to what it stands for. */
function middleOf(bucket: number): number {
  return bucket === 0 ? 0 : (leastMs * growth ** bucket * 2) / (growth + 1)
}

/** Counts may exceed 32 bits. */
function pushVarint(bytes: number[], value: number): void {
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  bytes.push(rest)
}

/** What {@link decode} made last: some ten thousand may be merged for one answer. */
const decoded = { buckets: new Uint16Array(bucketCount), counts: new Float64Array(bucketCount) }

/** All of it before any is used: what cannot be read changes nothing. Returns how many buckets. */
function decode(encoded: Uint8Array): number {
  let numbers = 0
  let bucket = 0
  let value = 0
  let scale = 1
  let isSound = encoded[0] === version
  for (let at = 1; at < encoded.length && isSound; at++) {
    const byte = encoded[at] as number
    value += (byte & 127) * scale
    scale *= 128
    if (byte >= 128) continue
    if (numbers % 2 === 0) decoded.buckets[numbers / 2] = bucket += value
    else decoded.counts[(numbers - 1) / 2] = value
    isSound = bucket < bucketCount && Number.isSafeInteger(value) && numbers < 2 * bucketCount
    numbers++
    value = 0
    scale = 1
  }
  if (!isSound || scale !== 1 || numbers % 2 === 1) {
    throw new RangeError('These bytes are no histogram of durations.')
  }
  return numbers / 2
}
