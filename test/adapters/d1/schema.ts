import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { migrationsFolder } from '../../core/test-core.ts'

/** All migrations, one after the other. */
export const schema = readdirSync(migrationsFolder)
  .filter((name) => name.endsWith('.sql'))
  .toSorted()
  .map((name) => readFileSync(join(migrationsFolder, name), 'utf8'))
  .join('\n')
