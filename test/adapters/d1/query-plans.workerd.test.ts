import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { createD1Database } from '../../../src/adapters/d1/database.ts'
import { accessLogSchema, mainSchema, queryPlansContract } from '../../contracts/query-plans.ts'
import type { PlannedDatabase, PlannedSchema } from '../../contracts/query-plans.ts'
import { clear } from './clear.ts'

function plannedBy(binding: typeof env.DB, { statements }: PlannedSchema): PlannedDatabase {
  const database = createD1Database(binding, { statements })
  return {
    explain: (statement) => database.explain(statement),
    all: async (text) => (await binding.prepare(text).all()).results,
    close: async () => {},
  }
}

queryPlansContract('D1', mainSchema, async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  // Another suite of this run may have left rows.
  await clear()
  return plannedBy(env.DB, mainSchema)
})

queryPlansContract("D1's access log", accessLogSchema, async () => {
  await applyD1Migrations(env.ACCESS_LOG, env.ACCESS_LOG_MIGRATIONS)
  return plannedBy(env.ACCESS_LOG, accessLogSchema)
})
