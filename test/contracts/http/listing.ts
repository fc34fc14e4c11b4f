import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { compareUtf8, listModel, type ModelEntry, type ModelFile, type ModelQuery } from './listing-model.ts'
import type { Stage } from './stage.ts'

interface Page {
  files: ModelFile[]
  commonPrefixes: string[]
  nextCursor: string | null
}

const seed = 20_260_102
/** Few, so that prefixes, delimiters and neighbours meet; from every part of Unicode that sorts oddly. */
const pieces = [
  'a',
  'b',
  '/',
  '//',
  '-',
  'é',
  '\u0001',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '😀',
  '\u{10ffff}',
  '%',
]
const certainKeys = [
  'a',
  'a/',
  'a/b',
  'a/b/',
  'a//',
  'a///b',
  'a\u{10ffff}',
  'a\u{10ffff}/b',
  'b',
  '\u{10ffff}',
  '\u{10ffff}\u{10ffff}',
  '\u{10ffff}'.repeat(256),
]
const types = ['image/png', 'Image/PNG; q=1', 'image/svg+xml', 'imagery/x', 'text/plain', 'image']

export function listingTests(stage: Stage): void {
  describe('listing', () => {
    let bucket: string
    let files: ModelFile[]

    const readPage = async (query: ModelQuery & { limit?: number; cursor?: string }, name = bucket) => {
      const answer = await stage.api.list(name, { ...query }, { as: stage.alice })
      expect(answer.status, JSON.stringify(query)).toBe(200)
      return answer.json<Page>()
    }

    /** All pages; each is as full as it can be, and begins where the one before ended. */
    const readAll = async (query: ModelQuery & { limit: number }): Promise<ModelEntry[][]> => {
      const pages: ModelEntry[][] = []
      let cursor: string | null = null
      do {
        const page: Page = await readPage({ ...query, ...(cursor !== null && { cursor }) })
        pages.push(entriesOf(page))
        cursor = page.nextCursor
      } while (cursor !== null)
      return pages
    }

    beforeAll(async () => {
      bucket = await stage.bucket()
      const keys = new Set([
        ...fc.sample(fc.string({ unit: fc.constantFrom(...pieces), minLength: 1, maxLength: 5 }), {
          seed,
          numRuns: 60,
        }),
        ...certainKeys,
      ])
      files = await Promise.all(
        [...keys].map(async (key, index) => {
          const headers = { 'Content-Type': types[index % types.length] as string }
          const put = await stage.api.put(bucket, key, 'x'.repeat(index % 7), { as: stage.alice, headers })
          return put.json<ModelFile & Record<string, unknown>>()
        }),
      )
    })

    const query = fc.record(
      {
        prefix: fc.string({ unit: fc.constantFrom(...pieces), maxLength: 3 }),
        sort: fc.constantFrom('key', 'modified', 'size'),
        order: fc.constantFrom('asc', 'desc'),
        type: fc.constantFrom('image/*', 'image/png', 'IMAGE/svg+xml', 'text/plain', 'none/*'),
      },
      { requiredKeys: [] },
    )
    const grouped = fc.record({
      prefix: fc.string({ unit: fc.constantFrom(...pieces), maxLength: 3 }),
      delimiter: fc.oneof(
        fc.constant('/'),
        fc.string({ unit: fc.constantFrom(...pieces), minLength: 1, maxLength: 2 }),
      ),
    })

    test.each<[string, fc.Arbitrary<ModelQuery>]>([
      ['by prefix, type, key, time and size', query],
      ['by prefix and delimiter', grouped],
    ])(`%s is the model’s, page for page (R48, seed ${seed})`, async (_what, arbitrary) => {
      await fc.assert(
        fc.asyncProperty(arbitrary, fc.integer({ min: 1, max: 30 }), async (wanted, limit) => {
          const expected = listModel(files, wanted)
          const pages = await readAll({ ...wanted, limit })
          const full = Array.from({ length: Math.max(1, Math.ceil(expected.length / limit)) }, (_, page) =>
            expected.slice(page * limit, (page + 1) * limit),
          )
          expect(pages).toEqual(full)
        }),
        { seed, numRuns: 60 },
      )
    })

    test('is whole at every page boundary', async () => {
      for (const wanted of [{}, { delimiter: '/' }, { order: 'desc' }, { sort: 'size' }] as ModelQuery[]) {
        const expected = listModel(files, wanted)
        for (let limit = 1; limit <= expected.length + 1; limit += limit < 8 ? 1 : 7) {
          const pages = await readAll({ ...wanted, limit })
          expect(pages.flat()).toEqual(expected)
        }
      }
    })

    test('tells of each file what the file says of itself', async () => {
      const { api, alice } = stage
      const { files: listed } = await readPage({ limit: 5 })
      expect(listed).toHaveLength(5)
      for (const file of listed) {
        const info = (await api.info(bucket, file.key, { as: alice })).json()
        expect(info).toMatchObject({ ...file })
      }
    })

    test('is of the bytes of UTF-8, not of UTF-16 units', () => {
      const keys = ['\ud7ff', '\ue000', '\uffff', '\u{10000}', '😀', '\u{10ffff}']
      expect(keys.toSorted(compareUtf8)).toEqual(keys)
      expect(keys.toSorted()).not.toEqual(keys)
    })

    test('goes on while keys come and go between pages', async () => {
      const { api, alice } = stage
      for (const wanted of [{}, { order: 'desc' }, { delimiter: '/' }, { sort: 'size' }] as ModelQuery[]) {
        const name = await stage.bucket()
        const keys = ['a', 'b', 'c', 'd/1', 'd/2', 'e', 'f', 'g']
        for (const key of keys) await api.put(name, key, 'x', { as: alice })
        const all = listModel(
          keys.map((key) => ({ key, sizeBytes: 1, contentType: '', modifiedAt: '' })),
          wanted,
        )
        const seen: ModelEntry[] = []
        let cursor: string | undefined
        do {
          const page = await readPage({ ...wanted, limit: 2, ...(cursor && { cursor }) }, name)
          seen.push(...entriesOf(page))
          // What the cursor points at goes, and with it everything that was shown.
          for (const entry of entriesOf(page)) {
            const gone = 'key' in entry ? [entry.key] : keys.filter((key) => key.startsWith(entry.group))
            for (const key of gone) await api.delete(name, key, { as: alice })
          }
          cursor = page.nextCursor ?? undefined
        } while (cursor !== undefined)
        expect(seen).toEqual(all)
      }
    })

    test('of an empty bucket, and of a prefix without keys, is empty and at its end', async () => {
      const empty = await stage.bucket()
      const nothing = { files: [], commonPrefixes: [], nextCursor: null }
      expect(await readPage({}, empty)).toEqual(nothing)
      expect(await readPage({ delimiter: '/', prefix: 'x' }, empty)).toEqual(nothing)
      expect(await readPage({ prefix: 'no such prefix' })).toEqual(nothing)
      expect(await readPage({ prefix: '\0' })).toEqual(nothing)
      expect(await readPage({ prefix: 'x'.repeat(3000) })).toEqual(nothing)
    })

    test('puts a key that is its own prefix and ends with the delimiter among the files', async () => {
      const { files: listed, commonPrefixes } = await readPage({ prefix: 'a/', delimiter: '/' })
      expect(listed.map(({ key }) => key)).toContain('a/')
      expect(commonPrefixes).not.toContain('a/')
    })

    test('by time shows what was written last first', async () => {
      const { api, alice } = stage
      const name = await stage.bucket()
      for (const key of ['c', 'a', 'b']) await api.put(name, key, 'x', { as: alice })
      const byTime = (await readPage({ sort: 'modified', order: 'desc' }, name)).files
      const times = byTime.map(({ modifiedAt }) => modifiedAt)
      expect(times).toEqual(times.toSorted().toReversed())
    })

    test.each([
      'limit=0',
      'limit=1001',
      'limit=ten',
      'limit=1.5',
      'limit=-1',
      'sort=name',
      'order=up',
      'type=image',
      'type=*/*',
      'delimiter=',
      'delimiter=/&sort=size',
      'delimiter=/&order=desc',
      'delimiter=/&type=image/*',
      'prefix=a&prefix=b',
      'unknown=1',
      'cursor=',
      'cursor=AAAA',
      'cursor=bnVsbA',
      `cursor=${btoa('["key.asc.flat"]')}`,
      `cursor=${btoa('["key.asc.flat",1]')}`,
      `cursor=${btoa('["key.asc.flat","a","b"]')}`,
      `sort=size&cursor=${btoa('["size.asc.flat","1","a"]')}`,
      'cursor=%00',
    ])('refuses %s', async (query) => {
      const { api, alice } = stage
      const refused = await api.call('GET', `/api/v1/buckets/${bucket}/files?${query}`, { as: alice })
      expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_request' })
    })

    test('refuses a cursor of another order', async () => {
      const { api, alice } = stage
      const { nextCursor } = await readPage({ limit: 1 })
      for (const other of [{ order: 'desc' }, { sort: 'size' }, { delimiter: '/' }] as ModelQuery[]) {
        const query = { ...other, cursor: nextCursor as string }
        const refused = await api.list(bucket, query, { as: alice })
        expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_request' })
      }
    })

    test('with a forged cursor shows nothing beyond its prefix', async () => {
      const cursor = btoa('["key.asc.flat",""]').replace(/=+$/, '')
      const { files: listed } = await readPage({ prefix: 'b', cursor })
      expect(listed.every(({ key }) => key.startsWith('b'))).toBe(true)
    })
  })
}

/** Files and common prefixes in one order, as the page counts them. */
function entriesOf(page: Page): ModelEntry[] {
  if (page.commonPrefixes.length === 0) return page.files.map(({ key }) => ({ key }))
  const entries = [
    ...page.files.map(({ key }) => ({ at: key, entry: { key } as ModelEntry })),
    ...page.commonPrefixes.map((group) => ({ at: group, entry: { group } as ModelEntry })),
  ]
  return entries.toSorted((a, b) => compareUtf8(a.at, b.at)).map(({ entry }) => entry)
}
