import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { clearDrafts, syncFolder } from './blob-files.ts'
import { lockFolder } from './folder-lock.ts'

/**
 * A folder that holds one backup: `manifest.json`, the database that it names, `blobs/`, and perhaps `master.key`. The
 * manifest comes last and by a rename, so it names only what is there whole; until then the one before holds, whose
 * database and blobs are still there. What no manifest names is removed afterwards.
 */
export interface Manifest {
  /** Of this file. */
  readonly format: 1
  /** The release that made it. */
  readonly cutty: string
  /** The moment of which it is a copy. */
  readonly takenAtMs: number
  /** Tells one cutty's data from another's. */
  readonly origin: string | null
  readonly database: {
    readonly file: string
    readonly sizeBytes: number
    /** In hexadecimal. */
    readonly sha256: string
    readonly migrations: readonly string[]
  }
  readonly files: number
  readonly blobs: {
    readonly count: number
    readonly bytes: number
    /** Ids of those that were damaged or lost already when the backup was made. */
    readonly lost: readonly string[]
  }
  /** `absent`: the data folder had none, since the server is given it. */
  readonly masterKey: 'included' | 'left_out' | 'absent'
}

/** What may lie in the folder, ours all of it. */
const ours =
  /^(manifest\.json(\.new)?|database-[\w-]+\.db(-journal|-wal|-shm)?|blobs|tmp|master\.key|lock(-journal)?|owner)$/
const manifestName = 'manifest.json'

export interface BackupFolder {
  /** Of the backup that is there. */
  readonly previous: Manifest | undefined
  /** From here on the backup is that of `manifest`. */
  commit(manifest: Manifest): Promise<void>
  /** Databases that the manifest does not name, and drafts. */
  removeOthers(manifest: Manifest): Promise<void>
  release(): void
}

/** Makes this process the only writer of a backup. Throws an `Error` when the folder is something else, or taken. */
export async function claimBackupFolder(folder: string): Promise<BackupFolder> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const foreign = readdirSync(folder).find((name) => !ours.test(name))
  if (foreign !== undefined) {
    throw new Error(`${folder} holds other things (${foreign}). Give the backup a folder of its own.`)
  }
  const lock = lockFolder(folder, 'backup')
  try {
    const previous = existsSync(join(folder, manifestName)) ? readManifest(folder) : undefined
    const removeOthers = async (manifest: Manifest | undefined) => {
      clearDrafts(folder)
      const kept = manifest?.database.file
      const names = readdirSync(folder).filter((name) => name.startsWith('database-') && name !== kept)
      for (const name of names) await rm(join(folder, name))
    }
    // Of a backup that was broken off.
    await removeOthers(previous)
    return {
      previous,
      commit: (manifest) => writeManifest(folder, manifest),
      removeOthers,
      release: () => lock.release(),
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Throws an `Error` that says why what is there is no whole backup. */
export function readManifest(folder: string): Manifest {
  let text: string
  try {
    text = readFileSync(join(folder, manifestName), 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new Error(`${folder} holds no whole backup: it has no ${manifestName}.`, { cause })
  }
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (cause) {
    throw new Error(`${join(folder, manifestName)} is damaged: it is not JSON.`, { cause })
  }
  if (typeof read === 'object' && read !== null && 'format' in read && Number(read.format) > 1) {
    throw new Error(`${folder} was made by a newer cutty. Restore it with that release.`)
  }
  if (!isManifest(read)) throw new Error(`${join(folder, manifestName)} is damaged: it lacks something.`)
  return read
}

function isManifest(read: unknown): read is Manifest {
  const { format, takenAtMs, database, files, blobs, masterKey } = (read ?? {}) as Partial<Manifest>
  return (
    format === 1 &&
    typeof takenAtMs === 'number' &&
    typeof files === 'number' &&
    // It becomes part of a path.
    /^database-[\w-]+\.db$/.test(database?.file ?? '') &&
    typeof database?.sizeBytes === 'number' &&
    /^[0-9a-f]{64}$/.test(database.sha256) &&
    Array.isArray(database.migrations) &&
    typeof blobs?.count === 'number' &&
    typeof blobs.bytes === 'number' &&
    Array.isArray(blobs.lost) &&
    ['included', 'left_out', 'absent'].includes(masterKey ?? '')
  )
}

async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const draft = join(folder, `${manifestName}.new`)
  await writeSynced(draft, `${JSON.stringify(manifest, undefined, 2)}\n`)
  // The database, and the folder of the blobs, are there before the name that speaks of them.
  await syncFolder(folder)
  await rename(draft, join(folder, manifestName))
  await syncFolder(folder)
}

/** Readable by its owner alone. */
export async function writeSynced(path: string, content: string | Uint8Array): Promise<void> {
  rmSync(path, { force: true })
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** SHA-256 of a file, in hexadecimal. */
export async function hashFile(
  path: string,
  options: { advance: (bytes: number) => void; signal: AbortSignal },
): Promise<string> {
  const hash = createHash('sha256')
  const chunks = createReadStream(path, { highWaterMark: 1024 ** 2, signal: options.signal })
  for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
    hash.update(chunk)
    options.advance(chunk.length)
  }
  return hash.digest('hex')
}
