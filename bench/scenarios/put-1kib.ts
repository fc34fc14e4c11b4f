import { join } from 'node:path'
import { runProcess } from '../harness/processes.ts'
import { putFiles } from '../harness/put-files.ts'
import type { Measurement, Scenario } from '../harness/scenario.ts'
import type { SqliteLoop } from '../yardsticks/sqlite-loop.ts'

export const put1Kib: Scenario = {
  name: 'put-1kib',
  measures: 'PUTs of new files of 1 KiB over 64 connections, each acknowledged when it is synced to disk.',
  yardstick: 'a loop of SQLite inserts of 1 KiB rows, 32 rows per synced commit',
  targets: [
    { metric: 'perSecond', bound: 'at least', value: 5_000, unit: 'per second' },
    { metric: 'ratio', bound: 'at least', value: 0.5, unit: 'of the yardstick' },
  ],
  run: (context) =>
    putFiles(
      { sizeBytes: 1024, kind: 'random', connections: 64, compared: 'perSecond', yardstick: sqliteLoop },
      context,
    ),
}

function sqliteLoop(folder: string, seconds: number): Promise<Measurement> {
  const job: SqliteLoop = { path: join(folder, 'loop.db'), seconds, rowsPerCommit: 32, rowBytes: 1024 }
  return runProcess('server', [join(import.meta.dirname, '../yardsticks/sqlite-loop.ts')], job)
}
