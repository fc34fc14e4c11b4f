import { Worker } from 'node:worker_threads'
import type { Hasher } from '../../core/ports/hasher.ts'
import {
  createRingMemory,
  emptied,
  filled,
  openRing,
  type Ring,
  slotAt,
  slotBytes,
  slotCount,
} from './ring.ts'
import type { HashAnswer, HashCommand } from './worker.ts'

/** Woken by the other thread; the time is only against one that is gone. */
const wakeMs = 1000

interface Thread {
  readonly ring: Ring
  readonly waiting: Map<
    number,
    { resolve: (digest: HashAnswer['digest']) => void; reject: (error: Error) => void }
  >
  readonly send: (command: HashCommand) => void
  failure: Error | undefined
  end(): Promise<void>
}

/**
 * A thread that hashes, begun with the first hash, and again after one that failed. All hashes share a ring of 4 MiB: however many
 * uploads there are, no more than that waits to be hashed, and whoever is faster waits.
 */
export function createThreadHasher(): Hasher & { close(): Promise<void> } {
  let thread: Thread | undefined
  let count = 0

  return {
    begin(algorithm) {
      if (!thread || thread.failure) thread = startThread()
      const own = thread
      const id = count++
      own.send({ begin: id, algorithm })

      async function updateSlowly(bytes: Uint8Array): Promise<void> {
        for (let start = 0; start < bytes.length; start += slotBytes) {
          while (isFull(own.ring)) await emptiedBy(own)
          fillSlot(own, id, bytes.subarray(start, start + slotBytes))
        }
      }

      return {
        update(bytes) {
          if (own.failure) throw own.failure
          if (bytes.length > slotBytes || isFull(own.ring)) return updateSlowly(bytes)
          if (bytes.length > 0) fillSlot(own, id, bytes)
        },
        digest: () =>
          new Promise((resolve, reject) => {
            if (own.failure) return reject(own.failure)
            own.waiting.set(id, { resolve, reject })
            own.send({ digest: id })
          }),
        abandon: () => own.send({ abandon: id }),
      }
    },
    async close() {
      await thread?.end()
    },
  }
}

function startThread(): Thread {
  const memory = createRingMemory()
  const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js'
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: memory,
    // It makes nothing but small messages, which otherwise would be collected every 16 MB only.
    resourceLimits: { maxYoungGenerationSizeMb: 1 },
  })
  // An upload under way keeps the process alive by itself.
  worker.unref()
  const thread: Thread = {
    ring: openRing(memory),
    waiting: new Map(),
    send: (command) => worker.postMessage(command),
    failure: undefined,
    async end() {
      await worker.terminate()
    },
  }
  const fail = (error: Error) => {
    thread.failure ??= error
    for (const { reject } of thread.waiting.values()) reject(thread.failure)
    thread.waiting.clear()
  }
  worker.on('message', ({ id, digest }: HashAnswer) => {
    thread.waiting.get(id)?.resolve(digest)
    thread.waiting.delete(id)
  })
  worker.on('error', (cause) => fail(new Error('The thread that hashes failed', { cause })))
  worker.on('exit', () => fail(new Error('The thread that hashes has ended')))
  return thread
}

function isFull({ counters }: Ring): boolean {
  // Differences are right also when a counter has wrapped around.
  return ((Atomics.load(counters, filled) - Atomics.load(counters, emptied)) | 0) >= slotCount
}

function fillSlot({ ring, send }: Thread, id: number, bytes: Uint8Array): void {
  slotAt(ring, Atomics.load(ring.counters, filled)).set(bytes)
  Atomics.add(ring.counters, filled, 1)
  send({ update: id, length: bytes.length })
}

/** Resolves when a slot was emptied, or soon. Throws when none will ever be. */
async function emptiedBy(thread: Thread): Promise<void> {
  if (thread.failure) throw thread.failure
  const { counters } = thread.ring
  const before = Atomics.load(counters, emptied)
  if (!isFull(thread.ring)) return
  await Atomics.waitAsync(counters, emptied, before, wakeMs).value
}
