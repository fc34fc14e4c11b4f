import type { BlobRef } from './file.ts'

/** What of a blob is cached, by what was made of it: nothing else selects the bytes (R28). */
export const cacheKeys = {
  /** The plaintext. */
  whole: (blobId: string) => ['whole', blobId],
  /** The stream of the stored coding. */
  coded: (blobId: string) => ['coded', blobId],
  /** The frame index. */
  index: (blobId: string) => ['index', blobId],
  /** The plaintext of one frame. */
  frame: (blobId: string, frame: number) => ['frame', blobId, String(frame)],
}

type CachedBlob = Pick<BlobRef, 'id' | 'sizeBytes' | 'frameBytes'>

/** Of what is stored as it is, which has no frames, there is only the whole. */
export function countCacheKeys({ sizeBytes, frameBytes }: CachedBlob): number {
  return frameBytes === 0 ? 1 : 3 + Math.ceil(sizeBytes / frameBytes)
}

/** All that can be in a cache of one blob, in an order that stays: of a long one, from one place to before another. */
export function* allCacheKeys(
  blob: CachedBlob,
  { from = 0, to = countCacheKeys(blob) }: { from?: number; to?: number } = {},
): Generator<readonly string[]> {
  const { id } = blob
  const { whole, coded, index, frame } = cacheKeys
  const first = [whole(id), coded(id), index(id)]
  for (let place = from; place < to; place++) yield first[place] ?? frame(id, place - first.length)
}
