import type { Background } from '../ports/background.ts'
import type { CacheEntry, CacheTier } from '../ports/cache-tier.ts'
import type { CacheWrite, Doubts } from './doubts.ts'

/**
 * The writes of one tier: for each key one at a time, in the order they were asked for. One that waits is replaced by the
 * next, so what is done last is what was asked for last, and a set that a removal overtakes is followed by the removal (R30).
 */
export interface WriteLanes {
  /** What the writes under way will leave under the key: an entry, or nothing; `undefined` when there are none under way. */
  pending(key: string): PendingWrite | undefined
  /**
   * Resolves when that, or what came in place of it, is done; never rejects. Without an entry, what there is is removed.
   * `isNew`: the tier was found to have nothing under the key. When too much waits, an entry is left out.
   */
  set(key: string, entry: CacheEntry | undefined, options: { isNew: boolean }): Promise<void>
  delete(keys: readonly string[]): Promise<void>
  /** Removes every key with something under way. */
  deletePending(): Promise<void>
  readonly size: number
}

export interface PendingWrite {
  /** Absent for a removal. */
  readonly entry: CacheEntry | undefined
}

interface Write extends PendingWrite {
  readonly done: PromiseWithResolvers<void>
}

interface Lane {
  running: Write | undefined
  waiting: Write | undefined
  driven: boolean
}

export function createWriteLanes(options: {
  tier: CacheTier
  doubts: Doubts
  /** Without it, writes begin at once. */
  background?: Background | undefined
  /** Of entries that wait or are being set. */
  pendingBytesMax: number
  onError: (during: CacheWrite, error: unknown) => void
  onSet: (sizeBytes: number) => void
}): WriteLanes {
  const { tier, doubts, background, pendingBytesMax, onError, onSet } = options
  const lanes = new Map<string, Lane>()
  let pendingBytes = 0

  function createWrite(entry: CacheEntry | undefined): Write {
    pendingBytes += sizeOf(entry)
    return { entry, done: Promise.withResolvers<void>() }
  }

  async function perform(keys: readonly string[], { entry, done }: Write): Promise<void> {
    const during = entry ? 'set' : 'delete'
    const mark = doubts.mark()
    try {
      await (entry ? tier.set(keys[0] as string, entry) : tier.delete(keys))
      for (const key of keys) doubts.settle(key, mark)
      if (entry) onSet(entry.bytes.byteLength)
    } catch (error) {
      for (const key of keys) doubts.add(key, during)
      onError(during, error)
    }
    pendingBytes -= sizeOf(entry)
    done.resolve()
  }

  /** Does what waits until nothing does. */
  async function drive(key: string, lane: Lane): Promise<void> {
    lane.driven = true
    while (lane.waiting) {
      lane.running = lane.waiting
      lane.waiting = undefined
      await perform([key], lane.running)
    }
    lanes.delete(key)
  }

  function put(key: string, entry: CacheEntry | undefined): Promise<void> {
    const write = createWrite(entry)
    const lane = lanes.get(key) ?? { running: undefined, waiting: undefined, driven: false }
    if (lane.waiting) {
      pendingBytes -= sizeOf(lane.waiting.entry)
      lane.waiting.done.resolve(write.done.promise)
    }
    lane.waiting = write
    if (lanes.has(key)) return write.done.promise
    lanes.set(key, lane)
    const begin = async () => {
      if (!lane.driven) await drive(key, lane)
    }
    if (background) background.run(`write to the cache tier ${tier.name}`, begin)
    else void begin()
    return write.done.promise
  }

  /** In one call for all keys with nothing under way. */
  async function deleteIdle(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return
    const write = createWrite(undefined)
    const taken = keys.map((key) => {
      const lane: Lane = { running: write, waiting: undefined, driven: true }
      lanes.set(key, lane)
      return [key, lane] as const
    })
    await perform(keys, write)
    for (const [key, lane] of taken) void drive(key, lane)
  }

  /** At once, also what waits for the background: whoever removes waits for it. */
  async function remove(keys: readonly string[]): Promise<void> {
    const idle = new Set<string>()
    const done = [...new Set(keys)].flatMap((key) => {
      const lane = lanes.get(key)
      if (!lane) {
        idle.add(key)
        return []
      }
      const removed = put(key, undefined)
      if (!lane.driven) void drive(key, lane)
      return removed
    })
    await Promise.all([...done, deleteIdle([...idle])])
  }

  function deleteInBackground(keys: readonly string[]): Promise<void> {
    const removed = remove(keys)
    // So that the runtime stays until it is done, though nobody may be left to wait.
    background?.run(`remove from the cache tier ${tier.name}`, () => removed)
    return removed
  }

  return {
    pending(key) {
      if (lanes.size === 0) return undefined
      const lane = lanes.get(key)
      return lane?.waiting ?? lane?.running
    },
    set(key, entry, { isNew }) {
      const isTooMuch = pendingBytes + sizeOf(entry) > pendingBytesMax
      if (lanes.has(key) || (entry ? !isTooMuch : !isNew)) return put(key, isTooMuch ? undefined : entry)
      // To remove what is there instead would be another call to a tier that is behind already.
      if (isTooMuch && !isNew) doubts.add(key, 'set')
      return Promise.resolve()
    },
    delete: deleteInBackground,
    deletePending: () => deleteInBackground([...lanes.keys()]),
    get size() {
      return lanes.size
    },
  }
}

function sizeOf(entry: CacheEntry | undefined): number {
  return entry ? entry.bytes.byteLength : 0
}
