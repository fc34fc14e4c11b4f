/** A 32-bit CRC as S3 encodes it: in big-endian order. */
export function crc32Bytes(crc: number): Uint8Array {
  return Uint8Array.of(crc >>> 24, crc >>> 16, crc >>> 8, crc)
}

/** A 64-bit CRC, in halves of 32 bits, in big-endian order. */
export function crc64Bytes(high: number, low: number): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, high)
  view.setInt32(4, low)
  return bytes
}
