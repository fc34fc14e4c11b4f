import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { createD1Database } from '../../../src/adapters/d1/database.ts'
import { statements } from '../../../src/core/statements/registry.ts'
import { queryPlansContract } from '../../contracts/query-plans.ts'
import { clear } from './clear.ts'

queryPlansContract('D1', async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  // Another suite of this run may have left rows.
  await clear()
  const database = createD1Database(env.DB, { statements })
  return {
    explain: (statement) => database.explain(statement),
    all: async (text) => (await env.DB.prepare(text).all()).results,
    close: async () => {},
  }
})
