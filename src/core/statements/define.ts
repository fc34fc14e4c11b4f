import type { Params, Statement } from '../ports/database.ts'

/**
 * Declares a statement. `P` is its parameters, `R` its row; both are checked where it is used, and a test
 * checks the text against the tables it says it reads and writes.
 */
export function defineStatement<P extends Params, R = never>(
  statement: Omit<Statement<P, R>, 'row'>,
): Statement<P, R> {
  return Object.freeze(statement)
}
