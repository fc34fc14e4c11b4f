import { createHash } from 'node:crypto'

/** Bytes that do not compress and are the same each time. */
export function generateBytes(sizeBytes: number): Buffer {
  const block = Buffer.concat(
    Array.from({ length: 2048 }, (_, i) => createHash('sha256').update(String(i)).digest()),
  )
  // 61 is prime to the block: no two blocks of the result are alike at one offset.
  const bytes = Buffer.alloc(sizeBytes)
  for (let at = 0, turn = 0; at < sizeBytes; at += block.length - 61, turn++) {
    block.copy(bytes, at, 0)
    bytes[at] = turn & 255
  }
  return bytes
}
