import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteDatabase } from '../../../src/adapters/sqlite/database.ts'
import { totalsContract, totalsStatements } from '../../contracts/totals.ts'
import { migrationsFolder } from '../../core/test-core.ts'

totalsContract('sqlite', {
  runs: 20,
  async create() {
    const folder = await mkdtemp(join(tmpdir(), 'cutty-totals-'))
    const database = await openSqliteDatabase({
      file: join(folder, 'cutty.db'),
      statements: totalsStatements,
      migrationsFolder,
      inlineBlobBytesMax: 4096,
      nowMs: 0,
    })
    return {
      database,
      async cleanup() {
        await database.close()
        await rm(folder, { recursive: true })
      },
    }
  },
})
