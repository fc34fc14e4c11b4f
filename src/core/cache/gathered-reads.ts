import { bind, type BoundStatement, type Database, type QueryHow } from '../ports/database.ts'

/** As {@link Database.query}. */
export type Ask = Database['query']

interface Waiting {
  readonly read: BoundStatement
  readonly how: QueryHow
  readonly resolve: (rows: unknown[]) => void
  readonly reject: (error: unknown) => void
}

/**
 * Reads that are asked for in one turn go to the database together, in one round trip; one that fails fails those. For one request
 * only: on Workers a connection belongs to the request that opened it, and another one must not wait for it.
 */
export function gatherReads(database: Pick<Database, 'queryTogether'>): Ask {
  let waiting: Waiting[] = []

  async function send(): Promise<void> {
    const reads = waiting
    waiting = []
    try {
      const mayLag = reads.every(({ how }) => how.mayLag === true)
      const results = await database.queryTogether(
        reads.map(({ read }) => read),
        { mayLag },
      )
      for (const [at, { resolve }] of reads.entries()) resolve(results[at] as unknown[])
    } catch (error) {
      for (const { reject } of reads) reject(error)
    }
  }

  return (statement, params, how = {}) =>
    new Promise((resolve, reject) => {
      waiting.push({ read: bind(statement, params), how, resolve: resolve as Waiting['resolve'], reject })
      // After all that is asked for in this turn.
      if (waiting.length === 1) queueMicrotask(() => void send())
    })
}
