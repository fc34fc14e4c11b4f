import { constants } from 'node:fs'
import { access, type FileHandle, mkdir, open, readdir, rename, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { CuttyError } from '../../core/errors.ts'
import type { BlobPage, BlobStore, ByteRange } from '../../core/ports/blob-store.ts'

/**
 * Blobs as files of a folder, under names made of their ids alone. A blob is written to `tmp/`, synced, renamed to
 * its place, and the folder of that place synced: after a power cut it is there whole or not at all.
 *
 * The place is `blobs/<5 characters>/<2 characters>/<id>`. Ids begin with their time, so a folder holds what was
 * stored within 33 seconds: concurrent uploads share one sync of it, and a listing from some id on opens no
 * older folder.
 *
 * Leftovers of a process that died are removed here. The folder must belong to one process; see `lockFolder`.
 */
export async function createDiskBlobStore(options: { folder: string }): Promise<BlobStore> {
  const root = join(options.folder, 'blobs')
  const temporary = join(options.folder, 'tmp')
  await rm(temporary, { recursive: true, force: true })
  await mkdir(temporary, { recursive: true })
  await mkdir(root, { recursive: true })
  const sync = createFolderSync()
  await sync(options.folder)

  const folders = new Map<string, Promise<string>>()
  const folderFor = (id: string) => {
    const name = join(id.slice(0, 5), id.slice(5, 7))
    let made = folders.get(name)
    if (!made) {
      if (folders.size >= 64) folders.clear()
      made = makeFolder(root, name, sync)
      folders.set(name, made)
      made.catch(() => folders.delete(name))
    }
    return made
  }

  return {
    capabilities: { durable: true, shared: true },

    async put(id, body, sizeBytes) {
      const draft = join(temporary, id)
      try {
        const stored = await writeSynced(draft, body, sizeBytes)
        const folder = await folderFor(id)
        await rename(draft, join(folder, id))
        await sync(folder)
        return { sizeBytes: stored }
      } catch (error) {
        await rm(draft, { force: true }).catch(() => {})
        throw storageError(error)
      }
    },

    async get(id, range) {
      let file: FileHandle
      try {
        file = await open(join(root, id.slice(0, 5), id.slice(5, 7), id))
      } catch (error) {
        if (isMissing(error)) return undefined
        throw storageError(error)
      }
      return readChunks(file, range)
    },

    async delete(ids) {
      for (const id of ids) {
        await unlink(join(root, id.slice(0, 5), id.slice(5, 7), id)).catch((error: unknown) => {
          if (!isMissing(error)) throw storageError(error)
        })
      }
    },

    list: ({ after = '', limit = 1000 } = {}) => listPage(root, { after, limit }),

    async ping() {
      await access(root, constants.R_OK | constants.W_OK).catch((error: unknown) => {
        throw storageError(error)
      })
    },
  }
}

/** Enough for the system call to cost nothing beside the copy; measured flat from 256 KiB on. */
const chunkBytes = 512 * 1024

async function writeSynced(path: string, body: AsyncIterable<Uint8Array>, sizeBytes: number | undefined) {
  const file = await open(path, 'wx')
  try {
    let total = 0
    let waiting: Uint8Array[] = []
    let waitingBytes = 0
    // One write is under way while the next chunks arrive.
    let write: Promise<unknown> = Promise.resolve()
    try {
      for await (const chunk of body) {
        total += chunk.length
        if (sizeBytes !== undefined && total > sizeBytes) throw sizeMismatch(sizeBytes, total)
        waiting.push(chunk)
        waitingBytes += chunk.length
        if (waitingBytes < chunkBytes) continue
        await write
        write = writeAll(file, waiting, waitingBytes)
        write.catch(() => {})
        waiting = []
        waitingBytes = 0
      }
    } finally {
      await write
    }
    if (sizeBytes !== undefined && total !== sizeBytes) throw sizeMismatch(sizeBytes, total)
    if (waitingBytes > 0) await writeAll(file, waiting, waitingBytes)
    await file.datasync()
    return total
  } finally {
    await file.close()
  }
}

async function writeAll(file: FileHandle, chunks: readonly Uint8Array[], bytes: number): Promise<void> {
  const { bytesWritten } = await file.writev(chunks)
  if (bytesWritten === bytes) return
  // A short write happens when the disk runs full in the midst; what is left tells the real reason.
  const rest = Buffer.concat(chunks).subarray(bytesWritten)
  for (let done = 0; done < rest.length;) done += (await file.write(rest, done)).bytesWritten
}

function sizeMismatch(expected: number, actual: number) {
  return new CuttyError(
    'body_size_mismatch',
    `The body was declared as ${expected} bytes, but has ${actual}.`,
  )
}

/** Two buffers in turn: one is read into while the reader has the other. */
async function* readChunks(file: FileHandle, range: ByteRange | undefined): AsyncGenerator<Uint8Array> {
  try {
    let position = range?.start ?? 0
    const end = range ? range.end + 1 : (await file.stat()).size
    if (position >= end) return
    const buffers = [Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - position))]
    const read = (turn: number, from: number) => {
      const buffer = (buffers[turn % 2] ??= Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - from)))
      const length = Math.min(buffer.length, end - from)
      const reading = file.read(buffer, 0, length, from)
      // The reader may leave before it asks for this one.
      reading.catch(() => {})
      return reading
    }
    for (let turn = 0, next = read(turn, position); position < end; turn++) {
      const { bytesRead, buffer } = await next
      if (bytesRead === 0) throw new Error(`blob ends at byte ${position} of ${end}`)
      position += bytesRead
      if (position < end) next = read(turn + 1, position)
      try {
        yield buffer.subarray(0, bytesRead)
      } finally {
        await next
      }
    }
  } catch (error) {
    throw storageError(error)
  } finally {
    await file.close()
  }
}

async function listPage(root: string, page: { after: string; limit: number }): Promise<BlobPage> {
  const { after, limit } = page
  const ids: string[] = []
  for (const outer of await namesFrom(root, after.slice(0, 5))) {
    const within = outer === after.slice(0, 5)
    for (const inner of await namesFrom(join(root, outer), within ? after.slice(5, 7) : '')) {
      for (const id of await namesFrom(join(root, outer, inner), after)) {
        if (id === after) continue
        if (ids.length === limit) return { ids, next: ids.at(-1) }
        ids.push(id)
      }
    }
  }
  return { ids, next: undefined }
}

async function namesFrom(folder: string, first: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw storageError(error)
  })
  return names.filter((name) => name >= first).toSorted((a, b) => (a < b ? -1 : 1))
}

async function makeFolder(root: string, name: string, sync: (folder: string) => Promise<void>) {
  const folder = join(root, name)
  await mkdir(folder, { recursive: true })
  await sync(join(folder, '..'))
  await sync(root)
  return folder
}

/** Syncs folders so that calls which come while one sync runs share the next one. */
function createFolderSync(): (folder: string) => Promise<void> {
  const running = new Map<string, { now: Promise<void>; next: Promise<void> | undefined }>()

  const start = async (folder: string): Promise<void> => {
    const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
      running.delete(folder)
    }
  }

  return (folder) => {
    const state = running.get(folder)
    if (!state) {
      const now = start(folder)
      running.set(folder, { now, next: undefined })
      return now
    }
    // A sync under way may have begun before the caller's rename; the one after it has not.
    state.next ??= state.now
      .catch(() => {})
      .then(() => {
        const now = start(folder)
        running.set(folder, { now, next: undefined })
        return now
      })
    return state.next
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

function storageError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new CuttyError('storage_full', 'The disk is full; nothing was stored.', { cause: error })
  }
  // Errors of the caller's body pass through as they are; only those of the file system have a syscall.
  if (typeof (error as NodeJS.ErrnoException).syscall === 'string') {
    return new CuttyError('storage_unavailable', undefined, { cause: error })
  }
  return error
}
