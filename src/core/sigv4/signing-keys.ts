import { LRUCache } from 'lru-cache'
import type { AccessKey, Credential } from './credential.ts'
import { formatCredential } from './credential.ts'
import { hmac } from './hmac.ts'

/** The key that signs for one day, region and service; derived once and kept. */
export type SigningKeys = (credential: Credential, secret: string) => Uint8Array

/** A day's keys of so many access keys, in about half a megabyte. To derive one takes four HMACs, 10 µs. */
const keysMax = 1_000

export function createSigningKeys(): SigningKeys {
  const derived = new LRUCache<string, { secret: string; key: Uint8Array }>({ max: keysMax })
  return (credential, secret) => {
    const id = formatCredential(credential)
    const known = derived.get(id)
    // The secret is compared and not part of the name: a changed one replaces the key of the old.
    if (known?.secret === secret) return known.key
    const key = deriveSigningKey(credential, secret)
    derived.set(id, { secret, key })
    return key
  }
}

export function deriveSigningKey(
  { date, region, api }: Omit<Credential, 'accessKeyId'>,
  secret: AccessKey['secret'],
): Uint8Array {
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), api), 'aws4_request')
}
