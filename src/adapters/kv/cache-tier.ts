import { deleteEach } from '../../core/cache/delete-each.ts'
import { headOf, parseList, readHead } from '../../core/cache/entry-head.ts'
import type { CacheEntry, CacheTier } from '../../core/ports/cache-tier.ts'
import type { Clock } from '../../core/ports/clock.ts'

/** https://developers.cloudflare.com/kv/api/ — what is used of it. */
export interface KvNamespaceLike {
  get(key: string, options: { type: 'arrayBuffer'; cacheTtl?: number }): Promise<ArrayBuffer | null>
  put(key: string, value: Uint8Array, options: { expirationTtl: number }): Promise<void>
  delete(key: string): Promise<void>
}

export interface KvCacheTierOptions {
  readonly namespace: KvNamespaceLike
  /** A keyed hash, with `prefix` at most 512 bytes long: whoever knows a key cannot name its entry. */
  readonly hashKey: (key: string) => string
  readonly clock: Pick<Clock, 'now'>
  /** Of one value, which is held in memory whole. Default, and at most: what KV takes, less 64 KiB for what belongs to it. */
  readonly valueBytesMax?: number
  /** Nothing removes from KV what nobody asks for any more: this does. Default 30 days; at least 60 seconds. */
  readonly keepSecondsMax?: number
  /**
   * How long a data centre may answer by what it read last, absence included: a longer time is faster for what never
   * changes, and hides for as long that another one has stored it. KV's own default is 60.
   */
  readonly cacheTtlSeconds?: number
  /** What keys begin with, so that a namespace may hold other things too. Default `entries/`. */
  readonly prefix?: string
}

/** https://developers.cloudflare.com/kv/platform/limits/ */
const kvValueBytesMax = 25 * 1024 ** 2
const kvTtlSecondsMin = 60
/** Kept free in every value: real metadata has some hundred bytes. */
const headBytesReserved = 64 * 1024
/** An invocation has six connections at once: more would wait anyway. */
const deletesAtOnce = 6

/**
 * Entries in Workers KV, which every data centre reads. What is read may be older than the last `set` or `delete` by
 * `cacheTtlSeconds` (60 when left out) and the time that KV takes to tell everybody, which Cloudflare does not bound. A key
 * takes one write per second; what KV refuses for that rejects.
 *
 * KV's own metadata would take 1,024 bytes, so that everything goes into the value: one layout for all entries.
 *
 * Throws a `RangeError` for a `keepSecondsMax` below 60.
 */
export function createKvCacheTier(options: KvCacheTierOptions): CacheTier {
  const { namespace, hashKey, clock, keepSecondsMax = 30 * 86_400, prefix = 'entries/' } = options
  if (!(keepSecondsMax >= kvTtlSecondsMin)) {
    throw new RangeError(`KV keeps for ${kvTtlSecondsMin} seconds at least, not for ${keepSecondsMax}`)
  }
  const valueBytesMax = Math.min(options.valueBytesMax ?? Infinity, kvValueBytesMax - headBytesReserved)
  const read = {
    type: 'arrayBuffer',
    ...(options.cacheTtlSeconds === undefined ? {} : { cacheTtl: options.cacheTtlSeconds }),
  } as const
  const nameOf = (key: string) => prefix + hashKey(key)

  return {
    name: 'kv',
    capabilities: { valueBytesMax, ttlSecondsMin: kvTtlSecondsMin, shared: true, persistent: true },

    async get(key) {
      const value = await namespace.get(nameOf(key), read)
      const entry = value ? readValue(new Uint8Array(value)) : undefined
      return entry && entry.expiresAtMs > clock.now() ? entry : undefined
    },

    async set(key, entry) {
      const name = nameOf(key)
      const lifeSeconds = Math.floor((entry.expiresAtMs - clock.now()) / 1000)
      const stays = lifeSeconds >= kvTtlSecondsMin && entry.bytes.byteLength <= valueBytesMax
      const value = stays ? writeValue(entry) : undefined
      if (!value || value.byteLength > kvValueBytesMax) await namespace.delete(name)
      else
        await namespace.put(name, value, { expirationTtl: Math.min(lifeSeconds, Math.floor(keepSecondsMax)) })
    },

    async delete(keys) {
      const names = [...new Set(keys)].map(nameOf)
      await deleteEach(names, { atOnce: deletesAtOnce, remove: (name) => namespace.delete(name) })
    },
  }
}

/** `cut` and the version, as the little-endian number that the first four bytes make. */
const magic = 0x01_74_75_63
const headStart = 8

/** Magic and length of the head, four bytes each, little-endian; the head; the bytes. */
function writeValue(entry: CacheEntry): Uint8Array {
  const head = new TextEncoder().encode(JSON.stringify(headOf(entry)))
  const value = new Uint8Array(headStart + head.length + entry.bytes.byteLength)
  const view = new DataView(value.buffer)
  view.setUint32(0, magic, true)
  view.setUint32(4, head.length, true)
  value.set(head, headStart)
  value.set(entry.bytes, headStart + head.length)
  return value
}

/** `undefined` for what this version did not write, or not to its end. */
function readValue(value: Uint8Array): CacheEntry | undefined {
  if (value.length < headStart) return undefined
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  if (view.getUint32(0, true) !== magic) return undefined
  const headEnd = headStart + view.getUint32(4, true)
  if (headEnd > value.length) return undefined
  const head = readHead(parseList(new TextDecoder().decode(value.subarray(headStart, headEnd))))
  const bytes = value.subarray(headEnd)
  return head?.sizeBytes === bytes.length ? { bytes, ...head.fields } : undefined
}
