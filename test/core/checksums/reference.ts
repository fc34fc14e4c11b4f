import { createChecksum, type ChecksumName } from '../../../src/core/checksums/checksum.ts'

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export function checksumOf(name: ChecksumName, bytes: Uint8Array): Uint8Array {
  const checksum = createChecksum(name)
  checksum.update(bytes)
  return checksum.digest()
}

/** From definitions alone, slow and plain: CRCs bit by bit in whole numbers, not reflected; SHA as FIPS 180-4 tells it. */
export function referenceDigest(name: ChecksumName, bytes: Uint8Array): Uint8Array {
  switch (name) {
    case 'CRC32':
      return crc(bytes, 32, 0x04c11db7n)
    case 'CRC32C':
      return crc(bytes, 32, 0x1edc6f41n)
    case 'CRC64NVME':
      return crc(bytes, 64, 0xad93d23594c93659n)
    case 'SHA1':
      return sha1(bytes)
    case 'SHA256':
      return sha256(bytes)
  }
}

/** The remainder of the message, its bits from each byte's lowest on, by the polynomial as the standards print it. */
function crc(bytes: Uint8Array, widthBits: number, polynomial: bigint): Uint8Array {
  const mask = (1n << BigInt(widthBits)) - 1n
  const top = 1n << BigInt(widthBits - 1)
  let remainder = mask
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const incoming = ((byte >> bit) & 1) === 1
      const outgoing = (remainder & top) !== 0n
      remainder = (remainder << 1n) & mask
      if (incoming !== outgoing) remainder ^= polynomial
    }
  }
  const bits = (remainder ^ mask).toString(2).padStart(widthBits, '0')
  const reflected = BigInt(`0b${Array.from(bits).toReversed().join('')}`)
  return Uint8Array.from(Buffer.from(reflected.toString(16).padStart(widthBits / 4, '0'), 'hex'))
}

const rotateLeft = (word: number, bits: number) => (word << bits) | (word >>> (32 - bits))

/** Blocks of 64 bytes, as sixteen words each. */
function blocks(bytes: Uint8Array): number[][] {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64)
  padded.set(bytes)
  padded[bytes.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 4, bytes.length * 8)
  return Array.from({ length: padded.length / 64 }, (_, block) =>
    Array.from({ length: 16 }, (_, word) => view.getInt32(block * 64 + word * 4)),
  )
}

function wordBytes(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4)
  const view = new DataView(bytes.buffer)
  words.forEach((word, i) => view.setInt32(i * 4, word))
  return bytes
}

function sha1(bytes: Uint8Array): Uint8Array {
  let state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]
  for (const w of blocks(bytes)) {
    for (let t = 16; t < 80; t++) w.push(rotateLeft(w[t - 3]! ^ w[t - 8]! ^ w[t - 14]! ^ w[t - 16]!, 1))
    let [a, b, c, d, e] = state as [number, number, number, number, number]
    for (let t = 0; t < 80; t++) {
      const k = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6][Math.floor(t / 20)]!
      const f = t < 20 ? (b & c) | (~b & d) : t >= 40 && t < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d
      ;[a, b, c, d, e] = [(rotateLeft(a, 5) + f + e + k + w[t]!) | 0, a, rotateLeft(b, 30), c, d]
    }
    state = [a, b, c, d, e].map((word, i) => (word + state[i]!) | 0)
  }
  return wordBytes(state)
}

/** The first 32 bits of the fraction of a root, of the first primes: the constants of SHA-256. */
function rootFractions(count: number, root: (n: number) => number): number[] {
  const fractions: number[] = []
  for (let n = 2; fractions.length < count; n++) {
    if (Array.from({ length: n - 2 }, (_, i) => i + 2).every((divisor) => n % divisor !== 0)) {
      fractions.push(Math.floor((root(n) % 1) * 2 ** 32) | 0)
    }
  }
  return fractions
}

const sha256Constants = rootFractions(64, Math.cbrt)
const sha256Start = rootFractions(8, Math.sqrt)

function sha256(bytes: Uint8Array): Uint8Array {
  let state = sha256Start
  const rotate = (word: number, bits: number) => rotateLeft(word, 32 - bits)
  for (const w of blocks(bytes)) {
    for (let t = 16; t < 64; t++) {
      const x = w[t - 15]!
      const y = w[t - 2]!
      const small0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3)
      const small1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10)
      w.push((w[t - 16]! + small0 + w[t - 7]! + small1) | 0)
    }
    let words = state
    for (let t = 0; t < 64; t++) {
      const [a, b, c, d, e, f, g, h] = words as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ]
      const large1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      const one = h + large1 + ((e & f) ^ (~e & g)) + sha256Constants[t]! + w[t]!
      const large0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      const two = large0 + ((a & b) ^ (a & c) ^ (b & c))
      words = [(one + two) | 0, a, b, c, (d + one) | 0, e, f, g]
    }
    state = words.map((word, i) => (word + state[i]!) | 0)
  }
  return wordBytes(state)
}
