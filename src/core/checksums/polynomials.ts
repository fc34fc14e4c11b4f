/**
 * The generators of the CRCs, reflected: the coefficient of the highest power but the leading one is bit 0. In halves of 32
 * bits; a 32-bit CRC has only the low one. All three begin and end with all bits inverted.
 */
export interface Polynomial {
  readonly widthBits: 32 | 64
  readonly high: number
  readonly low: number
}

/** ISO 3309, of gzip. */
export const crc32Polynomial: Polynomial = { widthBits: 32, high: 0, low: 0xedb88320 }

/** Castagnoli, RFC 3720 §12.1. */
export const crc32cPolynomial: Polynomial = { widthBits: 32, high: 0, low: 0x82f63b78 }

/** The 64-bit CRC of the NVM Command Set Specification: 0xad93d23594c93659 reflected. */
export const crc64NvmePolynomial: Polynomial = { widthBits: 64, high: 0x9a6c9329, low: 0xac4bc9b5 }
