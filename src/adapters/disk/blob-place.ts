import { join } from 'node:path'

/**
 * Where the file of a blob is, below `blobs/`. Ids begin with their time, so a folder holds what was stored within 33
 * seconds.
 */
export function blobPlace(id: string): string {
  return join(id.slice(0, 5), id.slice(5, 7), id)
}
