import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type ChecksumName,
  checksumNames,
  createChecksum,
  formatChecksumValue,
} from '../../src/core/checksums/checksum.ts'
import { multipartChecksumTypes } from '../../src/core/checksums/multipart.ts'
import { changeDescription, copyFile, renameFile } from '../../src/core/files/change.ts'
import { putFile } from '../../src/core/files/put.ts'
import { readFileParts } from '../../src/core/files/parts.ts'
import { limits } from '../../src/core/limits.ts'
import { bucket, words } from './jobs/stage.ts'
import { chunked } from './stored-files.ts'
import { description, md5, openUploads, type Uploads } from './uploads.ts'

let uploads: Uploads
beforeEach(async () => {
  uploads = await openUploads()
})
afterEach(() => uploads.close())

function digestOf(name: ChecksumName, bytes: Uint8Array): Uint8Array {
  const checksum = createChecksum(name)
  checksum.update(bytes)
  return checksum.digest()
}
const valueOf = (name: ChecksumName, bytes: Uint8Array) => formatChecksumValue(digestOf(name, bytes))
const whole = 'FULL_OBJECT' as const
const sizes = [0, 1, 1000, 300_000, 2_000_000]

describe('a file in one piece', () => {
  test.each(checksumNames)('keeps its %s, taken while the body passes', async (algorithm) => {
    for (const sizeBytes of sizes) {
      const bytes = words(sizeBytes)
      let asked = 0
      let isEnded = false
      async function* body() {
        yield* chunked(bytes)
        isEnded = true
      }
      const { file } = await putFile(uploads.core, uploads.admin, {
        bucket,
        key: 'a',
        body: body(),
        sizeBytes,
        describe: () => description,
        checksum: {
          algorithm,
          type: whole,
          // It may come behind the body, however long that was said to be.
          expected() {
            expect(isEnded).toBe(true)
            asked++
            return digestOf(algorithm, bytes)
          },
        },
      })
      const checksum = { algorithm, type: whole, value: valueOf(algorithm, bytes) }
      expect(asked).toBe(1)
      expect(file.checksum).toEqual(checksum)
      expect((await uploads.record('a')).checksum).toEqual(checksum)
    }
  })

  test.each(checksumNames)('of another %s than declared is not stored', async (algorithm) => {
    const expected = () => new Uint8Array(digestOf(algorithm, new Uint8Array(0)).length)
    for (const sizeBytes of sizes) {
      const request = putFile(uploads.core, uploads.admin, {
        bucket,
        key: 'a',
        body: chunked(words(sizeBytes)),
        describe: () => description,
        checksum: { algorithm, type: whole, expected },
      })
      // The CRC of nothing is zero.
      if (sizeBytes === 0 && algorithm.startsWith('CRC')) await request
      else await expect(request).rejects.toMatchObject({ code: 'digest_mismatch', extras: { algorithm } })
    }
    await uploads.settled()
    expect(await uploads.storedIds()).toEqual([])
  })

  test('has the MD5 of its plaintext for a tag where that is asked for (R3)', async () => {
    for (const sizeBytes of sizes) {
      const bytes = words(sizeBytes)
      const digests = new Map([['md5', createHash('md5').update(bytes).digest()]] as const)
      for (const more of [{}, { digests }]) {
        const request = { bucket, key: 'a', body: chunked(bytes), describe: () => description, ...more }
        const { file } = await putFile(uploads.core, uploads.admin, { ...request, etag: 'md5' })
        expect(file.etag).toBe(md5(bytes))
        expect(Buffer.from(file.blob.sha256)).toEqual(createHash('sha256').update(bytes).digest())
      }
    }
  })

  test('R20: copies, moves and new descriptions keep checksum and tag', async () => {
    const { core, admin } = uploads
    const { file } = await putFile(core, admin, {
      bucket,
      key: 'a',
      body: chunked(words(1000)),
      describe: () => description,
      etag: 'md5',
      checksum: { algorithm: 'CRC32C', type: whole, expected: () => undefined },
    })
    const kept = { etag: file.etag, checksum: { algorithm: 'CRC32C', value: valueOf('CRC32C', words(1000)) } }
    const change = () => ({ ...description, metadata: { a: 'b' } })
    const to = (key: string) => ({ source: { bucket, key: 'a' }, destination: { bucket, key } })
    await copyFile(core, admin, { ...to('b'), change })
    await changeDescription(core, admin, { bucket, key: 'a', change })
    await renameFile(core, admin, to('c'))
    for (const key of ['b', 'c']) expect(await uploads.record(key)).toMatchObject({ ...kept, ...change() })
    expect((await uploads.put('b', words(10))).checksum).toBeUndefined()
    expect((await uploads.record('b')).checksum).toBeUndefined()
  })
})

const types = checksumNames.flatMap((algorithm) =>
  multipartChecksumTypes[algorithm].map((type) => [algorithm, type] as const),
)

describe('a file in parts', () => {
  const parts = [words(300_000, 1), words(1000, 2), words(70_001, 3)]
  const listed = parts.map((part, index) => [index + 1, part] as const)

  test.each(types)('has a %s that is %s', async (algorithm, type) => {
    const upload = await uploads.begin('a', { checksum: { algorithm, type } })
    for (const [number, part] of listed) {
      const expected = () => digestOf(algorithm, part)
      // Whether it is sent with the part or not.
      const checksum = number === 2 ? undefined : { algorithm, type: whole, expected }
      const stored = await uploads.putPart(upload, number, part, { checksum })
      expect(stored.checksum?.value).toBe(valueOf(algorithm, part))
    }
    const value =
      type === 'FULL_OBJECT'
        ? valueOf(algorithm, Buffer.concat(parts))
        : `${valueOf(algorithm, Buffer.concat(parts.map((part) => digestOf(algorithm, part))))}-3`
    const wrong = type === 'FULL_OBJECT' ? valueOf(algorithm, parts[0]!) : value.replace(/-3$/, '-4')
    for (const [checksum, code] of [
      [{ value: wrong }, 'digest_mismatch'],
      [{ value: 'nonsense' }, 'invalid_request'],
      [{ value, type: type === 'COMPOSITE' ? 'FULL_OBJECT' : 'COMPOSITE' }, 'invalid_request'],
      [{ value, algorithm: algorithm === 'SHA1' ? 'CRC32' : 'SHA1' }, 'invalid_request'],
    ] as const) {
      await expect(uploads.complete(upload, listed, { checksum })).rejects.toMatchObject({ code })
    }
    const { file } = await uploads.complete(upload, listed, { checksum: { value, type, algorithm } })
    expect(file.checksum).toEqual({ algorithm, type, value })
    const record = await uploads.record('a')
    expect(record.checksum).toEqual(file.checksum)
    const stored = await readFileParts(uploads.core, record, { after: 0, limit: limits.partsMax })
    expect(stored.map(({ checksum }) => checksum)).toEqual(parts.map((part) => valueOf(algorithm, part)))
    uploads.expectSound()
  })

  test('refuses a part by another algorithm, and a list with another checksum', async () => {
    const upload = await uploads.begin('a', { checksum: { algorithm: 'CRC32', type: 'COMPOSITE' } })
    const expected = () => undefined
    const wrong = { algorithm: 'SHA256', type: whole, expected } as const
    const put = uploads.putPart(upload, 1, parts[0]!, { checksum: wrong })
    await expect(put).rejects.toMatchObject({ code: 'invalid_request' })
    const { etag } = await uploads.putPart(upload, 1, parts[0]!)
    const list = [{ number: 1, etag, checksum: valueOf('CRC32', parts[1]!) }]
    const complete = uploads.complete(upload, [], { parts: list })
    await expect(complete).rejects.toMatchObject({ code: 'invalid_part' })
    const other = uploads.begin('a', { checksum: { algorithm: 'SHA1', type: 'FULL_OBJECT' } })
    await expect(other).rejects.toMatchObject({ code: 'invalid_request' })
  })

  test('without one takes what comes with a part, and forgets it', async () => {
    const upload = await uploads.begin('a')
    const checksum = { algorithm: 'SHA1', type: whole, expected: () => digestOf('SHA1', parts[0]!) } as const
    const stored = await uploads.putPart(upload, 1, parts[0]!, { checksum })
    expect(stored.checksum).toMatchObject({ algorithm: 'SHA1', value: valueOf('SHA1', parts[0]!) })
    const declared = uploads.complete(upload, [listed[0]!], { checksum: { value: 'AAAAAA==' } })
    await expect(declared).rejects.toMatchObject({ code: 'invalid_request' })
    expect((await uploads.complete(upload, [listed[0]!])).file.checksum).toBeUndefined()
  })
})
