import { CuttyError } from '../../core/errors.ts'
import type { BlobStore } from '../../core/ports/blob-store.ts'
import { attempt, type FixedLengthStreamLike, type R2BucketLike, unavailable } from './client.ts'
import { createUpload } from './upload.ts'

export interface R2Options {
  /** The runtime's `FixedLengthStream`: how R2 is told the length of a stream. */
  readonly fixedLengthStream: (sizeBytes: number) => FixedLengthStreamLike
  /**
   * Bodies up to this size, and the parts of those of unknown length, are held in memory one block at a time. R2
   * wants at least 5 MiB, and takes 10,000 parts. Default 8 MiB: an isolate has 128 MB for all its requests.
   */
  readonly partBytes?: number
  /** What keys begin with, so that a bucket may hold other things too. Default `blobs/`. */
  readonly prefix?: string
}

/** R2's bound, for a page of a listing as for the keys of one delete. */
const keysMax = 1000

/**
 * Blobs as objects of an R2 bucket. R2 reads its own writes at once; an object is there whole or not at all.
 *
 * What `get` resolves to is R2's own stream, so that an entry may hand it to a `Response` and the bytes never
 * pass through JavaScript; a failure in its midst is therefore the runtime's error. When the client of an upload
 * goes away, the runtime may end the whole invocation with it: parts then stay until R2 drops them after seven days.
 */
export function createR2BlobStore(bucket: R2BucketLike, options: R2Options): BlobStore {
  const { fixedLengthStream, partBytes = 8 * 1024 * 1024, prefix = 'blobs/' } = options
  const upload = createUpload(bucket, { fixedLengthStream, partBytes })

  return {
    capabilities: { durable: true, shared: true },

    async put(id, body, sizeBytes) {
      return { sizeBytes: await upload(prefix + id, body, sizeBytes) }
    },

    async get(id, range) {
      const key = prefix + id
      if (!range) return (await attempt(() => bucket.get(key)))?.body
      const asked = { offset: range.start, length: range.end - range.start + 1 }
      const fail = (sizeBytes: number | undefined, cause: unknown) =>
        sizeBytes !== undefined && sizeBytes <= range.end
          ? new CuttyError('content_damaged', undefined, {
              cause: new Error(`a range to byte ${range.end + 1} of a blob of ${sizeBytes}`, { cause }),
            })
          : unavailable(cause)
      const object = await bucket.get(key, { range: asked }).catch(async (cause: unknown) => {
        // It refuses a range that begins behind the end, in words that may change: the size tells it from an outage.
        throw fail((await bucket.head(key).catch(() => null))?.size, cause)
      })
      if (!object) return undefined
      // R2 answers a range that it does not like with another one, or with everything (R11).
      const sent = object.range && 'offset' in object.range ? object.range : {}
      if (sent.offset !== asked.offset || sent.length !== asked.length) {
        await object.body.cancel()
        throw fail(
          object.size,
          new Error(`asked for ${JSON.stringify(asked)}, got ${JSON.stringify(object.range)}`),
        )
      }
      return object.body
    },

    async delete(ids) {
      for (let start = 0; start < ids.length; start += keysMax) {
        const keys = ids.slice(start, start + keysMax).map((id) => prefix + id)
        await attempt(() => bucket.delete(keys))
      }
    },

    async list({ after = '', limit = keysMax } = {}) {
      const limitKeys = Math.min(limit, keysMax)
      const page = { prefix, limit: limitKeys, startAfter: prefix + after }
      let { objects, truncated, cursor } = await attempt(() => bucket.list(page))
      // A page may be shorter than asked for; where it is empty, its last id cannot say how to go on.
      while (truncated && objects.length === 0) {
        const rest = { prefix, limit: limitKeys, cursor }
        ;({ objects, truncated, cursor } = await attempt(() => bucket.list(rest)))
      }
      const ids = objects.map(({ key }) => key.slice(prefix.length))
      return { ids, next: truncated ? ids.at(-1) : undefined }
    },

    async ping() {
      await attempt(() => bucket.head(prefix))
    },
  }
}
