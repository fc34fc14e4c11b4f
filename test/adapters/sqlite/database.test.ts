import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openSqliteDatabase } from '../../../src/adapters/sqlite/database.ts'
import { bind, type Statement } from '../../../src/core/ports/database.ts'
import { databaseContract } from '../../contracts/database.ts'
import { contractStatements, findSetting, putSetting } from '../../contracts/database-statements.ts'

const migrationsFolder = fileURLToPath(new URL('../../../migrations', import.meta.url))

function openIn(folder: string, statements: readonly Statement[]) {
  return openSqliteDatabase({
    file: join(folder, 'cutty.db'),
    statements,
    migrationsFolder,
    inlineBlobBytesMax: 4096,
    nowMs: Date.UTC(2026, 0, 1),
  })
}

databaseContract('sqlite', async (statements) => {
  const folder = await mkdtemp(join(tmpdir(), 'cutty-sqlite-'))
  const subject = await openIn(folder, statements)
  return {
    subject,
    async cleanup() {
      // One of the tests has closed it.
      await subject.close().catch(() => {})
      await rm(folder, { recursive: true, force: true })
    },
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
