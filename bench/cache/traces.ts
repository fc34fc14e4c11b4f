/** Who asks for what: traces that a seed decides. */

export const objectCount = 100_000

export interface TraceKind {
  readonly name: string
  readonly description: string
}

export const kinds = [
  { name: 'steady', description: 'popularity by Zipf’s law that never changes' },
  {
    name: 'scans',
    description:
      'after every 50,000 requests somebody reads 10,000 files in a row, all in turn (a backup, a crawler)',
  },
  { name: 'wonders', description: 'a quarter of the requests are for files that nobody asks for again' },
  {
    name: 'shifting',
    description:
      'every 1,000 requests 100 pairs of files change places: after 500,000 hardly one has kept its own',
  },
] as const satisfies readonly TraceKind[]

export type KindName = (typeof kinds)[number]['name']

export interface Trace {
  /** Numbers of files in the order of the requests. */
  readonly requests: Int32Array
  /** By number. */
  readonly sizes: Int32Array
  /** Of the `objectCount` files that last. */
  readonly totalBytes: number
  /** Requests before this one only warm the cache. */
  readonly measuredFrom: number
}

/** `zipfRequests` are drawn by popularity; scans come on top. */
export function createTrace(options: {
  kind: KindName
  zipf: number
  zipfRequests: number
  seed: number
}): Trace {
  const { kind, zipf, zipfRequests, seed } = options
  const ranks = drawZipf({ zipf, count: zipfRequests, random: createRandom(seed + 1) })
  const random = createRandom(seed + 2)
  const requests = { steady: () => ranks, scans: withScans, wonders: withWonders, shifting: withShifts }[
    kind
  ](ranks, random)
  const sizes = webSizes(createRandom(seed), objectCount + (kind === 'wonders' ? zipfRequests : 0))
  let totalBytes = 0
  for (let object = 0; object < objectCount; object++) totalBytes += sizes[object] as number
  return { requests, sizes, totalBytes, measuredFrom: requests.length >> 1 }
}

/**
 * The size mix of SURGE (Barford and Crovella, SIGMETRICS '98): a lognormal body, of 93 % of the files, with a Pareto tail.
 * Sizes do not depend on popularity. Clipped to 64 bytes and 64 MiB.
 */
export function webSizes(random: () => number, count: number): Int32Array {
  return Int32Array.from({ length: count }, () => {
    const bytes =
      random() < 0.93 ? Math.exp(9.357 + 1.318 * normal(random)) : 133_000 / (1 - random()) ** (1 / 1.1)
    return Math.max(64, Math.min(64 * 2 ** 20, Math.round(bytes)))
  })
}

function drawZipf(options: { zipf: number; count: number; random: () => number }): Int32Array {
  const cumulated = new Float64Array(objectCount)
  let sum = 0
  for (let rank = 0; rank < objectCount; rank++) cumulated[rank] = sum += (rank + 1) ** -options.zipf
  return Int32Array.from({ length: options.count }, () => {
    const target = options.random() * sum
    let [low, high] = [0, objectCount - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cumulated[middle] as number) < target) low = middle + 1
      else high = middle
    }
    return low
  })
}

function withScans(ranks: Int32Array, random: () => number): Int32Array {
  const order = Int32Array.from({ length: objectCount }, (_, object) => object)
  for (let last = objectCount - 1; last > 0; last--) swap(order, last, Math.floor(random() * (last + 1)))
  const scans = Math.floor(ranks.length / 50_000)
  const requests = new Int32Array(ranks.length + scans * 10_000)
  let filled = 0
  let scanned = 0
  for (let at = 0; at < ranks.length; at++) {
    requests[filled++] = ranks[at] as number
    if (at % 50_000 !== 49_999) continue
    for (let row = 0; row < 10_000; row++) requests[filled++] = order[scanned++ % objectCount] as number
  }
  return requests
}

function withWonders(ranks: Int32Array, random: () => number): Int32Array {
  let next = objectCount
  return ranks.map((rank) => (random() < 0.25 ? next++ : rank))
}

function withShifts(ranks: Int32Array, random: () => number): Int32Array {
  const objects = Int32Array.from({ length: objectCount }, (_, object) => object)
  return ranks.map((rank, at) => {
    if (at % 1000 === 0) {
      for (let pair = 0; pair < 100; pair++)
        swap(objects, Math.floor(random() * objectCount), Math.floor(random() * objectCount))
    }
    return objects[rank] as number
  })
}

function swap(values: Int32Array, a: number, b: number): void {
  const kept = values[a] as number
  values[a] = values[b] as number
  values[b] = kept
}

/** mulberry32: numbers from 0 to 1. */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
