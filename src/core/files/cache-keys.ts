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

/** All that can be in a cache of one blob. */
export function* allCacheKeys(
  blob: Pick<BlobRef, 'id' | 'sizeBytes' | 'frameBytes'>,
): Generator<readonly string[]> {
  yield cacheKeys.whole(blob.id)
  yield cacheKeys.coded(blob.id)
  yield cacheKeys.index(blob.id)
  const frames = blob.frameBytes > 0 ? Math.ceil(blob.sizeBytes / blob.frameBytes) : 0
  for (let frame = 0; frame < frames; frame++) yield cacheKeys.frame(blob.id, frame)
}
