import type { DatabaseSync } from 'node:sqlite'

export interface IndexDescription {
  readonly name: string
  readonly table: string
  /** `primary key` and `unique` belong to their table; `index` was made for itself and can be dropped. */
  readonly kind: 'primary key' | 'unique' | 'index'
  /** With what makes their order another one: `name DESC`, `name COLLATE NOCASE`. Expressions are `(expression)`. */
  readonly columns: readonly string[]
  /** Of a partial one: which rows it has. */
  readonly where: string | undefined
}

/** All indexes of a schema but those of SQLite's own tables and of the list of migrations, by table. */
export function describeIndexes(database: DatabaseSync): IndexDescription[] {
  return database
    .prepare(
      `SELECT l.name AS name, t.name AS "table", l.origin AS origin, l."unique" AS isUnique, s.sql AS sql
      FROM sqlite_schema t JOIN pragma_index_list(t.name) l
      LEFT JOIN sqlite_schema s ON s.type = 'index' AND s.name = l.name
      WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> 'schema_migrations'
      ORDER BY t.name, l.origin = 'pk' DESC, l.name`,
    )
    .all()
    .map((row) => {
      const { name, table, origin, isUnique, sql } = row as Record<string, string | number | null>
      const where = /\sWHERE\s+([^]*)$/i.exec(String(sql ?? ''))?.[1]?.trim()
      return {
        name: String(name),
        table: String(table),
        kind: origin === 'pk' ? 'primary key' : origin === 'u' || isUnique === 1 ? 'unique' : 'index',
        columns: columnsOf(database, String(name)),
        where,
      }
    })
}

function columnsOf(database: DatabaseSync, index: string): string[] {
  const rows = database
    .prepare(
      `SELECT name, "desc" AS descending, coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno`,
    )
    .all(index)
  return rows.map(({ name, descending, coll }) =>
    [
      name === null ? '(expression)' : String(name),
      coll === 'BINARY' ? '' : ` COLLATE ${String(coll)}`,
      descending === 1 ? ' DESC' : '',
    ].join(''),
  )
}

/** Whether `other` finds whatever `index` finds, and in the same order. What keeps a column unique is needed all the same. */
export function isPrefixOf(index: IndexDescription, other: IndexDescription): boolean {
  return (
    index.kind === 'index' &&
    index.name !== other.name &&
    index.table === other.table &&
    index.where === other.where &&
    index.columns.length <= other.columns.length &&
    index.columns.every((column, at) => column === other.columns[at])
  )
}

/** The steps by which a database would run a text. https://www.sqlite.org/eqp.html */
export function planOf(database: DatabaseSync, { text }: { readonly text: string }): string[] {
  return database
    .prepare(`EXPLAIN QUERY PLAN ${text}`)
    .all()
    .map(({ detail }) => String(detail))
}

/** Names of the indexes by which a database would run a text; primary keys have none. */
export function indexesOf(database: DatabaseSync, statement: { readonly text: string }): string[] {
  return planOf(database, statement).flatMap((step) => /\bINDEX (\w+) \(/.exec(step)?.[1] ?? [])
}
