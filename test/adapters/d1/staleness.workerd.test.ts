import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { createD1Database } from '../../../src/adapters/d1/database.ts'
import { statements } from '../../../src/core/statements/registry.ts'
import { stalenessContract } from '../../contracts/staleness.ts'
import { clear } from './clear.ts'

for (const [name, replicas] of [
  ['D1', undefined],
  ['D1 in sessions', { renewMs: 1000, monotonic: () => performance.now() }],
] as const) {
  stalenessContract(name, async () => {
    await applyD1Migrations(env.DB, env.MIGRATIONS)
    await clear()
    return { open: () => createD1Database(env.DB, { statements, replicas }), cleanup: clear }
  })
}
