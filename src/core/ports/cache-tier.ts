/**
 * One layer of a cache: entries under keys, for a time. What a tier holds it may lose at any moment, and whoever asks must
 * be able to do without it. A stack of tiers is itself a `CacheTier`.
 *
 * Failures reject, with any error: the stack skips a tier that does, and reports it. Absence is never a failure.
 */
export interface CacheTier {
  /** What metrics, `Cache-Status` and logs call it: `memory`, `edge` … */
  readonly name: string
  readonly capabilities: CacheTierCapabilities

  /**
   * What was set last under `key`, or `undefined`: never set, removed, let go of, or expired. An entry is expired from the
   * millisecond `expiresAtMs` on, by the tier's clock, also when that clock has jumped. Bytes of no length, an empty
   * `metadata` and an empty key are values like others. Where the tier is not `shared`, a `set` or `delete` that has
   * resolved is seen by every `get` that begins later.
   */
  get(key: string): Promise<CacheEntry | undefined>

  /** What `get` would give, if that is known without waiting; absent where it never is. `undefined` says nothing. */
  readonly getNow?: (key: string) => CacheEntry | undefined

  /**
   * Keeps `entry` in place of what there was under `key`. What cannot be kept (larger than `valueBytesMax`, expired already,
   * living shorter than `ttlSecondsMin`, or refused by the tier's own judgement) is not stored, which is no error; the
   * entry before it is gone even so, since it is not what was set last.
   *
   * The tier takes `entry.bytes` as its own: the caller must not change them any more.
   */
  set(key: string, entry: CacheEntry): Promise<void>

  /** Removes entries. Keys without one are ignored. */
  delete(keys: readonly string[]): Promise<void>
}

export interface CacheEntry {
  /** Changed by nobody: not by who sets it, nor by who gets it, since all readers may share them. */
  readonly bytes: Uint8Array
  /** What belongs to the bytes (type, ETag, coding), in the caller's own notation. Comes back as it was. */
  readonly metadata: string
  /** When the source gave it: milliseconds since 1970. Kept when an entry moves between tiers, so `Age` is right (R32). */
  readonly bornMs: number
  /** Milliseconds since 1970; `Infinity` for what never changes, such as a blob (R29). */
  readonly expiresAtMs: number
  /** Names under which the stack removes many entries at once. Come back as they were, absent or in order. */
  readonly tags?: readonly string[]
}

export interface CacheTierCapabilities {
  /** Longer bytes are not stored, and the stack need not offer them (R36). */
  readonly valueBytesMax: number
  /** Entries with less life left than this are not stored, and the stack need not offer them (R36); with zero, any life will do. */
  readonly ttlSecondsMin: number
  /**
   * When false, other processes neither see nor remove what this one sets: invalidation here reaches nobody else. When
   * true, they see it sooner or later: what is read may be older than the last `set` or `delete`, by the bound that the
   * adapter states.
   */
  readonly shared: boolean
  /** When false, entries are gone with the process, and a cold start asks the source for everything. */
  readonly persistent: boolean
}
