import {
  type BoundStatement,
  type Database,
  DatabaseError,
  databaseErrorFromSqlite,
  type Params,
  type Statement,
  type StatementResult,
  type Value,
} from '../../core/ports/database.ts'

/** https://developers.cloudflare.com/d1/worker-api/ — what is used of it. */
export interface D1DatabaseLike {
  prepare(text: string): D1StatementLike
  batch(statements: D1StatementLike[]): Promise<D1ResultLike[]>
}

export interface D1StatementLike {
  bind(...values: unknown[]): D1StatementLike
  all(): Promise<D1ResultLike>
}

export interface D1ResultLike {
  readonly results: unknown[]
  readonly meta: { readonly changes?: number }
}

export interface D1Options {
  /** All that will ever be run. */
  readonly statements: readonly Statement[]
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
  const prepare = (statement: Statement, values: readonly Value[]) => {
    if (!registered.has(statement)) {
      throw new DatabaseError('unavailable', `${statement.name} is not registered`)
    }
    return d1.prepare(statement.text).bind(...values)
  }

  return {
    // A row is capped at 2 MB and dearer than an object.
    capabilities: { embedded: false, exclusive: false, inlineBlobBytesMax: 0 },

    query<P extends Params, R>(statement: Statement<P, R>, params: P): Promise<R[]> {
      const values = statement.params.map((name) => params[name] as Value)
      return attempt(async () => {
        const { results } = await prepare(statement as Statement, values).all()
        return results.map(rowFromD1) as R[]
      })
    },

    async batch(statements: readonly BoundStatement[]): Promise<StatementResult[]> {
      // D1 refuses a batch of nothing.
      if (statements.length === 0) return []
      return attempt(async () => {
        const results = await d1.batch(statements.map(({ statement, values }) => prepare(statement, values)))
        return results.map(({ meta, results: rows }) => ({
          changes: meta.changes ?? 0,
          rows: rows.map(rowFromD1),
        }))
      })
    },

    async ping() {
      await attempt(() => d1.prepare('SELECT 1').all())
    },

    // The binding belongs to the runtime, and a batch under way to whoever awaits it.
    async close() {},
  }
}

/** Calls D1; whatever it throws becomes the port's error. */
async function attempt<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw error instanceof DatabaseError ? error : databaseErrorFromSqlite(error)
  }
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
