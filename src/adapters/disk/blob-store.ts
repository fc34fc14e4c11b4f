import { constants } from 'node:fs'
import { access, type FileHandle, mkdir, open, readdir, rename, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { CuttyError } from '../../core/errors.ts'
import type { BlobPage, BlobStore, ByteRange } from '../../core/ports/blob-store.ts'
import { blobPlace } from './blob-place.ts'

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
        await onDisk(async () => {
          const folder = await folderFor(id)
          await rename(draft, join(folder, id))
          await sync(folder)
        })
        return { sizeBytes: stored }
      } catch (error) {
        await rm(draft, { force: true }).catch(() => {})
        throw error
      }
    },

    async get(id, range) {
      const path = join(root, blobPlace(id))
      const file = await onDisk(() => open(path).catch(undefinedWhenMissing))
      return file && readOpened(file, range)
    },

    async delete(ids) {
      for (const id of ids) {
        await onDisk(() => unlink(join(root, blobPlace(id))).catch(undefinedWhenMissing))
      }
    },

    list: ({ after = '', limit = 1000 } = {}) => listPage(root, { after, limit }),

    async ping() {
      await onDisk(() => access(root, constants.R_OK | constants.W_OK))
    },
  }
}

/** Enough for the system call to cost nothing beside the copy; measured flat from 256 KiB on. */
const chunkBytes = 512 * 1024

async function writeSynced(path: string, body: AsyncIterable<Uint8Array>, sizeBytes: number | undefined) {
  const file = await onDisk(() => open(path, 'wx'))
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
        const [chunks, bytes] = [waiting, waitingBytes]
        write = onDisk(() => writeAll(file, chunks, bytes))
        write.catch(() => {})
        waiting = []
        waitingBytes = 0
      }
    } finally {
      await write
    }
    if (sizeBytes !== undefined && total !== sizeBytes) throw sizeMismatch(sizeBytes, total)
    await onDisk(async () => {
      if (waitingBytes > 0) await writeAll(file, waiting, waitingBytes)
      await file.datasync()
    })
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

/**
 * Chunks of an open file. An iterator of its own around the generator, since a reader may leave before it asks for the
 * first chunk, when a generator would not run its `finally` and the file would stay open.
 */
async function readOpened(
  file: FileHandle,
  range: ByteRange | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const sizeBytes = (await onDisk(() => file.stat())).size
  const start = range?.start ?? 0
  const end = range ? range.end + 1 : sizeBytes
  if (end > sizeBytes) {
    await file.close()
    throw damaged(`a range to byte ${end} of a blob of ${sizeBytes}`)
  }
  const chunks = readChunks(file, { start, end })
  let begun = false
  const iterator: AsyncIterator<Uint8Array> = {
    next() {
      begun = true
      return chunks.next()
    },
    async return() {
      if (begun) return chunks.return(undefined)
      await file.close()
      return { done: true, value: undefined }
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}

/** Two buffers in turn: one is read into while the reader has the other. */
async function* readChunks(
  file: FileHandle,
  span: { start: number; end: number },
): AsyncGenerator<Uint8Array, undefined> {
  const { end } = span
  let position = span.start
  try {
    const buffers: Buffer[] = []
    const read = (turn: number, from: number) => {
      const buffer = (buffers[turn % 2] ??= Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - from)))
      const reading = onDisk(() => file.read(buffer, 0, Math.min(buffer.length, end - from), from))
      // The reader may leave before it asks for this one.
      reading.catch(() => {})
      return reading
    }
    for (
      let turn = 0, next = position < end ? read(turn, position) : undefined;
      next && position < end;
      turn++
    ) {
      const { bytesRead, buffer } = await next
      if (bytesRead === 0) throw damaged(`the blob ends at byte ${position} of ${end}`)
      position += bytesRead
      if (position < end) next = read(turn + 1, position)
      try {
        yield buffer.subarray(0, bytesRead)
      } finally {
        // Nothing may be read into a buffer, or from a file, that is given up.
        await next.catch(() => {})
      }
    }
  } finally {
    await file.close()
  }
  return undefined
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
  const names = (await onDisk(() => readdir(folder).catch(undefinedWhenMissing))) ?? []
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

function undefinedWhenMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

/** Runs what only the disk can fail at; errors of the caller's body must not be taken for the disk's. */
async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storageError(error)
  }
}

/** Bytes that were there once are not: no outage, which would be over some time. */
function damaged(what: string): CuttyError {
  return new CuttyError('content_damaged', undefined, { cause: new Error(what) })
}

function storageError(cause: unknown): CuttyError {
  const { code } = cause as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new CuttyError('storage_full', 'The disk is full; nothing was stored.', { cause })
    : new CuttyError('storage_unavailable', undefined, { cause })
}
