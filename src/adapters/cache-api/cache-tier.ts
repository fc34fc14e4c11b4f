import { deleteEach } from '../../core/cache/delete-each.ts'
import { headOf, parseList, readHead } from '../../core/cache/entry-head.ts'
import type { CacheEntry, CacheTier } from '../../core/ports/cache-tier.ts'
import type { Clock } from '../../core/ports/clock.ts'

/** https://developers.cloudflare.com/workers/runtime-apis/cache/ — what is used of it: `caches.default`, `caches.open(…)`. */
export interface EdgeCacheLike {
  match(url: string): Promise<EdgeResponseLike | undefined>
  /** Takes a `Response`. Resolves also where nothing is kept: see {@link probeTier}. */
  put(url: string, response: unknown): Promise<void>
  delete(url: string): Promise<boolean>
}

export interface EdgeResponseLike {
  readonly headers: { get(name: string): string | null }
  readonly body: { cancel(): Promise<void> } | null
  arrayBuffer(): Promise<ArrayBuffer>
}

export interface EdgeCacheTierOptions {
  readonly cache: EdgeCacheLike
  /** A keyed hash in characters of a URL's path, such as base64url: whoever knows a key cannot name its entry. */
  readonly hashKey: (key: string) => string
  readonly clock: Pick<Clock, 'now'>
  /**
   * Of one value. Default 8 MiB: it is read into memory whole, of which an isolate has 128 MB for all its requests. The
   * cache itself would take 512 MB.
   */
  readonly valueBytesMax?: number
  /**
   * What keys begin with, with the slash. The default is no host at all (RFC 2606 §2), so that no request can ever meet an
   * entry. Cloudflare advises a host of the Worker's own zone: then take a path that the Worker itself answers.
   */
  readonly baseUrl?: string
}

const headName = 'cutty-entry'
/** Cloudflare bounds all headers of a response together; real metadata has some hundred characters. */
const headCharsMax = 16 * 1024
/** The most that HTTP caches are told: longer lives are cut, which costs one miss. */
const lifeSecondsMax = 365 * 86_400
/** An invocation has six connections at once: more would wait anyway. */
const deletesAtOnce = 6

/**
 * Entries in Cloudflare's cache, of the data centre that the Worker runs in. All isolates there share it; no other data
 * centre sees an entry, and none but this one sees its `delete`. So what is read may be older than the last `set` or
 * `delete` elsewhere by all of the entry's life: only for what never changes, or may be stale that long.
 *
 * The cache forgets by its own clock and when it likes; what it still gives is expired by ours.
 */
export function createEdgeCacheTier(options: EdgeCacheTierOptions): CacheTier {
  const { cache, hashKey, clock, valueBytesMax = 8 * 1024 ** 2 } = options
  const { baseUrl = 'https://cache.cutty.invalid/' } = options
  const urlOf = (key: string) => baseUrl + hashKey(key)

  return {
    name: 'edge',
    // Max-age is in whole seconds, and one of 0 is not stored.
    capabilities: { valueBytesMax, ttlSecondsMin: 1, shared: true, persistent: true },

    async get(key) {
      const response = await cache.match(urlOf(key))
      if (!response) return undefined
      const head = readHeader(response.headers.get(headName))
      if (!head || head.sizeBytes > valueBytesMax || !(head.fields.expiresAtMs > clock.now())) {
        // Bodies that nobody reads hold one of the six connections.
        await response.body?.cancel().catch(() => {})
        return undefined
      }
      const bytes = new Uint8Array(await response.arrayBuffer())
      return bytes.length === head.sizeBytes ? { bytes, ...head.fields } : undefined
    },

    async set(key, entry) {
      const url = urlOf(key)
      const lifeSeconds = Math.min(lifeSecondsMax, Math.floor((entry.expiresAtMs - clock.now()) / 1000))
      const head = writeHeader(entry)
      if (!(lifeSeconds >= 1) || entry.bytes.byteLength > valueBytesMax || head.length > headCharsMax) {
        await cache.delete(url)
        return
      }
      const headers = {
        'cache-control': `max-age=${lifeSeconds}`,
        'content-type': 'application/octet-stream',
        [headName]: head,
      }
      await cache.put(url, new Response(entry.bytes as Uint8Array<ArrayBuffer>, { headers }))
    },

    async delete(keys) {
      const urls = [...new Set(keys)].map(urlOf)
      await deleteEach(urls, { atOnce: deletesAtOnce, remove: (url) => cache.delete(url) })
    },
  }
}

/**
 * Whether `tier` gives back what it is given. On `workers.dev`, in previews and behind Access, Cloudflare's cache takes every
 * `put` and keeps nothing. Costs a set, a get and a delete under a key of its own; rejects where the tier does.
 * Within a request only, since Workers have no random values outside.
 */
export async function probeTier(tier: CacheTier, clock: Pick<Clock, 'now'>): Promise<boolean> {
  const key = `probe ${crypto.randomUUID()}`
  const nowMs = clock.now()
  const lifeSeconds = Math.max(60, 2 * tier.capabilities.ttlSecondsMin)
  const bytes = new TextEncoder().encode(key)
  await tier.set(key, { bytes, metadata: key, bornMs: nowMs, expiresAtMs: nowMs + 1000 * lifeSeconds })
  const got = await tier.get(key)
  // It has little life left, and says nothing about what was asked.
  await tier.delete([key]).catch(() => {})
  return got?.metadata === key && new TextDecoder().decode(got.bytes) === key
}

/** In characters that every header can carry: the version and the head, with everything but printable ASCII escaped. */
function writeHeader(entry: CacheEntry): string {
  return JSON.stringify([1, ...headOf(entry)]).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** `undefined` for what this version did not write. */
function readHeader(text: string | null): ReturnType<typeof readHead> {
  const [version, ...head] = parseList(text ?? '')
  return version === 1 ? readHead(head) : undefined
}
