import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { anonymous } from '../../src/core/accounts/caller.ts'
import { compareText } from '../../src/core/files/list.ts'
import { listUploads, type ListUploadsRequest } from '../../src/core/files/list-uploads.ts'
import { bucket } from './stored-files.ts'
import { openUploads, type Uploads } from './uploads.ts'

let uploads: Uploads
beforeEach(async () => {
  uploads = await openUploads()
})
afterEach(() => uploads.close())

const list = (request: Partial<ListUploadsRequest> = {}) =>
  listUploads(uploads.core, uploads.admin, { bucket, prefix: '', limit: 1000, ...request })

/** All pages: keys and ids, and common prefixes. */
async function listAll(request: Partial<ListUploadsRequest>) {
  const entries: string[] = []
  let markers: Partial<ListUploadsRequest> = {}
  for (let pages = 0; pages < 1000; pages++) {
    const { uploads: found, commonPrefixes, next } = await list({ ...request, ...markers })
    const page = [...found.map(({ key, id }) => `${key}\u0001${id}`), ...commonPrefixes]
    expect(page.length).toBeLessThanOrEqual(request.limit ?? 1000)
    entries.push(...page.toSorted(compareText))
    if (!next) return entries
    expect(page.length).toBeGreaterThan(0)
    markers = next
  }
  throw new Error('no end')
}

test('R48: uploads are listed by key and age, whatever the page, prefix and delimiter', async () => {
  const keys = [
    'a',
    'a/',
    'a/b',
    'a/b/c',
    'a0',
    'b/x',
    'b/y',
    'é/1',
    'é/2',
    '\u{1F600}',
    '\uFFFD/z',
    'a',
    'a/b',
    'a',
  ]
  const begun: { key: string; id: string }[] = []
  for (const key of keys) begun.push({ key, id: (await uploads.begin(key)).id })
  const model = (prefix: string, delimiter: string | undefined) => {
    const entries = new Set<string>()
    for (const { key, id } of begun) {
      if (!key.startsWith(prefix)) continue
      const at = delimiter ? key.indexOf(delimiter, prefix.length) : -1
      entries.add(at === -1 ? `${key}\u0001${id}` : key.slice(0, at + 1))
    }
    return [...entries].toSorted(compareText)
  }
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('', 'a', 'a/', 'a/b', 'é', 'zz', '\u{1F600}'),
      fc.constantFrom(undefined, '/', 'b'),
      fc.integer({ min: 1, max: 15 }),
      async (prefix, delimiter, limit) => {
        expect(await listAll({ prefix, delimiter, limit })).toEqual(model(prefix, delimiter))
      },
    ),
    { seed: 48, numRuns: 150 },
  )
})

test('those that have ended are not listed', async () => {
  const [first, second, third] = [
    await uploads.begin('a'),
    await uploads.begin('a'),
    await uploads.begin('b'),
  ]
  await uploads.putPart(second, 1, new Uint8Array(1))
  await uploads.complete(second, [[1, new Uint8Array(1)]])
  await uploads.abort(third)
  expect(await list()).toMatchObject({
    uploads: [{ key: 'a', id: first.id, initiatorId: uploads.admin.userId }],
    next: undefined,
  })
})

test('a key marker alone leaves out all of its key; a page of nothing is the end', async () => {
  for (const key of ['a', 'b', 'b', 'c']) await uploads.begin(key)
  expect((await list({ keyMarker: 'b' })).uploads.map(({ key }) => key)).toEqual(['c'])
  expect(await list({ limit: 0 })).toEqual({ uploads: [], commonPrefixes: [], next: undefined })
})

test('R44: only who may write sees them', async () => {
  await uploads.begin('a')
  const request = { bucket, prefix: '', limit: 10 }
  await expect(listUploads(uploads.core, anonymous, request)).rejects.toMatchObject({
    code: 'unauthenticated',
  })
  const stranger = { role: 'user', userId: 'somebody' } as const
  await expect(listUploads(uploads.core, stranger, request)).rejects.toMatchObject({ code: 'access_denied' })
})
