import { Buffer } from 'node:buffer'
import { createHmac, hash, timingSafeEqual } from 'node:crypto'

/** One call makes it in 0.9 µs, where an object to update takes 1.2 µs; Node 26 and workerd both have it. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex')
}

export function hmac(key: string | Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

const blockBytes = 64
/** As the texts that are signed with each request: longer ones are rare. */
const shortTextChars = 512
const inner = Buffer.alloc(blockBytes + 3 * shortTextChars)
const outer = Buffer.alloc(blockBytes + 32)

/**
 * In hexadecimal digits. Of a short text by two hashes in one call each (RFC 2104 §2), which takes 1.5 µs, where an HMAC object
 * takes 3.5 µs.
 */
export function hmacHex(key: Uint8Array, text: string): string {
  if (key.length > blockBytes || text.length > shortTextChars) {
    return createHmac('sha256', key).update(text).digest('hex')
  }
  for (let at = 0; at < blockBytes; at++) {
    const byte = at < key.length ? key[at]! : 0
    inner[at] = byte ^ 0x36
    outer[at] = byte ^ 0x5c
  }
  const end = blockBytes + inner.write(text, blockBytes)
  outer.write(hash('sha256', inner.subarray(0, end), 'hex'), blockBytes, 'hex')
  return hash('sha256', outer, 'hex')
}

/** Whether the text has this HMAC in 64 hexadecimal digits, in a time that does not tell where they differ. */
export function hasHmac(hex: string, key: Uint8Array, text: string): boolean {
  const signature = Buffer.from(hex, 'hex')
  if (signature.length !== 32 || hex.length !== 64) return false
  return timingSafeEqual(signature, Buffer.from(hmacHex(key, text), 'hex'))
}
