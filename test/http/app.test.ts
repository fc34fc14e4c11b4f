import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Core } from '../../src/core/core.ts'
import { CuttyError, errorCodes } from '../../src/core/errors.ts'
import { DatabaseError } from '../../src/core/ports/database.ts'
import { createApp } from '../../src/http/app.ts'
import { problemReply, problemStatuses } from '../../src/http/problem.ts'
import { patternBytes } from '../contracts/http/bytes.ts'
import { createClient } from '../contracts/http/client.ts'
import { openTestCore, type TestCore, withoutMemory } from '../core/test-core.ts'
import { faultyBlobStore } from '../faults/blob-store.ts'
import { faultyDatabase } from '../faults/database.ts'
import { after, failing, only } from '../faults/plan.ts'
import { createInProcessFetch, createRequest } from './in-process.ts'

const secretText = 'the inside: /var/lib/cutty/blobs SELECT * FROM users'
const outage = new CuttyError('storage_unavailable', undefined, { cause: new Error(secretText) })
const databaseOutage = new DatabaseError('unavailable', secretText, { cause: new Error(secretText) })
const path = '/api/v1/buckets/bucket/files'

let opened: TestCore
const clientOf = (core: Core) => createClient({ fetch: createInProcessFetch(createApp(core)) })
/** A core whose database answers nothing from memory. */
const withDatabase = (plan: Parameters<typeof faultyDatabase>[1]): Core => {
  const database = faultyDatabase(opened.core.database, plan)
  return { ...opened.core, database, pointers: withoutMemory(database).pointers }
}
const withBlobs = (plan: Parameters<typeof faultyBlobStore>[1]): Core => ({
  ...opened.core,
  blobs: faultyBlobStore(opened.core.blobs, plan),
})

beforeEach(async () => {
  opened = await openTestCore({ cacheBytes: 0 })
  const json = { name: 'bucket' }
  await clientOf(opened.core).call('POST', '/api/v1/buckets', { as: opened.adminKey, json })
})
afterEach(() => opened.close())

const requests = () => opened.events.filter((event) => event.type === 'request')
const failures = () => opened.events.filter((event) => event.type === 'failure')

describe('readiness', () => {
  test.each([
    ['the database', () => withDatabase(only(['ping'], failing(databaseOutage))), ['database']],
    ['the store', () => withBlobs(only(['ping'], failing(outage))), ['store']],
    [
      'both',
      () => ({
        ...withDatabase(only(['ping'], failing(databaseOutage))),
        blobs: faultyBlobStore(opened.core.blobs, only(['ping'], failing(outage))),
      }),
      ['database', 'store'],
    ],
  ])('is lost with %s, and named; being alive is not', async (_what, coreOf, failed) => {
    const api = clientOf(coreOf())
    const ready = await api.call('GET', '/ready')
    expect(ready.json()).toMatchObject({ status: 503, code: 'not_ready', failed })
    expect(ready.header('retry-after')).toMatch(/^\d+$/)
    expect(ready.text).not.toContain('inside')
    expect((await api.call('GET', '/health')).status).toBe(200)
    expect(failures()).toHaveLength(1)
  })
})

describe('what fails inside', () => {
  const full = new DatabaseError('full', secretText)
  const storeFull = new CuttyError('storage_full', undefined, { cause: new Error(secretText) })
  test.each([
    ['a query', () => withDatabase(only(['query'], failing(databaseOutage))), 503, 'storage_unavailable'],
    ['a commit', () => withDatabase(only(['batch'], failing(databaseOutage))), 503, 'storage_unavailable'],
    ['a full database', () => withDatabase(only(['batch'], failing(full))), 507, 'storage_full'],
    ['a full disk', () => withBlobs(only(['put'], failing(storeFull))), 507, 'storage_full'],
    ['the store', () => withBlobs(only(['put'], failing(outage))), 503, 'storage_unavailable'],
    ['a bug', () => withBlobs(only(['put'], failing(new TypeError(secretText)))), 500, 'internal'],
  ])('is answered by its code and logged with its cause: %s', async (_what, coreOf, status, code) => {
    const api = clientOf(coreOf())
    const answer = await api.put('bucket', 'f', patternBytes(50_000), { as: opened.adminKey })
    expect(answer.json()).toMatchObject({ status, code })
    expect(answer.text).not.toMatch(/inside|var\/lib|SELECT|cause|stack/)
    const [failure] = failures()
    expect(failure).toMatchObject({ requestId: answer.header('x-request-id') })
    expect(texts((failure as { error: unknown }).error)).toContain(secretText)
    expect(requests().at(-1)).toMatchObject({ status, errorCode: code })
  })

  test('of one file of a form is told in its place and logged', async () => {
    const core = withBlobs(only(['put'], after(1, failing(storeFull), 1)))
    const file = (name: string) =>
      `--b\r\nContent-Disposition: form-data; name="f"; filename="${name}"\r\n\r\n${'x'.repeat(10_000)}\r\n`
    const answer = await clientOf(core).call('POST', path, {
      as: opened.adminKey,
      headers: { 'Content-Type': 'multipart/form-data; boundary=b', 'X-Cutty-Compression': 'off' },
      body: `${file('1')}${file('2')}${file('3')}--b--\r\n`,
    })
    expect(answer.status).toBe(207)
    const { files } = answer.json<{ files: { error?: { code: string } }[] }>()
    expect(files.map(({ error }) => error?.code)).toEqual([undefined, 'storage_full', undefined])
    expect(answer.text).not.toContain('inside')
    expect(failures()).toHaveLength(1)
  })

  test('with the whole disk keeps serving reads, and loses nothing', async () => {
    const api = clientOf(opened.core)
    await api.put('bucket', 'large', patternBytes(50_000), { as: opened.adminKey })
    await api.put('bucket', 'small', 'old', { as: opened.adminKey })
    const core = {
      ...withDatabase(only(['batch'], failing(full))),
      blobs: faultyBlobStore(opened.core.blobs, only(['put'], failing(storeFull))),
    }
    const broken = clientOf(core)
    for (const key of ['large', 'small', 'new']) {
      for (const size of [10, 100_000]) {
        const put = await broken.put('bucket', key, patternBytes(size), { as: opened.adminKey })
        expect(put.status).toBe(507)
      }
    }
    expect((await broken.delete('bucket', 'small', { as: opened.adminKey })).status).toBe(507)
    expect((await broken.get('bucket', 'large', { as: opened.adminKey })).bytes).toHaveLength(50_000)
    expect((await broken.get('bucket', 'small', { as: opened.adminKey })).text).toBe('old')
    expect((await broken.call('GET', path, { as: opened.adminKey })).status).toBe(200)
  })
})

describe('a body that cannot be read', () => {
  const bytes = patternBytes(700_000)
  const target = `${path}/large`
  beforeEach(async () => {
    await clientOf(opened.core).put('bucket', 'large', bytes, { as: opened.adminKey })
    opened.events.length = 0
  })

  test('at all is an error, not an empty file', async () => {
    for (const core of [withBlobs(only(['get'], failing(outage)))]) {
      const answer = await clientOf(core).call('GET', target, { as: opened.adminKey })
      expect(answer.json()).toMatchObject({ status: 503, code: 'storage_unavailable' })
    }
    const { ids } = await opened.core.blobs.list()
    await opened.core.blobs.delete(ids)
    const answer = await clientOf(opened.core).call('GET', target, { as: opened.adminKey })
    expect(answer.json()).toMatchObject({ status: 500, code: 'content_damaged' })
  })

  test('to its end breaks off, and is told as broken off (R25)', async () => {
    const core = withBlobs(only(['get.chunk'], after(1, failing(outage))))
    await expect(clientOf(core).call('GET', target, { as: opened.adminKey })).rejects.toBe(outage)
    expect(requests()).toMatchObject([{ status: 200, aborted: true }])
    expect(requests()[0]?.bytesSent).toBeLessThan(bytes.length)
    expect(failures()).toMatchObject([{ error: outage }])
  })
})

describe('events', () => {
  test('are one for each request, with its route and never its query', async () => {
    const { adminKey, admin } = opened
    const api = clientOf(opened.core)
    opened.events.length = 0
    const put = await api.put('bucket', 'a b', 'twelve bytes', { as: adminKey })
    await api.get('bucket', 'a b', { as: adminKey })
    await api.get('bucket', 'none')
    await api.call('GET', '/api/no/such/path?signature=secret')
    await api.call('GET', `${path}?key=a%20b&info`, { as: adminKey })
    expect(requests().map((event) => [event.method, event.route, event.path, event.status])).toEqual([
      ['PUT', `/api/v1/buckets/{bucket}/files/{key…}`, `${path}/a%20b`, 201],
      ['GET', `/api/v1/buckets/{bucket}/files/{key…}`, `${path}/a%20b`, 200],
      ['GET', `/api/v1/buckets/{bucket}/files/{key…}`, `${path}/none`, 401],
      ['GET', 'unknown', '/api/no/such/path', 404],
      ['GET', '/api/v1/buckets/{bucket}/files', path, 200],
    ])
    expect(requests().map(({ userId }) => userId)).toEqual([
      admin.userId,
      admin.userId,
      undefined,
      undefined,
      admin.userId,
    ])
    expect(requests()[0]).toMatchObject({ requestId: put.header('x-request-id'), aborted: false })
    expect(requests()[1]).toMatchObject({ bytesSent: 12, errorCode: undefined })
    expect(requests()[2]).toMatchObject({ errorCode: 'unauthenticated' })
    expect(requests().every(({ durationMs }) => durationMs >= 0)).toBe(true)
    expect(JSON.stringify(opened.events)).not.toMatch(/signature|secret/)
  })

  test('hold no secret, whatever is sent', async () => {
    const { adminKey } = opened
    const api = clientOf(opened.core)
    await api.call('GET', '/api/v1/me', { as: { ...adminKey, secretAccessKey: 'wrong-but-secret' } })
    await api.call('GET', '/api/v1/me', { as: { token: 'token-that-is-secret' } })
    await api.call('POST', '/api/v1/tokens', { as: adminKey })
    expect(JSON.stringify(opened.events)).not.toMatch(/secret|cutty_/)
    expect(JSON.stringify(opened.events)).not.toContain(adminKey.secretAccessKey)
  })
})

describe('a request’s body', () => {
  const put = (declared: number, body: string) =>
    clientOf(opened.core).call('PUT', `${path}/f`, {
      as: opened.adminKey,
      headers: { 'Content-Length': String(declared) },
      body,
    })

  test('that ends early, or is longer than declared, is stored by nobody', async () => {
    for (const size of [100, 100_000]) {
      const early = await put(size + 1, 'x'.repeat(size))
      expect(early.json()).toMatchObject({ status: 400, code: 'body_incomplete' })
      const longer = await put(size - 1, 'x'.repeat(size))
      expect(longer.json()).toMatchObject({ status: 400, code: 'body_size_mismatch' })
    }
    const head = await clientOf(opened.core).head('bucket', 'f', { as: opened.adminKey })
    expect(head.status).toBe(404)
    expect((await opened.core.blobs.list()).ids).toEqual([])
  })

  test('is refused by its length before it is read', async () => {
    let read = 0
    async function* body() {
      read += 1
      yield new Uint8Array(10)
    }
    const app = createApp(opened.core)
    const authorization = `Basic ${btoa(`${opened.adminKey.accessKeyId}:${opened.adminKey.secretAccessKey}`)}`
    const tooLarge = [
      ['PUT', `${path}/f`, String(6 * 1024 ** 4)],
      ['POST', '/api/v1/buckets', String(5 * 1024 ** 2)],
    ] as const
    for (const [method, target, length] of tooLarge) {
      const headers = { authorization, 'content-length': length, 'content-type': 'application/json' }
      const { reply } = await app.handle(createRequest(target, { method, headers, body: body() }))
      expect(reply.status).toBe(413)
    }
    expect(read).toBe(0)
  })
})

describe('tokens over HTTP', () => {
  test('end with their time', async () => {
    const api = clientOf(opened.core)
    const json = { expiresInSeconds: 5 }
    const made = await api.call('POST', '/api/v1/tokens', { as: opened.adminKey, json })
    const as = made.json<{ token: string }>()
    expect((await api.call('GET', '/api/v1/me', { as })).status).toBe(200)
    opened.clock.advance(5001)
    const ended = await api.call('GET', '/api/v1/me', { as })
    expect(ended.json()).toMatchObject({ status: 401, code: 'invalid_credentials' })
  })
})

describe('problems', () => {
  test.each(Object.keys(errorCodes) as (keyof typeof errorCodes)[])('%s has a status and a shape', (code) => {
    const reply = problemReply(new CuttyError(code), 'request-id')
    expect(reply.status).toBe(problemStatuses[code])
    expect(reply.status).toBeGreaterThanOrEqual(400)
    expect(JSON.parse(reply.body as string)).toEqual({
      type: `/api/v1/docs#error-${code}`,
      title: errorCodes[code],
      status: reply.status,
      code,
      detail: `${errorCodes[code]}.`,
      requestId: 'request-id',
    })
  })
})

/** The messages of an error and its causes. */
function texts(error: unknown): string[] {
  return error instanceof Error ? [error.message, ...texts(error.cause)] : []
}
