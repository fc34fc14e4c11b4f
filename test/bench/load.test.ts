import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { afterEach, describe, expect, test } from 'vitest'
import { generateBytes } from '../../bench/harness/bytes.ts'
import { readSignedRequest } from '../../src/core/sigv4/signed-request.ts'
import { createSigningKeys } from '../../src/core/sigv4/signing-keys.ts'
import { verifySignature } from '../../src/core/sigv4/verify.ts'
import type { AddressInfo } from 'node:net'
import type { RequestListener, Server } from 'node:http'
import type { LoadJob, LoadResult } from '../../bench/harness/load-job.ts'

const content = { seed: 3, sizeBytes: 1000, kind: 'random' } as const
const load = join(import.meta.dirname, '../../bench/harness/load.ts')
let server: Server | undefined

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function loadAgainst(
  listener: RequestListener,
  work: LoadJob['work'],
  ratePerSecond?: number,
): Promise<LoadResult> {
  server = createServer()
  server.on('request', listener)
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  const job: LoadJob = {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    connections: 2,
    headers: { 'x-from': 'test' },
    warmupSeconds: 0,
    seconds: 0.2,
    ...(ratePerSecond !== undefined && { ratePerSecond }),
    work,
  }
  const child = spawn(process.execPath, [load], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(job))
  return (await json(child.stdout)) as LoadResult
}

const get = { method: 'GET', files: { path: '/file-{n}', count: 2, content } } as const

/** Answers each file with its own bytes, the first of them changed where `flip` is set. */
function files(flip = 0): RequestListener {
  return (request, response) => {
    const number = Number(request.url!.slice('/file-'.length))
    const body = generateBytes({ ...content, seed: content.seed + number })
    body[0]! ^= flip
    response.end(body)
  }
}

const slow: RequestListener = (request, response) => void setTimeout(() => files()(request, response), 50)

describe('load generator', () => {
  test('counts right answers', async () => {
    const result = await loadAgainst(files(), get)
    expect(result.errors).toBe(0)
    expect(result.requests).toBeGreaterThan(10)
    expect(result.perSecond).toBeCloseTo(result.requests / 0.2)
    expect(result.latencyMs.p50).toBeLessThanOrEqual(result.latencyMs.p99)
  })

  test.each<[string, RequestListener, RegExp]>([
    ['wrong bytes', files(1), /wrong bytes/],
    [
      'a wrong status',
      (_, response) => response.writeHead(404, { 'content-length': 2 }).end('no'),
      /status 404/,
    ],
    ['a wrong length', (_, response) => response.end('short'), /length 5/],
    ['a hang-up', (_, response) => response.destroy(), /closed by the server|ECONNRESET/],
  ])('reports %s and counts no such answer', async (_, listener, sample) => {
    const result = await loadAgainst(listener, get)
    expect(result.requests).toBe(0)
    expect(result.errors).toBeGreaterThan(0)
    expect(result.errorSamples).toContainEqual(expect.stringMatching(sample))
  })

  test('an open loop keeps its rate, and counts the wait of requests that were due behind a slow one', async () => {
    // Two connections that need 50 ms for each answer give 40 per second of the 200 that are due.
    const result = await loadAgainst(slow, get, 200)
    expect(result.errors).toBe(0)
    expect(result.requestsInAll).toBeGreaterThanOrEqual(39)
    expect(result.requestsInAll).toBeLessThanOrEqual(41)
    expect(result.latencyMs.max).toBeGreaterThan(600)
  })

  test('asks for targets in the place of paths', async () => {
    const asked = new Set<string>()
    const listener: RequestListener = (request, response) => {
      asked.add(request.url!)
      request.url = request.url!.split('?')[0]!
      files()(request, response)
    }
    const targets = ['/file-0?a', '/file-1?b', '/file-0?c', '/file-1?d']
    const result = await loadAgainst(listener, { ...get, targets })
    expect(result.errors).toBe(0)
    expect([...asked].toSorted()).toEqual(targets.toSorted())
  })

  test('puts files to S3 that are all different, each signed as it is', async () => {
    const signedWith = { accessKeyId: 'AKIDTEST', secret: 'a secret' }
    const signingKeys = createSigningKeys()
    const seen = new Set<string>()
    const wrong: unknown[] = []
    const result = await loadAgainst(
      (request, response) => {
        const pieces: Buffer[] = []
        request.on('data', (piece: Buffer) => pieces.push(piece))
        request.on('end', () => {
          const sha256 = createHash('sha256').update(Buffer.concat(pieces)).digest('hex')
          const signed = readSignedRequest(
            {
              method: 'PUT',
              path: request.url!,
              query: '',
              header: (name) => request.headers[name],
              headers: () => Object.entries(request.headers),
            },
            { api: 's3' },
          )!
          seen.add(`${request.url} ${sha256}`)
          try {
            const hosts = [request.headers.host!]
            verifySignature(signed, { secret: signedWith.secret, signingKeys, hosts, nowMs: Date.now() })
            expect(signed.payload).toEqual({ kind: 'hash', sha256 })
          } catch (error) {
            wrong.push(error)
          }
          response.writeHead(200, { 'content-length': 0 }).end()
        })
      },
      { method: 'PUT', path: '/bench/put-{n}', firstNumber: 5, content, signedWith },
    )
    expect(wrong).toEqual([])
    expect(result.errors).toBe(0)
    expect(seen.size).toBe(result.requestsInAll)
    expect(result.nextNumber).toBe(5 + seen.size)
  })

  test('puts numbered files, no two alike', async () => {
    const seen = new Map<string, string>()
    const result = await loadAgainst(
      (request, response) => {
        const pieces: Buffer[] = []
        request.on('data', (piece: Buffer) => pieces.push(piece))
        request.on('end', () => {
          seen.set(request.url!, Buffer.concat(pieces).toString('latin1'))
          response.writeHead(201, { 'content-length': 2 }).end('{}')
        })
      },
      { method: 'PUT', path: '/put-{n}', firstNumber: 5, content },
    )
    expect(result.errors).toBe(0)
    expect(seen.size).toBe(result.requestsInAll)
    expect(result.nextNumber).toBe(5 + seen.size)
    for (const [path, body] of seen) {
      expect(body.length).toBe(content.sizeBytes)
      expect(path).toBe(`/put-${body.slice(0, 10)}`)
    }
  })
})
