import {
  bind,
  type BoundStatement,
  type Database,
  DatabaseError,
  databaseErrorFromSqlite,
  type Params,
  type QueryHow,
  type Statement,
  type StatementRun,
} from '../../core/ports/database.ts'
import { createD1Inspector } from './inspector.ts'
import { createD1Sessions, type D1Replicas, type D1SessionLike } from './sessions.ts'

/** https://developers.cloudflare.com/d1/worker-api/ — what is used of it. */
export interface D1DatabaseLike extends D1QueriesLike {
  /** Begins a session at a bookmark, or at `first-primary`. */
  withSession(constraint: string): D1SessionLike
}

/** The database itself, whose primary answers all, or a session of it. */
export interface D1QueriesLike {
  prepare(text: string): D1StatementLike
  batch(statements: D1StatementLike[]): Promise<D1ResultLike[]>
}

export interface D1StatementLike {
  bind(...values: unknown[]): D1StatementLike
  all(): Promise<D1ResultLike>
}

export interface D1ResultLike {
  readonly results: unknown[]
  readonly meta: D1MetaLike
}

/** https://developers.cloudflare.com/d1/worker-api/return-object/ */
export interface D1MetaLike {
  readonly changes?: number
  /** Milliseconds inside of the database. */
  readonly duration?: number
  readonly rows_read?: number
  readonly rows_written?: number
  /** Bytes of the database. */
  readonly size_after?: number
}

export interface D1Options {
  /** All that will ever be run. */
  readonly statements: readonly Statement[]
  readonly onRun?: (run: StatementRun) => void
  /** Reads that may lag are answered by any copy. Absent: the primary answers all. */
  readonly replicas?: D1Replicas | undefined
}

/**
 * D1: SQLite with one writer, a network away. A batch is one transaction there. Its migrations are applied by
 * `wrangler d1 migrations apply`, not here.
 *
 * `changes` of a DELETE counts the rows that a foreign key's CASCADE took with it (measured in workerd 2026-11-02;
 * SQLite by itself does not).
 */
export function createD1Database(d1: D1DatabaseLike, options: D1Options): Database {
  const registered = new Set(options.statements)
  const prepare = (on: D1QueriesLike, { statement, values }: BoundStatement) => {
    if (!registered.has(statement)) throw unregistered(statement)
    return on.prepare(statement.text).bind(...values)
  }
  const { onRun, replicas } = options
  const sessions = replicas && createD1Sessions(d1, replicas)
  /** The primary answers, unless the call may lag. */
  const on = <T>(how: QueryHow, call: (queries: D1QueriesLike) => Promise<T>): Promise<T> =>
    sessions ? sessions.run(how, call) : call(d1)
  const tell = (statement: Statement, meta: D1MetaLike) =>
    onRun?.({
      statement,
      durationMs: meta.duration ?? 0,
      rowsRead: meta.rows_read ?? 0,
      rowsWritten: meta.rows_written ?? 0,
      failed: false,
    })
  const tellFailed = (statements: readonly Statement[], sinceMs: number) => {
    const durationMs = performance.now() - sinceMs
    for (const statement of statements.filter((each) => registered.has(each)))
      onRun?.({ statement, durationMs, rowsRead: 0, rowsWritten: 0, failed: true })
  }

  async function runBatch(statements: readonly BoundStatement[], how: QueryHow) {
    // D1 refuses a batch of nothing.
    if (statements.length === 0) return []
    const startedMs = performance.now()
    return attempt(
      async () => {
        const results = await on(how, async (queries) =>
          queries.batch(statements.map((each) => prepare(queries, each))),
        )
        return results.map(({ meta, results: rows }, at) => {
          tell((statements[at] as BoundStatement).statement, meta)
          return { changes: meta.changes ?? 0, rows: rows.map(rowFromD1) }
        })
      },
      (error) => tellFailed(suspects(statements, error), startedMs),
    )
  }

  return {
    // A row is capped at 2 MB and dearer than an object.
    capabilities: {
      embedded: false,
      exclusive: false,
      inlineBlobBytesMax: 0,
      staleMsMax: replicas?.renewMs ?? 0,
    },

    query<P extends Params, R>(statement: Statement<P, R>, params: P, how: QueryHow = {}): Promise<R[]> {
      const read = bind(statement, params)
      const startedMs = performance.now()
      return attempt(
        async () => {
          const { results, meta } = await on(how, async (queries) => prepare(queries, read).all())
          tell(read.statement, meta)
          return results.map(rowFromD1) as R[]
        },
        () => tellFailed([read.statement], startedMs),
      )
    },

    async queryTogether(reads, how = {}) {
      const results = await runBatch(reads, how)
      return results.map(({ rows }) => rows)
    },

    batch: (statements) => runBatch(statements, {}),

    explain(statement: Statement): Promise<string[]> {
      return attempt(async () => {
        if (!registered.has(statement)) throw unregistered(statement)
        const explain = d1.prepare(`EXPLAIN QUERY PLAN ${statement.text}`)
        const { results } = await explain.bind(...statement.params.map(() => null)).all()
        return results.map((step) => (step as { detail: string }).detail)
      })
    },

    async ping() {
      await attempt(() => d1.prepare('SELECT 1').all())
    },

    inspector: createD1Inspector(d1, { registered }),

    ...(sessions && { bookmarks: sessions.bookmarks }),

    // The binding belongs to the runtime, and a batch under way to whoever awaits it.
    async close() {},
  }
}

/** Calls D1; whatever it throws becomes the port's error. */
async function attempt<T>(call: () => Promise<T>, failed?: (error: DatabaseError) => void): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    const error = cause instanceof DatabaseError ? cause : databaseErrorFromSqlite(cause)
    failed?.(error)
    throw error
  }
}

function unregistered({ name }: Statement): DatabaseError {
  return new DatabaseError('unavailable', `${name} is not registered`)
}

/** D1 does not say which statement of a batch failed: those that can have, by what they write. */
function suspects(
  statements: readonly BoundStatement[],
  { kind, constraint }: DatabaseError,
): readonly Statement[] {
  const table = kind === 'guard' ? 'guards' : kind === 'unique' ? constraint?.split('.')[0] : undefined
  const all = statements.map(({ statement }) => statement)
  const those = table === undefined ? all : all.filter(({ writes }) => writes.includes(table))
  return those.length > 0 ? those : all
}

/** A blob comes as an array of numbers, since results travel as JSON; the documentation promises an ArrayBuffer. */
function rowFromD1(row: unknown): unknown {
  const values = row as Record<string, unknown>
  for (const [name, value] of Object.entries(values)) {
    if (Array.isArray(value)) values[name] = Uint8Array.from(value as number[])
    else if (value instanceof ArrayBuffer) values[name] = new Uint8Array(value)
  }
  return values
}
