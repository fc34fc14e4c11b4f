import type { Clock } from './ports/clock.ts'

/**
 * Fresh ids: 48 bits of milliseconds, then 80 random bits, as 26 characters of Crockford base32 in lower
 * case (a ULID, https://github.com/ulid/spec). Ids of one source never go back in time even when the clock does:
 * the start-up sweep relies on it to look at recent blobs only.
 */
export interface IdSource {
  next(): string
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

export function createIdSource(clock: Clock, options: { notBeforeMs?: number } = {}): IdSource {
  let lastMs = options.notBeforeMs ?? 0
  const random = new Uint8Array(16 * 64)
  let used = random.length

  return {
    next() {
      lastMs = Math.max(lastMs, clock.now())
      // Random bytes are drawn in blocks: one call each would cost more than the rest of the id.
      if (used === random.length) {
        crypto.getRandomValues(random)
        used = 0
      }
      let id = idTimePrefix(lastMs)
      for (let end = used + 16; used < end; used++) id += alphabet[(random[used] as number) & 31]
      return id
    },
  }
}

/** The first ten characters of every id made at that time; by itself a lower bound for them. */
export function idTimePrefix(timeMs: number): string {
  let prefix = ''
  for (let rest = Math.floor(timeMs), i = 0; i < 10; i++) {
    prefix = alphabet[rest % 32] + prefix
    rest = Math.floor(rest / 32)
  }
  return prefix
}

/** When an id was made, in milliseconds since 1970. */
export function idTimeMs(id: string): number {
  let timeMs = 0
  for (let i = 0; i < 10; i++) timeMs = timeMs * 32 + alphabet.indexOf(id[i] as string)
  return timeMs
}
