import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * Makes this process the only owner of a data folder until it ends, however it ends. Node offers no file lock;
 * SQLite does: an exclusive transaction on a database that holds nothing, kept open, is a lock of the operating
 * system, which a killed process cannot leave behind. https://www.sqlite.org/lockingv3.html
 *
 * Throws an `Error` whose message names the owner when there is one.
 */
export function lockFolder(folder: string): { release(): void } {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const owner = join(folder, 'owner')
  const database = new DatabaseSync(join(folder, 'lock'))
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    if (!/locked|busy/i.test(String(cause))) throw cause
    throw new Error(`The data folder ${folder} is in use by ${describeOwner(owner)}.`, { cause })
  }
  writeFileSync(owner, `process ${process.pid} on ${hostname()}\n`)
  return { release: () => database.close() }
}

function describeOwner(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return 'another process'
  }
}
