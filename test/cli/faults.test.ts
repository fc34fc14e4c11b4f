import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { generateBytes } from './bytes.ts'
import { runCutty, spawnCutty, startListener } from './cutty.ts'

let folder: string
let stop: () => Promise<void>
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutty-cli-faults-'))
  writeFileSync(join(folder, 'old'), 'what was there')
})
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true })
  await stop()
})

async function listen(listener: RequestListener): Promise<{ env: Record<string, string>; cwd: string }> {
  const started = await startListener(listener)
  stop = () => started.stop()
  return { env: { CUTTY_URL: started.url }, cwd: folder }
}

const content = generateBytes(300_000)
const sha256 = createHash('sha256').update(content).digest('hex')
const headers = { ETag: `"sha256-${sha256}"`, 'Content-Length': content.length, 'Content-Type': 'a/b' }

/** The download failed, and nobody can see that there was one. */
function expectUntouched(): void {
  expect(readdirSync(folder)).toEqual(['old'])
  expect(readFileSync(join(folder, 'old'), 'utf8')).toBe('what was there')
}

describe('a download that goes wrong leaves what was there, and nothing else', () => {
  test('one bit is another (R25)', async () => {
    const damaged = Buffer.from(content)
    damaged[200_000]! ^= 1
    const options = await listen((_, response) => response.writeHead(200, headers).end(damaged))
    const { code, stderr } = await runCutty(['files', 'get', 'b/k', 'old'], options)
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'cutty: The content is damaged: its SHA-256 is not that of the file.\n',
    })
    expectUntouched()
  })

  test('the connection ends early (R25)', async () => {
    const options = await listen((_, response) => {
      response.writeHead(200, headers).write(content.subarray(0, 100_000), () => response.destroy())
    })
    const { code, stderr } = await runCutty(['files', 'get', 'b/k', 'old'], options)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^cutty: The connection ended after \d+ of 300000 bytes\.\n$/)
    expectUntouched()
  })

  test('a body without a declared length ends early', async () => {
    const options = await listen((_, response) => {
      response.writeHead(200, { ETag: headers.ETag }).end(content.subarray(0, 100_000))
    })
    expect(await runCutty(['files', 'get', 'b/k', 'old'], options)).toMatchObject({ code: 1 })
    expectUntouched()
  })

  test('an ETag of another kind: the description tells the SHA-256', async () => {
    let sha = sha256
    let etag = '"an-etag"'
    const options = await listen(({ url }, response) => {
      if (!url?.endsWith('?info')) response.writeHead(200, { ETag: '"an-etag"' }).end(content)
      else
        response
          .writeHead(200, { 'Content-Type': 'application/json' })
          .end(JSON.stringify({ etag, sha256: sha }))
    })
    const get = () => runCutty(['files', 'get', 'b/k', 'old'], options)
    etag = '"a-later-etag"'
    expect(await get()).toMatchObject({ code: 1, stderr: expect.stringContaining('was replaced') as string })
    etag = '"an-etag"'
    sha = '0'.repeat(64)
    expect(await get()).toMatchObject({ code: 1, stderr: expect.stringContaining('damaged') as string })
    expectUntouched()
    sha = sha256
    expect(await get()).toMatchObject({ code: 0 })
    expect(readFileSync(join(folder, 'old')).equals(content)).toBe(true)
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s in the midst', async (signal) => {
    let half: (() => void) | undefined
    const options = await listen((_, response) => {
      response.writeHead(200, headers)
      response.write(content.subarray(0, 150_000), () => half?.())
    })
    const halfSent = new Promise<void>((resolve) => (half = resolve))
    const child = spawnCutty(['files', 'get', 'b/k', 'old'], options)
    await halfSent
    // The partial file is there before the request is made.
    expect(readdirSync(folder)).toHaveLength(2)
    child.kill(signal)
    const [code, endedBy] = (await once(child, 'close')) as [number | null, string | null]
    expect({ code, endedBy }).toEqual({ code: null, endedBy: signal })
    expectUntouched()
  })
})

describe('an upload that goes wrong', () => {
  test('what the server stored is not what was sent', async () => {
    const options = await listen((request, response) => {
      request.resume().on('end', () => {
        const file = { bucket: 'b', key: 'k', sizeBytes: 14, sha256: '0'.repeat(64), contentType: 'a/b' }
        response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify(file))
      })
    })
    const { code, stderr } = await runCutty(['files', 'put', 'old', 'b/k'], options)
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SHA-256 differs') as string,
    })
  })

  test('the server hangs up in the midst', async () => {
    writeFileSync(join(folder, 'old'), generateBytes(8 * 1024 ** 2))
    const options = await listen((request) => void request.once('data', () => request.socket.destroy()))
    const { code, stderr } = await runCutty(['files', 'put', 'old', 'b/k'], options)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^cutty: Cannot reach http:\S+ .*\n$/)
  })

  test('a long body waits for the server’s consent, and is not sent when it is refused', async () => {
    writeFileSync(join(folder, 'old'), generateBytes(8 * 1024 ** 2))
    let received = 0
    const server = createServer()
    server.on('connection', (socket) => socket.on('data', (chunk: Buffer) => (received += chunk.length)))
    server.on('checkContinue', (_, response: import('node:http').ServerResponse) => {
      const problem = { detail: 'Not today.', code: 'storage_full', requestId: 'r1' }
      response.writeHead(507, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify(problem))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    stop = () => new Promise((resolve) => server.close(() => resolve()))
    const env = { CUTTY_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
    const outcome = await runCutty(['files', 'put', 'old', 'b/k'], { env, cwd: folder })
    expect(outcome).toMatchObject({ code: 1, stderr: 'cutty: Not today. (storage_full, request r1)\n' })
    expect(received).toBeLessThan(2000)
  })
})
