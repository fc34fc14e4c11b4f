import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { createD1Database } from '../../../src/adapters/d1/database.ts'
import { totalsContract, totalsStatements } from '../../contracts/totals.ts'
import { clear } from './clear.ts'

totalsContract('d1', {
  runs: 4,
  async create() {
    await applyD1Migrations(env.DB, env.MIGRATIONS)
    // Another suite of this run may have left rows.
    await clear()
    return { database: createD1Database(env.DB, { statements: totalsStatements }), cleanup: clear }
  },
})
