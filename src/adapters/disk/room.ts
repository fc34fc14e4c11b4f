import { statfsSync } from 'node:fs'
import { CuttyError } from '../../core/errors.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Room } from '../../core/ports/room.ts'

/** A look at the file system takes some microseconds, and in this time no disk fills up by itself. */
const lookEveryMs = 100

/** The free space of a folder's file system, less `reserveBytes`. In between looks, what was promised is counted. */
export function createDiskRoom(options: { folder: string; reserveBytes: number; clock: Clock }): Room {
  const { folder, reserveBytes, clock } = options
  let lookedMs = Number.NEGATIVE_INFINITY
  let freeBytes = 0

  return {
    take(bytes) {
      const nowMs = clock.monotonic()
      if (nowMs - lookedMs >= lookEveryMs) {
        const { bavail, bsize } = statfsSync(folder)
        freeBytes = bavail * bsize
        lookedMs = nowMs
      }
      if (freeBytes - bytes < reserveBytes) {
        throw new CuttyError(
          'storage_full',
          `The disk is full but for ${reserveBytes} bytes, which are kept so that files can be deleted.`,
        )
      }
      freeBytes -= bytes
    },
  }
}
