import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import { createD1Database } from '../../../src/adapters/d1/database.ts'
import { databaseContract } from '../../contracts/database.ts'
import { contractStatements, findSetting } from '../../contracts/database-statements.ts'
import { clear } from './clear.ts'

databaseContract('d1', async (statements) => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  // Another suite of this run may have left rows.
  await clear()
  return { subject: createD1Database(env.DB, { statements }), cleanup: clear }
})

test('what D1 does not take as a value is an error of the port', async () => {
  const database = createD1Database(env.DB, { statements: contractStatements })
  await expect(database.query(findSetting, {} as { name: string })).rejects.toMatchObject({
    name: 'DatabaseError',
    kind: 'unavailable',
  })
})
