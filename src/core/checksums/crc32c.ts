import type { Checksum } from './checksum.ts'
import { crc32Bytes } from './crc-bytes.ts'
import { crc32cPolynomial } from './polynomials.ts'

/** Bytes for each turn of the loop, and tables of 1 KiB: half of a usual first-level cache. */
const sliceBytes = 16

/** Built at first use. */
let sliceTables: Int32Array | undefined

/**
 * CRC-32C (RFC 3720 §12.1), sliced by 16. Measured on one x64 core, chunks of 64 KiB: 1.5 to 1.8 GB/s, sliced by 8 1.2
 * GB/s. To read single bytes is as slow as that, and an Int32Array is hardly faster and needs aligned chunks.
 */
export function createCrc32c(): Checksum {
  const tables = (sliceTables ??= buildTables())
  let crc = -1
  return {
    name: 'CRC32C',
    update(bytes) {
      crc = updateCrc(crc, bytes, tables)
    },
    digest: () => crc32Bytes(~crc),
  }
}

/** Table k, at 256 · k, has the CRC of each byte followed by k zero bytes. */
function buildTables(): Int32Array {
  const tables = new Int32Array(256 * sliceBytes)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? crc32cPolynomial.low : 0)
    tables[byte] = crc
  }
  for (let i = 256; i < tables.length; i++) {
    const crc = tables[i - 256]!
    tables[i] = (crc >>> 8) ^ tables[crc & 255]!
  }
  return tables
}

function updateCrc(start: number, bytes: Uint8Array, tables: Int32Array): number {
  const t = tables
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const slicesEnd = bytes.length - (bytes.length % sliceBytes)
  let crc = start
  let i = 0
  for (; i < slicesEnd; i += sliceBytes) {
    const a = crc ^ view.getInt32(i, true)
    const b = view.getInt32(i + 4, true)
    const c = view.getInt32(i + 8, true)
    const d = view.getInt32(i + 12, true)
    crc =
      t[3840 + (a & 255)]! ^
      t[3584 + ((a >>> 8) & 255)]! ^
      t[3328 + ((a >>> 16) & 255)]! ^
      t[3072 + (a >>> 24)]! ^
      t[2816 + (b & 255)]! ^
      t[2560 + ((b >>> 8) & 255)]! ^
      t[2304 + ((b >>> 16) & 255)]! ^
      t[2048 + (b >>> 24)]! ^
      t[1792 + (c & 255)]! ^
      t[1536 + ((c >>> 8) & 255)]! ^
      t[1280 + ((c >>> 16) & 255)]! ^
      t[1024 + (c >>> 24)]! ^
      t[768 + (d & 255)]! ^
      t[512 + ((d >>> 8) & 255)]! ^
      t[256 + ((d >>> 16) & 255)]! ^
      t[d >>> 24]!
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 255]!
  return crc
}
