import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { children, textOf } from '../../../src/http/s3/xml-read.ts'
import type { S3Client } from './s3-client.ts'
import { openS3Stage, type S3Stage } from './s3-stage.ts'

let stage: S3Stage
beforeAll(async () => {
  stage = await openS3Stage()
})
afterAll(() => stage.opened.close())

const refusal = async (answer: ReturnType<S3Client['call']>) => {
  const { status, code } = await answer
  return `${status} ${code}`
}

describe('CreateBucket', () => {
  test('answers with its place; the owner and everybody else hear that a name is taken', async () => {
    const { s3, other } = stage
    const created = await s3.call('PUT', 'created')
    expect([created.status, created.headers.get('location'), created.text]).toEqual([200, '/created', ''])
    expect(await refusal(s3.call('PUT', 'created'))).toBe('409 BucketAlreadyOwnedByYou')
    expect(await refusal(other.call('PUT', 'created'))).toBe('409 BucketAlreadyExists')
  })

  test.each(['', '<LocationConstraint/>', '<LocationConstraint>eu-central-1</LocationConstraint>'])(
    'takes any region, since there are none: %s',
    async (constraint) => {
      const body = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${constraint}</CreateBucketConfiguration>`
      const name = await stage.bucket({ body })
      const { text } = await stage.s3.call('GET', name, '', { query: { location: '' } })
      expect(text).toContain('<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>')
    },
  )

  test.each([
    ['400 IllegalLocationConstraintException', '<LocationConstraint>../..</LocationConstraint>'],
    ['501 NotImplemented', '<Bucket><Type>Directory</Type></Bucket>'],
    ['501 NotImplemented', '<Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>'],
    ['400 MalformedXML', '<LocationConstraint>'],
  ])('%s: %s', async (expected, content) => {
    const body = `<CreateBucketConfiguration>${content}</CreateBucketConfiguration>`
    expect(await refusal(stage.s3.call('PUT', 'refused-bucket', '', { body }))).toBe(expected)
    expect((await stage.s3.call('HEAD', 'refused-bucket')).status).toBe(404)
  })

  test.each([
    ['501 NotImplemented', 'x-amz-bucket-object-lock-enabled', 'true'],
    ['501 NotImplemented', 'x-amz-object-ownership', 'BucketOwnerEnforced'],
    ['501 NotImplemented', 'x-amz-acl', 'public-read-write'],
    ['501 NotImplemented', 'x-amz-grant-read', 'id="1"'],
  ])('%s: %s: %s', async (expected, name, value) => {
    const headers = { [name]: value }
    expect(await refusal(stage.s3.call('PUT', 'refused-bucket', '', { headers }))).toBe(expected)
    expect((await stage.s3.call('HEAD', 'refused-bucket')).status).toBe(404)
  })

  test('x-amz-acl: public-read lets everybody read what is in it, and list nothing', async () => {
    const name = await stage.bucket({ headers: { 'x-amz-acl': 'public-read' } })
    await stage.s3.call('PUT', name, 'file', { body: 'text' })
    expect((await stage.nobody.call('GET', name, 'file')).text).toBe('text')
    expect(await refusal(stage.nobody.call('GET', name))).toBe('403 AccessDenied')
  })

  test.each(['AB', 'ab', 'a..b', '192.168.1.1', 'x'.repeat(64)])(
    '400 InvalidBucketName: %s',
    async (name) => {
      expect(await refusal(stage.s3.call('PUT', name))).toBe('400 InvalidBucketName')
    },
  )

  test('403 AccessDenied for the public, whatever is there', async () => {
    expect(await refusal(stage.nobody.call('PUT', 'of-nobody'))).toBe('403 AccessDenied')
    expect(await refusal(stage.nobody.call('PUT', 'created'))).toBe('403 AccessDenied')
  })
})

describe('HeadBucket, GetBucketLocation, DeleteBucket', () => {
  test('tell the owner, and of what is not there', async () => {
    const { s3, other, nobody } = stage
    const name = await stage.bucket()
    const head = await s3.call('HEAD', name)
    expect([head.status, head.headers.get('x-amz-bucket-region'), head.text]).toEqual([200, 'us-east-1', ''])
    for (const [client, bucket, status] of [
      [s3, 'not-there', 404],
      [other, name, 403],
      [nobody, name, 403],
      [nobody, 'not-there', 403],
    ] as const) {
      expect((await client.call('HEAD', bucket)).status).toBe(status)
      expect((await client.call('GET', bucket, '', { query: { location: '' } })).status).toBe(status)
      expect((await client.call('DELETE', bucket)).status).toBe(status)
    }
  })

  test('409 BucketNotEmpty; then 204, and it is gone', async () => {
    const { s3 } = stage
    const name = await stage.bucket()
    await s3.call('PUT', name, 'key', { body: 'x' })
    expect(await refusal(s3.call('DELETE', name))).toBe('409 BucketNotEmpty')
    await s3.call('DELETE', name, 'key')
    expect((await s3.call('DELETE', name)).status).toBe(204)
    expect(await refusal(s3.call('DELETE', name))).toBe('404 NoSuchBucket')
  })
})

describe('ListBuckets', () => {
  const list = async (client: S3Client, query: Record<string, string | number> = {}) => {
    const answer = await client.call('GET', '', '', { query })
    const buckets = answer.xml.children.find(({ name }) => name === 'Buckets')
    return { answer, names: children(buckets!, 'Bucket').map((each) => textOf(each, 'Name')) }
  }

  test('of the caller; of everybody for an administrator', async () => {
    const { other, admin, opened } = stage
    await other.call('PUT', 'listed-1')
    const { answer, names } = await list(other)
    expect(names).toEqual(['listed-1'])
    expect(answer.xml.name).toBe('ListAllMyBucketsResult')
    expect(answer.of('Owner', 'ID')).toMatch(/^\w{26}$/)
    expect(Date.parse(answer.of('Buckets', 'Bucket', 'CreationDate')!)).toBeLessThanOrEqual(
      opened.core.clock.now(),
    )
    expect(answer.of('Buckets', 'Bucket', 'CreationDate')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect((await list(admin)).names).toContain('listed-1')
  })

  test('pages with a prefix', async () => {
    const { other } = stage
    const named = ['pa', 'pag', 'page', 'page-1', 'page-2', 'page.3', 'pagf'].map((name) => `x-${name}`)
    for (const name of named) await other.call('PUT', name)
    const found: (string | undefined)[] = []
    let token: string | undefined
    do {
      const query = { prefix: 'x-page', 'max-buckets': 2, ...(token && { 'continuation-token': token }) }
      const { answer, names } = await list(other, query)
      expect(names.length).toBeLessThanOrEqual(2)
      expect(answer.of('Prefix')).toBe('x-page')
      found.push(...names)
      token = answer.of('ContinuationToken')
    } while (token !== undefined)
    expect(found).toEqual(['x-page', 'x-page-1', 'x-page-2', 'x-page.3'])
    expect((await list(other, { prefix: 'X-PAGE' })).names).toEqual([])
    expect((await list(other, { prefix: 'x-', 'max-buckets': 10_000 })).names).toEqual(named)
  })

  test.each([
    ['400 InvalidArgument', { 'max-buckets': 0 }],
    ['400 InvalidArgument', { 'max-buckets': 10_001 }],
    ['400 InvalidArgument', { 'max-buckets': 'x' }],
    ['400 InvalidArgument', { 'continuation-token': '!' }],
    ['501 NotImplemented', { 'x-id': 'ListDirectoryBuckets' }],
  ])('%s: %o', async (expected, query) => {
    expect(await refusal(stage.s3.call('GET', '', '', { query }))).toBe(expected)
  })
})

describe('what a bucket never had', () => {
  test.each([
    ['versioning', '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'],
    ['accelerate', '<AccelerateConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'],
    ['logging', '<BucketLoggingStatus xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'],
    ['notification', '<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'],
    ['requestPayment', '<Payer>BucketOwner</Payer>'],
  ])('?%s is a document', async (parameter, text) => {
    const name = await stage.bucket()
    const answer = await stage.s3.call('GET', name, '', { query: { [parameter]: '' } })
    expect(answer.status).toBe(200)
    expect(answer.text).toContain(text)
  })

  test.each([
    ['encryption', 'ServerSideEncryptionConfigurationNotFoundError'],
    ['lifecycle', 'NoSuchLifecycleConfiguration'],
    ['object-lock', 'ObjectLockConfigurationNotFoundError'],
    ['ownershipControls', 'OwnershipControlsNotFoundError'],
    ['publicAccessBlock', 'NoSuchPublicAccessBlockConfiguration'],
    ['replication', 'ReplicationConfigurationNotFoundError'],
    ['website', 'NoSuchWebsiteConfiguration'],
    ['cors', 'NoSuchCORSConfiguration'],
    ['tagging', 'NoSuchTagSet'],
    ['policy', 'NoSuchBucketPolicy'],
    ['policyStatus', 'NoSuchBucketPolicy'],
  ])('?%s is 404 %s', async (parameter, code) => {
    const name = await stage.bucket()
    const query = { [parameter]: '' }
    const answer = await stage.s3.call('GET', name, '', { query })
    expect([answer.status, answer.code, answer.of('BucketName')]).toEqual([404, code, name])
    expect(await refusal(stage.other.call('GET', name, '', { query }))).toBe('403 AccessDenied')
    expect(await refusal(stage.nobody.call('GET', 'not-there', '', { query }))).toBe('403 AccessDenied')
    expect(await refusal(stage.s3.call('GET', 'not-there', '', { query }))).toBe('404 NoSuchBucket')
  })
})
