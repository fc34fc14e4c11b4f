import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBucket } from '../../../src/core/files/buckets.ts'
import { bind } from '../../../src/core/ports/database.ts'
import { putFile } from '../../../src/core/statements/files.ts'
import { encodeListed } from '../../../src/http/s3/encoding-type.ts'
import { children, textOf } from '../../../src/http/s3/xml-read.ts'
import { compareUtf8, listModel } from '../../contracts/http/listing-model.ts'
import { openTestCore, type TestCore } from '../../core/test-core.ts'
import { createInProcessS3, type S3Answer, type S3Client } from './s3-client.ts'

let opened: TestCore
let s3: S3Client
let bucketsCount = 0
const modifiedAtMs = Date.UTC(2026, 1, 3, 4, 5, 6, 789)

beforeAll(async () => {
  opened = await openTestCore()
  s3 = createInProcessS3(opened.core, opened.adminKey)
})
afterAll(() => opened.close())

async function bucketOf(keys: readonly string[]): Promise<string> {
  const name = `listing-${bucketsCount++}`
  const { id: bucketId } = await createBucket(opened.core, opened.admin, { name, visibility: 'private' })
  const rows = keys.map((key) =>
    bind(putFile, {
      bucketId,
      key,
      versionId: 'v',
      blobId: 'b',
      sizeBytes: key.length,
      etag: 'e',
      checksum: null,
      visibility: null,
      contentType: 'text/plain',
      mediaType: 'text/plain',
      headers: '{}',
      metadata: '{}',
      tags: '{}',
      createdAtMs: modifiedAtMs,
      modifiedAtMs,
    }),
  )
  if (rows.length > 0) await opened.core.database.batch(rows)
  return name
}

/** As the encoding says it, whether clients take `+` or `%20` for a space. */
const decode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '))

const groupsOf = ({ xml }: S3Answer) =>
  children(xml, 'CommonPrefixes').map((each) => textOf(each, 'Prefix') ?? '')
const keysOf = ({ xml }: S3Answer, name = 'Contents') =>
  children(xml, name).map((each) => textOf(each, 'Key') ?? '')

interface Query {
  prefix?: string
  delimiter?: string
}

/** What comes after a key, or after a common prefix, in the order of S3. */
function entriesAfter(keys: readonly string[], query: Query, after: string): string[] {
  const { prefix = '', delimiter = '' } = query
  const isGroup =
    delimiter !== '' &&
    after.startsWith(prefix) &&
    after.slice(prefix.length).indexOf(delimiter) === after.length - prefix.length - delimiter.length &&
    after.endsWith(delimiter) &&
    after.length >= prefix.length + delimiter.length
  const rest = keys.filter((key) => compareUtf8(key, after) > 0 && !(isGroup && key.startsWith(after)))
  const files = rest.map((key) => ({ key, sizeBytes: 0, contentType: 'text/plain', modifiedAt: '' }))
  return listModel(files, query).map((entry) =>
    'key' in entry ? `key ${entry.key}` : `group ${entry.group}`,
  )
}

type Ask = (query: Record<string, string | number>) => Promise<S3Answer>

interface Protocol {
  readonly start: string
  readonly entries: string
  readonly base: Record<string, string>
  next(answer: S3Answer, last: string): Record<string, string>
}

const protocols: Record<string, Protocol> = {
  ListObjects: {
    start: 'marker',
    entries: 'Contents',
    base: {},
    next: (answer, last) => ({
      marker: answer.of('NextMarker') === undefined ? last : decode(answer.of('NextMarker')!),
    }),
  },
  ListObjectsV2: {
    start: 'start-after',
    entries: 'Contents',
    base: { 'list-type': '2' },
    next: (answer) => ({ 'continuation-token': answer.of('NextContinuationToken')! }),
  },
  ListObjectVersions: {
    start: 'key-marker',
    entries: 'Version',
    base: { versions: '' },
    next: (answer) => ({
      'key-marker': decode(answer.of('NextKeyMarker')!),
      'version-id-marker': answer.of('NextVersionIdMarker') ?? '',
    }),
  },
}

/** Page after page to the end, entries as the model names them. */
async function walk(
  ask: Ask,
  protocol: Protocol,
  query: Query & { after: string; maxKeys: number },
): Promise<string[]> {
  const { after, maxKeys, ...filters } = query
  const found: string[] = []
  let from: Record<string, string> = after === '' ? {} : { [protocol.start]: after }
  for (;;) {
    const answer = await ask({
      ...protocol.base,
      ...filters,
      ...from,
      'max-keys': maxKeys,
      'encoding-type': 'url',
    })
    expect(answer.status).toBe(200)
    const keys = keysOf(answer, protocol.entries).map(decode)
    const groups = groupsOf(answer).map(decode)
    const entries = [
      ...keys.map((text) => ({ text, entry: `key ${text}` })),
      ...groups.map((text) => ({ text, entry: `group ${text}` })),
    ].toSorted((a, b) => compareUtf8(a.text, b.text))
    found.push(...entries.map(({ entry }) => entry))
    if (answer.of('KeyCount') !== undefined) expect(answer.of('KeyCount')).toBe(String(entries.length))
    if (answer.of('IsTruncated') === 'false') return found
    expect(entries.length).toBe(maxKeys)
    from = protocol.next(answer, keys.at(-1) ?? '')
  }
}

/** Few characters, so that prefixes are shared; beyond U+FFFF, where UTF-16 has another order; what XML and URLs escape. */
const alphabet = [
  'a',
  'b',
  '/',
  '-',
  ' ',
  '+',
  '%',
  '&',
  '\u{1}',
  '~',
  '*',
  'é',
  '\uffff',
  '\u{1f600}',
  '\u{10ffff}',
]
const text = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength })

describe('listings of objects (R48)', () => {
  test.each(Object.entries(protocols))(
    '%s is what a simple model says, page by page',
    async (_name, protocol) => {
      const keys = fc.uniqueArray(text(1, 6), { maxLength: 25 })
      await fc.assert(
        fc.asyncProperty(
          keys,
          fc.array(fc.tuple(text(0, 2), text(0, 3), text(0, 4), fc.integer({ min: 1, max: 7 })), {
            minLength: 1,
            maxLength: 4,
          }),
          async (stored, queries) => {
            const bucket = await bucketOf(stored)
            const ask: Ask = (query) => s3.call('GET', bucket, '', { query })
            for (const [prefix, delimiter, after, maxKeys] of queries) {
              const found = await walk(ask, protocol, { prefix, delimiter, after, maxKeys })
              expect(found).toEqual(entriesAfter(stored, { prefix, delimiter }, after))
            }
          },
        ),
        { seed: 48, numRuns: 60 },
      )
    },
  )

  test('after a key in a group, the group is listed while keys of it come after', async () => {
    const bucket = await bucketOf(['a/1', 'a/2', 'b'])
    const list = async (after: string) => {
      const query = { 'list-type': 2, delimiter: '/', 'start-after': after, 'encoding-type': 'url' }
      const answer = await s3.call('GET', bucket, '', { query })
      return [...groupsOf(answer), ...keysOf(answer)]
    }
    expect(await list('a/1')).toEqual(['a/', 'b'])
    expect(await list('a/2')).toEqual(['b'])
    expect(await list('a/')).toEqual(['b'])
    expect(await list('a')).toEqual(['a/', 'b'])
    expect(await list('a/\0')).toEqual(['b'])
  })

  test('a delimiter that overlaps itself, ends a prefix or is the highest character there is', async () => {
    const bucket = await bucketOf(['aaa', 'aaaa', 'aab', 'b\u{10ffff}', 'b\u{10ffff}\u{10ffff}', 'c'])
    for (const query of [
      { delimiter: 'aa' },
      { prefix: 'a', delimiter: 'aa' },
      { delimiter: '\u{10ffff}' },
      { prefix: 'b\u{10ffff}', delimiter: '\u{10ffff}' },
      { delimiter: '\0' },
    ]) {
      const ask: Ask = (parameters) => s3.call('GET', bucket, '', { query: parameters })
      const keys = ['aaa', 'aaaa', 'aab', 'b\u{10ffff}', 'b\u{10ffff}\u{10ffff}', 'c']
      const found = await walk(ask, protocols['ListObjects']!, { ...query, after: '', maxKeys: 1 })
      expect(found).toEqual(entriesAfter(keys, query, ''))
    }
  })

  test('ListObjectsV2: the elements of an answer', async () => {
    const bucket = await bucketOf(['a b', 'c/d'])
    const plain = await s3.call('GET', bucket, '', { query: { 'list-type': 2, delimiter: '/' } })
    expect(plain.xml.name).toBe('ListBucketResult')
    expect(plain.text).toContain('xmlns="http://s3.amazonaws.com/doc/2006-03-01/"')
    expect(plain.xml.children.map(({ name, text: value }) => [name, value])).toEqual([
      ['Name', bucket],
      ['Prefix', ''],
      ['KeyCount', '2'],
      ['MaxKeys', '1000'],
      ['Delimiter', '/'],
      ['IsTruncated', 'false'],
      ['Contents', ''],
      ['CommonPrefixes', ''],
    ])
    expect(
      children(plain.xml, 'Contents')[0]?.children.map(({ name, text: value }) => [name, value]),
    ).toEqual([
      ['Key', 'a b'],
      ['LastModified', '2026-02-03T04:05:06.789Z'],
      ['ETag', '"e"'],
      ['Size', '3'],
      ['StorageClass', 'STANDARD'],
    ])
    const owned = await s3.call('GET', bucket, '', {
      query: { 'list-type': 2, 'fetch-owner': 'true', 'start-after': 'a', prefix: '' },
    })
    expect(owned.of('Contents', 'Owner', 'ID')).toBe(opened.adminKey.userId)
    expect(owned.of('StartAfter')).toBe('a')
  })

  test('ListObjects: NextMarker with a delimiter only, the owner always', async () => {
    const bucket = await bucketOf(['a', 'b/1', 'b/2', 'c'])
    const flat = await s3.call('GET', bucket, '', { query: { 'max-keys': 2, marker: '' } })
    expect([flat.of('IsTruncated'), flat.of('NextMarker'), flat.of('Marker')]).toEqual([
      'true',
      undefined,
      '',
    ])
    expect(flat.of('Contents', 'Owner', 'ID')).toBe(opened.adminKey.userId)
    const grouped = await s3.call('GET', bucket, '', { query: { 'max-keys': 2, delimiter: '/' } })
    expect([grouped.of('IsTruncated'), grouped.of('NextMarker')]).toEqual(['true', 'b/'])
    const rest = await s3.call('GET', bucket, '', { query: { delimiter: '/', marker: 'b/' } })
    expect([keysOf(rest), groupsOf(rest), rest.of('Marker')]).toEqual([['c'], [], 'b/'])
  })

  test('ListObjectVersions: one version of each key, called null', async () => {
    const bucket = await bucketOf(['a', 'b'])
    const answer = await s3.call('GET', bucket, '', { query: { versions: '', 'max-keys': 1 } })
    expect(answer.xml.name).toBe('ListVersionsResult')
    expect(answer.of('Version', 'VersionId')).toBe('null')
    expect(answer.of('Version', 'IsLatest')).toBe('true')
    expect(answer.of('Version', 'Owner', 'ID')).toBe(opened.adminKey.userId)
    expect([answer.of('NextKeyMarker'), answer.of('NextVersionIdMarker')]).toEqual(['a', 'null'])
    const wrong = await s3.call('GET', bucket, '', { query: { versions: '', 'version-id-marker': 'null' } })
    expect([wrong.status, wrong.code]).toEqual([400, 'InvalidArgument'])
  })

  test('encoding-type=url encodes as S3 does: slashes and * stay, a space is +', async () => {
    expect(encodeListed("a b+c%d/e*f~g!'()é\u{1f600}\u{1}")).toBe(
      'a+b%2Bc%25d/e*f%7Eg%21%27%28%29%C3%A9%F0%9F%98%80%01',
    )
    const bucket = await bucketOf(['x y/\u{1}', 'x y/z z/1'])
    const query = {
      'list-type': 2,
      'encoding-type': 'url',
      prefix: 'x y/',
      delimiter: 'z z',
      'start-after': 'x w',
    }
    const answer = await s3.call('GET', bucket, '', { query })
    expect(answer.of('EncodingType')).toBe('url')
    expect(answer.of('Prefix')).toBe('x+y/')
    expect(answer.of('Delimiter')).toBe('z+z')
    expect(answer.of('StartAfter')).toBe('x+w')
    expect(keysOf(answer)).toEqual(['x+y/%01'])
    expect(groupsOf(answer)).toEqual(['x+y/z+z'])
  })

  test('max-keys: none at all, more than there may be, and none said', async () => {
    const bucket = await bucketOf(['a', 'b'])
    const list = async (maxKeys: string | number) => {
      const answer = await s3.call('GET', bucket, '', { query: { 'list-type': 2, 'max-keys': maxKeys } })
      return [answer.of('MaxKeys'), answer.of('KeyCount'), answer.of('IsTruncated')]
    }
    expect(await list(0)).toEqual(['0', '0', 'false'])
    expect(await list(2)).toEqual(['2', '2', 'false'])
    expect(await list(5000)).toEqual(['1000', '2', 'false'])
    expect(await list('')).toEqual(['1000', '2', 'false'])
  })

  test.each([
    ['max-keys', '-1'],
    ['max-keys', 'many'],
    ['max-keys', '1.5'],
    ['max-keys', '99999999999'],
    ['encoding-type', 'base64'],
    ['list-type', '3'],
    ['continuation-token', 'not one of ours'],
    ['continuation-token', '_w'],
  ])('InvalidArgument: %s=%s', async (name, value) => {
    const bucket = await bucketOf([])
    const answer = await s3.call('GET', bucket, '', { query: { 'list-type': 2, [name]: value } })
    expect([answer.status, answer.code]).toEqual([400, 'InvalidArgument'])
  })

  test.each<Record<string, string>>([
    {},
    { 'continuation-token': '' },
    { prefix: 'a\0b' },
    { prefix: 'x'.repeat(2000) },
    { delimiter: '' },
  ])('an empty listing: %o', async (given) => {
    const bucket = await bucketOf([])
    const query = { 'list-type': 2, 'encoding-type': 'url', ...given }
    const answer = await s3.call('GET', bucket, '', { query })
    expect([answer.status, answer.of('KeyCount'), answer.of('Delimiter')]).toEqual([200, '0', undefined])
  })

  test.each<Record<string, string | number>>([{}, { 'list-type': 2 }, { versions: '' }, { 'max-keys': 0 }])(
    'NoSuchBucket for a user, AccessDenied for the public: %o',
    async (query) => {
      const bucket = await bucketOf(['a'])
      const nobody = createInProcessS3(opened.core, undefined)
      expect((await s3.call('GET', 'not-there', '', { query })).code).toBe('NoSuchBucket')
      expect((await nobody.call('GET', bucket, '', { query })).code).toBe('AccessDenied')
      expect((await nobody.call('GET', 'not-there', '', { query })).code).toBe('AccessDenied')
    },
  )
})
