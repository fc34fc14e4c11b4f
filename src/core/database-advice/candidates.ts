import type { NewIndex } from '../ports/database-inspector.ts'
import { advisedPrefix } from '../ports/database-inspector.ts'

/**
 * Which indexes a statement could use for one of its tables: read out of its text, as far as the statements of the registry go. It
 * knows a `SELECT`, `UPDATE` or `DELETE` at any depth whose conditions are joined by `AND`, and takes of them what compares a column
 * with something else. What it does not understand it leaves out; then the index is worth less, which a trial shows. Of an `OR`
 * it proposes nothing.
 */
export function candidateIndexes(
  text: string,
  reference: string,
  tables: ReadonlyMap<string, readonly string[]>,
): NewIndex[] {
  return scopesOf(text)
    .flatMap((scope) => candidatesOf(scope, reference, tables))
    .filter((index, at, all) => all.findIndex(({ name }) => name === index.name) === at)
}

/** The table that a step of a plan calls so, by its own name or by another that the statement gives it. */
export function tableOf(
  text: string,
  reference: string,
  tables: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  for (const scope of scopesOf(text)) {
    const table = sourcesOf(scope, tables).get(reference)
    if (table !== undefined) return table
  }
  return undefined
}

/** The names by which a statement calls its tables, in all of its parts. */
export function referencesIn(text: string, tables: ReadonlyMap<string, readonly string[]>): string[] {
  return [...new Set(scopesOf(text).flatMap((scope) => [...sourcesOf(scope, tables).keys()]))]
}

/**
 * A text, and each of the parenthesised selects within it, with what is nested in each replaced by an empty pair: so a scope has
 * only its own conditions.
 */
function scopesOf(text: string): string[] {
  const scopes: string[] = []
  const plain = text.replace(/'(?:[^']|'')*'/g, "''").replace(/\s+/g, ' ')
  let rest = plain
  // The innermost first. A list of columns or values stays, but as one that nothing matches within.
  for (;;) {
    const inner =
      /\( ?(?:SELECT|WITH|VALUES) [^()]*(?:\((?! ?(?:SELECT|WITH|VALUES) )[^()]*(?:\([^()]*\)[^()]*)*\)[^()]*)*\)/i.exec(
        rest,
      )
    if (!inner) break
    scopes.push(inner[0].slice(1, -1))
    rest = `${rest.slice(0, inner.index)}()${rest.slice(inner.index + inner[0].length)}`
  }
  return [rest, ...scopes].flatMap((scope) => splitOutside(scope, /\bUNION(?: ALL)?\b/i))
}

/** At matches that are in no parentheses. */
function splitOutside(text: string, separator: RegExp): string[] {
  const flat = blanked(text)
  const parts: string[] = []
  let from = 0
  for (const match of flat.matchAll(new RegExp(separator, 'gi'))) {
    parts.push(text.slice(from, match.index))
    from = match.index + match[0].length
  }
  return [...parts, text.slice(from)].map((part) => part.trim())
}

/** As long as before, with dots for what is in parentheses. */
function blanked(text: string): string {
  let depth = 0
  return text.replace(/[^]/g, (char) => {
    if (char === ')') depth--
    const shown = depth > 0 ? '.' : char
    if (char === '(') depth++
    return shown
  })
}

/** What its `FROM`, `UPDATE` or `DELETE` names that is a table: by the name that stands before columns. */
function sourcesOf(scope: string, tables: ReadonlyMap<string, readonly string[]>): Map<string, string> {
  const sources = new Map<string, string>()
  for (const [, table = '', alias = table] of blanked(scope).matchAll(source)) {
    if (tables.has(table)) sources.set(alias, table)
  }
  return sources
}

/** What may follow a table is not always another name for it. */
const source =
  /\b(?:FROM|JOIN|UPDATE) (\w+)(?: (?:AS )?(?!(?:WHERE|ON|SET|JOIN|LEFT|INNER|CROSS|ORDER|GROUP|LIMIT|RETURNING|NOT|INDEXED)\b)(\w+))?/gi

function candidatesOf(
  scope: string,
  reference: string,
  tables: ReadonlyMap<string, readonly string[]>,
): NewIndex[] {
  const sources = sourcesOf(scope, tables)
  const table = sources.get(reference)
  if (table === undefined) return []
  const others = [...sources].filter(([name]) => name !== reference).map(([, other]) => other)
  /** The column of this table that a term is, if it is one. */
  const columnIn = (term: string): string | undefined => {
    const [, qualifier, name = ''] = /^(?:(\w+)\.)?(\w+)$/.exec(term.trim()) ?? []
    if (qualifier !== undefined && qualifier !== reference) return undefined
    if (!tables.get(table)?.includes(name)) return undefined
    return qualifier === undefined && others.some((other) => tables.get(other)?.includes(name))
      ? undefined
      : name
  }
  const conditions = conditionsIn(scope)
  if (!conditions) return []
  const { given, joined, range } = columnsOf(conditions, columnIn)
  const lists = [given, [...given, ...joined]].flatMap((equal) => {
    const order = orderIn(scope, columnIn, equal)
    return [[...equal, ...order], [...equal, ...range], equal]
  })
  return lists
    .map((list) => [...new Set(list)])
    .filter((columns) => columns.length > 0)
    .map((columns) => ({ name: nameOf(table, columns), table, columns }))
}

/** Those of `WHERE` and of joins, which need not be on this table. `undefined` where one of them is an `OR`. */
function conditionsIn(scope: string): string[] | undefined {
  const flat = blanked(scope)
  const ends =
    /\b(?:GROUP BY|ORDER BY|LIMIT|RETURNING|ON CONFLICT|WHERE|LEFT JOIN|INNER JOIN|CROSS JOIN|JOIN)\b|$/i
  const clauses = [...flat.matchAll(/\b(?:WHERE|ON(?! CONFLICT))\b/gi)].map(({ index, 0: word }) => {
    const from = index + word.length
    return scope.slice(from, from + (ends.exec(flat.slice(from))?.index ?? 0))
  })
  const conditions = clauses.flatMap(conjunctsOf)
  return conditions.some((condition) => splitOutside(condition, /\bOR\b/i).length > 1)
    ? undefined
    : conditions
}

function isAlternative(condition: string): boolean {
  return splitOutside(condition, /\bOR\b/i).length > 1
}

/** Without those that are an `OR`: what is left restricts the rows still. */
function conjunctsOf(clause: string): string[] {
  const text = clause.trim()
  if (isAlternative(text)) return []
  // The AND of a BETWEEN joins nothing.
  const marked = text.replace(/\bBETWEEN (\S+) AND /gi, 'BETWEEN $1 , ')
  const parts = splitOutside(marked, /\bAND\b/i)
  if (parts.length > 1) return parts.flatMap(conjunctsOf)
  const isWrapped = /^\(.*\)$/.test(marked) && blanked(marked).slice(1, -1).replaceAll('.', '') === ''
  return isWrapped ? conjunctsOf(marked.slice(1, -1)) : [marked]
}

function columnsOf(
  conditions: readonly string[],
  columnIn: (term: string) => string | undefined,
): { given: string[]; joined: string[]; range: string[] } {
  const given: string[] = []
  const joined: string[] = []
  const range: string[] = []
  for (const condition of conditions) {
    const list = /^\((.+?)\) ?(?:[<>]=?|BETWEEN)/i.exec(condition)
    if (list) {
      const columns = (list[1] as string).split(',').map(columnIn)
      if (!columns.includes(undefined)) range.push(...(columns as string[]))
      continue
    }
    const [, left = '', operator = '', right = ''] =
      /^(.+?) ?(<>|!=|==?|[<>]=?|\bIS NOT\b|\bIS\b|\bNOT IN\b|\bIN\b|\bBETWEEN\b) ?(.*)$/i.exec(condition) ??
      []
    const columns = [columnIn(left), columnIn(right)].filter((name) => name !== undefined)
    // A column against another one of the same row is nothing to look up.
    if (columns.length !== 1) continue
    const isColumnFirst = columnIn(left) !== undefined
    if (/^(==?|IS)$/i.test(operator) || (/^IN$/i.test(operator) && isColumnFirst)) {
      const isOfAnother = /^\w+\.\w+$/.test(isColumnFirst ? right : left)
      ;(isOfAnother ? joined : given).push(...columns)
    } else if (/^([<>]=?|BETWEEN)$/i.test(operator)) range.push(...columns)
  }
  return { given, joined, range: range.filter((name) => !given.includes(name)) }
}

/**
 * Columns of its order, up to the first that is not of this table, and without those that are the same in all rows. Nothing where
 * directions differ, since then an index is in neither order.
 */
function orderIn(
  scope: string,
  columnIn: (term: string) => string | undefined,
  equal: readonly string[],
): string[] {
  const flat = blanked(scope)
  const start = /\b(?:ORDER|GROUP) BY\b/i.exec(flat)
  if (!start) return []
  const from = start.index + start[0].length
  const end = /\b(?:ORDER BY|LIMIT|RETURNING)\b|$/i.exec(flat.slice(from))?.index ?? 0
  const terms = splitOutside(scope.slice(from, from + end), /,/)
  if (new Set(terms.map((term) => / DESC$/i.test(term))).size > 1) return []
  const order: string[] = []
  for (const term of terms) {
    const column = columnIn(term.replace(/ (?:ASC|DESC)$/i, ''))
    if (column === undefined) break
    if (!equal.includes(column)) order.push(column)
  }
  return order
}

/** SQLite's own limit is far away; names of six columns are not for reading. */
const nameCharsMax = 100

function nameOf(table: string, columns: readonly string[]): string {
  return `${advisedPrefix}${table}_by_${columns.join('_')}`.slice(0, nameCharsMax)
}
