import { LRUCache } from 'lru-cache'
import { createS3Fifo, entryOverheadBytes } from '../../src/core/cache/s3-fifo.ts'
import type { S3FifoPolicy } from '../../src/core/cache/s3-fifo.ts'

/** What a policy is asked: is it there? And if not: it was fetched, keep it if you like. */
export interface Policy {
  get(key: string): boolean
  set(key: string, sizeBytes: number): void
}

/** Every policy counts the same for an entry. */
const costOf = (key: string, sizeBytes: number) => sizeBytes + 2 * key.length + entryOverheadBytes

export function ours(bytesMax: number, policy: Partial<S3FifoPolicy> = {}): Policy {
  const cache = createS3Fifo<number>({ bytesMax, sizeOf: (size) => size, policy })
  return {
    get: (key) => cache.get(key) !== undefined,
    set: (key, size) => void cache.set(key, size),
  }
}

export function lru(bytesMax: number): Policy {
  const cache = new LRUCache<string, number>({
    maxSize: bytesMax,
    sizeCalculation: (size, key) => costOf(key, size),
  })
  return {
    get: (key) => cache.get(key) !== undefined,
    set: (key, size) => void cache.set(key, size),
  }
}

interface Node {
  key: string
  bytes: number
  hits: number
  previous: Node
  next: Node
}

function createList() {
  const head = { key: '', bytes: 0, hits: 0 } as Node
  head.previous = head.next = head
  return {
    head,
    append(node: Node) {
      node.previous = head.previous
      node.next = head
      head.previous.next = node
      head.previous = node
    },
    remove(node: Node) {
      node.previous.next = node.next
      node.next.previous = node.previous
    },
  }
}

/** SIEVE (Zhang et al., NSDI '24), bounded in bytes: one queue, one bit, a hand that goes from old to new. */
export function sieve(bytesMax: number): Policy {
  const index = new Map<string, Node>()
  const list = createList()
  let hand: Node = list.head
  let bytes = 0
  const evict = () => {
    if (hand === list.head) hand = list.head.next
    while (hand.hits > 0) {
      hand.hits = 0
      hand = hand.next === list.head ? list.head.next : hand.next
    }
    const node = hand
    hand = node.next
    list.remove(node)
    index.delete(node.key)
    bytes -= node.bytes
  }
  return {
    get(key) {
      const node = index.get(key)
      if (node) node.hits = 1
      return node !== undefined
    },
    set(key, size) {
      const cost = costOf(key, size)
      if (cost > bytesMax) return
      const fits = () => bytes + cost <= bytesMax
      while (!fits()) evict()
      const node = { key, bytes: cost, hits: 0 } as Node
      list.append(node)
      index.set(key, node)
      bytes += cost
    },
  }
}

/** S3-FIFO as published, with bytes in the place of objects: small queue of 10 %, hits up to 3, as many ghosts as entries. */
export function publishedS3Fifo(bytesMax: number): Policy {
  const index = new Map<string, Node>()
  const [small, main, ghosts] = [createList(), createList(), createList()]
  const ghostIndex = new Map<string, Node>()
  const inMain = new Set<Node>()
  let [smallBytes, mainBytes] = [0, 0]
  const enterMain = (node: Node) => {
    node.hits = 0
    main.append(node)
    inMain.add(node)
    mainBytes += node.bytes
  }
  const remember = (key: string) => {
    const ghost = { key } as Node
    ghosts.append(ghost)
    ghostIndex.set(key, ghost)
    while (ghostIndex.size > index.size + 1) {
      ghostIndex.delete(ghosts.head.next.key)
      ghosts.remove(ghosts.head.next)
    }
  }
  const evictSmall = () => {
    const node = small.head.next
    small.remove(node)
    smallBytes -= node.bytes
    if (node.hits > 0) enterMain(node)
    else {
      index.delete(node.key)
      remember(node.key)
    }
  }
  const evictMain = () => {
    for (;;) {
      const node = main.head.next
      main.remove(node)
      if (node.hits === 0) {
        mainBytes -= node.bytes
        inMain.delete(node)
        index.delete(node.key)
        return
      }
      node.hits--
      main.append(node)
    }
  }
  return {
    get(key) {
      const node = index.get(key)
      if (node && node.hits < 3) node.hits++
      return node !== undefined
    },
    set(key, size) {
      const cost = costOf(key, size)
      if (cost > bytesMax) return
      const fits = () => smallBytes + mainBytes + cost <= bytesMax
      while (!fits()) {
        if (smallBytes > bytesMax / 10 || inMain.size === 0) evictSmall()
        else evictMain()
      }
      const node = { key, bytes: cost, hits: 0 } as Node
      index.set(key, node)
      const ghost = ghostIndex.get(key)
      if (ghost) {
        ghosts.remove(ghost)
        ghostIndex.delete(key)
        enterMain(node)
      } else {
        small.append(node)
        smallBytes += cost
      }
    },
  }
}
