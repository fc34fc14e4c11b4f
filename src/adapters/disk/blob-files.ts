import { constants, createReadStream, readdirSync, rmSync, statSync } from 'node:fs'
import { copyFile, link, mkdir, open, rename, rm, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { blobPlace } from './blob-place.ts'

/**
 * The blobs of a folder that need not be ours: a data folder whose server runs, or a backup. Nothing is changed but by
 * `take` and `remove`. The layout is that of the blob store.
 */
export interface BlobFiles {
  readonly root: string
  /** `undefined` when there is none. At once, since asking a million times is what this is for. */
  sizeOf(id: string): number | undefined
  /** Chunks; throws ENOENT from the first one when there is none. */
  read(id: string): AsyncIterable<Uint8Array>
  /** Ids of all that is there, and names of what should not be, in no order; a folder at a time. */
  pages(): Generator<string[]>
  /**
   * Makes a blob of another folder one of this: whole or not at all, also after a power cut, once `settle` has ended.
   * `sizeBytes` is what it should have.
   */
  take(id: string, from: BlobFiles, options: { sizeBytes: number; asLink: boolean }): Promise<Taken>
  /** Until then, names may not have reached the disk. */
  settle(): Promise<void>
  remove(id: string): Promise<void>
}

/** `absent`: the other folder has no such blob. `wrong_size`: it has another size there than it should. */
export type Taken = 'taken' | 'absent' | 'wrong_size'

/** What a database calls an id becomes part of a path, and the database of a backup may be anybody's. */
const isId = /^[0-9a-z]{26}$/

/** Drafts lie in `tmp/` beside `blobs/`, as those of a data folder. */
export function openBlobFiles(folder: string): BlobFiles {
  const root = join(folder, 'blobs')
  const drafts = join(folder, 'tmp')
  const pathOf = (id: string) => join(root, blobPlace(id))
  const changed = new Set<string>()
  const made = new Set<string>()

  const folderFor = async (path: string) => {
    const parent = dirname(path)
    if (made.has(parent)) return
    await mkdir(parent, { recursive: true, mode: 0o700 })
    made.add(parent)
    for (const each of [parent, dirname(parent), root, folder]) changed.add(each)
  }

  return {
    root,
    sizeOf: (id) => (isId.test(id) ? statSync(pathOf(id), { throwIfNoEntry: false })?.size : undefined),
    read: (id) => createReadStream(pathOf(id), { highWaterMark: 512 * 1024 }),

    *pages() {
      for (const outer of namesIn(root)) {
        for (const inner of namesIn(join(root, outer))) yield namesIn(join(root, outer, inner))
      }
    },

    async take(id, from, { sizeBytes, asLink }) {
      if (!isId.test(id)) return 'absent'
      const source = join(from.root, blobPlace(id))
      const path = pathOf(id)
      const draft = join(drafts, id)
      await mkdir(drafts, { recursive: true, mode: 0o700 })
      await rm(draft, { force: true })
      try {
        // A copy that shares its blocks with the original, where the file system can.
        await (asLink ? link(source, draft) : copyFile(source, draft, constants.COPYFILE_FICLONE))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'absent'
        throw error
      }
      if (statSync(draft).size !== sizeBytes) {
        await unlink(draft)
        return 'wrong_size'
      }
      if (!asLink) await syncFile(draft)
      await folderFor(path)
      await rename(draft, path)
      changed.add(dirname(path))
      return 'taken'
    },

    async settle() {
      for (const each of changed) await syncFolder(each)
      changed.clear()
    },

    async remove(id) {
      await unlink(pathOf(id))
    },
  }
}

/** A copy of what may only be read may only be read too. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** What was made, renamed or removed in a folder is there for good only after this. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

export function clearDrafts(folder: string): void {
  rmSync(join(folder, 'tmp'), { recursive: true, force: true })
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    // A file where a folder should be is nobody's.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}
