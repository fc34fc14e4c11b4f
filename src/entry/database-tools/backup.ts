import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type BackupFolder,
  claimBackupFolder,
  hashFile,
  type Manifest,
  writeSynced,
} from '../../adapters/disk/backup-folder.ts'
import { type BlobFiles, openBlobFiles } from '../../adapters/disk/blob-files.ts'
import { type DatabaseReader, openToRead } from '../../adapters/sqlite/maintenance.ts'
import { version } from '../../core/version.ts'
import {
  databaseOf,
  eachAtOnce,
  makeFolder,
  pageRows,
  refuseNested,
  someOf,
  type ToolCall,
  ToolError,
} from './tool.ts'

export interface BackupCall extends ToolCall {
  /** The folder of the backup; made when absent, brought up to date when there is one in it. */
  readonly target: string
  /** Hard links in place of copies of the blobs. */
  readonly link: boolean
  readonly withoutKey: boolean
  /** Goes on though blobs are lost or SQLite finds the database damaged, which the manifest then says. */
  readonly despiteDamage: boolean
  readonly now: () => number
}

export interface BackupResult {
  readonly target: string
  readonly takenAt: string
  readonly files: number
  readonly databaseBytes: number
  readonly blobs: {
    count: number
    bytes: number
    added: number
    addedBytes: number
    removed: number
    lost: number
  }
  readonly masterKey: Manifest['masterKey']
}

/**
 * Copies a data folder while its server runs, or not.
 *
 * Blobs never change, so they are copied first, while time goes by; that may take hours. Then the database is held at one
 * moment: the few blobs that came meanwhile are copied, and the database itself. A blob that goes while it is copied was
 * deleted, and what it belonged to is then no longer in the database either: so everything is looked through again at a
 * later moment, which has little left to copy. The collector leaves a minute to each moment, which is enough where
 * fewer bytes arrive in a minute than can be copied in one.
 */
export async function backUp(call: BackupCall): Promise<BackupResult> {
  const { data, target, signal } = call
  const file = databaseOf(data)
  refuseNested(data, target)
  const live = openToRead(file)
  try {
    const folder = await claimBackupFolder(target)
    try {
      refuseAnother(folder, live, target)
      const blobs = { source: openBlobFiles(data), target: openBlobFiles(target) }
      const copied = await copyAll(call, { live, ...blobs })
      const path = join(target, copied.file)
      const manifest = await verify(call, { ...copied, path, blobs: blobs.target })
      await blobs.target.settle()
      const written = { ...manifest, masterKey: await copyKey(call) }
      signal.throwIfAborted()
      await folder.commit(written)
      const removed = await removeOthers({ call, folder, manifest: written, blobs: blobs.target })
      const { added, addedBytes } = copied
      const { count, bytes, lost } = manifest.blobs
      return {
        target,
        takenAt: new Date(manifest.takenAtMs).toISOString(),
        files: manifest.files,
        databaseBytes: manifest.database.sizeBytes,
        blobs: { count, bytes, added, addedBytes, removed, lost: lost.length },
        masterKey: written.masterKey,
      }
    } finally {
      folder.release()
    }
  } finally {
    live.close()
  }
}

function refuseAnother({ previous }: BackupFolder, live: DatabaseReader, target: string): void {
  const origin = live.origin() ?? null
  if (previous?.origin && origin && previous.origin !== origin) {
    throw new ToolError(`${target} is the backup of another cutty. Give this one a folder of its own.`)
  }
}

/** Each is the rest of the one before; where that does not come to an end, copying is slower than what arrives. */
const roundsMax = 20

interface Folders {
  readonly live: DatabaseReader
  readonly source: BlobFiles
  readonly target: BlobFiles
}

interface Copied {
  readonly file: string
  readonly takenAtMs: number
  readonly added: number
  readonly addedBytes: number
  readonly lost: ReadonlySet<string>
}

async function copyAll(call: BackupCall, folders: Folders): Promise<Copied> {
  const { live } = folders
  const { signal, target } = call
  const state: RoundState = { added: 0, addedBytes: 0, lost: new Set() }
  await settleGone(call, folders, { state, gone: await copyRound(call, folders, state) })
  for (let round = 0; round < roundsMax; round++) {
    let gone: readonly string[] = []
    const copied = await live.atOneMoment(async () => {
      const takenAtMs = call.now()
      gone = await copyRound(call, folders, state)
      if (gone.length > 0) return undefined
      const stamp = new Date(takenAtMs).toISOString().replace(/\W/g, '')
      const file = `database-${stamp}-${randomBytes(3).toString('hex')}.db`
      const stage = call.stage('database', live.pages().sizeBytes)
      try {
        // SQLite would make it readable for others.
        await writeSynced(join(target, file), '')
        await live.copyTo(join(target, file), { advance: (bytes) => stage.advance(bytes), signal })
      } finally {
        stage.end()
      }
      return { file, takenAtMs }
    })
    if (copied) return { ...copied, ...state }
    await settleGone(call, folders, { state, gone })
  }
  throw new ToolError(
    'Files are replaced and deleted faster than they can be copied: no moment could be caught. What was copied stays.',
  )
}

interface RoundState {
  added: number
  addedBytes: number
  readonly lost: Set<string>
}

/** Copies what the target lacks. The ids that are not in the data folder, or not as large as they should be. */
async function copyRound(
  { signal, stage, link }: BackupCall,
  { live, source, target }: Folders,
  state: RoundState,
): Promise<string[]> {
  const gone: string[] = []
  const shown = stage('blobs', live.sumBlobs().bytes)
  try {
    for (let after = ''; ;) {
      const page = live.listBlobs(after, pageRows)
      await eachAtOnce(page, {
        signal,
        async work({ id, storedBytes: sizeBytes }) {
          if (!state.lost.has(id) && target.sizeOf(id) !== sizeBytes) {
            const taken = await takeBlob(id, { source, target, sizeBytes, asLink: link })
            if (taken) {
              state.added += 1
              state.addedBytes += sizeBytes
            } else gone.push(id)
          }
          shown.advance(sizeBytes)
        },
      })
      if (page.length < pageRows) return gone
      after = page.at(-1)?.id as string
    }
  } finally {
    shown.end()
  }
}

async function takeBlob(
  id: string,
  {
    source,
    target,
    sizeBytes,
    asLink,
  }: { source: BlobFiles; target: BlobFiles; sizeBytes: number; asLink: boolean },
): Promise<boolean> {
  try {
    return (await target.take(id, source, { sizeBytes, asLink })) === 'taken'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (asLink && ['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(code ?? '')) {
      throw new ToolError(
        'No hard links can be made there: the backup is to be on another file system. Leave out --link.',
        {
          cause: error,
        },
      )
    }
    throw error
  }
}

/** What is gone and is nobody's by now was deleted meanwhile. What still belongs to a file is lost. */
async function settleGone(
  { despiteDamage }: BackupCall,
  { live, source }: Folders,
  { state, gone }: { state: RoundState; gone: readonly string[] },
): Promise<void> {
  // What is there after all, the next round takes care of.
  const lost = gone.filter((id) => {
    const blob = live.findBlob(id)
    return blob && blob.referencesCount > 0 && source.sizeOf(id) !== blob.storedBytes
  })
  if (lost.length > 0 && !despiteDamage) {
    const named = lost
      .slice(0, 3)
      .map((id) => `${id} (${live.namesOf(id).join(', ') || 'a part of an upload'})`)
    throw new ToolError(
      `The data folder is damaged: ${lost.length} blobs are not there, or not whole: ${someOf([...named, ...lost.slice(3)])}. ` +
        'All others were copied, but not the database. `cutty db check` tells more; `--despite-damage` makes a backup without them.',
    )
  }
  for (const id of lost) state.lost.add(id)
}

/** From what lies in the target, and nothing else. */
async function verify(
  { signal, stage, despiteDamage }: BackupCall,
  of: Copied & { path: string; blobs: BlobFiles },
): Promise<Omit<Manifest, 'masterKey'>> {
  const { path, file, takenAtMs, lost, blobs } = of
  const sizeBytes = statSync(path).size
  const shown = stage('checking', sizeBytes)
  const copy = openToRead(path, { unchanging: true })
  try {
    const sha256 = await hashFile(path, { advance: (bytes) => shown.advance(bytes), signal })
    const [damage] = copy.damage({ quick: true }).examples
    if (damage !== undefined && !despiteDamage) {
      throw new ToolError(
        `SQLite finds the database damaged: ${damage}. \`--despite-damage\` makes a backup of it as it is.`,
      )
    }
    const found = await countBlobs(blobs, { copy, signal, lost })
    if (found.missing.length > 0) {
      throw new ToolError(
        `The backup lacks blobs that were copied: ${someOf(found.missing)}. Is its disk in order?`,
      )
    }
    return {
      format: 1,
      cutty: version,
      takenAtMs,
      origin: copy.origin() ?? null,
      database: { file, sizeBytes, sha256, migrations: copy.appliedMigrations() },
      files: copy.countFiles(),
      blobs: { count: found.count, bytes: found.bytes, lost: [...lost] },
    }
  } finally {
    copy.close()
    shown.end()
  }
}

/** Of the blobs that a database names, those that lie in a folder as they should. */
export async function countBlobs(
  blobs: BlobFiles,
  of: { copy: DatabaseReader; lost: ReadonlySet<string>; signal: AbortSignal },
): Promise<{ count: number; bytes: number; missing: string[] }> {
  const found = { count: 0, bytes: 0, missing: [] as string[] }
  for (let after = ''; ;) {
    of.signal.throwIfAborted()
    const page = of.copy.listBlobs(after, pageRows)
    for (const { id, storedBytes } of page) {
      if (blobs.sizeOf(id) === storedBytes) {
        found.count += 1
        found.bytes += storedBytes
      } else if (!of.lost.has(id)) found.missing.push(id)
    }
    if (page.length < pageRows) return found
    after = page.at(-1)?.id as string
    // Ctrl-C is heard between pages only.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function copyKey({ data, target, withoutKey }: BackupCall): Promise<Manifest['masterKey']> {
  const source = join(data, 'master.key')
  if (!existsSync(source)) return 'absent'
  if (withoutKey) return 'left_out'
  const path = join(target, 'master.key')
  const key = readFileSync(source)
  if (existsSync(path) && readFileSync(path).equals(key)) return 'included'
  const draft = join(target, 'tmp', 'master.key')
  makeFolder(join(target, 'tmp'))
  await writeSynced(draft, key)
  await rename(draft, path)
  return 'included'
}

/** What only the backup before needed. The blobs that were removed. */
async function removeOthers(of: {
  call: BackupCall
  folder: BackupFolder
  manifest: Manifest
  blobs: BlobFiles
}): Promise<number> {
  const { call, folder, manifest, blobs } = of
  const { target, signal } = call
  if (manifest.masterKey !== 'included') await rm(join(target, 'master.key'), { force: true })
  await folder.removeOthers(manifest)
  const copy = openToRead(join(target, manifest.database.file), { unchanging: true })
  let removed = 0
  try {
    for (const names of blobs.pages()) {
      // The backup is whole already: what is left over, the next one removes.
      if (signal.aborted) break
      const ids = names.filter((name) => /^[0-9a-z]{26}$/.test(name))
      const known = copy.knownBlobs(ids)
      for (const id of ids.filter((each) => !known.has(each))) {
        await blobs.remove(id)
        removed += 1
      }
    }
  } finally {
    copy.close()
  }
  return removed
}
