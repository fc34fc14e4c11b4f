import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createThreadHasher } from '../../../src/adapters/hash-thread/hasher.ts'
import { slotBytes, slotCount } from '../../../src/adapters/hash-thread/ring.ts'
import { CuttyError } from '../../../src/core/errors.ts'
import { createBucket } from '../../../src/core/files/buckets.ts'
import { putFile } from '../../../src/core/files/put.ts'
import { bytesOf, hasherContract, hexOf, md5Of } from '../../contracts/hasher.ts'
import { openTestCore } from '../../core/test-core.ts'

let hasher: ReturnType<typeof createThreadHasher>
beforeEach(() => {
  hasher = createThreadHasher()
})
afterEach(() => hasher.close())

hasherContract('a thread', () => {
  const own = createThreadHasher()
  return {
    hasher: own,
    pieceBytes: slotBytes,
    waitingBytesMax: slotBytes * slotCount,
    close: () => own.close(),
  }
})

describe('a thread that hashes', () => {
  test('a thread that has ended fails what it had, and another one begins', async () => {
    const hash = hasher.begin('md5')
    await hash.update(bytesOf(1, 10))
    await hash.digest()
    const late = hasher.begin('md5')
    const chunk = bytesOf(2, slotBytes)
    await hasher.close()
    const ends = async () => {
      for (let count = 0; count < 2 * slotCount; count++) await late.update(chunk)
      await late.digest()
    }
    await expect(ends()).rejects.toThrow('The thread that hashes has ended')
    const next = hasher.begin('md5')
    await next.update(chunk)
    expect(hexOf(await next.digest())).toBe(md5Of(chunk))
  })
})

describe('uploads with a thread that hashes', () => {
  async function withCore(
    work: (
      put: (body: AsyncIterable<Uint8Array>, sizeBytes?: number) => ReturnType<typeof putFile>,
    ) => Promise<void>,
  ) {
    const { core, admin, close } = await openTestCore()
    try {
      await createBucket(core, admin, { name: 'hashed', visibility: 'private' })
      await work((body, sizeBytes) =>
        putFile({ ...core, hasher }, admin, {
          bucket: 'hashed',
          key: 'f',
          body,
          sizeBytes,
          etag: 'md5',
          describe: () => ({ contentType: 'application/octet-stream', headers: {}, metadata: {}, tags: {} }),
        }),
      )
    } finally {
      await close()
    }
  }
  async function* chunksOf(content: Uint8Array, end?: Error) {
    for (let at = 0; at < content.length; at += 60_000) yield content.slice(at, at + 60_000)
    if (end) throw end
  }

  test('have the MD5 of their bytes as ETag, short or long, of known length or not', async () => {
    await withCore(async (put) => {
      for (const length of [0, 1, 5000, 1024 ** 2 - 1, 1024 ** 2, 5_000_000]) {
        const content = bytesOf(length, length)
        for (const declared of [length, undefined]) {
          const { file } = await put(chunksOf(content), declared)
          expect([length, file.etag]).toEqual([length, md5Of(content)])
        }
      }
    })
  })

  test('that break off leave nothing behind, and the next one is right', async () => {
    await withCore(async (put) => {
      const content = bytesOf(9, 3_000_000)
      const broken = new CuttyError('body_incomplete')
      await expect(put(chunksOf(content, broken), 4_000_000)).rejects.toBe(broken)
      await expect(put(chunksOf(content), 4_000_000)).rejects.toMatchObject({ code: 'body_size_mismatch' })
      expect((await put(chunksOf(content), content.length)).file.etag).toBe(md5Of(content))
    })
  })
})
