import type { BlobStore } from '../../src/core/ports/blob-store.ts'
import type { FaultPlan } from './plan.ts'

/**
 * `put` before anything is stored, `put.chunk` before each chunk is taken, `put.acknowledge` when the blob is stored
 * and its sender not told yet; `get` before the blob is opened, `get.chunk` before each chunk is given.
 */
export type BlobStoreStep =
  | 'put'
  | 'put.chunk'
  | 'put.acknowledge'
  | 'get'
  | 'get.chunk'
  | 'delete'
  | 'list'
  | 'ping'

/** A blob store whose steps go as `plan` says, and otherwise as `inner` does. */
export function faultyBlobStore(inner: BlobStore, plan: FaultPlan<BlobStoreStep>): BlobStore {
  return {
    capabilities: inner.capabilities,
    async put(id, body, sizeBytes) {
      await plan('put')
      const stored = await inner.put(id, stepped(body, plan, 'put.chunk'), sizeBytes)
      await plan('put.acknowledge')
      return stored
    },
    async get(id, range) {
      await plan('get')
      const chunks = await inner.get(id, range)
      return chunks && stepped(chunks, plan, 'get.chunk')
    },
    async delete(ids) {
      await plan('delete')
      await inner.delete(ids)
    },
    async list(options) {
      await plan('list')
      return inner.list(options)
    },
    async ping() {
      await plan('ping')
      await inner.ping()
    },
  }
}

/** Not a generator: that would not pass on the `return` of a reader which leaves before the first chunk. */
function stepped<Step extends BlobStoreStep>(
  chunks: AsyncIterable<Uint8Array>,
  plan: FaultPlan<Step>,
  step: Step,
): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = chunks[Symbol.asyncIterator]()
      return {
        async next() {
          try {
            await plan(step)
          } catch (error) {
            await iterator.return?.()
            throw error
          }
          return iterator.next()
        },
        async return() {
          await iterator.return?.()
          return { done: true, value: undefined }
        },
      }
    },
  }
}
