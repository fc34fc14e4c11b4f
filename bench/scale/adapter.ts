import { join } from 'node:path'
import { openSqliteDatabase } from '../../src/adapters/sqlite/database.ts'
import { statements } from '../../src/core/statements/registry.ts'
import { nowMs } from './draw.ts'
import type { Database } from '../../src/core/ports/database.ts'

/** A generated database as the server has it open, which counts what statements cost as well. */
export function openGenerated(file: string): Promise<Database> {
  let runs = 0
  return openSqliteDatabase({
    file,
    statements,
    migrationsFolder: join(import.meta.dirname, '../../migrations'),
    inlineBlobBytesMax: 0,
    nowMs,
    onRun: () => (runs += 1),
  })
}
