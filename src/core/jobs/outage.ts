import { CuttyError } from '../errors.ts'
import { DatabaseError } from '../ports/database.ts'

/** What may be over in a moment: the store or the database cannot be reached. */
export function isOutage(error: unknown): boolean {
  if (error instanceof DatabaseError) return error.kind === 'unavailable'
  return error instanceof CuttyError && error.code === 'storage_unavailable'
}
