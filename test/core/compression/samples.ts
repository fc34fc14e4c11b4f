import { Buffer } from 'node:buffer'

/** Bytes that no codec makes smaller; the same for the same seed. */
export function randomBytes(sizeBytes: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let state = seed | 1
  for (let i = 0; i < sizeBytes; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state
  }
  return bytes
}

/** Lines as a log has them. */
export function textBytes(sizeBytes: number): Uint8Array {
  const bytes = Buffer.alloc(sizeBytes)
  let filled = 0
  for (let line = 0; filled < sizeBytes; line++) {
    filled += bytes.write(`2026-11-21T10:${line % 60} GET /files/${line * 7919} 200 ${line % 977}\n`, filled)
  }
  return new Uint8Array(bytes)
}

/** In chunks whose memory is used again, as the ports allow. */
export async function* reusedChunks(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(chunkBytes)
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const part = bytes.subarray(at, at + chunkBytes)
    chunk.set(part)
    yield chunk.subarray(0, part.length)
  }
  chunk.fill(0xff)
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(new Uint8Array(chunk))
  return new Uint8Array(Buffer.concat(parts))
}
