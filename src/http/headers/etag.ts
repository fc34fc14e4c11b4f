/** Entity tags: RFC 9110 §8.8.3, and the tags that cutty gives to a file (R1, R2). */

export interface EntityTag {
  readonly weak: boolean
  /** The opaque part, without its quotes. */
  readonly tag: string
}

export type FileForm = 'identity' | 'gzip' | 'deflate' | 'br' | 'zstd'

/** R1: a strong tag must tell the encoded forms of one content apart (§8.8.3.3). */
const suffixes: Readonly<Record<FileForm, string>> = {
  identity: '',
  gzip: '-gz',
  deflate: '-df',
  br: '-br',
  zstd: '-zst',
}

const knownSuffixes: ReadonlySet<string> = new Set(Object.values(suffixes))

// etagc = %x21 / %x23-7E / obs-text. Spaces, quotes and control characters are outside.
const opaqueTag = /^[!#-~\u0080-\u00ff]*$/

/** Throws a TypeError when `tag` (given without quotes) has a character that no entity tag may have. */
export function formatEtag(tag: string, weak: boolean = false): string {
  if (!opaqueTag.test(tag)) throw new TypeError('An entity tag has a character that is not allowed')
  return weak ? `W/"${tag}"` : `"${tag}"`
}

/** The strong tag of one form of a file; `hash` is of the plain content, whatever is stored (R1, R3). */
export function formatFileEtag(hash: string, form: FileForm = 'identity'): string {
  return formatEtag(hash + suffixes[form])
}

/**
 * The value of If-Match or If-None-Match. `undefined` means malformed. Empty list members are skipped
 * (§5.6.1.2), so a value of nothing else is an empty list, which matches nothing.
 */
export function parseEtagList(value: string): '*' | EntityTag[] | undefined {
  const list: EntityTag[] = []
  let at = skipSpace(value, 0)
  if (value[at] === '*') return skipSpace(value, at + 1) === value.length ? '*' : undefined
  while (at < value.length) {
    if (value[at] !== ',') {
      const weak = value.startsWith('W/"', at)
      const open = weak ? at + 2 : at
      if (value[open] !== '"') return undefined
      // A comma may stand inside the quotes; there are no escapes.
      const close = value.indexOf('"', open + 1)
      if (close < 0) return undefined
      const tag = value.slice(open + 1, close)
      if (!opaqueTag.test(tag)) return undefined
      list.push({ weak, tag })
      at = skipSpace(value, close + 1)
      if (at === value.length) break
      if (value[at] !== ',') return undefined
    }
    at = skipSpace(value, at + 1)
  }
  return list
}

/** §8.8.3.2: both strong, and the same. */
export function strongMatch(a: EntityTag, b: EntityTag): boolean {
  return !a.weak && !b.weak && a.tag === b.tag
}

/** §8.8.3.2: the same, weak or not. */
export function weakMatch(a: EntityTag, b: EntityTag): boolean {
  return a.tag === b.tag
}

/**
 * Whether a parsed list names the existing file with this hash, in whichever of our forms the client
 * holds (R2). `*` names every file that exists.
 */
export function fileTagMatches(
  list: '*' | readonly EntityTag[],
  hash: string,
  comparison: 'strong' | 'weak',
): boolean {
  if (list === '*') return true
  return list.some(
    ({ weak, tag }) =>
      (comparison === 'weak' || !weak) && tag.startsWith(hash) && knownSuffixes.has(tag.slice(hash.length)),
  )
}

/**
 * The form that a 304 is about, given the parsed If-None-Match that brought it about. A cache updates what it holds under the
 * tag of the 304 (RFC 9111 §4.3.4), so it is one that the client named: the selected form if its tag is among them, else the
 * first of this file's. The selected form also where none is, as after `*` or by date.
 */
export function matchingFileForm(
  list: '*' | readonly EntityTag[] | undefined,
  hash: string,
  selected: FileForm,
): FileForm {
  if (list === undefined || list === '*') return selected
  const forms = Object.keys(suffixes) as FileForm[]
  const named = list.flatMap(({ tag }) => forms.filter((form) => tag === hash + suffixes[form]))
  return named.includes(selected) ? selected : (named[0] ?? selected)
}

function skipSpace(value: string, at: number): number {
  while (value[at] === ' ' || value[at] === '\t') at++
  return at
}
