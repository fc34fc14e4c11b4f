import { readdir } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createHttpServer } from '../../src/entry/node-http.ts'
import { createApp } from '../../src/http/app.ts'
import { patternBytes } from '../contracts/http/bytes.ts'
import { authorization, type Client, createClient } from '../contracts/http/client.ts'
import { openTestCore, type TestCore } from '../core/test-core.ts'
import { createInProcessFetch } from '../http/in-process.ts'
import { openConnection, until } from './connection.ts'

let opened: TestCore
let server: Server
let url: string
let api: Client
let auth: string
const files = '/api/v1/buckets/bucket/files'

beforeEach(async () => {
  opened = await openTestCore({ cacheBytes: 0 })
  const app = createApp(opened.core)
  server = createHttpServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  api = createClient({ fetch: createInProcessFetch(app) })
  auth = `Authorization: ${authorization(opened.adminKey)['Authorization']}\r\n`
  await api.call('POST', '/api/v1/buckets', { as: opened.adminKey, json: { name: 'bucket' } })
  opened.events.length = 0
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await opened.close()
})

const requests = () => opened.events.filter((event) => event.type === 'request')
const drafts = () => readdir(join(opened.folder, 'tmp'))
const head = (method: string, target: string, headers = '') =>
  `${method} ${target} HTTP/1.1\r\nHost: cutty.test\r\n${auth}${headers}\r\n`

describe('a client that hangs up', () => {
  test.each([
    ['with a declared length', 'Content-Length: 5000000\r\n', (bytes: Buffer) => bytes],
    [
      'in chunks',
      'Transfer-Encoding: chunked\r\n',
      (bytes: Buffer) =>
        Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]),
    ],
  ])('in the midst of an upload %s leaves nothing', async (_how, header, encode) => {
    await api.put('bucket', 'f', 'old', { as: opened.adminKey })
    opened.events.length = 0
    const connection = await openConnection(url)
    connection.write(head('PUT', `${files}/f`, header))
    for (let i = 0; i < 30; i++) connection.write(encode(Buffer.from(patternBytes(50_000))))
    // The upload has come as far as the disk.
    await until(async () => (await drafts()).length === 1)
    connection.socket.destroy()
    await until(() => requests().length === 1)
    await opened.settled()
    expect(requests()).toMatchObject([{ method: 'PUT', status: 400, aborted: true }])
    expect(opened.events.filter(({ type }) => type === 'failure')).toEqual([])
    expect(await drafts()).toEqual([])
    expect((await opened.core.blobs.list()).ids).toEqual([])
    expect((await api.get('bucket', 'f', { as: opened.adminKey })).text).toBe('old')
  })

  test('in the midst of a small upload, or of a form, leaves nothing', async () => {
    const form = `--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n${'x'.repeat(10_000)}`
    const bodies = [
      head('PUT', `${files}/f`, 'Content-Length: 100\r\n') + 'x'.repeat(99),
      head('POST', files, 'Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999\r\n') +
        form,
    ]
    for (const [index, body] of bodies.entries()) {
      const connection = await openConnection(url)
      connection.write(body)
      connection.socket.end()
      await until(() => requests().length === index + 1)
    }
    await opened.settled()
    expect(requests()).toMatchObject([{ aborted: true }, { aborted: true }])
    const listed = await api.call('GET', files, { as: opened.adminKey })
    expect(listed.json()['files']).toEqual([])
    expect(await drafts()).toEqual([])
  })

  test('in the midst of a download ends the reading', async () => {
    await api.put('bucket', 'large', patternBytes(20_000_000), { as: opened.adminKey })
    // At whichever moment it happens: of that between a socket's end and its event, Node tells nobody.
    for (let round = 0; round < 10; round++) {
      opened.events.length = 0
      const connection = await openConnection(url)
      connection.write(head('GET', `${files}/large`))
      await connection.received(/\r\n\r\n./s)
      connection.socket.destroy()
      await until(() => requests().length === 1)
      const [event] = requests()
      expect(event).toMatchObject({ status: 200, aborted: true })
      expect(event?.bytesSent).toBeLessThan(20_000_000)
    }
    expect(opened.events.filter(({ type }) => type === 'failure')).toEqual([])
  })
})

describe('Expect: 100-continue', () => {
  const expecting = 'Content-Length: 5000000\r\nExpect: 100-continue\r\n'

  test('is refused before the body is sent', async () => {
    await api.put('bucket', 'f', 'old', { as: opened.adminKey })
    const cases = [
      [head('PUT', `${files}/f`, `${expecting}If-None-Match: *\r\n`), 412],
      [head('PUT', '/api/v1/buckets/no-such-bucket/files/f', expecting), 404],
      [head('PUT', `${files}/f`, expecting).replace(auth, ''), 401],
      [head('PUT', `${files}?key=%00`, expecting), 400],
      [head('PUT', `${files}/f`, `${expecting}Content-MD5: none\r\n`), 400],
      [head('PUT', '/api/nothing', expecting), 404],
      [head('POST', files, `${expecting}Content-Type: text/plain\r\n`), 415],
    ] as const
    for (const [request, status] of cases) {
      const connection = await openConnection(url)
      connection.write(request)
      const answer = await connection.received(/\r\n\r\n\{.*\}$/s)
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      expect(answer).not.toContain('100 Continue')
      connection.socket.destroy()
    }
  })

  test('is answered when the body is wanted', async () => {
    const connection = await openConnection(url)
    connection.write(head('PUT', `${files}/f`, 'Content-Length: 3\r\nExpect: 100-continue\r\n'))
    await connection.received(/^HTTP\/1.1 100 Continue\r\n\r\n$/)
    connection.write('abc')
    expect(await connection.received(/\r\n\r\n\{.*\}$/s)).toContain('HTTP/1.1 201 ')
    connection.socket.destroy()
    expect((await api.get('bucket', 'f', { as: opened.adminKey })).text).toBe('abc')
  })
})

describe('one connection', () => {
  test('never takes a refused body for the next request', async () => {
    const inner = head('DELETE', `${files}/f`)
    await api.put('bucket', 'f', 'keep', { as: opened.adminKey })
    const body = inner.repeat(500)
    const connection = await openConnection(url)
    const refused = head('PUT', `${files}/g`, `Content-Length: ${body.length}\r\n`).replace(auth, '')
    connection.write(refused + body)
    connection.write(head('GET', '/health', 'Connection: close\r\n'))
    const answers = await connection.closed()
    const statuses = [...answers.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status)
    expect(statuses).toEqual(['401', '200'])
    expect((await api.get('bucket', 'f', { as: opened.adminKey })).text).toBe('keep')
  })

  test('serves one request after the other, HEAD and 304 among them', async () => {
    const etag = (await api.put('bucket', 'f', 'body', { as: opened.adminKey })).header('etag')
    const connection = await openConnection(url)
    connection.write(head('HEAD', `${files}/f`))
    connection.write(head('GET', `${files}/f`, `If-None-Match: ${etag}\r\n`))
    connection.write(head('GET', `${files}/f`))
    await connection.received(/\r\n\r\nbody/)
    connection.write(head('DELETE', `${files}/f`))
    await connection.received(/ 204 /)
    connection.write(head('GET', `${files}/f`, 'Connection: close\r\n'))
    const answers = await connection.closed()
    expect([...answers.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status)).toEqual([
      '200',
      '304',
      '200',
      '204',
      '404',
    ])
    expect(answers.split('\r\n\r\nbody')).toHaveLength(2)
  })

  test('joins fields that were sent twice', async () => {
    const connection = await openConnection(url)
    const twice = 'X-Cutty-Meta-A: one\r\nx-cutty-meta-a: two\r\nConnection: close\r\nContent-Length: 0\r\n'
    connection.write(head('PUT', `${files}/f`, twice))
    await connection.closed()
    const info = await api.info('bucket', 'f', { as: opened.adminKey })
    expect(info.json()['metadata']).toEqual({ a: 'one, two' })
  })
})

describe('what is not quite HTTP', () => {
  test.each([
    ['text', 'hello\r\n\r\n'],
    ['two lengths', 'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a negative length', 'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'],
    ['broken chunks', 'PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
    ['a header with NUL', 'GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n'],
    ['too many headers', `GET / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(10_000)}\r\n`],
    ['a very long target', `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ])('is refused, and the server lives on: %s', async (_what, text) => {
    const connection = await openConnection(url)
    connection.write(text)
    const answer = await connection.received(/^HTTP\/1.1 \d+ /)
    expect(answer).toMatch(/^HTTP\/1.1 4\d\d /)
    connection.socket.destroy()
    const next = await openConnection(url)
    next.write(head('GET', '/health', 'Connection: close\r\n'))
    expect(await next.closed()).toContain('{"status":"ok"}')
  })

  test.each(['\xc3\xa9', '\xe9', 'a\xff', '\xc0\xaf', '\xef\xbf\xbd', '\xe2\x80\xa8', ' a', '\x7f'])(
    'a target with bytes that are not escaped is refused, and never taken for another key: %j',
    async (bytes) => {
      const connection = await openConnection(url)
      const request = head('PUT', `${files}/${bytes}`, 'Content-Length: 1\r\nConnection: close\r\n')
      connection.write(`${request}x`)
      expect(await connection.closed()).toContain('HTTP/1.1 400')
      const listed = await api.call('GET', files, { as: opened.adminKey })
      expect(listed.json()['files']).toEqual([])
    },
  )

  test.each([
    ['bytes above ASCII in the target', 'GET /é HTTP/1.1\r\nHost: x\r\n\r\n', 400, /percent-encoded/],
    ['nonsense', 'what?\r\n\r\n', 400, /no HTTP/],
    [
      'a head that is too long',
      `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(40_000)}\r\n\r\n`,
      431,
      /32768 bytes/,
    ],
  ])('%s is refused as a problem, and the connection closed', async (_what, text, status, detail) => {
    const connection = await openConnection(url)
    connection.write(text)
    const [lines = '', body = ''] = (await connection.closed()).split('\r\n\r\n')
    expect(lines).toContain(`HTTP/1.1 ${status} `)
    expect(lines).toContain('Content-Type: application/problem+json')
    expect(JSON.parse(body)).toMatchObject({
      status,
      code: 'invalid_request',
      detail: expect.stringMatching(detail),
    })
  })

  test('an absolute target is the target of its path', async () => {
    const connection = await openConnection(url)
    connection.write(head('GET', 'http://cutty.test/health'))
    await connection.received(/\{"status":"ok"\}/)
    connection.write(head('GET', `HTTP://cutty.test:80${files}?limit=1`, 'Connection: close\r\n'))
    expect(await connection.closed()).toContain('"nextCursor":null')
  })
})
