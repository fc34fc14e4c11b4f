import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { absentOperations } from '../../../src/http/s3/operations/absent.ts'
import { operations } from '../../../src/http/s3/s3.ts'
import { openS3Stage, type S3Stage } from './s3-stage.ts'

let stage: S3Stage
beforeAll(async () => {
  stage = await openS3Stage()
})
afterAll(() => stage.opened.close())

const root = join(import.meta.dirname, '../../..')

/** Operations as AWS's own client has them: method, path below the bucket, name. */
function readClient() {
  const folder = join(root, 'node_modules/@aws-sdk/client-s3/dist-es/schemas')
  const text = readFileSync(join(folder, 'schemas_0.js'), 'utf8')
  const names = new Map(
    [...text.matchAll(/const (_\w+) = "([^"]*)";/g)].map(([, id, name]) => [id, name as string]),
  )
  const found = text.matchAll(/= \[9, n0, (_\w+),\s*\{[^}]*?\[_h\]: \["(\w+)", "([^"]*)"/g)
  return [...found].map(([, id, method, path]) => ({
    name: names.get(id as string) as string,
    method: method as string,
    path: path as string,
  }))
}

describe('the operations of S3', () => {
  const all = [...operations, ...absentOperations]

  test('have each a name, and each is either offered or not', () => {
    const names = all.map(({ name }) => name)
    // One that two parameters ask for is there twice.
    const offered = new Set(operations.map(({ name }) => name))
    const absent = absentOperations.map(({ name }) => name)
    expect(new Set(absent).size).toBe(absent.length)
    expect(absent.filter((name) => offered.has(name))).toEqual([])
    expect(names.length).toBeGreaterThan(100)
  })

  test('are all that AWS has in its client, by the same method and parameter', () => {
    /** Another endpoint's; its reply to GET / is a test of ListBuckets. */
    const elsewhere = new Set(['ListDirectoryBuckets'])
    const client = readClient()
    expect(client.length).toBeGreaterThan(100)
    const missing = client.filter(({ name, method, path }) => {
      if (elsewhere.has(name)) return false
      const same = all.filter((each) => each.name === name && each.method === method)
      const named = /\?([\w-]+)/.exec(path)?.[1]
      return !same.some(({ parameter }) => parameter === named || named === undefined || named === 'x-id')
    })
    expect(missing).toEqual([])
  })

  test.each(absentOperations.filter(({ parameter }) => parameter !== undefined))(
    'NotImplemented: $name',
    async ({ method, scope, parameter }) => {
      const bucket = await stage.bucket()
      await stage.s3.call('PUT', bucket, 'key', { body: 'x' })
      const query = { [parameter!]: '' }
      const answer = await stage.s3.call(method, bucket, scope === 'object' ? 'key' : '', {
        query,
        body: '<x/>',
      })
      expect([answer.status, answer.code]).toEqual([501, 'NotImplemented'])
      // Nothing was made, changed or deleted.
      expect((await stage.s3.call('GET', bucket, 'key')).text).toBe('x')
    },
  )

  test('NotImplemented: POST of the root', async () => {
    const answer = await stage.s3.call('POST')
    expect([answer.status, answer.of('Operation')]).toEqual([501, 'WriteGetObjectResponse'])
  })

  const subresources = all.filter(({ parameter }) => parameter !== undefined && parameter !== 'partNumber')
  const pairs = (['PUT', 'POST', 'DELETE', 'GET', 'HEAD'] as const).flatMap((method) =>
    [...new Set(subresources.map(({ scope, parameter }) => `${scope} ${parameter}`))]
      .map((place) => place.split(' ') as ['bucket' | 'object', string])
      .filter(
        ([scope, name]) =>
          !all.some((each) => each.method === method && each.scope === scope && each.parameter === name),
      )
      .map(([scope, name]) => [method, scope, name] as const),
  )

  test('MethodNotAllowed: a subresource with a method of no operation is never the bucket or the object', async () => {
    const bucket = await stage.bucket()
    await stage.s3.call('PUT', bucket, 'key', { body: 'x' })
    expect(pairs.length).toBeGreaterThan(50)
    for (const [method, scope, name] of pairs) {
      const init = { query: { [name]: '' }, ...(method !== 'GET' && method !== 'HEAD' && { body: 'y' }) }
      const answer = await stage.s3.call(method, bucket, scope === 'object' ? 'key' : '', init)
      expect([method, scope, name, answer.status]).toEqual([method, scope, name, 405])
    }
    expect((await stage.s3.call('GET', bucket, 'key')).text).toBe('x')
    const empty = await stage.bucket()
    expect((await stage.s3.call('DELETE', empty, '', { query: { acl: '' } })).code).toBe('MethodNotAllowed')
    expect((await stage.s3.call('HEAD', empty)).status).toBe(200)
  })
})
