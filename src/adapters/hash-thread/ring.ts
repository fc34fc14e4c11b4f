/**
 * Memory that both threads see: slots that are filled and emptied in turn. One thread fills, the other empties, so two counters
 * are all that there is to agree on.
 */
export interface Ring {
  /** Slots that were filled, and emptied, since the beginning; they wrap around. */
  readonly counters: Int32Array
  readonly bytes: Uint8Array
}

/** What a socket gives at a time. */
export const slotBytes = 65_536
/** 4 MiB: some milliseconds of work for the other thread. */
export const slotCount = 64

export const filled = 0
export const emptied = 1

export function openRing(memory: SharedArrayBuffer): Ring {
  return { counters: new Int32Array(memory, 0, 2), bytes: new Uint8Array(memory, 8) }
}

export function createRingMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(8 + slotCount * slotBytes)
}

/** The memory of the slot that a counter stands at. */
export function slotAt({ bytes }: Ring, counter: number): Uint8Array {
  const start = (counter & (slotCount - 1)) * slotBytes
  return bytes.subarray(start, start + slotBytes)
}
