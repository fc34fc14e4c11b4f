import type { BoundStatement, Database, Params, QueryHow, Statement } from '../../src/core/ports/database.ts'
import type { FaultPlan } from './plan.ts'

/**
 * `batch` before anything is written, `batch.acknowledge` when it has taken effect and the writer is not told yet:
 * what a connection that breaks at the wrong moment looks like.
 */
export type DatabaseStep = 'query' | 'batch' | 'batch.acknowledge' | 'ping'

/** A database whose steps go as `plan` says, and otherwise as `inner` does. Fail it with a `DatabaseError`. */
export function faultyDatabase(inner: Database, plan: FaultPlan<DatabaseStep>): Database {
  return {
    capabilities: inner.capabilities,
    async query<P extends Params, R>(statement: Statement<P, R>, params: P, how?: QueryHow): Promise<R[]> {
      await plan('query')
      return inner.query(statement, params, how)
    },
    async queryTogether(reads: readonly BoundStatement[], how?: QueryHow) {
      await plan('query')
      return inner.queryTogether(reads, how)
    },
    async batch(statements: readonly BoundStatement[]) {
      await plan('batch')
      const results = await inner.batch(statements)
      await plan('batch.acknowledge')
      return results
    },
    explain: (statement) => inner.explain(statement),
    async ping() {
      await plan('ping')
      await inner.ping()
    },
    close: () => inner.close(),
  }
}
