import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { createD1Database } from '../../../src/adapters/d1/database.ts'
import { statements } from '../../../src/core/statements/registry.ts'
import { stalenessContract } from '../../contracts/staleness.ts'
import { clear } from './clear.ts'

stalenessContract('D1', async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  await clear()
  return { database: createD1Database(env.DB, { statements }), cleanup: clear }
})
