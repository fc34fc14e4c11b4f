import type { Checksum } from './checksum.ts'
import { crc64Bytes } from './crc-bytes.ts'
import { crc64NvmePolynomial } from './polynomials.ts'

/** Bytes for each turn of the loop, and tables of 2 KiB: half of a usual first-level cache. */
const sliceBytes = 8

interface Halves {
  readonly high: Int32Array
  readonly low: Int32Array
}

/** Built at first use. */
let sliceTables: Halves | undefined

/**
 * CRC-64/NVME in halves of 32 bits, sliced by 8. Measured on one x64 core, chunks of 64 KiB: 0.8 to 1.1 GB/s. Sliced by 16 it gains
 * a tenth, and takes the whole first-level cache from others.
 */
export function createCrc64Nvme(): Checksum {
  const tables = (sliceTables ??= buildTables())
  // High half, low half.
  const crc = Int32Array.of(-1, -1)
  return {
    name: 'CRC64NVME',
    update(bytes) {
      updateCrc(crc, bytes, tables)
    },
    digest: () => crc64Bytes(~crc[0]!, ~crc[1]!),
  }
}

/** Table k, at 256 · k, has the CRC of each byte followed by k zero bytes. */
function buildTables(): Halves {
  const highs = new Int32Array(256 * sliceBytes)
  const lows = new Int32Array(256 * sliceBytes)
  for (let byte = 0; byte < 256; byte++) {
    let high = 0
    let low = byte
    for (let bit = 0; bit < 8; bit++) {
      const odd = low & 1
      low = (low >>> 1) | (high << 31)
      high >>>= 1
      if (!odd) continue
      low ^= crc64NvmePolynomial.low
      high ^= crc64NvmePolynomial.high
    }
    highs[byte] = high
    lows[byte] = low
  }
  for (let i = 256; i < lows.length; i++) {
    const high = highs[i - 256]!
    const low = lows[i - 256]!
    highs[i] = (high >>> 8) ^ highs[low & 255]!
    lows[i] = ((low >>> 8) | (high << 24)) ^ lows[low & 255]!
  }
  return { high: highs, low: lows }
}

function updateCrc(crc: Int32Array, bytes: Uint8Array, tables: Halves): void {
  const { high: h, low: l } = tables
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const slicesEnd = bytes.length - (bytes.length % sliceBytes)
  let high = crc[0]!
  let low = crc[1]!
  let i = 0
  for (; i < slicesEnd; i += sliceBytes) {
    const a = low ^ view.getInt32(i, true)
    const b = high ^ view.getInt32(i + 4, true)
    const k7 = 1792 + (a & 255)
    const k6 = 1536 + ((a >>> 8) & 255)
    const k5 = 1280 + ((a >>> 16) & 255)
    const k4 = 1024 + (a >>> 24)
    const k3 = 768 + (b & 255)
    const k2 = 512 + ((b >>> 8) & 255)
    const k1 = 256 + ((b >>> 16) & 255)
    const k0 = b >>> 24
    low = l[k7]! ^ l[k6]! ^ l[k5]! ^ l[k4]! ^ l[k3]! ^ l[k2]! ^ l[k1]! ^ l[k0]!
    high = h[k7]! ^ h[k6]! ^ h[k5]! ^ h[k4]! ^ h[k3]! ^ h[k2]! ^ h[k1]! ^ h[k0]!
  }
  for (; i < bytes.length; i++) {
    const k = (low ^ bytes[i]!) & 255
    low = ((low >>> 8) | (high << 24)) ^ l[k]!
    high = (high >>> 8) ^ h[k]!
  }
  crc[0] = high
  crc[1] = low
}
