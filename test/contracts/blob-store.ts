import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CuttyError } from '../../src/core/errors.ts'
import { createIdSource } from '../../src/core/ids.ts'
import type { BlobStore, ByteRange } from '../../src/core/ports/blob-store.ts'
import { patternBytes } from './http/bytes.ts'

const mebi = 1024 * 1024

/** What every blob store promises: the sentences of `core/ports/blob-store.ts`, in any runtime. */
export function blobStoreContract(
  name: string,
  create: () => Promise<{ subject: BlobStore; cleanup: () => Promise<void> }>,
): void {
  describe(`${name} as a BlobStore`, () => {
    let store: BlobStore
    let cleanup: () => Promise<void>
    beforeEach(async () => {
      ;({ subject: store, cleanup } = await create())
    })
    afterEach(() => cleanup())

    const stage = { store: () => store, nextId: createIds() }
    putContract(stage)
    failedPutContract(stage)
    getContract(stage)
    deleteContract(stage)
    listContract(stage)

    test('answers a ping', async () => {
      await store.ping()
    })
  })
}

interface Stage {
  readonly store: () => BlobStore
  readonly nextId: () => string
}

/** Sizes around the edges of chunks, blocks and parts; the last two are several parts on R2. */
const sizes = [0, 1, 65_535, 65_537, 8 * mebi - 1, 8 * mebi, 8 * mebi + 1, 17 * mebi + 3]

function putContract({ store, nextId }: Stage) {
  describe('put', () => {
    test.each(sizes)('keeps the exact %i bytes of a body of known length', async (size) => {
      const id = nextId()
      const bytes = patternBytes(size)
      expect(await store().put(id, bodyOf(bytes, 100_003), size)).toEqual({ sizeBytes: size })
      expectSame(await readBlob(store(), id), bytes)
    })

    test.each(sizes)('keeps the exact %i bytes of a body of unknown length', async (size) => {
      const id = nextId()
      const bytes = patternBytes(size)
      expect(await store().put(id, bodyOf(bytes, 100_003))).toEqual({ sizeBytes: size })
      expectSame(await readBlob(store(), id), bytes)
    })

    test('keeps a body that comes in one chunk, or with empty ones in between', async () => {
      const bytes = patternBytes(9 * mebi)
      for (const sizeBytes of [undefined, bytes.length]) {
        const [whole, sparse] = [nextId(), nextId()]
        await store().put(whole, bodyOf(bytes, bytes.length), sizeBytes)
        await store().put(sparse, withEmptyChunks(bodyOf(bytes, 3 * mebi)), sizeBytes)
        expectSame(await readBlob(store(), whole), bytes)
        expectSame(await readBlob(store(), sparse), bytes)
      }
    })

    test('keeps a view without the memory around it', async () => {
      const id = nextId()
      const around = patternBytes(5000)
      await store().put(id, bodyOf(around.subarray(1000, 1777), 300), 777)
      expectSame(await readBlob(store(), id), around.slice(1000, 1777))
    })

    test('keeps concurrent bodies apart', async () => {
      const blobs = Array.from({ length: 24 }, (_, index) => ({
        id: nextId(),
        bytes: patternBytes(index % 6 === 5 ? 9 * mebi : 10_000 * index, index + 1),
      }))
      await Promise.all(
        blobs.map(({ id, bytes }, index) =>
          store().put(id, bodyOf(bytes, 65_536), index % 2 ? bytes.length : undefined),
        ),
      )
      for (const { id, bytes } of blobs) expectSame(await readBlob(store(), id), bytes)
    })
  })
}

function failedPutContract({ store, nextId }: Stage) {
  /** Of known length and short, of known length and long, of unknown length and short, and long. */
  const forms = [
    { size: 1000, known: true },
    { size: 20 * mebi, known: true },
    { size: 1000, known: false },
    { size: 20 * mebi, known: false },
  ]

  describe('a put that fails', () => {
    test.each(forms)('when the body throws midway, stores nothing and passes it on: %o', async (form) => {
      for (const sent of [0, 1, Math.floor(form.size / 2), form.size]) {
        const id = nextId()
        const failure = new Error('the client went away')
        const body = throwsAfter(bodyOf(patternBytes(sent), 65_536), failure)
        await expect(store().put(id, body, form.known ? form.size : undefined)).rejects.toBe(failure)
        await expectAbsent(store(), id)
      }
    })

    test('passes on a body’s error that looks like one of the operating system', async () => {
      const id = nextId()
      const reset = Object.assign(new Error('read ECONNRESET'), {
        code: 'ECONNRESET',
        syscall: 'read',
        errno: -104,
      })
      await expect(store().put(id, throwsAfter(bodyOf(patternBytes(10), 5), reset), 20)).rejects.toBe(reset)
      await expectAbsent(store(), id)
    })

    test.each([1, 1000, 20 * mebi])(
      'when %i bytes are promised and fewer come, stores nothing',
      async (size) => {
        for (const sent of [0, size - 1]) {
          const id = nextId()
          await expectCode(store().put(id, bodyOf(patternBytes(sent), 65_536), size), 'body_size_mismatch')
          await expectAbsent(store(), id)
        }
      },
    )

    test.each([0, 1000, 20 * mebi])(
      'when %i bytes are promised and more come, stores nothing',
      async (size) => {
        for (const chunkBytes of [size + 1, 65_536, Math.max(size, 1)]) {
          const id = nextId()
          const body = bodyOf(patternBytes(size + 1), chunkBytes)
          await expectCode(store().put(id, body, size), 'body_size_mismatch')
          await expectAbsent(store(), id)
        }
      },
    )

    test('lets go of a body that is longer than promised, even if it never ends', async () => {
      let released = false
      const endless = async function* () {
        try {
          for (;;) yield patternBytes(1000)
        } finally {
          released = true
        }
      }
      await expectCode(store().put(nextId(), endless(), 5000), 'body_size_mismatch')
      expect(released).toBe(true)
    })

    test('leaves other blobs and later puts alone', async () => {
      const [before, broken, after] = [nextId(), nextId(), nextId()]
      await store().put(before, bodyOf(patternBytes(100), 10), 100)
      await expectCode(store().put(broken, bodyOf(patternBytes(99), 10), 100), 'body_size_mismatch')
      await store().put(after, bodyOf(patternBytes(100, 7), 10), 100)
      expectSame(await readBlob(store(), before), patternBytes(100))
      expectSame(await readBlob(store(), after), patternBytes(100, 7))
    })
  })
}

function getContract({ store, nextId }: Stage) {
  describe('get', () => {
    test('knows no blob that was never put, with a range and without', async () => {
      expect(await store().get(nextId())).toBeUndefined()
      expect(await store().get(nextId(), { start: 0, end: 0 })).toBeUndefined()
    })

    test.each([1, 2, 1_300_000])('reads the edges of %i bytes', async (size) => {
      const id = nextId()
      const bytes = patternBytes(size)
      await store().put(id, bodyOf(bytes, 65_536), size)
      const ranges: ByteRange[] = [
        { start: 0, end: 0 },
        { start: size - 1, end: size - 1 },
        { start: 0, end: size - 1 },
        { start: 0, end: Math.max(0, size - 2) },
        { start: Math.min(1, size - 1), end: size - 1 },
      ]
      for (const range of ranges) {
        expectSame(await readBlob(store(), id, range), bytes.slice(range.start, range.end + 1))
      }
    })

    test('reads any range as a plain array would be cut', async () => {
      const id = nextId()
      const bytes = patternBytes(2 * mebi + 17)
      await store().put(id, bodyOf(bytes, 65_536), bytes.length)
      const offset = fc.nat({ max: bytes.length - 1 })
      await fc.assert(
        fc.asyncProperty(offset, offset, async (one, other) => {
          const range = { start: Math.min(one, other), end: Math.max(one, other) }
          expectSame(await readBlob(store(), id, range), bytes.slice(range.start, range.end + 1))
        }),
        { seed: 20_261_121, numRuns: 60 },
      )
    })

    test.each([
      { start: 90, end: 100 },
      { start: 100, end: 100 },
      { start: 1000, end: 2000 },
    ])('makes an error of a range that leaves the blob, never a short end (R11): %o', async (range) => {
      const id = nextId()
      await store().put(id, bodyOf(patternBytes(100), 100), 100)
      await expectCode(readBlob(store(), id, range), 'content_damaged')
    })

    test('reads one blob many times at once', async () => {
      const id = nextId()
      const bytes = patternBytes(3 * mebi)
      await store().put(id, bodyOf(bytes, 65_536), bytes.length)
      const starts = Array.from({ length: 12 }, (_, index) => index * 200_000)
      const parts = await Promise.all(
        starts.map((start) => readBlob(store(), id, { start, end: bytes.length - 1 })),
      )
      for (const [index, start] of starts.entries())
        expectSame(parts[index] as Uint8Array, bytes.slice(start))
    })

    test('reads on to the end when the blob is deleted meanwhile', async () => {
      const id = nextId()
      const bytes = patternBytes(6 * mebi)
      await store().put(id, bodyOf(bytes, 65_536), bytes.length)
      const [begun, notBegun] = [await open(store(), id), await open(store(), id)]
      const iterator = begun[Symbol.asyncIterator]()
      const first = await iterator.next()
      const start = new Uint8Array(first.value as Uint8Array)
      await store().delete([id])
      await expectAbsent(store(), id)
      const rest = await collect({ [Symbol.asyncIterator]: () => iterator })
      expectSame(start, bytes.slice(0, start.length))
      expectSame(rest, bytes.slice(start.length))
      expectSame(await collect(notBegun), bytes)
    })

    test('is left early by readers again and again, before and after the first chunk', async () => {
      const id = nextId()
      const bytes = patternBytes(2 * mebi)
      await store().put(id, bodyOf(bytes, 65_536), bytes.length)
      for (let round = 0; round < 10; round++) {
        const chunks = await open(store(), id)
        if (round % 2) for await (const _ of chunks) break
        else await chunks[Symbol.asyncIterator]().return?.()
      }
      expectSame(await readBlob(store(), id), bytes)
    })
  })
}

function deleteContract({ store, nextId }: Stage) {
  describe('delete', () => {
    test('removes what it is given and nothing else', async () => {
      const ids = [nextId(), nextId(), nextId()] as const
      for (const id of ids) await store().put(id, bodyOf(patternBytes(10), 10), 10)
      await store().delete([ids[0], ids[2]])
      await expectAbsent(store(), ids[0])
      expectSame(await readBlob(store(), ids[1]), patternBytes(10))
      expect((await walk(store(), 10)).ids).toEqual([ids[1]])
    })

    test('ignores ids that do not exist, and no ids at all', async () => {
      const id = nextId()
      await store().put(id, bodyOf(patternBytes(10), 10), 10)
      await store().delete([])
      await store().delete([nextId()])
      await store().delete([nextId(), id, id, nextId()])
      await store().delete([id])
      await expectAbsent(store(), id)
    })
  })
}

function listContract({ store, nextId }: Stage) {
  const putMany = async (count: number) => {
    const ids = Array.from({ length: count }, nextId)
    // In another order than that of the ids, many at once.
    const shuffled = ids.toSorted((a, b) => (a.slice(-5) < b.slice(-5) ? -1 : 1))
    for (let start = 0; start < count; start += 50) {
      await Promise.all(
        shuffled.slice(start, start + 50).map((id) => store().put(id, bodyOf(patternBytes(1), 1), 1)),
      )
    }
    return ids
  }

  describe('list', () => {
    test('is one empty page where nothing is', async () => {
      expect(await store().list()).toEqual({ ids: [], next: undefined })
      expect(await store().list({ after: nextId(), limit: 5 })).toEqual({ ids: [], next: undefined })
    })

    test.each([1, 7, 25, 26])('gives all ids in ascending order, %i to a page (R48)', async (limit) => {
      const ids = await putMany(25)
      const walked = await walk(store(), limit)
      expect(walked.ids).toEqual(ids)
      expect(walked.longestPage).toBeLessThanOrEqual(limit)
    })

    test('starts after an id, also one that never was', async () => {
      const ids = await putMany(6)
      const never = nextId()
      const later = await putMany(3)
      expect((await store().list({ after: ids[2] as string })).ids).toEqual([...ids.slice(3), ...later])
      expect((await store().list({ after: never })).ids).toEqual(later)
      expect((await store().list({ after: later.at(-1) as string })).ids).toEqual([])
    })

    test('goes on after ids that are removed between the pages, the cursor among them', async () => {
      const ids = await putMany(20)
      const first = await store().list({ limit: 8 })
      expect(first.next).toBeDefined()
      const seen = first.ids.length
      await store().delete([ids[0] as string, first.next as string, ids[seen] as string, ids[19] as string])
      const rest = await walk(store(), 8, first.next)
      expect(rest.ids).toEqual(ids.slice(seen + 1, 19))
    })

    test('shows no blob whose put failed', async () => {
      const [id] = await putMany(1)
      await expectCode(store().put(nextId(), bodyOf(patternBytes(4), 1), 5), 'body_size_mismatch')
      expect((await walk(store(), 10)).ids).toEqual([id])
    })

    test('reaches beyond a thousand ids, which one delete removes', async () => {
      const ids = await putMany(1103)
      expect((await walk(store(), undefined)).ids).toEqual(ids)
      expect((await walk(store(), 5000)).ids).toEqual(ids)
      await store().delete(ids)
      expect(await store().list()).toEqual({ ids: [], next: undefined })
    })
  })
}

/** Ids some seconds apart, so that stores which file them by time meet more than one folder. */
function createIds(): () => string {
  let nowMs = Date.UTC(2026, 0, 1)
  const source = createIdSource({ now: () => (nowMs += 7001), monotonic: () => 0 })
  return () => source.next()
}

export async function* bodyOf(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += chunkBytes)
    yield bytes.subarray(start, start + chunkBytes)
}

async function* withEmptyChunks(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(0)
  for await (const chunk of body) {
    yield chunk
    yield new Uint8Array(0)
  }
}

async function* throwsAfter(body: AsyncIterable<Uint8Array>, failure: Error): AsyncGenerator<Uint8Array> {
  yield* body
  throw failure
}

async function open(store: BlobStore, id: string, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
  const chunks = await store.get(id, range)
  if (!chunks) throw new Error(`no blob ${id}`)
  return chunks
}

async function readBlob(store: BlobStore, id: string, range?: ByteRange): Promise<Uint8Array> {
  return collect(await open(store, id, range))
}

/** Copies each chunk before it asks for the next, as the port says a reader must. */
async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const copies: Uint8Array[] = []
  for await (const chunk of chunks) copies.push(new Uint8Array(chunk))
  return new Uint8Array(await new Blob(copies as Uint8Array<ArrayBuffer>[]).arrayBuffer())
}

async function walk(store: BlobStore, limit: number | undefined, start?: string) {
  const ids: string[] = []
  let longestPage = 0
  for (let after = start; ;) {
    const page = await store.list({ ...(after === undefined ? {} : { after }), ...(limit ? { limit } : {}) })
    ids.push(...page.ids)
    longestPage = Math.max(longestPage, page.ids.length)
    if (page.next === undefined) return { ids, longestPage }
    after = page.next
  }
}

/** Without the millions of elements that a matcher would compare one by one, and print. */
function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length)
  if (Buffer.compare(actual, expected) === 0) return
  expect.fail(`byte ${actual.findIndex((byte, index) => byte !== expected[index])} is another`)
}

async function expectAbsent(store: BlobStore, id: string): Promise<void> {
  expect(await store.get(id)).toBeUndefined()
  expect((await walk(store, undefined)).ids).not.toContain(id)
}

async function expectCode(promise: Promise<unknown>, code: CuttyError['code']): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(CuttyError)
  expect((error as CuttyError).code).toBe(code)
}
