import { LRUCache } from 'lru-cache'
import { hashKey, sameFields, selectingFields, urlKey } from './key.ts'
import { within } from './shared-body.ts'
import type { HttpCacheStore, StoredRecord, StoredResponse, StoredVariants } from './store.ts'

/** A URL, and who asks. */
export interface Place {
  readonly key: string
  readonly identity: string | undefined
}

export type Found =
  | { readonly entry: StoredResponse }
  | { readonly entry: undefined; readonly because: 'uri-miss' | 'vary-miss' }

/** From before the request to the origin until the response is kept: an invalidation in between cancels it (R30). */
export interface Fill {
  readonly place: Place
  cancelled: boolean
}

export interface Entries {
  place(request: Request): Place
  /** Never rejects: a store that fails or takes too long has nothing. */
  find(place: Place, headers: Headers): Promise<Found>
  begin(place: Place): Fill
  end(fill: Fill): void
  /** False when it was cancelled, or the store failed. */
  keep(fill: Fill, entry: StoredResponse): Promise<boolean>
  /** All responses of the URL, whoever they are for. What `except` brings may come yet. */
  invalidate(url: string, except?: Fill): Promise<void>
}

export interface EntriesOptions {
  readonly store: HttpCacheStore
  readonly storeTimeoutMs: number
  readonly identity: ((request: Request) => string | undefined) | undefined
  readonly clock: () => number
  readonly onStoreError: (error: unknown) => void
}

/** More ways to choose are not remembered; a server that has them sends another Vary each time. */
const selectionsMax = 8
/** Writes are on nobody's way: they get so many times what a read gets. */
const writeTimeouts = 20
/** URLs whose deletion failed. */
const distrustedMax = 10_000

export function createEntries(options: EntriesOptions): Entries {
  const { store, storeTimeoutMs, identity, clock, onStoreError } = options
  const fills = new Map<string, Set<Fill>>()
  const turns = new Map<string, Promise<unknown>>()
  const distrusted = new LRUCache<string, number>({ max: distrustedMax })

  async function get(key: string): Promise<StoredRecord | undefined> {
    try {
      return await within(store.get(key), storeTimeoutMs, 'The store takes too long')
    } catch (error) {
      onStoreError(error)
      return undefined
    }
  }

  /** One write after another for a URL: the list of its variants is read, changed and written. */
  async function inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const limited = () => within(work(), writeTimeouts * storeTimeoutMs, 'The store takes too long')
    const turn = (turns.get(key) ?? Promise.resolve()).then(limited, limited)
    turns.set(key, turn)
    try {
      return await turn
    } finally {
      if (turns.get(key) === turn) turns.delete(key)
    }
  }

  function variantKey(place: Place, { generation }: StoredVariants, fields: StoredResponse['selecting']) {
    return hashKey([place.key, generation, place.identity ?? null, fields])
  }

  function trusted(place: Place, entry: StoredResponse): boolean {
    const sinceMs = distrusted.get(place.key)
    return sinceMs === undefined || entry.requestMs > sinceMs
  }

  async function findVariant(place: Place, variants: StoredVariants, headers: Headers) {
    const found = await Promise.all(
      variants.selections.map(async (names) => {
        const fields = selectingFields(names, headers)
        const record = await get(variantKey(place, variants, fields))
        return record?.kind === 'response' && sameFields(record.selecting, fields) ? record : undefined
      }),
    )
    // Of several the most recent one (RFC 9111 §4.1).
    return found
      .filter((entry) => entry !== undefined && trusted(place, entry))
      .toSorted((a, b) => b!.responseMs - a!.responseMs)[0]
  }

  async function write(fill: Fill, entry: StoredResponse): Promise<boolean> {
    const { place } = fill
    if (fill.cancelled) return false
    const old = await store.get(place.key)
    if (entry.selecting.length === 0 && place.identity === undefined && old?.kind !== 'variants') {
      await store.set(place.key, entry)
    } else {
      const names = entry.selecting.map(([name]) => name)
      const others = (old?.kind === 'variants' ? old.selections : []).filter(
        (each) => each.join() !== names.join(),
      )
      const variants: StoredVariants = {
        kind: 'variants',
        generation: old?.kind === 'variants' ? old.generation : crypto.randomUUID(),
        selections: [names, ...others].slice(0, selectionsMax),
      }
      await store.set(variantKey(place, variants, entry.selecting), entry)
      await store.set(place.key, variants)
    }
    if (fill.cancelled) await store.delete(place.key)
    return !fill.cancelled
  }

  return {
    place: (request) => ({ key: urlKey(request.url), identity: identity?.(request) }),

    async find(place, headers) {
      const record = await get(place.key)
      if (record?.kind === 'variants') {
        const entry = await findVariant(place, record, headers)
        return entry ? { entry } : { entry: undefined, because: 'vary-miss' }
      }
      const direct = record && place.identity === undefined && record.selecting.length === 0
      return direct && trusted(place, record) ? { entry: record } : { entry: undefined, because: 'uri-miss' }
    },

    begin(place) {
      const fill = { place, cancelled: false }
      const open = fills.get(place.key) ?? new Set()
      fills.set(place.key, open.add(fill))
      return fill
    },

    end(fill) {
      const open = fills.get(fill.place.key)
      open?.delete(fill)
      if (open?.size === 0) fills.delete(fill.place.key)
    },

    async keep(fill, entry) {
      try {
        // Until it has written, an invalidation has to find it, however long that takes.
        return await inTurn(fill.place.key, () => write(fill, entry).finally(() => this.end(fill)))
      } catch (error) {
        onStoreError(error)
        return false
      }
    },

    async invalidate(url, except) {
      const key = urlKey(url)
      for (const fill of fills.get(key) ?? []) fill.cancelled ||= fill !== except
      try {
        const deleted = inTurn(key, () => store.delete(key))
        await within(deleted, storeTimeoutMs, 'The store takes too long')
      } catch (error) {
        onStoreError(error)
        distrusted.set(key, clock())
      }
    },
  }
}
