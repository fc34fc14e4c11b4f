/** What could be reached by knowing the future. */
import { entryOverheadBytes } from '../../src/core/cache/s3-fifo.ts'
import { createRandom } from './traces.ts'
import type { Trace } from './traces.ts'

export interface Rates {
  /** Of the requests after the warm-up. */
  readonly requests: number
  /** Of their bytes. */
  readonly bytes: number
}

const costOf = (trace: Trace, object: number) => (trace.sizes[object] as number) + entryOverheadBytes

/**
 * The best choice of files that stay for all of the measured part, known from its own counts: most hits per byte first.
 * The first request of all for a file cannot hit, as no cache could have it then.
 */
export function bestStatic(trace: Trace, bytesMax: number): Rates {
  const { requests, sizes, measuredFrom } = trace
  const seen = new Uint8Array(sizes.length)
  const hits = new Int32Array(sizes.length)
  let bytesAsked = 0
  for (const [at, object] of requests.entries()) {
    if (at >= measuredFrom) {
      bytesAsked += sizes[object] as number
      if (seen[object]) hits[object] = (hits[object] as number) + 1
    }
    seen[object] = 1
  }
  const worth = (object: number) => (hits[object] as number) / costOf(trace, object)
  const chosen = [...hits.keys()].filter((object) => hits[object]).toSorted((a, b) => worth(b) - worth(a))
  let [room, hitCount, bytesHit] = [bytesMax, 0, 0]
  for (const object of chosen) {
    if (costOf(trace, object) > room) continue
    room -= costOf(trace, object)
    hitCount += hits[object] as number
    bytesHit += (hits[object] as number) * (sizes[object] as number)
  }
  return { requests: hitCount / (requests.length - measuredFrom), bytes: bytesHit / bytesAsked }
}

/** Objects in an order that does not matter, any of which can be drawn or removed at once. */
function createBag(objectsMax: number) {
  const members: number[] = []
  const places = new Int32Array(objectsMax).fill(-1)
  return {
    members,
    has: (object: number) => places[object] !== -1,
    add(object: number) {
      places[object] = members.push(object) - 1
    },
    remove(object: number) {
      const place = places[object] as number
      const last = members.pop() as number
      if (last !== object) {
        members[place] = last
        places[last] = place
      }
      places[object] = -1
    },
  }
}

/**
 * Belady with sizes: what goes is the file whose next request times its size is largest, of 64 drawn at random and the one that
 * was fetched. Not an optimum, which is NP-hard with sizes, and which this comes near.
 */
export function beladySize(trace: Trace, bytesMax: number): Rates {
  const { requests, sizes, measuredFrom } = trace
  const nextOf = new Int32Array(requests.length)
  const upcoming = new Int32Array(sizes.length).fill(0x7fffffff)
  for (let at = requests.length - 1; at >= 0; at--) {
    const object = requests[at] as number
    nextOf[at] = upcoming[object] as number
    upcoming[object] = at
  }
  const random = createRandom(1)
  const bag = createBag(sizes.length)
  let room = bytesMax
  let [hitCount, bytesHit, bytesAsked] = [0, 0, 0]
  for (let at = 0; at < requests.length; at++) {
    const object = requests[at] as number
    upcoming[object] = nextOf[at] as number
    const hit = bag.has(object)
    if (at >= measuredFrom) {
      bytesAsked += sizes[object] as number
      if (hit) {
        hitCount++
        bytesHit += sizes[object] as number
      }
    }
    if (hit || upcoming[object] === 0x7fffffff) continue
    bag.add(object)
    room -= costOf(trace, object)
    while (room < 0) {
      const cost = (each: number) => ((upcoming[each] as number) - at) * costOf(trace, each)
      let worst = bag.has(object) ? object : (bag.members[0] as number)
      for (let draw = 0; draw < 64; draw++) {
        const other = bag.members[Math.floor(random() * bag.members.length)] as number
        if (cost(other) > cost(worst)) worst = other
      }
      bag.remove(worst)
      room += costOf(trace, worst)
    }
  }
  return { requests: hitCount / (requests.length - measuredFrom), bytes: bytesHit / bytesAsked }
}
