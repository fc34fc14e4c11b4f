import { createHash, type Hash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import type { HashAlgorithm } from '../../core/ports/hasher.ts'
import { emptied, openRing, slotAt } from './ring.ts'

/** In the order in which they were sent. */
export type HashCommand =
  | { readonly begin: number; readonly algorithm: HashAlgorithm }
  /** So many bytes of the next slot belong to this hash. */
  | { readonly update: number; readonly length: number }
  | { readonly digest: number }
  | { readonly abandon: number }

export interface HashAnswer {
  readonly id: number
  readonly digest: Uint8Array<ArrayBuffer>
}

if (parentPort) {
  const port = parentPort
  const ring = openRing(workerData as SharedArrayBuffer)
  const hashes = new Map<number, Hash>()
  port.on('message', (command: HashCommand) => {
    if ('begin' in command) {
      hashes.set(command.begin, createHash(command.algorithm))
    } else if ('update' in command) {
      const slot = slotAt(ring, Atomics.load(ring.counters, emptied))
      hashes.get(command.update)?.update(slot.subarray(0, command.length))
      Atomics.add(ring.counters, emptied, 1)
      Atomics.notify(ring.counters, emptied)
    } else if ('digest' in command) {
      const digest = new Uint8Array((hashes.get(command.digest) as Hash).digest())
      hashes.delete(command.digest)
      port.postMessage({ id: command.digest, digest } satisfies HashAnswer)
    } else {
      hashes.delete(command.abandon)
    }
  })
}
