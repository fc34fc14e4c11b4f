import type { Statement } from './database.ts'

/**
 * How a database is laid out and how it runs the statements of the registry, for whoever advises about it. Not part of any
 * request but of an administrator's. What it asks is not in the registry: it is of the database, not of the application.
 *
 * What a database does not tell is `undefined`, and stands in {@link Inspection.unknown} for people. Failures are `DatabaseError`.
 */
export interface DatabaseInspector {
  /** Plans are asked of at most so many statements at a time; more where each is not a query that is counted. */
  readonly plansMax: number

  /**
   * Looks at all of it, and at the plans of these statements. Delays neither reads nor writes, but takes the time of reading the
   * database once, up to a limit.
   */
  inspect(statements: readonly Statement[]): Promise<Inspection>

  /**
   * Of each, how its statement would run if there were such an index: tried on a copy of the schema in memory that knows the same
   * statistics, and no rows. Absent where there is no place for a copy.
   */
  tryIndexes?(trials: readonly IndexTrial[]): Promise<TriedIndex[]>

  /** Counts these tables anew for the planner. Writes wait meanwhile, reads do not. */
  analyze(tables: readonly string[]): Promise<void>

  /**
   * Makes an index, and counts it where its table is counted. Writes wait meanwhile, reads do not. Its name begins with
   * {@link advisedPrefix}; any other, and tables and columns that there are not, are refused. One of that name that is there stays. Absent where it is left to people.
   */
  createIndex?(index: NewIndex): Promise<void>

  /** Removes an index that {@link DatabaseInspector.createIndex} made, if it is there; refuses any other. */
  dropIndex?(name: string): Promise<void>
}

/** Begins the names of indexes that no migration made. */
export const advisedPrefix = 'advised_'

export interface NewIndex {
  readonly name: string
  readonly table: string
  readonly columns: readonly string[]
}

export interface IndexTrial {
  readonly statement: Statement
  readonly index: NewIndex
}

export interface TriedIndex extends IndexTrial {
  /** A step each, as `Database.explain` gives them. */
  readonly plan: readonly string[]
  /** What makes the index, in SQL. */
  readonly text: string
}

export interface Inspection {
  readonly tables: readonly InspectedTable[]
  readonly indexes: readonly InspectedIndex[]
  /** By the statement's name; as the next connection would run it. */
  readonly plans: ReadonlyMap<string, readonly string[]>
  /** The same where nothing is known of the tables' sizes: what a plan may come back to. */
  readonly plansWithoutStatistics: ReadonlyMap<string, readonly string[]> | undefined
  readonly sizeBytes: number | undefined
  /** Of the write-ahead log. */
  readonly logBytes: number | undefined
  /** Pages of which nothing is in use. */
  readonly freeBytes: number | undefined
  /** What could not be looked at, a sentence each. */
  readonly unknown: readonly string[]
}

export interface InspectedTable {
  readonly name: string
  readonly columns: readonly string[]
  readonly rows: number | undefined
  /** When it was counted for the planner last; `undefined`: it never was. */
  readonly analyzedRows: number | undefined
  /** The database itself says so, and there are enough rows that it matters. */
  readonly isAnalyzeDue: boolean
  /** Without its indexes. */
  readonly sizeBytes: number | undefined
}

export interface InspectedIndex {
  readonly name: string
  readonly table: string
  /** An expression has no name. */
  readonly columns: readonly (string | null)[]
  readonly isUnique: boolean
  readonly isPartial: boolean
  /** Belongs to a key of its table and cannot be dropped. */
  readonly isImplicit: boolean
  readonly isAnalyzed: boolean
  readonly sizeBytes: number | undefined
}

/** A row of `sqlite_stat1`: https://www.sqlite.org/fileformat2.html#stat1tab */
export interface Statistic {
  table: string
  index: string | null
  /** Rows, then for each column how many have the same value so far. */
  stat: string
}

/** Rows of a table as it was counted. Of partial indexes the number is that of their entries. */
export function analyzedRowsOf(
  table: string,
  statistics: readonly Statistic[],
  indexes: readonly InspectedIndex[],
): number | undefined {
  const rows = statistics
    .filter((row) => row.table === table && !indexes.find(({ name }) => name === row.index)?.isPartial)
    .map(({ stat }) => Number.parseInt(stat, 10))
    .filter(Number.isFinite)
  return rows.length > 0 ? Math.max(...rows) : undefined
}
