import { expect } from 'vitest'
import { DatabaseError, type DatabaseFailure } from '../../src/core/ports/database.ts'

export async function expectKind(promise: Promise<unknown>, kind: DatabaseFailure): Promise<DatabaseError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(DatabaseError)
  expect((error as DatabaseError).kind).toBe(kind)
  return error as DatabaseError
}
