import { join } from 'node:path'
import { fillDatabase } from './fill.ts'
import { fillLog } from './fill-log.ts'
import type { Context } from '../harness/scenario.ts'
import type { ScaleOptions } from './draw.ts'

export interface PreparedDatabase extends ScaleOptions {
  readonly file: string
}

/** A generated database in a scenario's folder: of 1,000,000 files over 1,000 users, or in one bucket of so many `folders`. */
export function prepareDatabase(context: Context, { folders }: { folders?: number } = {}): PreparedDatabase {
  const options: ScaleOptions = {
    seed: 7,
    files: context.quick ? 50_000 : 1_000_000,
    users: folders !== undefined ? 1 : context.quick ? 100 : 1000,
    ...(folders !== undefined && { folders }),
  }
  const file = join(context.folder, 'scale.db')
  const began = performance.now()
  context.progress(`generating ${options.files} files`)
  fillDatabase({ file, ...options })
  context.progress(`generated in ${((performance.now() - began) / 1000).toFixed(0)} s`)
  return { file, ...options }
}

/** The access log of such a database, beside it: of 5,000,000 requests. */
export function prepareLog(context: Context, { file: files }: PreparedDatabase) {
  const rows = context.quick ? 100_000 : 5_000_000
  const file = join(context.folder, 'scale-log.db')
  const began = performance.now()
  context.progress(`generating ${rows} rows of the access log`)
  fillLog({ file, files, rows })
  context.progress(`generated in ${((performance.now() - began) / 1000).toFixed(0)} s`)
  return { file, rows }
}
