import { createGhosts, ghostBytes } from './ghosts.ts'

/**
 * A bounded map in memory that keeps what is asked for most per byte. S3-FIFO (Yang et al., SOSP '23, https://s3fifo.com)
 * where sizes differ by a factor of 10⁵:
 *
 * - New entries pass a **small** queue, so that what is asked for once goes without harm.
 * - What was asked for again there, or is remembered by a **ghost**, asks for admission to the main part.
 * - The **main** part is one FIFO queue per class of hits per byte, and gives up the head of the lowest class; an entry
 *   whose hits have lifted it meanwhile is moved to its class then. Whoever is not above that class is not admitted, so
 *   a large entry does not push out many small warm ones.
 *
 * A hit only counts, and moves nothing. A hit weighs half as much after each window of `windowPerEntry` reads for each entry.
 * With frequencies to 3 and one main queue, as published, the hit rate for a mix of web sizes is much lower:
 * `bench/cache/README.md`.
 */
export interface S3Fifo<V> {
  /** What was set last, if it is still there. Counts as a hit or a miss. */
  get(key: string): V | undefined
  /** The same, without being counted. */
  peek(key: string): V | undefined
  /** Replaces what there was. False when the value was not kept; what there was is gone even so. */
  set(key: string, value: V): boolean
  /** Forgets a key, its ghost too. True when there was an entry. */
  delete(key: string): boolean
  clear(): void
  /** What there is, in no order. Counts nothing. */
  entries(): Iterable<readonly [key: string, value: V]>
  /** Entries. */
  readonly size: number
  /** What entries and ghosts take, bookkeeping included; never above `bytesMax` between calls. */
  readonly bytes: number
  readonly ghosts: number
  /** Since it was made; `clear` does not reset them. */
  readonly stats: Readonly<S3FifoStats>
}

export interface S3FifoStats {
  hits: number
  misses: number
  /** Entries that had to make room, after they had been kept. */
  evictions: number
  evictedBytes: number
  /** Values that `set` kept. */
  admitted: number
  /** Values that `set` did not keep: too large, or worth less per byte than what they would replace. */
  refused: number
}

/** The numbers of the policy; `bench/cache/README.md` shows what others would give. */
export interface S3FifoPolicy {
  /** Of the bytes: the small queue. */
  readonly smallShare: number
  /** Of the bytes: one entry at the most. */
  readonly entryShareMax: number
  /** Keys remembered for each entry. */
  readonly ghostsPerEntry: number
  /** Reads per entry and ghost, after which a hit counts half. */
  readonly windowPerEntry: number
  /** Classes for each doubling of hits per byte. */
  readonly classesPerOctave: number
}

export const s3FifoPolicy: S3FifoPolicy = {
  smallShare: 0.02,
  entryShareMax: 1 / 8,
  ghostsPerEntry: 4,
  windowPerEntry: 10,
  classesPerOctave: 2,
}

export interface S3FifoOptions<V> {
  /** Of everything: values, keys, bookkeeping, ghosts. */
  readonly bytesMax: number
  /** What a value takes: zero or more bytes, the same each time it is asked while the value is kept. */
  readonly sizeOf: (value: V) => number
  /** Called for each entry that had to make room, after it has gone; not for what is deleted, replaced or refused. Must not call the cache. */
  readonly onEvict?: (key: string, value: V) => void
  readonly policy?: Partial<S3FifoPolicy>
}

/**
 * What an entry takes beside key and value: its object, its number of hits, its place in the map: the growth of the
 * heap by 600,000 entries is in `bench/cache/README.md`, and is measured by `node bench/cache/simulate.ts --memory`.
 */
export const entryOverheadBytes = 210

/** Of the bytes: what ghosts may take. */
const ghostShare = 1 / 32
/** Below this many entries the window would be too short to tell anything. */
const windowReadsMin = 1000

interface Links<V> {
  previous: Links<V>
  next: Links<V>
  /** None in the head of a queue. */
  entry: Entry<V> | undefined
}

interface Entry<V> extends Links<V> {
  readonly key: string
  value: V
  bytes: number
  /** As they weighed in `window`. */
  hits: number
  window: number
  /** Its class in the main part, `small` elsewhere. */
  place: number
}

const small = -Infinity

/** Throws a `RangeError` when `bytesMax` is not a positive number. */
export function createS3Fifo<V>(options: S3FifoOptions<V>): S3Fifo<V> {
  const { bytesMax, sizeOf, onEvict } = options
  if (!(bytesMax > 0 && Number.isFinite(bytesMax))) {
    throw new RangeError(`a cache needs a positive bound of its bytes, not ${bytesMax}`)
  }
  const policy = { ...s3FifoPolicy, ...options.policy }
  const ghostsMax = Math.floor((bytesMax * ghostShare) / ghostBytes)
  const capacityBytes = bytesMax - ghostsMax * ghostBytes
  const smallBytesMax = capacityBytes * policy.smallShare
  const entryBytesMax = capacityBytes * policy.entryShareMax

  const index = new Map<string, Entry<V>>()
  const ghosts = createGhosts()
  const stats = { hits: 0, misses: 0, evictions: 0, evictedBytes: 0, admitted: 0, refused: 0 }
  const smallQueue = createQueue<V>()
  /** By class; a queue is made when it is needed and dropped when it is met empty. */
  const mainQueues = new Map<number, Links<V>>()
  let lowest = 0
  let mainCount = 0
  let smallBytes = 0
  let mainBytes = 0
  let window = 0
  let readsOfWindow = 0

  /** The logarithm of the hits, as they would weigh in the first window: grows with time, never has to be aged. */
  const rankOf = (entry: Entry<V>) => Math.log2(entry.hits) + entry.window
  const classOf = (entry: Entry<V>) =>
    Math.floor((rankOf(entry) - Math.log2(entry.bytes)) * policy.classesPerOctave)
  const fits = (bytes: number) => smallBytes + mainBytes + bytes <= capacityBytes

  function countRead(): void {
    if (++readsOfWindow < windowReadsMin + policy.windowPerEntry * (index.size + ghosts.count)) return
    readsOfWindow = 0
    window++
  }

  function countHit(entry: Entry<V>): void {
    if (entry.window !== window) {
      entry.hits *= 2 ** (entry.window - window)
      entry.window = window
    }
    entry.hits++
  }

  function enterMain(entry: Entry<V>): void {
    entry.place = classOf(entry)
    if (mainCount === 0 || entry.place < lowest) lowest = entry.place
    let queue = mainQueues.get(entry.place)
    if (!queue) mainQueues.set(entry.place, (queue = createQueue()))
    append(queue, entry)
    mainCount++
    mainBytes += entry.bytes
  }

  function enterSmall(entry: Entry<V>): void {
    entry.place = small
    append(smallQueue, entry)
    smallBytes += entry.bytes
  }

  function leave(entry: Entry<V>): void {
    entry.previous.next = entry.next
    entry.next.previous = entry.previous
    if (entry.place === small) smallBytes -= entry.bytes
    else {
      mainBytes -= entry.bytes
      mainCount--
    }
  }

  /** The first to go of the main part, which must not be empty. Each move on the way was paid for by a hit. */
  function leastWorth(): Entry<V> {
    for (;;) {
      const entry = mainQueues.get(lowest)?.next.entry
      if (!entry) mainQueues.delete(lowest++)
      else if (classOf(entry) <= lowest) return entry
      else {
        leave(entry)
        enterMain(entry)
      }
    }
  }

  /** Of an entry that is in no queue any more. */
  function forget(entry: Entry<V>): void {
    index.delete(entry.key)
    const countMax = Math.min(ghostsMax, Math.ceil(policy.ghostsPerEntry * (index.size + 1)))
    ghosts.add(entry.key, rankOf(entry), countMax)
  }

  function evict(entry: Entry<V>): void {
    forget(entry)
    stats.evictions++
    stats.evictedBytes += entry.bytes
    onEvict?.(entry.key, entry.value)
  }

  /** Into the main part, if it is worth more than what has to go for it. */
  function admit(entry: Entry<V>): boolean {
    while (!fits(entry.bytes)) {
      if (mainCount === 0) return false
      const least = leastWorth()
      if (least.place >= classOf(entry)) return false
      leave(least)
      evict(least)
    }
    enterMain(entry)
    return true
  }

  /** Ends with the small queue in its bounds; `fresh` is what `set` is about, and is refused rather than evicted. */
  function drainSmall(fresh: Entry<V>): void {
    while (smallBytes > smallBytesMax) {
      const entry = smallQueue.next.entry as Entry<V>
      leave(entry)
      const askedAgain = entry.hits * 2 ** (entry.window - window) >= 1.5
      if ((askedAgain || fits(entry.bytes)) && admit(entry)) continue
      if (entry === fresh) forget(entry)
      else evict(entry)
    }
  }

  function makeRoom(fresh: Entry<V>): void {
    while (!fits(0)) {
      const entry = mainCount > 0 ? leastWorth() : (smallQueue.next.entry as Entry<V>)
      leave(entry)
      if (entry === fresh) forget(entry)
      else evict(entry)
    }
  }

  function insert(entry: Entry<V>, before: Entry<V> | undefined): void {
    const rank = before ? undefined : ghosts.take(entry.key)
    index.set(entry.key, entry)
    if (before && before.place !== small) enterMain(entry)
    else if (rank !== undefined) {
      entry.hits += 2 ** (rank - window)
      if (!admit(entry)) forget(entry)
    } else enterSmall(entry)
    drainSmall(entry)
    makeRoom(entry)
  }

  return {
    get(key) {
      countRead()
      const entry = index.get(key)
      if (!entry) {
        stats.misses++
        return undefined
      }
      stats.hits++
      countHit(entry)
      return entry.value
    },
    peek: (key) => index.get(key)?.value,
    set(key, value) {
      const before = index.get(key)
      const valueBytes = sizeOf(value)
      if (!(valueBytes >= 0)) throw new RangeError(`${valueBytes} is no size of a value`)
      // An engine may take two bytes for a character.
      const bytes = valueBytes + 2 * key.length + entryOverheadBytes
      if (before) {
        leave(before)
        index.delete(key)
      }
      if (bytes <= entryBytesMax) {
        const { hits, window: since } = before ?? { hits: 1, window }
        insert(createEntry({ key, value, bytes, hits, window: since }), before)
      }
      const kept = index.has(key)
      if (kept) stats.admitted++
      else stats.refused++
      return kept
    },
    delete(key) {
      const entry = index.get(key)
      if (!entry) {
        ghosts.take(key)
        return false
      }
      leave(entry)
      index.delete(key)
      return true
    },
    clear() {
      index.clear()
      ghosts.clear()
      mainQueues.clear()
      smallQueue.next = smallQueue.previous = smallQueue
      mainCount = mainBytes = smallBytes = lowest = 0
    },
    *entries() {
      for (const [key, { value }] of index) yield [key, value] as const
    },
    get size() {
      return index.size
    },
    get bytes() {
      return smallBytes + mainBytes + ghosts.count * ghostBytes
    },
    get ghosts() {
      return ghosts.count
    },
    stats,
  }
}

function createQueue<V>(): Links<V> {
  const head = { entry: undefined } as Links<V>
  head.previous = head.next = head
  return head
}

function append<V>(queue: Links<V>, entry: Entry<V>): void {
  entry.previous = queue.previous
  entry.next = queue
  queue.previous.next = entry
  queue.previous = entry
}

function createEntry<V>(fields: Pick<Entry<V>, 'key' | 'value' | 'bytes' | 'hits' | 'window'>): Entry<V> {
  const entry = { ...fields, place: small } as Entry<V>
  entry.entry = entry
  entry.previous = entry.next = entry
  return entry
}
