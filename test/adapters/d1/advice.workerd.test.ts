import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createD1Database } from '../../../src/adapters/d1/database.ts'
import { applyAdvice } from '../../../src/core/database-advice/apply.ts'
import { readAdvice } from '../../../src/core/database-advice/read.ts'
import type { Core } from '../../../src/core/core.ts'
import type { StatementRun } from '../../../src/core/ports/database.ts'
import { listTokens } from '../../../src/core/statements/accounts.ts'
import { statements } from '../../../src/core/statements/registry.ts'
import { createMemoryCore } from '../../core/memory-core.ts'
import { testBytes } from '../../core/test-bytes.ts'
import { createTestClock } from '../../core/test-clock.ts'
import { clear } from './clear.ts'

const index = 'CREATE INDEX IF NOT EXISTS api_tokens_by_user ON api_tokens (user_id, id)'
const tokens = 1500

beforeEach(async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  await clear()
})
afterEach(async () => {
  await clear()
  // As if nothing had ever been counted: the other suites share this database.
  const texts = [index, 'ANALYZE', 'DELETE FROM sqlite_stat1', 'ANALYZE sqlite_master']
  await env.DB.batch(texts.map((text) => env.DB.prepare(text)))
})

function open(): Core {
  const background = { run: (_name: string, work: () => Promise<void>) => void work() }
  const onRun = (run: StatementRun) => core.statementRuns.note(run)
  const core = createMemoryCore({
    database: createD1Database(env.DB, { statements, onRun }),
    clock: createTestClock(),
    background,
    ...testBytes({ bytesMax: 1, entryBytesMax: 0 }),
  })
  return core
}

const admin = { role: 'admin', userId: 'a' } as const
const windowSeconds = 3600

test('D1 tells of scans that were run and of statistics that are due, and says what it cannot tell', async () => {
  await env.DB.batch([
    env.DB.prepare('DROP INDEX api_tokens_by_user'),
    env.DB.prepare(
      `INSERT INTO users (id, name, email, role, created_at_ms) VALUES ('u', 'n', 'e', 'user', 0)`,
    ),
    env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${tokens})
      INSERT INTO api_tokens (id, user_id, label, token_hash, created_at_ms)
      SELECT printf('%08d', i), 'u', 'l', CAST(i AS BLOB), 0 FROM n`,
    ),
  ])
  const core = open()
  await core.database.query(listTokens, { userId: 'nobody' })
  const { advice, lookedAt } = await readAdvice(core, admin, { windowSeconds })
  expect(lookedAt.plans).toBe(30)
  expect(lookedAt.inspection.sizeBytes).toBeGreaterThan(100_000)
  expect(lookedAt.not.join('\n')).toMatch(/D1 does not tell[\s\S]*Unused indexes[\s\S]*Missing indexes/)
  expect(lookedAt.inspection.tables.map(({ name }) => name).join()).not.toMatch(/_cf_/)
  const scan = advice.find(({ kind }) => kind === 'full_scan')
  expect(scan).toMatchObject({
    id: 'full_scan.api_tokens.list',
    measured: { rows: tokens },
    action: { change: undefined },
  })
  expect(scan?.finding).toMatch(/reads all of api_tokens/)
  await expect(applyAdvice(core, admin, { id: scan?.id as string, windowSeconds })).rejects.toMatchObject({
    code: 'conflict',
  })
  const due = advice.find(({ kind }) => kind === 'statistics_due')
  expect(due?.finding).toContain('api_tokens is due')
  await applyAdvice(core, admin, { id: 'statistics_due', windowSeconds })
  const after = await readAdvice(core, admin, { windowSeconds })
  expect(after.advice.map(({ kind }) => kind)).toEqual(['full_scan'])
  const table = after.lookedAt.inspection.tables.find(({ name }) => name === 'api_tokens')
  expect(table).toMatchObject({ analyzedRows: tokens, rows: undefined })
})

test('D1 with nothing to do says so', async () => {
  expect((await readAdvice(open(), admin, { windowSeconds })).advice).toEqual([])
})
