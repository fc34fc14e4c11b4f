/**
 * The files that are read most, out of any number, in the room of `capacity` of them: Space-Saving with a stream summary
 * (Metwally, Agrawal and El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005). What
 * was read more often than one in `capacity` reads is always among them; a count may be too high by its `error`, never too low.
 *
 * A read costs the same however many there are: counters of one count hang together, and one that is read moves to the next
 * count.
 */
export interface SpaceSaving {
  count(bucket: string, key: string): Counter
  /** In no order. */
  counters(): Iterable<Counter>
  /** Counts are divided by 2 to the power of `times`; who has none left goes. */
  halve(times: number): void
  readonly size: number
}

export interface Counter {
  readonly bucket: string
  readonly key: string
  readonly count: number
  /** Of the count, what may be reads of others that had the place before. */
  readonly error: number
  /** The owner's own: reads that it has not written down, and when the last of them was. */
  unsaved: number
  lastReadMs: number
}

interface Node extends Counter {
  error: number
  level: Level
  previous: Node | undefined
  next: Node | undefined
}

/** Counters of one count. */
interface Level {
  count: number
  first: Node | undefined
  below: Level | undefined
  above: Level | undefined
}

export function createSpaceSaving({ capacity }: { capacity: number }): SpaceSaving {
  // Two look-ups cost less than to join the names for one.
  const byBucket = new Map<string, Map<string, Node>>()
  /** The bottom is never a count: it is below all. */
  const bottom: Level = { count: 0, first: undefined, below: undefined, above: undefined }
  let size = 0

  function enter(node: Node): void {
    let keys = byBucket.get(node.bucket)
    if (!keys) byBucket.set(node.bucket, (keys = new Map()))
    keys.set(node.key, node)
    size++
  }

  function remove(node: Node): void {
    detach(node)
    const keys = byBucket.get(node.bucket)
    keys?.delete(node.key)
    if (keys?.size === 0) byBucket.delete(node.bucket)
    size--
  }

  /** One read more: up to the level of the next count, which is made where there is none. */
  function raise(node: Node): void {
    const { level } = node
    const count = level.count + 1
    if (level.above?.count === count) {
      attach(node, level.above)
    } else if (level !== bottom && level.first === node && node.next === undefined) {
      // Alone: the level itself rises.
      level.count = count
    } else {
      attach(node, insertAbove(level, count))
    }
  }

  function add(bucket: string, key: string): Node {
    // Its count begins where that of the least one ended: it may have been read as often before.
    let error = 0
    let level = bottom
    if (size >= capacity) {
      const least = (bottom.above as Level).first as Node
      error = least.count
      remove(least)
      level = levelOf(error)
    }
    const node = createNode({ bucket, key, error, level })
    enter(node)
    if (level !== bottom) link(node, level)
    return node
  }

  /** The level of a count that is not above the least one. */
  function levelOf(count: number): Level {
    return bottom.above?.count === count ? bottom.above : insertAbove(bottom, count)
  }

  return {
    count(bucket, key) {
      const node = byBucket.get(bucket)?.get(key) ?? add(bucket, key)
      raise(node)
      return node
    },
    *counters() {
      for (const keys of byBucket.values()) yield* keys.values()
    },
    halve(times) {
      const nodes: Node[] = []
      for (let level = bottom.above; level; level = level.above) {
        for (let node = level.first; node; node = node.next) nodes.push(node)
      }
      // From the least to the most, so that each level is the topmost when it is made.
      const before = nodes.map(({ count }) => count)
      bottom.above = undefined
      let top = bottom
      for (const [index, node] of nodes.entries()) {
        const count = Math.floor((before[index] as number) / 2 ** times)
        node.previous = node.next = undefined
        node.level = bottom
        if (count === 0) {
          remove(node)
          continue
        }
        node.error = Math.floor(node.error / 2 ** times)
        if (top.count !== count) top = insertAbove(top, count)
        link(node, top)
      }
    },
    get size() {
      return size
    },
  }
}

function createNode(of: { bucket: string; key: string; error: number; level: Level }): Node {
  return {
    ...of,
    get count() {
      return this.level.count
    },
    unsaved: 0,
    lastReadMs: 0,
    previous: undefined,
    next: undefined,
  }
}

function insertAbove(below: Level, count: number): Level {
  const level: Level = { count, first: undefined, below, above: below.above }
  if (below.above) below.above.below = level
  below.above = level
  return level
}

function attach(node: Node, level: Level): void {
  detach(node)
  link(node, level)
}

function link(node: Node, level: Level): void {
  node.level = level
  node.previous = undefined
  node.next = level.first
  if (level.first) level.first.previous = node
  level.first = node
}

/** A level that is empty then goes. */
function detach(node: Node): void {
  const { level, previous, next } = node
  if (level.first === node) level.first = next
  if (previous) previous.next = next
  if (next) next.previous = previous
  node.previous = node.next = undefined
  if (level.first || !level.below) return
  level.below.above = level.above
  if (level.above) level.above.below = level.below
}
