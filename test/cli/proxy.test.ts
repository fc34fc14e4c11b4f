import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, test } from 'vitest'
import { startReverseProxy } from '../../src/cli/reverse-proxy.ts'
import { runCutty, spawnCutty } from './cutty.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

type RequestListener = (incoming: IncomingMessage, outgoing: ServerResponse) => unknown

async function startOrigin(listener: RequestListener): Promise<URL> {
  const server = createServer((incoming, outgoing) => void listener(incoming, outgoing)).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  ends.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

async function startProxy(
  listener: RequestListener,
  options: { timeoutMs?: number; cacheBytes?: number } = {},
) {
  const origin = await startOrigin(listener)
  const fixed = { host: '127.0.0.1', port: 0, cacheBytes: 8 * 1024 ** 2, timeoutMs: 5000 }
  const proxy = await startReverseProxy({ origin, ...fixed, ...options })
  ends.push(() => proxy.stop())
  return { origin, url: proxy.url }
}

/** As it goes over the wire: `fetch` would change targets and join fields. */
async function ask(
  url: string,
  target: string,
  options: { method?: string; headers?: string[]; body?: string } = {},
) {
  const { method = 'GET', headers = [], body } = options
  const request = httpRequest(url, {
    method,
    path: target,
    headers: ['Host', 'front.test', 'Connection', 'close', ...headers],
  })
  // Bytes: before a text Node would write the fields in UTF-8 too.
  request.end(body === undefined ? undefined : Buffer.from(body))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return {
    status: response.statusCode,
    headers: response.headers,
    raw: response.rawHeaders,
    text: await text(response),
  }
}

describe('the caching proxy', () => {
  test('passes methods, fields and bodies through, both ways', async () => {
    const { origin, url } = await startProxy(async (incoming, outgoing) => {
      const body = await text(incoming)
      outgoing.writeHead(201, 'Made', [
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2; Path=/',
        'X-Method',
        incoming.method ?? '',
      ])
      outgoing.end(
        incoming.method === 'HEAD'
          ? undefined
          : JSON.stringify({ body, target: incoming.url, headers: incoming.headers }),
      )
    })
    for (const method of [
      'GET',
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'PROPFIND',
      'M-SEARCH',
      'TRACE',
      'HEAD',
    ]) {
      const hasBody = ['POST', 'PUT', 'PATCH', 'PROPFIND'].includes(method)
      const sent = {
        method,
        headers: ['X-Own', 'ü', ...(hasBody ? ['Content-Length', '3'] : [])],
        ...(hasBody && { body: 'abc' }),
      }
      const got = await ask(url, '/a?b=c', sent)
      expect([got.status, got.headers['x-method'], got.headers['set-cookie']]).toEqual([
        201,
        method,
        ['a=1', 'b=2; Path=/'],
      ])
      if (method === 'HEAD') continue
      const seen = JSON.parse(got.text) as { body: string; target: string; headers: Record<string, string> }
      expect(seen).toMatchObject({ body: hasBody ? 'abc' : '', target: '/a?b=c' })
      expect(seen.headers).toMatchObject({
        host: origin.host,
        via: '1.1 cutty',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-host': 'front.test',
        'x-forwarded-proto': 'http',
        'x-own': 'ü',
      })
    }
  })

  test('answers from memory, with Age and Cache-Status', async () => {
    let count = 0
    const { url } = await startProxy((_, outgoing) => {
      outgoing.writeHead(200, { 'Cache-Control': 'max-age=60', 'Content-Encoding': 'x' }).end(String(++count))
    })
    expect(await ask(url, '/')).toMatchObject({ text: '1' })
    const hit = await ask(url, '/')
    expect(hit).toMatchObject({
      text: '1',
      headers: { age: expect.stringMatching(/^[01]$/), 'content-encoding': 'x', 'content-length': '1' },
    })
    expect(hit.headers['cache-status']).toMatch(/^cutty; hit; ttl=(59|60)$/)
  })

  test('R33: a HEAD that finds something stale has it refreshed by a GET', async () => {
    const methods: string[] = []
    const { url } = await startProxy((incoming, outgoing) => {
      methods.push(incoming.method ?? '')
      const directives = `max-age=${methods.length === 1 ? 0 : 60}, stale-while-revalidate=60`
      outgoing.writeHead(200, { 'Cache-Control': directives, ETag: `"${methods.length}"` }).end('body')
    })
    await ask(url, '/')
    const head = await ask(url, '/', { method: 'HEAD' })
    expect([head.status, head.headers.etag]).toEqual([200, '"1"'])
    await expect.poll(() => ask(url, '/').then((got) => got.headers['etag'])).toBe('"2"')
    expect(methods).toEqual(['GET', 'GET'])
  })

  test('interim responses are passed on (RFC 9110 §15.2)', async () => {
    const { url } = await startProxy((_, outgoing) => {
      outgoing.writeProcessing()
      outgoing.writeEarlyHints({ link: '</a.css>; rel=preload', 'x-hint': '1' })
      outgoing.end('a')
    })
    const seen: unknown[] = []
    const request = httpRequest(url)
    request.on('information', ({ statusCode, headers }) =>
      seen.push([statusCode, headers['link'], headers['x-hint']]),
    )
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect(await text(response)).toBe('a')
    expect(seen).toEqual([
      [102, undefined, undefined],
      [103, '</a.css>; rel=preload', '1'],
    ])
  })

  test('a target that a URL would fold is the origin’s own, and no key', async () => {
    const { url } = await startProxy((incoming, outgoing) => {
      outgoing.writeHead(200, { 'Cache-Control': 'max-age=60' }).end(incoming.url)
    })
    for (const target of ['/b', '/a/../b', '/a/%2e%2e/b', '//b', '/b?']) {
      expect(await ask(url, target)).toMatchObject({ status: 200, text: target })
    }
    expect(await ask(url, 'http://front.test/b')).toMatchObject({ text: '/b' })
  })

  test('R25: an origin that breaks off breaks off for the client too, and nothing is kept', async () => {
    let broken = true
    const { url } = await startProxy((_, outgoing) => {
      outgoing.writeHead(200, { 'Cache-Control': 'max-age=60', 'Content-Length': '6' })
      if (!broken) return outgoing.end('abcdef')
      outgoing.write('abc', () => outgoing.destroy())
    })
    await expect(ask(url, '/')).rejects.toThrow()
    broken = false
    expect(await ask(url, '/')).toMatchObject({ status: 200, text: 'abcdef' })
  })

  test('502 and 504 are problem details (RFC 9457)', async () => {
    const slow = await startProxy(() => {}, { timeoutMs: 50 })
    expect(await ask(slow.url, '/')).toMatchObject({
      status: 504,
      headers: { 'content-type': 'application/problem+json' },
    })
    const gone = await startProxy((incoming) => incoming.socket.destroy())
    const refused = await ask(gone.url, '/')
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([502, { status: 502 }])
  })

  test('a client that hangs up does not spoil what is kept', async () => {
    let count = 0
    const gate = Promise.withResolvers<void>()
    const { url } = await startProxy((_, outgoing) => {
      count++
      outgoing.writeHead(200, { 'Cache-Control': 'max-age=60', 'Content-Length': '6' })
      outgoing.write('abc')
      void gate.promise.then(() => outgoing.end('def'))
    })
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(socket, 'data')
    socket.destroy()
    await once(socket, 'close')
    gate.resolve()
    expect(await ask(url, '/')).toMatchObject({ text: 'abcdef' })
    expect(count).toBe(1)
  })

  test('as a command: prints its address, and Ctrl-C ends it', async () => {
    const origin = await startOrigin((_, outgoing) => outgoing.end('behind'))
    const child = spawnCutty(['proxy', '--origin', origin.origin, '--port', '0'])
    ends.push(() => child.kill('SIGKILL'))
    const url = await firstAddress(child)
    expect(await ask(url, '/')).toMatchObject({ status: 200, text: 'behind' })
    child.kill('SIGINT')
    expect(((await once(child, 'close')) as [number])[0]).toBe(0)
    expect(await runCutty(['proxy', '--origin', 'ftp://a'])).toMatchObject({ code: 2 })
  })
})

test('the guide’s example is under twenty lines, and works', async () => {
  const root = join(import.meta.dirname, '../..')
  const guide = readFileSync(join(root, 'docs/guides/http-cache.md'), 'utf8')
  const [, code = ''] = /^```ts test\n([^]*?)^```$/m.exec(guide) ?? []
  expect(code.trimEnd().split('\n').length).toBeLessThan(20)

  let count = 0
  const origin = await startOrigin((_, outgoing) => {
    outgoing.writeHead(200, { 'Cache-Control': 'max-age=60' }).end(String(++count))
  })
  const listening = createServer().listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address() as AddressInfo
  listening.close()
  await once(listening, 'close')
  // Where there is a script, its name is the second argument.
  const args = ['--input-type=module', '-e', code, '--', 'example', origin.href, String(port)]
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
  ends.push(() => child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  await expect.poll(() => ask(url, '/').then((got) => got.text, String)).toBe('1')
  expect((await ask(url, '/')).headers['cache-status']).toContain('cutty; hit')
  expect(count).toBe(1)
})

async function firstAddress(child: ChildProcess): Promise<string> {
  for await (const chunk of child.stdout!) {
    const found = /http:\/\/\S+/.exec(String(chunk))
    if (found) return found[0]
  }
  throw new Error('It has printed no address')
}
