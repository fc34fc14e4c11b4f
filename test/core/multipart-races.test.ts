import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CuttyError } from '../../src/core/errors.ts'
import { copyFile } from '../../src/core/files/change.ts'
import { collectGarbage } from '../../src/core/files/collect.ts'
import { expireUploads, type Upload } from '../../src/core/files/uploads.ts'
import { putPart } from '../../src/core/files/put-part.ts'
import { readContent } from '../../src/core/files/read.ts'
import { limits } from '../../src/core/limits.ts'
import { DatabaseError } from '../../src/core/ports/database.ts'
import { faultyBlobStore } from '../faults/blob-store.ts'
import { faultyDatabase } from '../faults/database.ts'
import { after, failing, only } from '../faults/plan.ts'
import { bucket, words } from './jobs/stage.ts'
import { multipartEtag, openUploads, type Uploads } from './uploads.ts'

let uploads: Uploads
beforeEach(async () => {
  uploads = await openUploads()
})
afterEach(() => uploads.close())

const parts = [words(30_000, 1), words(500, 2), words(20_000, 3)] as const
const keys = ['a', 'b'] as const

async function expectNothingLeft() {
  await uploads.settled()
  uploads.clock.advance((limits.uploadSecondsMax + limits.completedUploadSeconds) * 1000)
  await expireUploads(uploads.core)
  for (const key of keys) await uploads.remove(key).catch(() => {})
  uploads.clock.advance(1000)
  await collectGarbage(uploads.core, { graceMs: 0 })
  expect(await uploads.storedIds()).toEqual([])
  for (const table of ['files', 'blobs', 'blob_bodies', 'blob_parts', 'uploads', 'upload_parts']) {
    expect([table, uploads.count(table)]).toEqual([table, 0])
  }
}

const operation = fc.record({
  do: fc.constantFrom(
    'part',
    'part',
    'part',
    'complete',
    'complete',
    'abort',
    'copy',
    'delete',
    'collect',
    'put',
  ),
  upload: fc.nat(2),
  number: fc.integer({ min: 1, max: 3 }),
  part: fc.nat(2),
})

test('R46: whatever comes at one time, every file is whole, every blob is counted, and nothing is left at the end', async () => {
  const rounds = fc.array(fc.array(operation, { minLength: 5, maxLength: 20 }), {
    minLength: 1,
    maxLength: 6,
  })
  const { core, admin } = uploads
  let files = 0
  await fc.assert(
    fc.asyncProperty(rounds, async (all) => {
      const open: Upload[] = [await uploads.begin('a'), await uploads.begin('a'), await uploads.begin('b')]
      const run = async (each: (typeof all)[number][number]): Promise<unknown> => {
        const upload = open[each.upload] as Upload
        const [part, other] = [parts[each.part]!, parts[(each.part + 1) % 3]!]
        switch (each.do) {
          case 'part':
            return uploads.putPart(upload, each.number, part)
          case 'complete':
            return uploads.complete(
              upload,
              each.number === 3
                ? [[1, part]]
                : [
                    [1, part],
                    [each.number + 1, other],
                  ],
            )
          case 'abort':
            return each.number === 1 ? uploads.abort(upload) : undefined
          case 'copy':
            return copyFile(core, admin, {
              source: { bucket, key: 'a' },
              destination: { bucket, key: 'b' },
            })
          case 'delete':
            return uploads.remove(keys[each.part % 2] as string)
          case 'put':
            return uploads.put(keys[each.part % 2] as string, part)
          case 'collect':
            return collectGarbage(core, { graceMs: 0 })
        }
      }
      for (const round of all) {
        uploads.clock.advance(1000)
        for (const outcome of await Promise.allSettled(round.map(run))) {
          if (outcome.status === 'fulfilled') continue
          expect(outcome.reason).toBeInstanceOf(CuttyError)
          expect((outcome.reason as CuttyError).code).toMatch(/_not_found$|^invalid_part$|^conflict$/)
        }
        uploads.expectSound()
        for (const key of keys) {
          const content = await uploads.read(key).catch((error: CuttyError) => error.code)
          if (content === 'file_not_found') continue
          files++
          const { etag } = await uploads.record(key)
          expect(possibleEtags(content as Buffer)).toContain(etag)
        }
      }
      await expectNothingLeft()
    }),
    { seed: 46, numRuns: 40 },
  )
  expect(files).toBeGreaterThan(50)
})

/** Tags that a content could have: every part is one of three, and no two begin alike. */
function possibleEtags(content: Buffer): string[] {
  const cut: Buffer[] = []
  for (let at = 0; at < content.length;) {
    const part = parts.find((each) => content.subarray(at, at + each.length).equals(each))
    expect(part).toBeDefined()
    cut.push(Buffer.from(part!))
    at += part!.length
  }
  const sha256 = createHash('sha256').update(content).digest('hex')
  return [multipartEtag(cut), `sha256-${sha256}`]
}

const outage = new CuttyError('storage_unavailable')
const dead = new DatabaseError('unavailable', 'the line is dead')

test.each([
  ['refuses the blob', only(['put'], failing(outage))],
  ['fails in the midst', only(['put.chunk'], after(1, failing(outage)))],
])('a store that %s leaves the part that was there', async (_what, plan) => {
  const upload = await uploads.begin('a')
  const large = words(300_000, 4)
  await uploads.putPart(upload, 1, parts[0])
  const core = { ...uploads.core, blobs: faultyBlobStore(uploads.core.blobs, plan) }
  await expect(uploads.putPart(upload, 1, large, { core })).rejects.toBe(outage)
  await uploads.complete(upload, [[1, parts[0]]])
  uploads.expectSound()
  await expectNothingLeft()
})

test('a source that is copied into a part is closed, whatever fails', async () => {
  await uploads.upload('a', [words(100_000, 6), words(100_000, 7)])
  const upload = await uploads.begin('b')
  const plan = only(['put'], failing(outage))
  const core = { ...uploads.core, blobs: faultyBlobStore(uploads.core.blobs, plan) }
  const { core: reader } = uploads
  async function* body() {
    const content = await readContent(reader, await uploads.record('a'))
    for await (const chunk of content as AsyncIterable<Uint8Array>) yield new Uint8Array(chunk)
  }
  await expect(
    putPart(core, uploads.admin, { ...uploads.refOf(upload), number: 1, body: body() }),
  ).rejects.toBe(outage)
  await expectNothingLeft()
})

test('a database that fails leaves the part and the file that were there', async () => {
  const upload = await uploads.begin('a')
  for (const [index, part] of parts.entries()) await uploads.putPart(upload, index + 1, part)
  await uploads.put('a', parts[1])
  const listed = parts.map((part, index) => [index + 1, part] as const)
  const full = new DatabaseError('full', 'full')
  for (const error of [full, dead]) {
    const database = faultyDatabase(uploads.core.database, only(['batch'], failing(error)))
    const core = { ...uploads.core, database }
    await expect(uploads.putPart(upload, 1, words(40_000, 5), { core })).rejects.toBe(error)
    await expect(uploads.complete(upload, listed, { core })).rejects.toBe(error)
    expect(Buffer.compare(await uploads.read('a'), parts[1])).toBe(0)
  }
  await uploads.settled()
  uploads.expectSound()
  await uploads.complete(upload, listed)
  expect(Buffer.compare(await uploads.read('a'), Buffer.concat(parts))).toBe(0)
})
