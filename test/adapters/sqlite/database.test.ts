import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openSqliteDatabase } from '../../../src/adapters/sqlite/database.ts'
import { bind, type Statement, type StatementRun } from '../../../src/core/ports/database.ts'
import { databaseContract } from '../../contracts/database.ts'
import { databaseRunsContract } from '../../contracts/database-runs.ts'
import { contractStatements, findSetting, putSetting } from '../../contracts/database-statements.ts'

const migrationsFolder = fileURLToPath(new URL('../../../migrations', import.meta.url))

function openIn(folder: string, statements: readonly Statement[], onRun?: (run: StatementRun) => void) {
  return openSqliteDatabase({
    file: join(folder, 'cutty.db'),
    statements,
    migrationsFolder,
    inlineBlobBytesMax: 4096,
    nowMs: Date.UTC(2026, 0, 1),
    ...(onRun && { onRun }),
  })
}

async function create(statements: readonly Statement[], onRun?: (run: StatementRun) => void) {
  const folder = await mkdtemp(join(tmpdir(), 'cutty-sqlite-'))
  const subject = await openIn(folder, statements, onRun)
  return {
    subject,
    async cleanup() {
      // One of the tests has closed it.
      await subject.close().catch(() => {})
      await rm(folder, { recursive: true, force: true })
    },
  }
}

databaseContract('sqlite', (statements) => create(statements))
databaseRunsContract('sqlite', ({ statements, onRun }) => create(statements, onRun))

test('sqlite tells of batches that it cannot take any more: all of their statements failed', async () => {
  const runs: StatementRun[] = []
  const { subject, cleanup } = await create(contractStatements, (run) => void runs.push(run))
  try {
    await subject.close()
    const batch = [bind(putSetting, { name: 's', value: 'x' }), bind(putSetting, { name: 't', value: 'x' })]
    await expect(subject.batch(batch)).rejects.toMatchObject({ kind: 'unavailable' })
    expect(runs.map(({ failed }) => failed)).toEqual([true, true])
  } finally {
    await cleanup()
  }
})

test('sqlite answers several queries as of one moment, though another connection writes between them', async () => {
  let between = () => {}
  const folder = await mkdtemp(join(tmpdir(), 'cutty-sqlite-'))
  const subject = await openIn(folder, contractStatements, () => between())
  const writer = new DatabaseSync(join(folder, 'cutty.db'))
  try {
    await subject.batch([bind(putSetting, { name: 's', value: 'old' })])
    const find = bind(findSetting, { name: 's' })
    between = () => writer.exec(`UPDATE settings SET value = 'new' WHERE name = 's'`)
    expect(await subject.queryTogether([find, find])).toEqual([[{ value: 'old' }], [{ value: 'old' }]])
    expect(await subject.queryTogether([find])).toEqual([[{ value: 'new' }]])
  } finally {
    writer.close()
    await subject.close()
    await rm(folder, { recursive: true, force: true })
  }
})

test('sqlite keeps what it was told over a restart, and migrates once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cutty-sqlite-'))
  try {
    const first = await openIn(folder, contractStatements)
    await first.batch([bind(putSetting, { name: 's', value: 'kept' })])
    await first.close()
    const second = await openIn(folder, contractStatements)
    expect(await second.query(findSetting, { name: 's' })).toEqual([{ value: 'kept' }])
    await second.close()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
