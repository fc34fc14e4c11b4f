import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createD1Database } from '../../../src/adapters/d1/database.ts'
import type { Core } from '../../../src/core/core.ts'
import type { StatementRun } from '../../../src/core/ports/database.ts'
import { readStatementStats } from '../../../src/core/statement-stats/read.ts'
import { saveStatementRuns } from '../../../src/core/statement-stats/save.ts'
import { findSetting } from '../../../src/core/statements/settings.ts'
import { statements } from '../../../src/core/statements/registry.ts'
import { createMemoryCore } from '../../core/memory-core.ts'
import { testBytes } from '../../core/test-bytes.ts'
import { createTestClock } from '../../core/test-clock.ts'
import { clear } from './clear.ts'

beforeEach(async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  await clear()
})
afterEach(clear)

const background = { run: (_name: string, work: () => Promise<void>) => void work() }

/** As an isolate joins its parts. */
function isolate(): Core {
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
const find = async (core: Core, times: number) => {
  for (let count = 0; count < times; count++) await core.database.query(findSetting, { name: 'x' })
}
const costs = async (core: Core) => {
  const { statements: found } = await readStatementStats(core, admin, { windowSeconds: 3600 })
  return found.find(({ name }) => name === findSetting.name)
}

test('two isolates over one D1 write beside one another, and read the sum', async () => {
  const [first, second] = [isolate(), isolate()]
  await find(first, 3)
  await find(second, 4)
  await Promise.all([saveStatementRuns(first), saveStatementRuns(second)])
  await find(first, 2)
  await saveStatementRuns(first)
  await find(second, 1)
  // Of others what they have written, of itself all.
  expect(await costs(second)).toMatchObject({ runs: 10, errors: 0, rowsWritten: 0 })
  expect(await costs(first)).toMatchObject({ runs: 9 })
  const third = await costs(isolate())
  expect(third).toMatchObject({ runs: 9 })
  expect(third?.p50Ms).toBeGreaterThanOrEqual(0)
  const { results } = await env.DB.prepare('SELECT typeof(durations) AS type FROM statement_stats').all()
  expect(new Set(results.map(({ type }) => type))).toEqual(new Set(['blob']))
})
