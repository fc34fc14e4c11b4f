import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, opendir, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { TierContents } from '../../core/cache/cache-stats.ts'
import { deleteEach } from '../../core/cache/delete-each.ts'
import { headOf, parseList, readHead } from '../../core/cache/entry-head.ts'
import { createS3Fifo, type S3Fifo } from '../../core/cache/s3-fifo.ts'
import type { CacheEntry, CacheTier } from '../../core/ports/cache-tier.ts'
import type { Clock } from '../../core/ports/clock.ts'

export interface DiskCacheTierOptions {
  /** Made when it is missing, also while running. Of this cache alone; other files in it are left as they are. */
  readonly folder: string
  /** Of all files, in whole blocks of 4 KiB; at least 1 MiB. In addition there is, for a moment, what is being written. */
  readonly bytesMax: number
  /** A keyed hash, 16 to 200 characters of base64url or hexadecimal: names of files tell nothing about keys. */
  readonly hashKey: (key: string) => string
  readonly clock: Pick<Clock, 'now'>
  /** Of one value, which is read into memory whole. Default 16 MiB; at most a tenth of `bytesMax`. */
  readonly valueBytesMax?: number
  /** The index takes some 600 bytes of memory for each, its ghosts included. Default 100,000; at least 16. */
  readonly entriesMax?: number
}

export interface DiskCacheTier extends CacheTier {
  readonly entries: Pick<S3Fifo<number>, 'size' | 'bytes' | 'stats'>
  readonly contents: () => TierContents
  /**
   * Settles when all that an earlier process left is in the index; until then it is found all the same, but not counted.
   * Rejects where the folder cannot be read, which need not be handled.
   */
  readonly scanned: Promise<void>
  /** Removes all that is there, also what an earlier process left; what is set meanwhile may stay. */
  readonly clear: () => Promise<void>
  /** Ends the scan and waits for what is under way. */
  close(): Promise<void>
}

const blockBytes = 4096
/** A draft this old belongs to nobody: no write takes so long. */
const draftMsMax = 3_600_000
const removalsAtOnce = 16
const namePattern = /^[\w-]{16,200}$/

/**
 * Entries as files on a fast disk, in front of a slow source. They stay over a restart; which of them go when room is
 * needed, S3-FIFO decides. Nothing is synced: a file that a crash has torn fails its checksum, and is removed when it is
 * met. A set or delete that cannot be done on the disk rejects, and the entry before it is gone if the disk allows.
 *
 * `<folder>/<2 characters>/<name>`, written to `<folder>/tmp/` and renamed. Several processes may share a folder: every file
 * is whole, the last set wins, a delete reaches all; but each of them bounds only what it knows, and finds what others have
 * set only after its next start.
 *
 * Throws a `RangeError` for bounds that are too small.
 */
export function createDiskCacheTier(options: DiskCacheTierOptions): DiskCacheTier {
  const { bytesMax, hashKey, clock, entriesMax = 100_000 } = options
  if (!(bytesMax >= 1024 ** 2)) throw new RangeError(`a cache on disk needs 1 MiB at least, not ${bytesMax}`)
  if (!(entriesMax >= 16))
    throw new RangeError(`a cache on disk needs 16 entries at least, not ${entriesMax}`)
  // The index takes entries of up to an eighth: this leaves room for the head and the last block.
  const valueBytesMax = Math.min(options.valueBytesMax ?? 16 * 1024 ** 2, Math.floor(bytesMax / 10))
  const files = createFiles({ folder: options.folder, fileBytesMax: bytesMax / 8, clock })
  const { entries, add } = createIndex({ bytesMax, entriesMax })
  const inTurn = createTurns()

  async function remove(name: string): Promise<void> {
    entries.delete(name)
    await files.remove(name)
  }

  /** Of what had to make room. Never awaited within a turn: that of another name may wait for this one. */
  function clear(names: readonly string[]): Promise<unknown> {
    const removals = names.map((name) =>
      inTurn(name, async () => {
        // It may have been set again meanwhile.
        if (entries.peek(name) === undefined) await files.remove(name)
      }),
    )
    const all = Promise.all(removals)
    all.catch(() => {})
    return all
  }

  /** Puts `name`, of which it is the turn, into the index, and `write`s it unless the index refuses. */
  async function keep(name: string, sizeBytes: number, write?: () => Promise<void>) {
    const { kept, evicted } = add(name, sizeBytes)
    const cleared = clear(evicted)
    try {
      await (kept ? write?.() : files.remove(name))
    } catch (error) {
      await remove(name).catch(() => {})
      throw error
    }
    return { cleared }
  }

  async function indexFile(name: string): Promise<void> {
    const found = await inTurn(name, async () => {
      const sizeBytes = entries.peek(name) === undefined ? await files.sizeOf(name) : undefined
      return sizeBytes === undefined ? undefined : keep(name, sizeBytes)
    })
    await found?.cleared
  }

  let closing = false
  let complete = false
  async function scan(): Promise<void> {
    await files.removeDrafts()
    for await (const name of files.names()) {
      if (closing) return
      await indexFile(name)
    }
    complete = true
  }
  const scanned = scan()
  scanned.catch(() => {})

  const nameOf = (key: string) => {
    const name = hashKey(key)
    if (!namePattern.test(name)) throw new TypeError('a key was hashed to what cannot name a file')
    return name
  }

  return {
    name: 'disk',
    capabilities: { valueBytesMax, ttlSecondsMin: 0, shared: false, persistent: true },

    async get(key) {
      const name = nameOf(key)
      if (entries.get(name) === undefined && complete) return undefined
      return (
        (await files.read(name)) ??
        // Missing, torn or expired: looked at again when no set of it is under way.
        inTurn(name, async () => {
          const entry = await files.read(name)
          if (!entry) await remove(name)
          return entry
        })
      )
    },

    async set(key, entry) {
      const name = nameOf(key)
      const stays = entry.expiresAtMs > clock.now() && entry.bytes.byteLength <= valueBytesMax
      // Before anything is awaited: the caller may change the entry's object afterwards.
      const parts = stays ? encodeEntry(name, entry) : undefined
      if (!parts) return inTurn(name, () => remove(name))
      const { cleared } = await inTurn(name, () =>
        keep(name, lengthOf(parts), () => files.write(name, parts)),
      )
      await cleared
    },

    async clear() {
      for await (const name of files.names()) await inTurn(name, () => remove(name))
    },

    async delete(keys) {
      const names = [...new Set(keys)].map(nameOf)
      await deleteEach(names, { atOnce: removalsAtOnce, remove: (name) => inTurn(name, () => remove(name)) })
    },

    entries,
    contents: () => ({ entries: entries.size, bytes: entries.bytes, evictions: entries.stats.evictions }),
    scanned,
    async close() {
      closing = true
      await scanned.catch(() => {})
      await inTurn.idle()
    },
  }
}

/** Names with what their files take; an entry counts for as much that no more than `entriesMax` fit. */
function createIndex({ bytesMax, entriesMax }: { bytesMax: number; entriesMax: number }) {
  const leastBytes = Math.ceil(bytesMax / entriesMax)
  let evicted: string[] = []
  const entries = createS3Fifo<number>({
    bytesMax,
    sizeOf: (bytes) => bytes,
    onEvict: (name) => evicted.push(name),
  })
  return {
    entries,
    /** `evicted`: the names that had to make room for it. */
    add: (name: string, sizeBytes: number): { kept: boolean; evicted: readonly string[] } => {
      const kept = entries.set(name, Math.max(leastBytes, Math.ceil(sizeBytes / blockBytes) * blockBytes))
      const gone = evicted
      evicted = []
      return { kept, evicted: gone }
    },
  }
}

interface Turns {
  /** Runs `work` when all that was asked for under `name` before has ended. */
  <T>(name: string, work: () => Promise<T>): Promise<T>
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
}

function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>()

  function inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const result = (last.get(name) ?? Promise.resolve()).then(work, work)
    last.set(name, result)
    const leave = () => {
      if (last.get(name) === result) last.delete(name)
    }
    // Here and below: what it rejects with is its caller's.
    result.then(leave, leave)
    return result
  }

  return Object.assign(inTurn, {
    async idle() {
      while (last.size > 0) await Promise.allSettled(last.values())
    },
  })
}

/** `cut` and the version, as the little-endian number that the first four bytes make. */
const magic = 0x01_74_75_63
const headStart = 12

/**
 * A file: magic, checksum, length of the head, four bytes each, little-endian; the head; the bytes. The checksum is the
 * CRC-32 of the file's name and all that follows the checksum, so that a file under another name is none.
 */
function encodeEntry(name: string, entry: CacheEntry): readonly Uint8Array[] {
  const { bytes } = entry
  const text = Buffer.from(JSON.stringify(headOf(entry)))
  const head = Buffer.alloc(headStart + text.length)
  head.writeUInt32LE(magic, 0)
  head.writeUInt32LE(text.length, 8)
  text.copy(head, headStart)
  head.writeUInt32LE(crc32(bytes, crc32(head.subarray(8), crc32(name))), 4)
  return [head, bytes]
}

/** `undefined` for what is torn, or written by another version. */
function decodeEntry(name: string, file: Buffer): CacheEntry | undefined {
  if (file.length < headStart || file.readUInt32LE(0) !== magic) return undefined
  if (crc32(file.subarray(8), crc32(name)) !== file.readUInt32LE(4)) return undefined
  const headEnd = headStart + file.readUInt32LE(8)
  const head = readHead(parseList(file.toString('utf8', headStart, headEnd)))
  const bytes = new Uint8Array(file.buffer, file.byteOffset + headEnd, file.length - headEnd)
  return head && { bytes, ...head.fields }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0)
}

/** Entries by name. Absence is no failure anywhere; folders are made when they are missing. */
function createFiles(options: { folder: string; fileBytesMax: number; clock: Pick<Clock, 'now'> }) {
  const { folder, fileBytesMax, clock } = options
  const drafts = join(folder, 'tmp')
  const pathOf = (name: string) => join(folder, name.slice(0, 2), name)

  return {
    /** `undefined` where there is none, a torn one, or one that has expired. */
    async read(name: string): Promise<CacheEntry | undefined> {
      const file = await open(pathOf(name)).catch(undefinedWhenMissing)
      if (!file) return undefined
      try {
        const { size } = await file.stat()
        if (size > fileBytesMax) return undefined
        const entry = decodeEntry(name, await readWhole(file, size))
        return entry && entry.expiresAtMs > clock.now() ? entry : undefined
      } finally {
        await file.close()
      }
    },

    /** Readers see the file before or this one, never a part. */
    async write(name: string, parts: readonly Uint8Array[]): Promise<void> {
      const draft = join(drafts, randomUUID())
      const place = async () => {
        await writeDraft(draft, parts)
        await rename(draft, pathOf(name))
      }
      try {
        await place().catch(async (error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error
          await rm(draft, { force: true })
          for (const each of [drafts, dirname(pathOf(name))])
            await mkdir(each, { recursive: true, mode: 0o700 })
          await place()
        })
      } catch (error) {
        await rm(draft, { force: true }).catch(() => {})
        throw error
      }
    },

    remove: (name: string) => unlinkIfThere(pathOf(name)),

    async sizeOf(name: string): Promise<number | undefined> {
      const found = await stat(pathOf(name)).catch(undefinedWhenMissing)
      return found?.isFile() ? found.size : undefined
    },

    async *names(): AsyncGenerator<string, undefined> {
      for await (const outer of namesIn(folder)) {
        if (!/^[\w-]{2}$/.test(outer)) continue
        for await (const name of namesIn(join(folder, outer))) {
          if (namePattern.test(name) && name.startsWith(outer)) yield name
        }
      }
      return undefined
    },

    /** What a process that died left half written, and no other process can be writing still. */
    async removeDrafts(): Promise<void> {
      for await (const name of namesIn(drafts)) {
        const found = await stat(join(drafts, name)).catch(undefinedWhenMissing)
        if (found && clock.now() - found.mtimeMs > draftMsMax) await unlinkIfThere(join(drafts, name))
      }
    },
  }
}

async function readWhole(file: FileHandle, sizeBytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(sizeBytes)
  let length = 0
  while (length < sizeBytes) {
    const { bytesRead } = await file.read(buffer, length, sizeBytes - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}

async function writeDraft(draft: string, parts: readonly Uint8Array[]): Promise<void> {
  const file = await open(draft, 'wx', 0o600)
  try {
    const sizeBytes = lengthOf(parts)
    const { bytesWritten } = await file.writev(parts)
    if (bytesWritten !== sizeBytes) throw new Error(`the disk took ${bytesWritten} of ${sizeBytes} bytes`)
  } finally {
    await file.close()
  }
}

/** In no order, without holding them all; none where there is no such folder. */
async function* namesIn(folder: string): AsyncGenerator<string, undefined> {
  const entries = await opendir(folder).catch((error: NodeJS.ErrnoException) => {
    // A file of somebody else.
    if (error.code !== 'ENOTDIR') return undefinedWhenMissing(error)
  })
  if (entries) for await (const { name } of entries) yield name
  return undefined
}

async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch(undefinedWhenMissing)
}

function undefinedWhenMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
