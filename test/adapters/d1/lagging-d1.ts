import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type {
  D1DatabaseLike,
  D1QueriesLike,
  D1ResultLike,
  D1StatementLike,
} from '../../../src/adapters/d1/database.ts'
import type { D1SessionLike } from '../../../src/adapters/d1/sessions.ts'

export interface LaggingD1Options {
  /** Makes the tables, on the primary and on each copy. */
  readonly schema: string
  readonly copies: number
  /** From 0 to below 1: which copy is nearest. */
  readonly random: () => number
  /** Awaited by each call before it arrives, and before it is answered. Default: at once. */
  readonly pace?: () => Promise<void>
}

export interface LaggingD1 extends D1DatabaseLike {
  /** A copy gets all batches but the last `behind`; never back. */
  replicate(copy: number, behind?: number): void
  /** How many batches have written. */
  version(): number
  /** Calls that were answered since the last time. */
  answered(): { primary: number; copies: number }
  /** The next call fails, before it takes effect or after. */
  failNext(when: 'before' | 'after'): void
  close(): void
}

/** As `00000007`: of as many batches. */
export const bookmarkOf = (version: number) => String(version).padStart(8, '0')

interface Prepared extends D1StatementLike {
  readonly text: string
  readonly values: readonly SQLInputValue[]
}

interface Instance {
  readonly sql: DatabaseSync
  version: number
}

/**
 * D1 with copies that are behind for as long as a test wants, by its documentation: the primary takes all writes; a session at
 * `first-primary` begins there; one at a bookmark is answered by a copy that has got so far, else by the primary; and every answer
 * has a bookmark of what it saw. https://developers.cloudflare.com/d1/best-practices/read-replication/ A bookmark that was never
 * given out fails: how long D1 would wait for it is not documented.
 */
export function createLaggingD1(options: LaggingD1Options): LaggingD1 {
  const { schema, random, pace = async () => {} } = options
  const open = (): Instance => {
    const sql = new DatabaseSync(':memory:')
    sql.exec(schema)
    return { sql, version: 0 }
  }
  const primary = open()
  const copies = Array.from({ length: options.copies }, open)
  const log: (readonly Prepared[])[] = []
  let answered = { primary: 0, copies: 0 }
  let failure: 'before' | 'after' | undefined

  function replicate(copy: Instance, by: number): void {
    while (copy.version < log.length - by) transact(copy, log[copy.version++] as readonly Prepared[])
  }

  function choose(constraint: string | null): Instance {
    if (constraint === null || constraint === 'first-primary') return primary
    if (!/^\d{8}$/.test(constraint) || Number(constraint) > primary.version)
      throw new Error(`D1_ERROR: unknown bookmark ${constraint}`)
    const nearest = copies[Math.floor(random() * copies.length)]
    return nearest && nearest.version >= Number(constraint) ? nearest : primary
  }

  async function run(statements: readonly Prepared[], constraint: string | null) {
    await pace()
    const fails = failure
    failure = undefined
    if (fails === 'before') throw new Error('D1_ERROR: Network connection lost')
    const writes = statements.some(({ text }) => !/^\s*(SELECT|WITH|EXPLAIN|PRAGMA)/i.test(text))
    const instance = writes ? primary : choose(constraint)
    const results = transact(instance, statements)
    if (writes) {
      log.push(statements)
      instance.version = log.length
    }
    answered[instance === primary ? 'primary' : 'copies']++
    const bookmark = bookmarkOf(instance.version)
    await pace()
    if (fails === 'after') throw new Error('D1_ERROR: Network connection lost')
    return { results, bookmark }
  }

  function queriesAt(constraint: string | null): D1QueriesLike & { getBookmark(): string | null } {
    let latest = constraint
    const ask = async (statements: readonly Prepared[]) => {
      const { results, bookmark } = await run(statements, latest)
      if (constraint !== null && (latest === null || latest === 'first-primary' || latest < bookmark))
        latest = bookmark
      return results
    }
    const prepared = (text: string, values: readonly SQLInputValue[]): Prepared => ({
      text,
      values,
      bind: (...given) => prepared(text, given as SQLInputValue[]),
      async all() {
        const [result] = await ask([prepared(text, values)])
        return result as D1ResultLike
      },
    })
    return {
      prepare: (text) => prepared(text, []),
      batch: (statements) => ask(statements as Prepared[]),
      getBookmark: () => (latest === 'first-primary' ? null : latest),
    }
  }

  return {
    ...queriesAt(null),
    withSession: (constraint): D1SessionLike => queriesAt(constraint),
    replicate: (at, by = 0) => replicate(copies[at] as Instance, by),
    version: () => log.length,
    answered() {
      const last = answered
      answered = { primary: 0, copies: 0 }
      return last
    },
    failNext: (when) => void (failure = when),
    close() {
      for (const { sql } of [primary, ...copies]) sql.close()
    },
  }
}

function transact({ sql }: Instance, statements: readonly Prepared[]): D1ResultLike[] {
  const total = () => (sql.prepare('SELECT total_changes() AS total').get() as { total: number }).total
  sql.exec('BEGIN')
  try {
    const results = statements.map(({ text, values }) => {
      const before = total()
      const results = sql.prepare(text).all(...values)
      return { results, meta: { changes: total() - before } }
    })
    sql.exec('COMMIT')
    return results
  } catch (cause) {
    sql.exec('ROLLBACK')
    throw new Error(`D1_ERROR: ${(cause as Error).message}: SQLITE_CONSTRAINT`, { cause })
  }
}
