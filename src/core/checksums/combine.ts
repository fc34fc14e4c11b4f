import { checksumSizeBytes } from './checksum.ts'
import { crc32Bytes, crc64Bytes } from './crc-bytes.ts'
import { crc32cPolynomial, crc32Polynomial, crc64NvmePolynomial, type Polynomial } from './polynomials.ts'

export type CrcName = 'CRC32' | 'CRC32C' | 'CRC64NVME'

export interface ChecksumPart {
  readonly digest: Uint8Array
  readonly sizeBytes: number
}

/** A polynomial over GF(2) below the generator, reflected as it is. */
interface Element {
  readonly high: number
  readonly low: number
}

interface Field {
  readonly polynomial: Polynomial
  /** x to the power of 8 · 2ᵏ: appends 2ᵏ bytes. As many as a size has needed. */
  readonly powers: Element[]
}

const zero: Element = { high: 0, low: 0 }

// x⁸; x⁰ is the highest bit.
const fields: Readonly<Record<CrcName, Field>> = {
  CRC32: { polynomial: crc32Polynomial, powers: [{ high: 0, low: 1 << 23 }] },
  CRC32C: { polynomial: crc32cPolynomial, powers: [{ high: 0, low: 1 << 23 }] },
  CRC64NVME: { polynomial: crc64NvmePolynomial, powers: [{ high: 1 << 23, low: 0 }] },
}

/**
 * The CRC of the parts' concatenation, from the CRCs of the parts: S3's checksum of a whole multipart object (FULL_OBJECT).
 * Appending n bytes multiplies what came before by x⁸ⁿ modulo the generator; the inversions of the parts cancel out, as in
 * zlib's crc32_combine. Measured: 10,000 parts of 10,000 sizes around 5 GB take 25 to 45 ms, of one size 3 ms.
 */
export function combineChecksums(name: CrcName, parts: readonly ChecksumPart[]): Uint8Array {
  const field = fields[name]
  let crc = zero
  let shift = zero
  let shiftBytes: number | undefined
  for (const { digest, sizeBytes } of parts) {
    // Parts have one size, as a rule, but for the last.
    if (sizeBytes !== shiftBytes) {
      shift = shiftOf(sizeBytes, field)
      shiftBytes = sizeBytes
    }
    const shifted = multiply(crc, shift, field.polynomial)
    const part = elementOf(name, digest)
    crc = { high: shifted.high ^ part.high, low: shifted.low ^ part.low }
  }
  return name === 'CRC64NVME' ? crc64Bytes(crc.high, crc.low) : crc32Bytes(crc.low)
}

function elementOf(name: CrcName, digest: Uint8Array): Element {
  if (digest.length !== checksumSizeBytes[name]) {
    throw new RangeError(`${name} has ${checksumSizeBytes[name]} bytes, not ${digest.length}`)
  }
  const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength)
  return name === 'CRC64NVME'
    ? { high: view.getInt32(0), low: view.getInt32(4) }
    : { high: 0, low: view.getInt32(0) }
}

/** x to the power of 8 · `sizeBytes`. */
function shiftOf(sizeBytes: number, { polynomial, powers }: Field): Element {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new RangeError(`no size: ${sizeBytes}`)
  // x⁰
  let shift: Element = polynomial.widthBits === 64 ? { high: 1 << 31, low: 0 } : { high: 0, low: 1 << 31 }
  // A size may have more than 32 bits.
  for (let rest = sizeBytes, k = 0; rest > 0; rest = Math.floor(rest / 2), k++) {
    if (k === powers.length) powers.push(multiply(powers[k - 1]!, powers[k - 1]!, polynomial))
    if (rest % 2 === 1) shift = multiply(shift, powers[k]!, polynomial)
  }
  return shift
}

/**
 * a · b modulo the generator: b times each power of x in turn, added up where a has that power. Masks and no branches, which
 * could not be predicted: three times as fast.
 */
function multiply(a: Element, b: Element, polynomial: Polynomial): Element {
  const generatorHigh = polynomial.high | 0
  const generatorLow = polynomial.low | 0
  let { high, low } = b
  let productHigh = 0
  let productLow = 0
  for (let power = 64 - polynomial.widthBits; power < 64; power++) {
    const word = power < 32 ? a.high : a.low
    // All bits, or none.
    const chosen = (word << power) >> 31
    productHigh ^= high & chosen
    productLow ^= low & chosen
    const carry = -(low & 1)
    low = ((low >>> 1) | (high << 31)) ^ (generatorLow & carry)
    high = (high >>> 1) ^ (generatorHigh & carry)
  }
  return { high: productHigh, low: productLow }
}
