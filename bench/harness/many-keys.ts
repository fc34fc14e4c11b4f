/**
 * A bucket's worth of keys in listing order (bytes of UTF-8, R48), the same for the same seed: folders of 1 to
 * 199 files, and every twentieth entry a file outside of folders. First letters come from all lengths of UTF-8,
 * among them two that UTF-16 would order the other way round (U+FB00 and U+1F642).
 */
export interface TopEntry {
  /** A key, or the prefix of a folder, with its slash. */
  readonly name: string
  /** 0 for a key. */
  readonly files: number
}

export interface KeyAndSize {
  readonly key: string
  readonly sizeBytes: number
}

const firstLetters = ['!', 'A', 'a', 'b', 'c', 'k', 'z', '~', '\u00e9', '\u6f22', '\ufb00', '\u{1f642}']

export function makeTopEntries(options: { seed: number; files: number }): TopEntry[] {
  const dice = createDice(options.seed)
  const entries: TopEntry[] = []
  for (let left = options.files, number = 0; left > 0; number += 1) {
    const letter = firstLetters[dice(firstLetters.length)]!
    const isFile = dice(20) === 0
    const files = isFile ? 0 : Math.min(left, 1 + dice(199))
    entries.push({ name: `${letter}${number}${isFile ? '.bin' : '/'}`, files })
    left -= isFile ? 1 : files
  }
  return sortByBytes(entries, (entry) => entry.name)
}

/** Every key in order. Sizes follow from the place, so that a page can be checked. */
export function* keysOf(entries: readonly TopEntry[]): Generator<KeyAndSize> {
  let place = 0
  for (const { name, files } of entries) {
    if (files === 0) yield { key: name, sizeBytes: sizeAt(place++) }
    for (let file = 0; file < files; file += 1) {
      yield { key: `${name}file-${String(file).padStart(4, '0')}.bin`, sizeBytes: sizeAt(place++) }
    }
  }
}

export function sortByBytes<T>(items: readonly T[], text: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, bytes: Buffer.from(text(item)) }))
    .toSorted((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ item }) => item)
}

function sizeAt(place: number): number {
  return (place * 7919) % 1_000_003
}

/** mulberry32: whole numbers below `sides`. */
export function createDice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * sides)
  }
}
