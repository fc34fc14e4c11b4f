import { Buffer } from 'node:buffer'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CodecName } from '../../src/core/compression/codec.ts'
import { codecs } from '../../src/core/compression/codecs.ts'
import { defaultPolicy } from '../../src/core/compression/policy.ts'
import type { Core } from '../../src/core/core.ts'
import { CuttyError } from '../../src/core/errors.ts'
import { readCoded, readContent } from '../../src/core/files/read.ts'
import { DatabaseError } from '../../src/core/ports/database.ts'
import { faultyBlobStore } from '../faults/blob-store.ts'
import { faultyDatabase } from '../faults/database.ts'
import { after, createGate, failing, only, slow } from '../faults/plan.ts'
import { randomBytes, textBytes } from './compression/samples.ts'
import { bytesOf, chunked, openStoredFiles, type StoredFiles } from './stored-files.ts'

const outage = new CuttyError('storage_unavailable')
const mebibyte = 1024 ** 2
/** Five frames. */
const body = textBytes(4 * mebibyte + 1000)
const oldBody = textBytes(1_200_000).subarray(200_000)
const severalFrames = (['zstd', 'gzip', 'deflate', 'lz4'] as const).map((mode) => [mode] as const)

let files: StoredFiles
beforeEach(async () => {
  files = await openStoredFiles({ cacheBytes: 0 })
})
afterEach(() => files.close())

/** R46: the old file is there, the new one is not, and of what was tried nothing is left. */
async function expectNothingHappened(blobs: number): Promise<void> {
  await files.settled()
  expect(Buffer.compare(await files.read('old'), oldBody)).toBe(0)
  await expect(files.find('new')).rejects.toMatchObject({ code: 'file_not_found' })
  expect((await files.core.blobs.list()).ids).toHaveLength(blobs)
  expect(await readdir(join(files.folder, 'tmp'))).toEqual([])
  expect(files.sql('SELECT id FROM blobs')).toHaveLength(1)
}

describe.each(severalFrames)('a compressed upload that fails (%s, R46)', (mode) => {
  const compression = { mode, level: 1 }
  const attempt = (key: string, more: Parameters<StoredFiles['put']>[2]) =>
    files.put(key, body, { compression, ...more })
  beforeEach(() => files.put('old', oldBody, { compression }))

  test.each([0, 1, 2, 4, 6])('in the store, at its chunk %i', async (chunks) => {
    const plan = only(['put.chunk'], after(chunks, failing(outage)))
    const core = { ...files.core, blobs: faultyBlobStore(files.core.blobs, plan) }
    for (const key of ['old', 'new']) await expect(attempt(key, { core })).rejects.toBe(outage)
    await expectNothingHappened(1)
  })

  test.each([0, 1, 5000, mebibyte, mebibyte + 1, 3 * mebibyte, body.length])(
    'because the body breaks off after %i bytes',
    async (bytes) => {
      for (const key of ['old', 'new']) {
        for (const sizeBytes of [undefined, body.length]) {
          let released = false
          async function* broken() {
            try {
              yield* chunked(body.subarray(0, bytes))
              throw new CuttyError('body_incomplete')
            } finally {
              released = true
            }
          }
          const putting = attempt(key, { body: broken(), sizeBytes })
          await expect(putting).rejects.toMatchObject({ code: 'body_incomplete' })
          expect(released).toBe(true)
        }
      }
      await expectNothingHappened(1)
    },
  )

  test('by its digest or its length, even when all is stored', async () => {
    const md5 = new Map([['md5', new Uint8Array(16)]] as const)
    for (const key of ['old', 'new']) {
      await expect(attempt(key, { digests: md5 })).rejects.toMatchObject({ code: 'digest_mismatch' })
      for (const sizeBytes of [0, 1, mebibyte, body.length - 1, body.length + 1, 100 * mebibyte]) {
        await expect(attempt(key, { sizeBytes }), `as ${sizeBytes}`).rejects.toMatchObject({
          code: 'body_size_mismatch',
        })
      }
    }
    await expectNothingHappened(1)
  })

  test('in the database, when all is stored', async () => {
    const plan = only(['batch'], failing(new DatabaseError('full', 'full')))
    const core = { ...files.core, database: faultyDatabase(files.core.database, plan) }
    await expect(attempt('new', { core })).rejects.toMatchObject({ kind: 'full' })
    await expectNothingHappened(1)
  })

  test('in the store lets go of the body', async () => {
    let released = false
    async function* watched() {
      try {
        yield* chunked(body)
      } finally {
        released = true
      }
    }
    const plan = only(['put.chunk'], after(2, failing(outage)))
    const core = { ...files.core, blobs: faultyBlobStore(files.core.blobs, plan) }
    await expect(attempt('new', { core, body: watched() })).rejects.toBe(outage)
    expect(released).toBe(true)
  })
})

test('a codec that fails in the midst of a body is an error, and leaves nothing', async () => {
  await files.put('old', oldBody, { compression: { mode: 'gzip' } })
  // What the runtime did not find out at the start: compression of one frame in the midst goes wrong.
  const broken = new Error('the compressor is broken')
  const { compressFrame } = codecs.zstd
  let calls = 0
  const zstd = Object.create(codecs.zstd, {
    compressFrame: {
      value: async (plain: Uint8Array, level: number) => {
        if (++calls === 4) throw broken
        return compressFrame(plain, level)
      },
    },
  }) as typeof codecs.zstd
  const { encodeFrames } = await import('../../src/core/compression/encode.ts')
  const encoded = encodeFrames(chunked(body), { codec: zstd, level: 1, frameBytes: mebibyte, parallel: 2 })
  await expect(files.core.blobs.put('z'.repeat(26), encoded.body)).rejects.toBe(broken)
  await expectNothingHappened(1)
})

test('two uploads at one time do not mix, and the later commit is what is there', async () => {
  const gate = createGate()
  const plan = only(
    ['put.chunk'],
    slow(() => gate.pass()),
  )
  const core = { ...files.core, blobs: faultyBlobStore(files.core.blobs, plan) }
  const slowPut = files.put('f', body, { core, compression: { mode: 'zstd' } })
  await gate.reached()
  await files.put('f', oldBody, { compression: { mode: 'gzip' } })
  expect(Buffer.compare(await files.read('f'), oldBody)).toBe(0)
  gate.open()
  await slowPut
  expect(Buffer.compare(await files.read('f'), body)).toBe(0)
})

/** The core of a runtime in which these codecs failed their self-test (R23). */
const without = (...broken: CodecName[]): Core => ({
  ...files.forgetful(),
  compression: {
    ...files.core.compression,
    available: new Set((Object.keys(codecs) as CodecName[]).filter((name) => !broken.includes(name))),
  },
})

describe('a codec out of service (R23)', () => {
  test.each(Object.keys(codecs) as CodecName[])(
    '%s: no byte is decoded, the stored stream is sent',
    async (mode) => {
      for (const size of [5000, 70_000, 3 * mebibyte]) {
        if (mode === 'brotli' && size > mebibyte) continue
        const bytes = body.subarray(0, size)
        const file = await files.put('f', bytes, { compression: { mode } })
        expect(file.blob.codec).toBe(mode)
        const core = without(mode)
        for (const range of [undefined, { start: 0, end: 0 }, { start: 100, end: size - 1 }]) {
          await expect(readContent(core, file, range)).rejects.toMatchObject({ code: 'codec_unavailable' })
        }
        const coded = await bytesOf(await readCoded(core, file))
        expect(Buffer.compare(coded, await bytesOf(await readCoded(files.core, file)))).toBe(0)
        // It is nobody's damage, and the file is whole where the codec works.
        expect(files.events.filter(({ type }) => type === 'damage')).toEqual([])
        const elsewhere = without(mode === 'gzip' ? 'zstd' : 'gzip')
        expect(Buffer.compare(await bytesOf(await readContent(elsewhere, file)), bytes)).toBe(0)
      }
    },
  )

  test('files that were stored as they are can be read without any', async () => {
    const core = without(...(Object.keys(codecs) as CodecName[]))
    for (const size of [0, 10, 5000, 2 * mebibyte]) {
      const bytes = body.subarray(0, size)
      const file = await files.put('f', bytes, { core })
      expect(file.blob).toMatchObject({
        codec: 'identity',
        reason: size < defaultPolicy.minimumBytes ? 'small' : 'unavailable',
      })
      expect(Buffer.compare(await bytesOf(await readContent(core, file)), bytes)).toBe(0)
    }
  })

  test('uploads that name it take another that works', async () => {
    const file = await files.put('f', body, { core: without('zstd', 'lz4'), compression: { mode: 'zstd' } })
    expect(file.blob).toMatchObject({ codec: 'gzip', reason: 'compressed' })
    expect(Buffer.compare(await files.read('f'), body)).toBe(0)
  })
})

test('what does not get smaller is stored as it is whatever was asked for (R21)', async () => {
  for (const [mode] of severalFrames) {
    for (const size of [2000, 70_000, 2 * mebibyte]) {
      const bytes = randomBytes(size)
      const { blob } = await files.put('f', bytes, { compression: { mode, minimumGain: 0 } })
      expect(blob).toMatchObject({ codec: 'identity', reason: 'no_gain', storedBytes: size })
      expect(blob.gain).toBeLessThan(0.01)
    }
  }
})
