import { Buffer } from 'node:buffer'
import { rm } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { testBytes } from './test-bytes.ts'
import type { CodecName } from '../../src/core/compression/codec.ts'
import type { Core } from '../../src/core/core.ts'
import type { FileRecord } from '../../src/core/files/file.ts'
import { readCoded, readContent } from '../../src/core/files/read.ts'
import type { BlobStore, ByteRange } from '../../src/core/ports/blob-store.ts'
import { findFileRecord } from '../../src/core/files/record.ts'
import { parseIndex } from '../../src/core/compression/frame-index.ts'
import { randomBytes, textBytes } from './compression/samples.ts'
import { bucket, bytesOf, decoders, openStoredFiles, type StoredFiles } from './stored-files.ts'

const mebibyte = 1024 ** 2
const text = textBytes(8 * mebibyte)

let files: StoredFiles
beforeEach(async () => {
  files = await openStoredFiles({ cacheBytes: 0 })
})
afterEach(() => files.close())

/** As a process would that has just begun. */
const findAgain = (key = 'f') =>
  findFileRecord(files.forgetful(), files.admin, { bucket, key, action: 'read_file' })

async function readAgain(range?: ByteRange): Promise<Buffer> {
  return bytesOf(await readContent(files.forgetful(), await findAgain(), range))
}

const damageEvents = () => files.events.filter(({ type }) => type === 'damage')

/** Never wrong bytes, never a short success (R25), and somebody hears of it, once for each read. */
async function expectDamage({ blob }: FileRecord, range?: ByteRange): Promise<void> {
  const before = damageEvents().length
  await expect(readAgain(range)).rejects.toMatchObject({ code: 'content_damaged' })
  const told = damageEvents().slice(before)
  expect(told).toMatchObject([{ type: 'damage', blobId: blob.id }])
}

/** Places all over the stored bytes of the stream, without the index behind it. */
async function streamOf(file: FileRecord): Promise<{ stored: Uint8Array; streamBytes: number }> {
  const stored = await files.storedBytes(file.blob)
  const indexLength = new DataView(stored.buffer, stored.byteOffset + stored.length - 4).getUint32(0, true)
  return { stored, streamBytes: stored.length - indexLength }
}

const flipped = (bytes: Uint8Array, at: number) => {
  const copy = new Uint8Array(bytes)
  copy[at] = (copy[at] as number) ^ 0x10
  return copy
}

const kinds = [
  ...(['zstd', 'gzip', 'brotli', 'deflate', 'lz4'] as const).flatMap((codec) => [
    [codec, 'row', 20_000] as const,
    [codec, 'store', 900_000] as const,
  ]),
  ...(['zstd', 'gzip', 'deflate', 'lz4'] as const).map((codec) => [codec, 'store', 3_500_000] as const),
]

const put = async (codec: CodecName, sizeBytes: number) => {
  const file = await files.put('f', text.subarray(0, sizeBytes), {
    compression: { mode: codec, minimumGain: 0 },
  })
  expect(file.blob.codec).toBe(codec)
  return file
}

describe.each(kinds)('damage to %s in the %s, %i bytes', (codec, location, sizeBytes) => {
  test('one byte, wherever it is in the stream: an error or the very bytes, never others (R25)', async () => {
    const file = await put(codec, sizeBytes)
    expect(file.blob.location).toBe(location)
    const { stored, streamBytes } = await streamOf(file)
    const places = Array.from({ length: 24 }, (_, i) => Math.floor((i * (streamBytes - 1)) / 23))
    let noticed = 0
    for (const at of places) {
      await files.overwriteStored(file.blob, flipped(stored, at))
      const before = damageEvents().length
      try {
        // The envelope's head and tail are for other decoders, and not read here; so are some bits of a frame.
        expect(Buffer.compare(await readAgain(), text.subarray(0, sizeBytes))).toBe(0)
        expect(damageEvents()).toHaveLength(before)
      } catch (error) {
        expect(error).toMatchObject({ code: 'content_damaged' })
        expect(damageEvents()).toHaveLength(before + 1)
        noticed++
      }
    }
    expect(noticed).toBeGreaterThanOrEqual(places.length - 4)
    await files.overwriteStored(file.blob, stored)
    expect(Buffer.compare(await readAgain(), text.subarray(0, sizeBytes))).toBe(0)
  })

  test('cut short, or longer than its row says: an error', async () => {
    const file = await put(codec, sizeBytes)
    const { stored } = await streamOf(file)
    for (const length of [0, 1, Math.floor(stored.length / 2), Math.floor(stored.length / 2) + 1]) {
      await files.overwriteStored(file.blob, stored.subarray(0, length))
      const refusal = location === 'row' ? 'content_damaged' : /content_damaged|storage_unavailable/
      for (const range of [undefined, { start: sizeBytes - 10, end: sizeBytes - 1 }]) {
        await expect(readAgain(range)).rejects.toMatchObject({
          code: expect.stringMatching(refusal) as string,
        })
      }
    }
    if (location === 'store') return
    await files.overwriteStored(file.blob, new Uint8Array([...stored, 0]))
    await expectDamage(file)
  })

  test('gone: damage, never not_found', async () => {
    const file = await put(codec, sizeBytes)
    if (location === 'store') await rm(files.blobPath(file.blob))
    else files.sql('DELETE FROM blob_bodies WHERE blob_id = ?', file.blob.id)
    await expectDamage(file)
    await expectDamage(file, { start: 5, end: 6 })
    const reading = readCoded(files.forgetful(), await findAgain())
    await expect(reading.then(bytesOf)).rejects.toMatchObject({ code: 'content_damaged' })
  })

  test('to the index of the row: an error', async () => {
    const file = await put(codec, sizeBytes)
    const index = file.blob.frameIndex as Uint8Array
    const setIndex = (bytes: Uint8Array | null) =>
      files.sql('UPDATE blobs SET frame_index = ?2 WHERE id = ?1', file.blob.id, bytes)
    for (let at = 0; at < index.length; at += 3) {
      setIndex(flipped(index, at))
      await expectDamage(file)
    }
    for (const bytes of [null, new Uint8Array(), index.subarray(0, -1), new Uint8Array([...index, 0])]) {
      setIndex(bytes)
      await expectDamage(file)
      await expectDamage(file, { start: 0, end: 0 })
    }
    const readingCoded = async () => bytesOf(await readCoded(files.forgetful(), await findAgain()))
    if (codec === 'brotli' || codec === 'gzip') {
      // Nobody else would check it: what cannot be checked is not sent (decisions/012).
      await expect(readingCoded()).rejects.toMatchObject({ code: 'content_damaged' })
    } else {
      const coded = await readingCoded()
      const { stored } = await streamOf(file)
      expect(Buffer.compare(coded, stored.subarray(0, coded.length))).toBe(0)
    }
    setIndex(index)
    expect(Buffer.compare(await readAgain(), text.subarray(0, sizeBytes))).toBe(0)
  })
})

describe.each(['zstd', 'gzip', 'brotli', 'deflate'] as const)('the coded stream of %s', (codec) => {
  test('is checked where it is small: whatever byte is damaged, it is not sent (R25)', async () => {
    const file = await put(codec, 40_000)
    const { stored, streamBytes } = await streamOf(file)
    const read = async () => {
      const { cache } = testBytes({ bytesMax: mebibyte, entryBytesMax: 64 * 1024 })
      return bytesOf(await readCoded({ ...files.forgetful(), cache }, await findAgain()))
    }
    const places = new Set([
      0,
      1,
      2,
      9,
      10,
      ...Array.from({ length: 40 }, (_, i) => Math.floor((i * streamBytes) / 40)),
    ])
    for (let back = 1; back <= 12; back++) places.add(streamBytes - back)
    for (const at of places) {
      await files.overwriteStored(file.blob, flipped(stored, at))
      const coded = await read().catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'content_damaged' })
        return undefined
      })
      // Some bits of a stream mean nothing; what is sent must be the very text.
      if (coded)
        expect(Buffer.compare(decoders[codec](coded), text.subarray(0, 40_000)), `byte ${at}`).toBe(0)
    }
    await files.overwriteStored(file.blob, stored)
    expect(Buffer.compare(await read(), stored.subarray(0, streamBytes))).toBe(0)
  })
})

test('an index of another blob is damage, though it is whole and of the same sizes (R19)', async () => {
  const a = (await put('gzip', 3_500_000)).blob
  const b = (
    await files.put('other', text.subarray(0, 3_500_000).toReversed(), { compression: { mode: 'deflate' } })
  ).blob
  // As if the two had come out at the same stored size.
  const lengths = files.sql<{ bytes: Uint8Array }>(
    'SELECT frame_index AS bytes FROM blobs WHERE id = ?',
    b.id,
  )
  const other = lengths[0]?.bytes as Uint8Array
  files.sql('UPDATE blobs SET frame_index = ?2, stored_bytes = ?3 WHERE id = ?1', a.id, other, b.storedBytes)
  await expectDamage(await findAgain())
})

test('a frame that is damaged takes no other frame along', async () => {
  const file = await put('zstd', 8 * mebibyte)
  const { stored } = await streamOf(file)
  const index = parseIndex(file.blob.frameIndex as Uint8Array, file.blob)
  const third = index.headBytes + index.frameLengths.subarray(0, 3).reduce((sum, length) => sum + length, 0)
  await files.overwriteStored(file.blob, flipped(stored, third + 500))
  await expectDamage(file, { start: 3 * mebibyte, end: 3 * mebibyte })
  await expectDamage(file, { start: 3 * mebibyte - 1, end: 3 * mebibyte })
  await expectDamage(file)
  for (const [start, end] of [
    [0, 3 * mebibyte - 1],
    [4 * mebibyte, 8 * mebibyte - 1],
    [2 * mebibyte + 5, 2 * mebibyte + 500],
  ] as const) {
    expect(Buffer.compare(await readAgain({ start, end }), text.subarray(start, end + 1))).toBe(0)
  }
})

test('what came before the damage has been read when it is told: the reader must not take it for all', async () => {
  const file = await put('gzip', 8 * mebibyte)
  const { stored, streamBytes } = await streamOf(file)
  await files.overwriteStored(file.blob, flipped(stored, Math.floor(streamBytes * 0.9)))
  const content = await readContent(files.forgetful(), await findAgain())
  let bytes = 0
  const reading = (async () => {
    for await (const chunk of content as AsyncIterable<Uint8Array>) bytes += chunk.length
  })()
  await expect(reading).rejects.toMatchObject({ code: 'content_damaged' })
  expect(bytes).toBeGreaterThan(mebibyte)
  expect(bytes).toBeLessThan(8 * mebibyte)
})

/** Counts what is asked of the store, and what is still open. */
function counting(inner: BlobStore) {
  const asked: ByteRange[] = []
  let open = 0
  const store: BlobStore = {
    ...inner,
    async get(id, range) {
      if (range) asked.push(range)
      const content = await inner.get(id, range)
      if (!content) return undefined
      const iterator = content[Symbol.asyncIterator]()
      open++
      let ended = false
      const end = () => {
        if (!ended) open--
        ended = true
      }
      return {
        [Symbol.asyncIterator]: () => ({
          async next() {
            const next = await iterator.next()
            if (next.done) end()
            return next
          },
          async return() {
            end()
            await iterator.return?.()
            return { done: true, value: undefined }
          },
        }),
      }
    },
  }
  const bytesAsked = () => asked.reduce((sum, { start, end }) => sum + end - start + 1, 0)
  return { store, asked, bytesAsked, open: () => open }
}

describe('a range reads the frames that it touches and no others', () => {
  test.each(['zstd', 'gzip', 'deflate', 'lz4'] as const)('%s', async (codec) => {
    const file = await put(codec, 8 * mebibyte)
    const index = parseIndex(file.blob.frameIndex as Uint8Array, file.blob)
    const ranges: [number, number, number][] = [
      [0, 1023, 1],
      [mebibyte - 1, mebibyte - 1, 1],
      [mebibyte - 512, mebibyte + 511, 2],
      [5 * mebibyte + 77, 5 * mebibyte + 1100, 1],
      [8 * mebibyte - 1, 8 * mebibyte - 1, 1],
      [2 * mebibyte, 5 * mebibyte - 1, 3],
      [2 * mebibyte - 1, 5 * mebibyte, 5],
    ]
    for (const [start, end, frames] of ranges) {
      const counted = counting(files.core.blobs)
      const core: Core = { ...files.forgetful(), blobs: counted.store }
      const got = await bytesOf(await readContent(core, file, { start, end }))
      expect(Buffer.compare(got, text.subarray(start, end + 1)), `${start}-${end}`).toBe(0)
      const first = Math.floor(start / mebibyte)
      const touched = index.frameLengths.subarray(first, first + frames)
      expect(counted.bytesAsked()).toBe(touched.reduce((sum, length) => sum + length, 0))
      expect(counted.open()).toBe(0)
    }
  })

  test('a second read nearby costs the store nothing where there is a cache', async () => {
    const cached = await openStoredFiles({ cacheBytes: 16 * mebibyte })
    try {
      const { core } = cached
      const cache = { ...core.cache, entryBytesMax: 64 * 1024 }
      const file = await cached.put('f', text.subarray(0, 300_000), { compression: { mode: 'zstd' } })
      const counted = counting(core.blobs)
      for (let start = 0; start < 250_000; start += 50_000) {
        const range = { start, end: start + 1023 }
        const got = await bytesOf(await readContent({ ...core, cache, blobs: counted.store }, file, range))
        expect(Buffer.compare(got, text.subarray(start, start + 1024))).toBe(0)
      }
      expect(counted.asked.length).toBeLessThanOrEqual(5)
    } finally {
      await cached.close()
    }
  })

  test.each(['zstd', 'gzip', 'lz4'] as const)(
    'a reader that leaves early, or before it begins, leaves nothing open: %s',
    async (codec) => {
      const file = await put(codec, 8 * mebibyte)
      for (const chunks of [0, 1, 2, 3]) {
        const counted = counting(files.core.blobs)
        const core: Core = { ...files.forgetful(), blobs: counted.store }
        for (const read of [() => readContent(core, file), () => readCoded(core, file)]) {
          const iterator = ((await read()) as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
          for (let i = 0; i < chunks; i++) await iterator.next()
          await iterator.return?.()
          expect(counted.open(), `after ${chunks}`).toBe(0)
        }
      }
    },
  )
})

test('a large gzip stream is checked on its way: it breaks off before the frame that is damaged (R25)', async () => {
  const file = await put('gzip', 8 * mebibyte)
  const { stored, streamBytes } = await streamOf(file)
  const index = parseIndex(file.blob.frameIndex as Uint8Array, file.blob)
  for (const share of [0, 0.001, 0.3, 0.6, 0.999]) {
    const at = index.headBytes + Math.floor((streamBytes - index.headBytes - index.tailBytes - 1) * share)
    await files.overwriteStored(file.blob, flipped(stored, at))
    const before = damageEvents().length
    const got: Buffer[] = []
    const reading = (async () => {
      const content = await readCoded(files.forgetful(), await findAgain())
      for await (const chunk of content as AsyncIterable<Uint8Array>) got.push(Buffer.from(chunk))
    })()
    await expect(reading, `byte ${at}`).rejects.toMatchObject({ code: 'content_damaged' })
    expect(damageEvents()).toHaveLength(before + 1)
    // What went out is right, up to a frame’s end.
    const sent = Buffer.concat(got)
    expect(sent.length).toBeLessThanOrEqual(at)
    expect(Buffer.compare(sent, stored.subarray(0, sent.length))).toBe(0)
  }
  await files.overwriteStored(file.blob, stored)
  const whole = await bytesOf(await readCoded(files.forgetful(), await findAgain()))
  expect(Buffer.compare(whole, stored.subarray(0, streamBytes))).toBe(0)
})

test('a small body that was stored as it is: other bytes, fewer, or none are damage too (R23)', async () => {
  for (const size of [10, 10_000, 50_000]) {
    const file = await files.put('f', randomBytes(size), { compression: { mode: 'off' } })
    const stored = await files.storedBytes(file.blob)
    const { cache } = testBytes({ bytesMax: mebibyte, entryBytesMax: 64 * 1024 })
    const read = async (range?: ByteRange) =>
      bytesOf(await readContent({ ...files.forgetful(), cache }, await findAgain(), range))
    const wrong = [flipped(stored, 0), flipped(stored, size - 1), stored.subarray(0, -1), new Uint8Array()]
    for (const [i, bytes] of wrong.entries()) {
      await files.overwriteStored(file.blob, bytes)
      const before = damageEvents().length
      await expect(read({ start: 0, end: 0 }), `wrong ${i}`).rejects.toMatchObject({
        code: 'content_damaged',
      })
      expect(damageEvents()).toHaveLength(before + 1)
    }
    await files.overwriteStored(file.blob, stored)
    expect(Buffer.compare(await read(), stored)).toBe(0)
  }
})
