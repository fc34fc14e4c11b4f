import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { createR2BlobStore } from '../../../src/adapters/r2/blob-store.ts'
import type { R2BucketLike } from '../../../src/adapters/r2/client.ts'
import { CuttyError } from '../../../src/core/errors.ts'
import { blobStoreContract, bodyOf } from '../../contracts/blob-store.ts'
import { patternBytes } from '../../contracts/http/bytes.ts'

const fixedLengthStream = (sizeBytes: number) => new FixedLengthStream(sizeBytes)
let subjects = 0
const nextPrefix = () => `store ${subjects++}/`

blobStoreContract('r2', async () => {
  const prefix = nextPrefix()
  return {
    subject: createR2BlobStore(env.BLOBS, { fixedLengthStream, prefix }),
    async cleanup() {
      for (;;) {
        const { objects, truncated } = await env.BLOBS.list({ prefix })
        await env.BLOBS.delete(objects.map(({ key }) => key))
        if (!truncated) return
      }
    },
  }
})

const mebi = 1024 * 1024

describe('r2, besides', () => {
  /** The bucket, with what was asked of it; `override` stands in for some of its methods. */
  function watched(override: Partial<R2BucketLike> = {}) {
    const calls: string[] = []
    const bucket: R2BucketLike = env.BLOBS
    const inner: R2BucketLike = {
      head: (key) => bucket.head(key),
      get: (key, options) => bucket.get(key, options),
      put: (key, value) => bucket.put(key, value),
      createMultipartUpload: (key) => bucket.createMultipartUpload(key),
      delete: (keys) => bucket.delete(keys),
      list: (options) => bucket.list(options),
      ...override,
    }
    const watch = <A extends unknown[], T>(name: string, call: (...args: A) => T) => {
      return (...args: A) => {
        calls.push(name)
        return call(...args)
      }
    }
    return {
      calls,
      store: createR2BlobStore(
        {
          head: watch('head', inner.head),
          get: watch('get', inner.get),
          put: watch('put', inner.put),
          createMultipartUpload: watch('createMultipartUpload', inner.createMultipartUpload),
          delete: watch('delete', inner.delete),
          list: watch('list', inner.list),
        },
        { fixedLengthStream, prefix: nextPrefix() },
      ),
    }
  }
  const refuses = () => Promise.reject(new Error('put: We encountered an internal error. (10001)'))
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'none',
      (error: unknown) => (error instanceof CuttyError ? error.code : error),
    )

  test('one operation stores a body of known length, however long', async () => {
    const { store, calls } = watched()
    await store.put('a', bodyOf(patternBytes(20 * mebi), 65_536), 20 * mebi)
    await store.put('b', bodyOf(patternBytes(8 * mebi), 65_536))
    expect(calls).toEqual(['put', 'put'])
  })

  test('a body of unknown length that fails in its third part leaves no upload open', async () => {
    const events: string[] = []
    const { store } = watched({
      async createMultipartUpload(key) {
        const upload = await env.BLOBS.createMultipartUpload(key)
        return {
          async uploadPart(number: number, value: Uint8Array) {
            events.push(`part ${number} ${value.length}`)
            return upload.uploadPart(number, value)
          },
          complete: (parts) => upload.complete(parts),
          async abort() {
            events.push('abort')
            return upload.abort()
          },
        }
      },
    })
    const body = async function* () {
      yield* bodyOf(patternBytes(17 * mebi), 65_536)
      throw new Error('gone')
    }
    await expect(store.put('a', body())).rejects.toThrow('gone')
    expect(events).toEqual([`part 1 ${8 * mebi}`, `part 2 ${8 * mebi}`, 'abort'])
  })

  test('a long body that fails after its last byte leaves nothing, though R2 had the time to store it', async () => {
    const { store } = watched()
    const body = async function* () {
      yield* bodyOf(patternBytes(9 * mebi), 65_536)
      for (let round = 0; round < 20; round++) await store.ping()
      throw new Error('gone')
    }
    await expect(store.put('a', body(), 9 * mebi)).rejects.toThrow('gone')
    for (let round = 0; round < 20; round++) await store.ping()
    expect(await store.get('a')).toBeUndefined()
  })

  test.each([1000, 20 * mebi])(
    'a bucket that refuses %i bytes is storage_unavailable, and the body let go',
    async (size) => {
      const { store } = watched({ put: refuses })
      let released = false
      const body = async function* () {
        try {
          yield* bodyOf(patternBytes(size), 65_536)
        } finally {
          released = true
        }
      }
      expect(await codeOf(store.put('a', body(), size))).toBe('storage_unavailable')
      expect(released).toBe(true)
    },
  )

  test('a bucket that refuses midway is storage_unavailable, though it never reads on', async () => {
    const { store } = watched({
      async put(_key, value) {
        const reader = (value as ReadableStream<Uint8Array>).getReader()
        await reader.read()
        throw new Error('put: Network connection lost.')
      },
    })
    expect(await codeOf(store.put('a', bodyOf(patternBytes(20 * mebi), 65_536), 20 * mebi))).toBe(
      'storage_unavailable',
    )
  })

  test('every operation that R2 refuses is storage_unavailable, with R2’s words as the cause', async () => {
    const { store } = watched({ head: refuses, get: refuses, delete: refuses, list: refuses })
    const refused = [store.get('a'), store.delete(['a']), store.list(), store.ping()]
    for (const outcome of await Promise.allSettled(refused)) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'storage_unavailable', cause: { message: expect.stringContaining('10001') } },
      })
    }
  })

  test('a range that R2 answers with everything is an error (R11)', async () => {
    const { store } = watched({ get: (key) => env.BLOBS.get(key) })
    await store.put('a', bodyOf(patternBytes(100), 100), 100)
    expect(await codeOf(store.get('a', { start: 3, end: 9 }))).toBe('storage_unavailable')
  })

  test('a listing goes on over a page without ids', async () => {
    const pages = [
      { objects: [], truncated: true, cursor: 'one' },
      { objects: [], truncated: true, cursor: 'two' },
      { objects: [], truncated: false },
    ]
    const asked: unknown[] = []
    const { store } = watched({
      async list(options) {
        asked.push(options.cursor)
        return pages[asked.length - 1] as (typeof pages)[number]
      },
    })
    expect(await store.list()).toEqual({ ids: [], next: undefined })
    expect(asked).toEqual([undefined, 'one', 'two'])
  })

  test('objects of others in the bucket are not listed', async () => {
    const { store } = watched()
    await env.BLOBS.put('zz of another', 'x')
    await store.put('a', bodyOf(patternBytes(1), 1), 1)
    expect(await store.list()).toEqual({ ids: ['a'], next: undefined })
  })

  test('what get resolves to is a stream that a Response sends with its length', async () => {
    const { store } = watched()
    await store.put('a', bodyOf(patternBytes(1000), 1000), 1000)
    const body = await store.get('a', { start: 1, end: 500 })
    expect(body).toBeInstanceOf(ReadableStream)
    expect((await new Response(body as ReadableStream).arrayBuffer()).byteLength).toBe(500)
  })
})
