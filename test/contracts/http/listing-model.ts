/** A listing as its definition says it, over an array. */
export interface ModelFile {
  readonly key: string
  readonly sizeBytes: number
  readonly contentType: string
  readonly modifiedAt: string
}

export interface ModelQuery {
  readonly prefix?: string
  readonly delimiter?: string
  readonly type?: string
  readonly sort?: 'key' | 'modified' | 'size'
  readonly order?: 'asc' | 'desc'
}

/** Keys of files, and common prefixes as `{ group }`, in the order in which pages show them. */
export type ModelEntry = { readonly key: string } | { readonly group: string }

export function listModel(files: readonly ModelFile[], query: ModelQuery): ModelEntry[] {
  const { prefix = '', delimiter, type, sort = 'key', order = 'asc' } = query
  const shown = files.filter((file) => file.key.startsWith(prefix) && isOfType(file, type))
  const rank = {
    key: () => 0,
    size: (file: ModelFile) => file.sizeBytes,
    modified: (file: ModelFile) => Date.parse(file.modifiedAt),
  }[sort]
  const direction = order === 'asc' ? 1 : -1
  const sorted = shown.toSorted((a, b) => direction * (rank(a) - rank(b) || compareUtf8(a.key, b.key)))
  if (!delimiter) return sorted.map(({ key }) => ({ key }))

  const groups = new Set<string>()
  return sorted.flatMap(({ key }): ModelEntry[] => {
    const cut = key.indexOf(delimiter, prefix.length)
    if (cut < 0) return [{ key }]
    const group = key.slice(0, cut + delimiter.length)
    if (groups.has(group)) return []
    groups.add(group)
    return [{ group }]
  })
}

function isOfType({ contentType }: ModelFile, type: string | undefined): boolean {
  if (type === undefined) return true
  const [media = ''] = contentType.toLowerCase().split(';')
  const wanted = type.toLowerCase()
  return wanted.endsWith('/*') ? media.startsWith(wanted.slice(0, -1)) : media.trim() === wanted
}

/** Code points are in the order of UTF-8's bytes; UTF-16 units are not. */
export function compareUtf8(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)]
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = (left[i] as string).codePointAt(0)! - (right[i] as string).codePointAt(0)!
    if (difference !== 0) return difference
  }
  return left.length - right.length
}
