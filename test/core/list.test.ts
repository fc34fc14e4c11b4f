import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBucket } from '../../src/core/files/buckets.ts'
import { listFiles, type ListRequest } from '../../src/core/files/list.ts'
import { limits } from '../../src/core/limits.ts'
import { bind } from '../../src/core/ports/database.ts'
import { putFile } from '../../src/core/statements/files.ts'
import { listModel, type ModelFile } from '../contracts/http/listing-model.ts'
import { openTestCore, type TestCore } from './test-core.ts'

const bucket = 'bucket'
const count = limits.listScanRowsMax + 500
/** Around the row at which a page has to stop looking, from either end. */
const images = new Set([
  0,
  1,
  499,
  500,
  501,
  5000,
  count - 501,
  count - 500,
  count - 499,
  count - 2,
  count - 1,
])

describe(`a filter without an index, over ${count} files`, () => {
  let opened: TestCore
  const files: ModelFile[] = Array.from({ length: count }, (_, i) => ({
    key: `${i % 2 === 0 ? 'even' : 'odd'}/${String(i).padStart(6, '0')}`,
    sizeBytes: i % 5,
    contentType: images.has(i) ? 'image/png' : 'text/plain',
    modifiedAt: new Date(1_760_000_000_000 + (i % 7)).toISOString(),
  }))

  beforeAll(async () => {
    opened = await openTestCore()
    const { id: bucketId } = await createBucket(opened.core, opened.admin, {
      name: bucket,
      visibility: 'private',
    })
    const rows = files.map(({ key, sizeBytes, contentType, modifiedAt }) =>
      bind(putFile, {
        bucketId,
        key,
        versionId: 'v',
        blobId: 'b',
        sizeBytes,
        etag: 'e',
        contentType,
        mediaType: contentType,
        headers: '{}',
        metadata: '{}',
        tags: '{}',
        createdAtMs: 0,
        modifiedAtMs: Date.parse(modifiedAt),
        checksum: null,
        visibility: null,
      }),
    )
    for (let at = 0; at < rows.length; at += 500) await opened.core.database.batch(rows.slice(at, at + 500))
  })
  afterAll(() => opened.close())

  const orders = ['asc', 'desc'] as const
  const queries: Partial<ListRequest>[] = [
    { type: 'image/*' },
    { type: 'image/*', prefix: 'odd/' },
    { type: 'none/*' },
    { sort: 'size', type: 'image/png' },
    { sort: 'size', prefix: 'even/00' },
    { sort: 'modified', type: 'image/*' },
    { sort: 'modified', type: 'image/*', prefix: 'odd/' },
    { sort: 'size', prefix: 'none' },
    { sort: 'size', type: 'text/*' },
  ]
  const cases = queries.flatMap((query) => orders.map((order) => [{ ...query, order }] as const))

  test.each(cases)('finds all of %j in short pages, and ends', async (query) => {
    for (const limit of [3, 1000]) {
      const found: string[] = []
      let cursor: string | undefined
      let pages = 0
      do {
        const request = { bucket, prefix: '', sort: 'key', limit, ...query, cursor } as const
        const page = await listFiles(opened.core, opened.admin, request)
        expect(page.files.length).toBeLessThanOrEqual(limit)
        found.push(...page.files.map(({ key }) => key))
        cursor = page.nextCursor
        pages += 1
        if (limit === 3 && pages > 20) break
      } while (cursor !== undefined)
      const expected = listModel(files, query).map((entry) => ('key' in entry ? entry.key : ''))
      expect(found).toEqual(cursor === undefined ? expected : expected.slice(0, found.length))
      if (limit === 1000) {
        expect(cursor).toBeUndefined()
        expect(pages).toBeLessThanOrEqual(Math.ceil(expected.length / limit) + 2)
      }
    }
  })
})
