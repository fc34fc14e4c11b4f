import { openSqliteDatabase } from '../../src/adapters/sqlite/database.ts'
import { accessLogStatements, statements } from '../../src/core/statements/registry.ts'
import { nowMs } from './draw.ts'
import { migrations } from './fill.ts'
import { logMigrations } from './fill-log.ts'
import type { Database } from '../../src/core/ports/database.ts'

const kinds = {
  main: { statements, migrationsFolder: migrations },
  // What a machine without power loses of it is not missed.
  accessLog: { statements: accessLogStatements, migrationsFolder: logMigrations, synchronous: 'normal' },
} as const

/** A generated database as the server has it open, which counts what statements cost as well. */
export function openGenerated(file: string, kind: keyof typeof kinds = 'main'): Promise<Database> {
  let runs = 0
  return openSqliteDatabase({
    file,
    ...kinds[kind],
    inlineBlobBytesMax: 0,
    nowMs,
    onRun: () => (runs += 1),
  })
}
