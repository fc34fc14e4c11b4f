import type { DatabaseInspector } from './database-inspector.ts'

/**
 * Rows. Every SQL text is a {@link Statement} of the registry in `core/statements`; an adapter is
 * created with that registry, prepares its statements once, and runs nothing else.
 *
 * There are no interactive transactions, since D1 has none. What must hold at the time of a write is
 * said by the write itself: a `WHERE`, or a guard statement (see `core/statements/guards.ts`) that makes
 * the whole batch fail.
 *
 * Failures are {@link DatabaseError}, whose `kind` says what the caller can do about it.
 */
export interface Database {
  readonly capabilities: DatabaseCapabilities

  /**
   * Runs one statement that writes nothing. Sees every batch that this process was told has
   * succeeded, and, unless it `mayLag`, every batch that has succeeded anywhere before this call.
   */
  query<P extends Params, R>(statement: Statement<P, R>, params: P, how?: QueryHow): Promise<R[]>

  /**
   * Runs statements that write nothing, in one round trip and of one moment; otherwise as {@link query} does. The rows of each, in
   * their order. One that fails fails all.
   */
  queryTogether(reads: readonly BoundStatement[], how?: QueryHow): Promise<unknown[][]>

  /**
   * Runs statements in order in one transaction and one round trip: all of them take effect, or none.
   * When the promise resolves the effect is durable. Concurrent calls may share one sync to the disk,
   * but one that fails does not make another fail (only a failed sync does).
   */
  batch(statements: readonly BoundStatement[]): Promise<StatementResult[]>

  /**
   * How it would run a statement, a step each, as `EXPLAIN QUERY PLAN` tells it; nothing is run. For people, and for tests of
   * indexes: the words are SQLite's and differ between its releases.
   */
  explain(statement: Statement): Promise<string[]>

  /** Resolves when the database answers; rejects with kind `unavailable` when not. */
  ping(): Promise<void>

  /** Waits for batches under way and lets go of what is open. */
  close(): Promise<void>

  /** For advice about the database itself. Absent: there is none to be had. */
  readonly inspector?: DatabaseInspector

  /** Of a database with copies that lag behind. Absent: what one process has written is there for all at once. */
  readonly bookmarks?: Bookmarks
}

export interface QueryHow {
  /**
   * May be answered by a copy that is up to `capabilities.staleMsMax` old. For rows whose lifetime takes that into account,
   * and those that never change. Not for who decides what to write.
   */
  readonly mayLag?: boolean
}

/** Moments of a database, in its own words: printable ASCII without spaces, ordered by their bytes. */
export interface Bookmarks {
  /** The newest that this process knows to have been: not before its own last batch. `undefined` before the first answer. */
  latest(): string | undefined
  /**
   * From now on no read of this process sees an earlier moment than this one, which `latest` gave in any process. True when it is
   * later than all those that this was told before: then what was read until now may be too old.
   */
  atLeast(bookmark: string): boolean
}

export interface DatabaseCapabilities {
  /** When true, a read costs microseconds and needs no cache in front. */
  readonly embedded: boolean
  /** When false, other processes write too, and what was read may be old a moment later without anybody being told. */
  readonly exclusive: boolean
  /**
   * Bodies up to this size are stored in a row of the database, so that one sync makes bytes and
   * pointer durable. Zero where rows are a network away or dearer than objects.
   */
  readonly inlineBlobBytesMax: number
  /**
   * How old the answer may be to a query that `mayLag`, counted from when it was asked. Zero: there are no copies, or none is asked.
   * With more, rows are kept for as much less.
   */
  readonly staleMsMax: number
}

/** What SQLite stores as it is. Booleans are 0 and 1; times are milliseconds since 1970. */
export type Value = string | number | null | Uint8Array
export type Params = Readonly<Record<string, Value>>

export interface Statement<P extends Params = Params, R = unknown> {
  /** Unique, `area.action`. */
  readonly name: string
  /** SQL that both SQLite and D1 read; parameters are `?1`, `?2` … in the order of `params`. */
  readonly text: string
  readonly params: readonly (keyof P & string)[]
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  /** Of a statement that writes one row of one table: the parameters that name it. Without them, any row may be another one now. */
  readonly writesRow?: readonly (keyof P & string)[]
  /**
   * Without this a statement finds its rows by an index and in their order: a test asks for its plan. `false` may read what it
   * does not need, or sort; `bound` says what keeps that small.
   */
  readonly selective?: false
  readonly bound?: string
  /** Never set: carries the row's type. */
  readonly row?: R
}

export interface BoundStatement {
  readonly statement: Statement
  /** In the order of `statement.params`. */
  readonly values: readonly Value[]
}

export interface StatementResult {
  /** Rows inserted, updated or deleted by this statement; those that went by a cascade or a trigger may be counted or not. */
  readonly changes: number
  /** Rows of a `RETURNING` clause. */
  readonly rows: readonly unknown[]
}

/**
 * What one run of a statement cost. An adapter is created with an `onRun` that it tells each: all but those of `ping` and
 * `explain`, each of a batch by itself. `onRun` returns at once and never throws. Parameters are not told: they name people's files.
 */
export interface StatementRun {
  readonly statement: Statement
  /**
   * Inside of the database, as far as that is known: neither the way to it, nor the wait of a batch for those before it, nor
   * the sync that all batches of a group share.
   */
  readonly durationMs: number
  /** D1: rows that were looked at, also those that were passed over. SQLite: rows that came back; it does not say more. */
  readonly rowsRead: number
  /** D1: with those of indexes. SQLite: {@link StatementResult.changes}. Of a statement whose batch was undone: 0. */
  readonly rowsWritten: number
  /**
   * It threw, or is among those of its batch of which one must have; also where a guard did what it is for. Then no rows are
   * counted. Where only the commit failed, nobody knows of which statement's fault, and all have failed.
   */
  readonly failed: boolean
}

/** Joins a statement with its parameters, for {@link Database.batch}. */
export function bind<P extends Params>(statement: Statement<P>, params: P): BoundStatement {
  return { statement: statement as Statement, values: statement.params.map((name) => params[name] as Value) }
}

export type DatabaseFailure =
  /** A guard statement stopped the batch; `constraint` is the guard's name. */
  | 'guard'
  /** A unique key exists already; `constraint` lists its columns, as `table.column`. */
  | 'unique'
  /** A row that is referred to does not exist. */
  | 'foreign_key'
  /** No room; nothing was written. */
  | 'full'
  /** Everything else: the database cannot be reached or is damaged. */
  | 'unavailable'

export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  readonly kind: DatabaseFailure
  readonly constraint: string | undefined

  constructor(kind: DatabaseFailure, message: string, options?: { constraint?: string; cause?: unknown }) {
    super(message, { cause: options?.cause })
    this.kind = kind
    this.constraint = options?.constraint
  }
}

/**
 * Reads a failure out of SQLite's own words, which D1 passes on with a prefix and a suffix of its own.
 * https://www.sqlite.org/src/file?name=src/vdbeaux.c (sqlite3VdbeHalt), https://www.sqlite.org/rescode.html
 */
export function databaseErrorFromSqlite(cause: unknown): DatabaseError {
  const message = cause instanceof Error ? cause.message : String(cause)
  const failed = /(CHECK|UNIQUE|FOREIGN KEY) constraint failed(?:: ([\w., ]+))?/.exec(message)
  if (failed) {
    const kind = ({ CHECK: 'guard', UNIQUE: 'unique', 'FOREIGN KEY': 'foreign_key' } as const)[
      failed[1] as 'CHECK' | 'UNIQUE' | 'FOREIGN KEY'
    ]
    return new DatabaseError(kind, message, { constraint: failed[2]?.trim(), cause })
  }
  if (/database or disk is full|SQLITE_FULL|ENOSPC|exceeded maximum DB size/i.test(message)) {
    return new DatabaseError('full', message, { cause })
  }
  return new DatabaseError('unavailable', message, { cause })
}
