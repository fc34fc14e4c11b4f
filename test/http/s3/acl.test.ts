import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { child, children, textOf } from '../../../src/http/s3/xml-read.ts'
import type { S3Answer } from './s3-client.ts'
import { openS3Stage, type S3Stage } from './s3-stage.ts'

let stage: S3Stage
beforeAll(async () => {
  stage = await openS3Stage()
})
afterAll(() => stage.opened.close())

const query = { acl: '' }
const everybody = 'http://acs.amazonaws.com/groups/global/AllUsers'

function grantsOf({ xml }: S3Answer): (string | undefined)[][] {
  return children(child(xml, 'AccessControlList')!, 'Grant').map((grant) => {
    const grantee = child(grant, 'Grantee')!
    return [textOf(grant, 'Permission'), textOf(grantee, 'ID') ?? textOf(grantee, 'URI')]
  })
}

const own = () => ['FULL_CONTROL', stage.userId]
const publicRead = ['READ', everybody]

interface Grant {
  readonly permission: string
  readonly grantee: string
}

function documentOf(grants: readonly Grant[], owner = stage.userId): string {
  const xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
  const listed = grants.map(
    ({ permission, grantee }) =>
      `<Grant><Grantee ${xsi} xsi:type="x">${grantee}</Grantee><Permission>${permission}</Permission></Grant>`,
  )
  const list = `<AccessControlList>${listed.join('')}</AccessControlList>`
  return `<AccessControlPolicy><Owner><ID>${owner}</ID></Owner>${list}</AccessControlPolicy>`
}

const full = (): Grant => ({ permission: 'FULL_CONTROL', grantee: `<ID>${stage.userId}</ID>` })
const read: Grant = { permission: 'READ', grantee: `<URI>${everybody}</URI>` }

describe.each([
  { of: 'an object', key: 'file' },
  { of: 'a bucket', key: '' },
])('the ACL of $of', ({ key }) => {
  async function subject(): Promise<string> {
    const bucket = await stage.bucket()
    await stage.s3.call('PUT', bucket, 'file', { body: 'text' })
    return bucket
  }
  const isPublic = async (bucket: string) => (await stage.nobody.call('GET', bucket, 'file')).status === 200

  test('is private, public-read by a header or a document, and private again', async () => {
    const bucket = await subject()
    const acl = async () => grantsOf(await stage.s3.call('GET', bucket, key, { query }))
    expect(await acl()).toEqual([own()])
    const changes = [
      [{ headers: { 'x-amz-acl': 'public-read' } }, true],
      [{ headers: { 'x-amz-acl': 'private' } }, false],
      [{ body: documentOf([full(), read]) }, true],
      [{ body: documentOf([full()]) }, false],
      [{ body: documentOf([read, full()]) }, true],
      [{ headers: { 'x-amz-acl': 'public-read' } }, true],
    ] as const
    for (const [change, readable] of changes) {
      const answer = await stage.s3.call('PUT', bucket, key, { query, ...change })
      expect([answer.status, answer.text]).toEqual([200, ''])
      expect(await acl()).toEqual(readable ? [own(), publicRead] : [own()])
      expect(await isPublic(bucket)).toBe(readable)
    }
  })

  test('as S3 prints it', async () => {
    const bucket = await subject()
    await stage.s3.call('PUT', bucket, key, { query, headers: { 'x-amz-acl': 'public-read' } })
    const { text, of } = await stage.s3.call('GET', bucket, key, { query })
    const type = (name: string) =>
      `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="${name}">`
    expect(text).toContain(`${type('CanonicalUser')}<ID>${stage.userId}</ID>`)
    expect(text).toContain(`${type('Group')}<URI>${everybody}</URI></Grantee><Permission>READ</Permission>`)
    expect(of('Owner', 'ID')).toBe(stage.userId)
  })

  test.each<[string, () => { headers?: Record<string, string>; body?: string }]>([
    ['501 NotImplemented', () => ({ headers: { 'x-amz-acl': 'public-read-write' } })],
    ['501 NotImplemented', () => ({ headers: { 'x-amz-grant-read': `uri="${everybody}"` } })],
    ['501 NotImplemented', () => ({ body: documentOf([full(), { ...read, permission: 'WRITE' }]) })],
    ['501 NotImplemented', () => ({ body: documentOf([full(), read, read]) })],
    ['501 NotImplemented', () => ({ body: documentOf([read]) })],
    ['501 NotImplemented', () => ({ body: documentOf([]) })],
    ['501 NotImplemented', () => ({ body: documentOf([full()], 'somebody') })],
    ['501 NotImplemented', () => ({ body: documentOf([{ ...full(), grantee: '<ID>somebody</ID>' }]) })],
    ['400 MalformedACLError', () => ({ body: '<AccessControlPolicy/>' })],
    ['400 MalformedXML', () => ({ body: '<Other/>' })],
    ['400 UnexpectedContent', () => ({ headers: { 'x-amz-acl': 'private' }, body: documentOf([full()]) })],
    ['400 MissingSecurityHeader', () => ({})],
  ])('%s', async (expected, init) => {
    const bucket = await subject()
    const answer = await stage.s3.call('PUT', bucket, key, { query, ...init() })
    expect(`${answer.status} ${answer.code}`).toBe(expected)
    expect(await isPublic(bucket)).toBe(false)
  })

  test('is nobody else’s business', async () => {
    const bucket = await subject()
    const headers = { 'x-amz-acl': 'public-read' }
    for (const client of [stage.other, stage.nobody]) {
      expect((await client.call('GET', bucket, key, { query })).code).toBe('AccessDenied')
      expect((await client.call('PUT', bucket, key, { query, headers })).code).toBe('AccessDenied')
    }
    expect(await isPublic(bucket)).toBe(false)
  })
})

describe('the ACL of an object', () => {
  test('cannot be private where the bucket is public: NotImplemented, and not a silent success', async () => {
    const bucket = await stage.bucket({ headers: { 'x-amz-acl': 'public-read' } })
    await stage.s3.call('PUT', bucket, 'file', { body: 'text' })
    expect(grantsOf(await stage.s3.call('GET', bucket, 'file', { query }))).toEqual([own(), publicRead])
    const answer = await stage.s3.call('PUT', bucket, 'file', { query, headers: { 'x-amz-acl': 'private' } })
    expect([answer.status, answer.code]).toEqual([501, 'NotImplemented'])
  })

  test('NoSuchKey', async () => {
    const bucket = await stage.bucket()
    const headers = { 'x-amz-acl': 'private' }
    expect((await stage.s3.call('GET', bucket, 'x', { query })).code).toBe('NoSuchKey')
    expect((await stage.s3.call('PUT', bucket, 'x', { query, headers })).code).toBe('NoSuchKey')
  })
})
