import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import { createD1Database, type D1Options } from '../../../src/adapters/d1/database.ts'
import { databaseContract } from '../../contracts/database.ts'
import { databaseRunsContract } from '../../contracts/database-runs.ts'
import { contractStatements, findSetting } from '../../contracts/database-statements.ts'
import { clear } from './clear.ts'

async function create(options: D1Options) {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  // Another suite of this run may have left rows.
  await clear()
  return { subject: createD1Database(env.DB, options), cleanup: clear }
}

databaseContract('d1', (statements) => create({ statements }))
databaseRunsContract('d1', create)

const replicas = { renewMs: 1000, monotonic: () => performance.now() }
databaseContract('d1 in sessions', (statements) => create({ statements, replicas }))
databaseRunsContract('d1 in sessions', (options) => create({ ...options, replicas }))

test('what D1 does not take as a value is an error of the port', async () => {
  const database = createD1Database(env.DB, { statements: contractStatements })
  await expect(database.query(findSetting, {} as { name: string })).rejects.toMatchObject({
    name: 'DatabaseError',
    kind: 'unavailable',
  })
})
