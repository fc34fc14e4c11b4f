import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * Makes this process the only owner of a data folder until it ends, however it ends. Node offers no file lock;
 * SQLite does: an exclusive transaction on a database that holds nothing, kept open, is a lock of the operating
 * system, which a killed process cannot leave behind. https://www.sqlite.org/lockingv3.html
 *
 * Throws an `Error` whose message names the owner when there is one. `name` is what the folder is called in it.
 */
export function lockFolder(folder: string, name = 'data folder'): { release(): void } {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const owner = join(folder, 'owner')
  const database = new DatabaseSync(join(folder, 'lock'), { timeout: probeMs })
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    if (!/locked|busy/i.test(String(cause))) throw cause
    throw new Error(`The ${name} ${folder} is in use by ${describeOwner(owner)}.`, { cause })
  }
  writeFileSync(owner, `process ${process.pid} on ${hostname()}\n`)
  return { release: () => database.close() }
}

/** Who holds the lock of a folder; `undefined` when nobody does. Takes nothing and writes nothing. */
export function folderOwner(folder: string): string | undefined {
  const file = join(folder, 'lock')
  if (!existsSync(file)) return undefined
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
    return undefined
  } catch (cause) {
    if (!/locked|busy/i.test(String(cause))) throw cause
    return describeOwner(join(folder, 'owner'))
  } finally {
    database.close()
  }
}

/** Looking who holds a lock is a lock for a moment, which must not keep an owner from its folder. */
const probeMs = 200

function describeOwner(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return 'another process'
  }
}
