import { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'

/**
 * Secrets that must be read again (an access key's, to verify SigV4) are encrypted with AES-256-GCM under a key
 * derived from the master key, and bound to their owner's id: a row copied to another id does not open.
 * Layout: version (1 byte, 1), nonce (12), tag (16), ciphertext.
 */
export interface SecretBox {
  seal(secret: string, id: string): Uint8Array
  /** Throws when the box was sealed with another master key or for another id. */
  open(box: Uint8Array, id: string): string
}

const version = 1

/** Opened boxes that are kept: a key in use is needed with every request, and to open one takes 8 µs. */
const openedMax = 1000

export function createSecretBox(masterKey: Uint8Array): SecretBox {
  const key = new Uint8Array(hkdfSync('sha256', masterKey, '', 'cutty access key secrets v1', 32))
  const opened = new LRUCache<string, { box: Uint8Array; secret: string }>({ max: openedMax })

  const decrypt = (box: Uint8Array, id: string): string => {
    if (box[0] !== version) throw new Error(`secret box has version ${box[0]}, expected ${version}`)
    const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(1, 13))
    decipher.setAAD(new TextEncoder().encode(id))
    decipher.setAuthTag(box.subarray(13, 29))
    return decipher.update(box.subarray(29), undefined, 'utf8') + decipher.final('utf8')
  }

  return {
    seal(secret, id) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      cipher.setAAD(new TextEncoder().encode(id))
      const sealed = [cipher.update(secret, 'utf8'), cipher.final()]
      return new Uint8Array([
        version,
        ...nonce,
        ...cipher.getAuthTag(),
        ...sealed.flatMap((part) => [...part]),
      ])
    },
    open(box, id) {
      const known = opened.get(id)
      // The very box that was opened, by its bytes: another one under the same id is another secret.
      if (known && Buffer.compare(known.box, box) === 0) return known.secret
      const secret = decrypt(box, id)
      opened.set(id, { box, secret })
      return secret
    },
  }
}
