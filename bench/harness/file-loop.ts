import { join } from 'node:path'
import { runProcess } from './processes.ts'
import type { FileLoop } from '../yardsticks/file-loop.ts'
import type { Measurement } from './scenario.ts'

/** Measures the loop of write, fsync and rename of 1 MiB files, on the server's core. */
export function fileLoop(folder: string, seconds: number): Promise<Measurement> {
  const job: FileLoop = { folder: join(folder, 'loop'), seconds, fileBytes: 2 ** 20 }
  return runProcess('server', [join(import.meta.dirname, '../yardsticks/file-loop.ts')], job)
}
