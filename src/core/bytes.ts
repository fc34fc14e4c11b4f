/** Buffers below this share their memory with others, in Node. */
const ownedBytesMin = 128 * 1024

/**
 * Gives the memory of bytes back that nobody will look at again. The collector would come late: it sees only the small object
 * in front of a large buffer.
 */
export function releaseBytes({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= ownedBytesMin) buffer.transfer(0)
}

export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}
