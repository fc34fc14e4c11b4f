import type { CacheEntry } from '../ports/cache-tier.ts'

/** All of an entry but its bytes, as tiers write it in front of them: as JSON, which has no `Infinity` and escapes lone surrogates. */
export type EntryHead = readonly [
  sizeBytes: number,
  bornMs: number,
  /** Null: never. */
  expiresAtMs: number | null,
  metadata: string,
  tags: readonly string[] | null,
]

export function headOf({ bytes, bornMs, expiresAtMs, metadata, tags }: CacheEntry): EntryHead {
  return [bytes.byteLength, bornMs, expiresAtMs === Infinity ? null : expiresAtMs, metadata, tags ?? null]
}

/** A list of JSON; an empty one for any other text. */
export function parseList(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

/** `undefined` for what is no head. */
export function readHead(
  head: readonly unknown[],
): { readonly sizeBytes: number; readonly fields: Omit<CacheEntry, 'bytes'> } | undefined {
  const [sizeBytes, bornMs, expires, metadata, tags] = head
  const expiresAtMs = expires ?? Infinity
  if (typeof sizeBytes !== 'number' || typeof bornMs !== 'number') return undefined
  if (typeof expiresAtMs !== 'number' || typeof metadata !== 'string') return undefined
  return {
    sizeBytes,
    fields: { metadata, bornMs, expiresAtMs, ...(Array.isArray(tags) ? { tags: tags as string[] } : {}) },
  }
}
