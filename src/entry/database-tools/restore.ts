import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hashFile, type Manifest, readManifest, writeSynced } from '../../adapters/disk/backup-folder.ts'
import { clearDrafts, openBlobFiles, syncFile, syncFolder } from '../../adapters/disk/blob-files.ts'
import { lockFolder } from '../../adapters/disk/folder-lock.ts'
import { openToRead } from '../../adapters/sqlite/maintenance.ts'
import { refuseUnknown } from '../../adapters/sqlite/migrate.ts'
import { countBlobs } from './backup.ts'
import { checkFolder, type CheckResult } from './check.ts'
import { eachAtOnce, makeFolder, pageRows, refuseNested, someOf, type ToolCall, ToolError } from './tool.ts'

export interface RestoreCall extends ToolCall {
  /** The folder of the backup. */
  readonly source: string
  readonly migrationsFolder: string
  /** See `CheckCall`. */
  readonly contents: boolean
  /** Puts it in place though the check finds something wrong, or blobs were lost when it was made. */
  readonly despiteDamage: boolean
}

export interface RestoreResult {
  readonly data: string
  readonly takenAt: string
  readonly files: number
  readonly masterKey: Manifest['masterKey']
  readonly check: CheckResult
  /** False when the check found something that keeps it from being used. */
  readonly restored: boolean
}

/**
 * Makes a data folder of a backup, in a folder that is empty or not there. Everything is brought together in `restoring/`
 * within it, checked, and put in its place by three renames, the database last. Begun again after it was broken off, it goes on.
 */
export async function restoreFolder(call: RestoreCall): Promise<RestoreResult> {
  const { data, source, despiteDamage } = call
  const manifest = readManifest(source)
  refuseNested(source, data)
  refuseOccupied(data)
  await verifyBackup(call, manifest)

  makeFolder(data)
  const lock = lockFolder(data)
  try {
    // Only now nobody else can put anything there.
    refuseOccupied(data)
    const staging = join(data, 'restoring')
    makeFolder(staging)
    await takeBack(data, staging)
    await copyIn(call, { staging, manifest })
    const check = await checkFolder({ ...call, data: staging, quick: false, unchanging: true })
    const restored = check.ok || despiteDamage
    if (restored) await putInPlace(data, staging)
    const { files, masterKey } = manifest
    return { data, takenAt: new Date(manifest.takenAtMs).toISOString(), files, masterKey, check, restored }
  } finally {
    lock.release()
  }
}

const stagedNames = ['blobs', 'master.key', 'cutty.db']

/** What was begun by us may be gone on with; what is whole, or another's, is left alone. */
function refuseOccupied(data: string): void {
  if (!existsSync(data)) return
  const names = readdirSync(data)
  const harmless = ['lock', 'lock-journal', 'owner', 'lost+found', 'restoring']
  // Broken off between the renames.
  if (names.includes('restoring') && !names.includes('cutty.db')) harmless.push('blobs', 'master.key')
  const occupant = names.find((name) => !harmless.includes(name))
  if (occupant === undefined) return
  throw new ToolError(
    `${data} is not empty (${occupant}): a backup is restored into an empty folder only. Move what is there away, or name another.`,
  )
}

/** Before anything is copied: a damaged backup leaves no trace. */
async function verifyBackup(
  { source, signal, stage, migrationsFolder, despiteDamage }: RestoreCall,
  manifest: Manifest,
) {
  const { database, blobs, files, masterKey } = manifest
  const path = join(source, database.file)
  const damaged = (what: string) => new ToolError(`The backup ${source} is damaged: ${what}.`)
  if (!existsSync(path)) throw damaged(`${database.file} is not there`)
  const shown = stage('checking', database.sizeBytes)
  const sha256 = await hashFile(path, { advance: (bytes) => shown.advance(bytes), signal }).finally(() =>
    shown.end(),
  )
  if (sha256 !== database.sha256) throw damaged(`${database.file} is not what the manifest says`)
  if (masterKey === 'included' && !existsSync(join(source, 'master.key')))
    throw damaged('master.key is not there')
  const copy = openToRead(path, { unchanging: true })
  try {
    refuseUnknown(copy.migrations(migrationsFolder))
    const found = await countBlobs(openBlobFiles(source), { copy, signal, lost: new Set(blobs.lost) })
    if (found.missing.length > 0) {
      const { length } = found.missing
      throw damaged(`${length} blobs are not there, or not whole: ${someOf(found.missing)}`)
    }
    if (found.count !== blobs.count || found.bytes !== blobs.bytes || copy.countFiles() !== files) {
      throw damaged('it has not as many files and blobs as the manifest says')
    }
  } finally {
    copy.close()
  }
  if (blobs.lost.length > 0 && !despiteDamage) {
    throw new ToolError(
      `${blobs.lost.length} blobs were lost already when this backup was made: ${someOf(blobs.lost)}. ` +
        '`--despite-damage` restores all others.',
    )
  }
}

async function takeBack(data: string, staging: string): Promise<void> {
  for (const name of stagedNames) {
    if (existsSync(join(data, name))) await rename(join(data, name), join(staging, name))
  }
}

async function copyIn(
  { source, signal, stage }: RestoreCall,
  { staging, manifest }: { staging: string; manifest: Manifest },
): Promise<void> {
  const from = openBlobFiles(source)
  const to = openBlobFiles(staging)
  const lost = new Set(manifest.blobs.lost)
  const copy = openToRead(join(source, manifest.database.file), { unchanging: true })
  const shown = stage('blobs', manifest.blobs.bytes)
  try {
    for (let after = ''; ;) {
      const page = copy.listBlobs(after, pageRows)
      const wanted = page.filter(({ id }) => !lost.has(id))
      await eachAtOnce(wanted, {
        signal,
        async work({ id, storedBytes: sizeBytes }) {
          if (to.sizeOf(id) !== sizeBytes) {
            const taken = await to.take(id, from, { sizeBytes, asLink: false })
            if (taken !== 'taken')
              throw new ToolError(`The backup changed while it was read: ${id} is ${taken}.`)
          }
          shown.advance(sizeBytes)
        },
      })
      if (page.length < pageRows) break
      after = page.at(-1)?.id as string
    }
  } finally {
    shown.end()
    copy.close()
  }
  await to.settle()
  clearDrafts(staging)
  if (manifest.masterKey === 'included') {
    await writeSynced(join(staging, 'master.key'), readFileSync(join(source, 'master.key')))
  }
  await copyDatabase({ source, signal, stage }, { staging, manifest })
}

async function copyDatabase(
  { source, signal, stage }: Pick<RestoreCall, 'source' | 'signal' | 'stage'>,
  { staging, manifest: { database } }: { staging: string; manifest: Manifest },
): Promise<void> {
  const path = join(staging, 'cutty.db')
  const shown = stage('database', database.sizeBytes)
  try {
    copyFileSync(join(source, database.file), path)
    await syncFile(path)
    const sha256 = await hashFile(path, { advance: (bytes) => shown.advance(bytes), signal })
    if (sha256 !== database.sha256) throw new ToolError(`The copy ${path} is not what it was copied from.`)
  } finally {
    shown.end()
  }
}

/** Without the database the folder is none yet, so it comes last. */
async function putInPlace(data: string, staging: string): Promise<void> {
  for (const name of stagedNames) {
    if (existsSync(join(staging, name))) await rename(join(staging, name), join(data, name))
    await syncFolder(data)
  }
  await rm(staging, { recursive: true })
}
