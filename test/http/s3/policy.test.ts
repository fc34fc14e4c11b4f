import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openS3Stage, type S3Stage } from './s3-stage.ts'

let stage: S3Stage
let bucket: string
beforeAll(async () => {
  stage = await openS3Stage()
  bucket = await stage.bucket()
  for (const key of ['a', 'a/1', 'b/1', 'b/2', 'cé']) await stage.s3.call('PUT', bucket, key, { body: key })
})
afterAll(() => stage.opened.close())

const query = { policy: '' }

const statementOf = (...keys: string[]) => ({
  Effect: 'Allow',
  Principal: '*' as unknown,
  Action: 's3:GetObject' as unknown,
  Resource: keys.map((key) => `arn:aws:s3:::${bucket}/${key}`) as unknown,
})

const put = (policy: unknown) =>
  stage.s3.call('PUT', bucket, '', {
    query,
    body: typeof policy === 'string' ? policy : JSON.stringify(policy),
  })

async function publicKeys(): Promise<string[]> {
  const found: string[] = []
  for (const key of ['a', 'a/1', 'b/1', 'b/2', 'cé']) {
    if ((await stage.nobody.call('GET', bucket, key)).status === 200) found.push(key)
  }
  return found
}

describe('the policy of a bucket', () => {
  test.each([
    [['*'], ['a', 'a/1', 'b/1', 'b/2', 'cé']],
    [['b/*'], ['b/1', 'b/2']],
    [['a*'], ['a', 'a/1']],
    // A whole key is that key only.
    [['a'], ['a']],
    [
      ['b/1', 'cé'],
      ['b/1', 'cé'],
    ],
    [['x*'], []],
  ])('lets everybody read %j', async (resources, readable) => {
    expect((await put({ Version: '2012-10-17', Statement: [statementOf(...resources)] })).status).toBe(204)
    expect(await publicKeys()).toEqual(readable)
    // And nothing else.
    expect((await stage.nobody.call('GET', bucket)).code).toBe('AccessDenied')
    expect((await stage.nobody.call('PUT', bucket, 'a', { body: 'x' })).code).toBe('AccessDenied')
    expect((await stage.nobody.call('DELETE', bucket, 'a')).code).toBe('AccessDenied')
    expect((await stage.other.call('GET', bucket, '', { query })).code).toBe('AccessDenied')
  })

  test('is returned as it was put, and goes', async () => {
    const text = ` {"Id": "x",\n "Statement": ${JSON.stringify(statementOf('b/*'))}} `
    const spaced = text.trimStart()
    expect((await put(spaced)).status).toBe(204)
    const answer = await stage.s3.call('GET', bucket, '', { query })
    expect([answer.text, answer.headers.get('content-type')]).toEqual([spaced, 'application/json'])
    const status = await stage.s3.call('GET', bucket, '', { query: { policyStatus: '' } })
    expect([status.xml.name, status.of('IsPublic')]).toEqual(['PolicyStatus', 'true'])
    for (let times = 0; times < 2; times++) {
      expect((await stage.s3.call('DELETE', bucket, '', { query })).status).toBe(204)
      expect((await stage.s3.call('GET', bucket, '', { query })).code).toBe('NoSuchBucketPolicy')
      expect((await stage.s3.call('GET', bucket, '', { query: { policyStatus: '' } })).code).toBe(
        'NoSuchBucketPolicy',
      )
    }
    expect(await publicKeys()).toEqual([])
  })

  test.each<[string, () => object]>([
    ['a principal of AWS', () => ({ ...statementOf('b/*'), Principal: { AWS: '*' } })],
    ['a list of principals', () => ({ ...statementOf('b/*'), Principal: { AWS: ['*'] } })],
    ['a list of actions', () => ({ ...statementOf('b/*'), Action: ['s3:GetObject'] })],
    ['one resource', () => ({ ...statementOf(), Resource: `arn:aws:s3:::${bucket}/b/*` })],
    ['a name', () => ({ ...statementOf('b/*'), Sid: 'Public' })],
  ])('takes %s', async (_name, statement) => {
    expect((await put({ Statement: [statement()] })).status).toBe(204)
    expect(await publicKeys()).toEqual(['b/1', 'b/2'])
  })

  test.each<[string, string, () => unknown]>([
    ['501 NotImplemented', 'a condition', () => ({ ...statementOf('b/*'), Condition: {} })],
    ['501 NotImplemented', 'a denial', () => ({ ...statementOf('b/*'), Effect: 'Deny' })],
    ['501 NotImplemented', 'another principal', () => ({ ...statementOf('b/*'), Principal: { AWS: '1' } })],
    [
      '501 NotImplemented',
      'two kinds',
      () => ({ ...statementOf('b/*'), Principal: { AWS: '*', Service: 'x' } }),
    ],
    ['501 NotImplemented', 'NotPrincipal', () => ({ ...statementOf('b/*'), NotPrincipal: '*' })],
    ['501 NotImplemented', 'another action', () => ({ ...statementOf('b/*'), Action: 's3:*' })],
    [
      '501 NotImplemented',
      'one action more',
      () => ({ ...statementOf('b/*'), Action: ['s3:GetObject', 's3:PutObject'] }),
    ],
    ['501 NotImplemented', 'a * in the middle', () => statementOf('b*/1')],
    ['501 NotImplemented', 'a question mark', () => statementOf('b/?')],
    ['501 NotImplemented', 'a variable', () => statementOf('${aws:username}/*')],
    [
      '400 MalformedPolicy',
      'another bucket',
      () => ({ ...statementOf(), Resource: 'arn:aws:s3:::another/*' }),
    ],
    ['400 MalformedPolicy', 'the bucket', () => ({ ...statementOf(), Resource: `arn:aws:s3:::${bucket}` })],
    ['400 MalformedPolicy', 'no key', () => statementOf('')],
    ['400 MalformedPolicy', 'a NUL', () => statementOf('a\0')],
    ['400 MalformedPolicy', 'no resources', () => ({ ...statementOf(), Resource: [] })],
    ['400 MalformedPolicy', 'no effect', () => ({ ...statementOf('b/*'), Effect: undefined })],
    ['400 MalformedPolicy', 'no action', () => ({ ...statementOf('b/*'), Action: undefined })],
    ['400 MalformedPolicy', 'a text', () => 'Allow'],
  ])('%s: %s', async (expected, _name, statement) => {
    await put({ Statement: statementOf('cé') })
    const answer = await put({ Statement: [statement()] })
    expect(`${answer.status} ${answer.code}`).toBe(expected)
    // The one before stays.
    expect(await publicKeys()).toEqual(['cé'])
  })

  test.each([
    ['400 MalformedPolicy', ''],
    ['400 MalformedPolicy', 'not JSON'],
    ['400 MalformedPolicy', '[]'],
    ['400 MalformedPolicy', '{}'],
    ['400 MalformedPolicy', '{"Statement":[]}'],
    ['400 MalformedPolicy', '{"Version":"2020-01-01","Statement":[{}]}'],
    ['400 MalformedPolicy', `{"Id":"${'x'.repeat(20 * 1024)}"}`],
    ['501 NotImplemented', '{"Statement":[],"More":1}'],
  ])('%s: %.40s', async (expected, policy) => {
    const answer = await put(policy)
    expect(`${answer.status} ${answer.code}`).toBe(expected)
  })
})
