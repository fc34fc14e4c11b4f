import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteDatabase } from '../../../src/adapters/sqlite/database.ts'
import { statements } from '../../../src/core/statements/registry.ts'
import { stalenessContract } from '../../contracts/staleness.ts'
import { migrationsFolder } from '../../core/test-core.ts'

// As if others wrote to it too: SQLite answers at once, so all that is late here is ours.
stalenessContract('a database that others write to', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cutty-staleness-'))
  const database = await openSqliteDatabase({
    file: join(folder, 'cutty.db'),
    statements,
    migrationsFolder,
    inlineBlobBytesMax: 0,
    nowMs: Date.now(),
  })
  return {
    open: () => database,
    async cleanup() {
      await database.close()
      await rm(folder, { recursive: true })
    },
  }
})
