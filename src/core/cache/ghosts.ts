/**
 * What is remembered of keys that are not cached: a hash and a rank each, the oldest forgotten first. Two keys of one
 * hash (one pair in 10⁹) share a memory, which can make an admission worse and no answer wrong.
 */
export interface Ghosts {
  /** Keys remembered. */
  readonly count: number
  /** Remembers `rank`; forgets the oldest beyond `countMax` places. */
  add(key: string, rank: number, countMax: number): void
  /** The rank of a key, which is forgotten by that. */
  take(key: string): number | undefined
  clear(): void
}

/**
 * What a ghost costs, soon after places and index have doubled, which is when it is most:
 * `node bench/cache/simulate.ts --memory`.
 */
export const ghostBytes = 88

/**
 * A ring in typed arrays for the order, a map from hash to place. A place whose key was taken stays in the ring until it is
 * the oldest.
 */
export function createGhosts(): Ghosts {
  const index = new Map<number, number>()
  let hashes = new Int32Array(64)
  let ranks = new Float64Array(64)
  // Places are counted up for ever; their remainder is where they are.
  let first = 0
  let next = 0

  function grow(): void {
    const [oldHashes, oldRanks, oldMask] = [hashes, ranks, hashes.length - 1]
    hashes = new Int32Array(oldHashes.length * 2)
    ranks = new Float64Array(oldHashes.length * 2)
    const mask = hashes.length - 1
    for (let place = first; place < next; place++) {
      hashes[place & mask] = oldHashes[place & oldMask] as number
      ranks[place & mask] = oldRanks[place & oldMask] as number
    }
  }

  function dropOldest(): void {
    const hash = hashes[first & (hashes.length - 1)] as number
    if (index.get(hash) === first) index.delete(hash)
    first++
  }

  return {
    get count() {
      return index.size
    },
    add(key, rank, countMax) {
      if (countMax < 1) return
      while (next - first >= countMax) dropOldest()
      if (next - first === hashes.length) grow()
      const hash = hashKey(key)
      hashes[next & (hashes.length - 1)] = hash
      ranks[next & (hashes.length - 1)] = rank
      index.set(hash, next++)
    },
    take(key) {
      const hash = hashKey(key)
      const place = index.get(hash)
      if (place === undefined) return undefined
      index.delete(hash)
      return ranks[place & (hashes.length - 1)]
    },
    clear() {
      index.clear()
      hashes = new Int32Array(64)
      ranks = new Float64Array(64)
      first = next = 0
    },
  }
}

/** FNV-1a over UTF-16 units with the finaliser of MurmurHash3; 30 bits, which every engine stores without a box. */
function hashKey(key: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 2
}
