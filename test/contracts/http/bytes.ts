import { createHash } from 'node:crypto'

/** Bytes without a period that a chunk size could hide behind. */
export function patternBytes(sizeBytes: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let state = seed >>> 0 || 1
  for (let i = 0; i < sizeBytes; i++) {
    // xorshift32, https://www.jstatsoft.org/article/view/v008i14
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state
  }
  return bytes
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
