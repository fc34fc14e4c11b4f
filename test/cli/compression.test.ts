import { once } from 'node:events'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { generateBytes } from './bytes.ts'
import { runCutty, spawnCutty, startCutty, startListener, type TestServer } from './cutty.ts'

let server: TestServer
let folder: string
const options = () => ({ env: server.env, cwd: folder })
const run = (...args: string[]) => runCutty(args, options())
const text = (lines: number) =>
  Array.from({ length: lines }, (_, i) => `2026-11-21T10:${i % 60} GET /files/${i * 7919} 200\n`).join('')

interface File {
  readonly codec: string
  readonly storedBytes: number
  readonly compression: { reason: string; level: number }
}

const infoOf = async (bucket: string, key: string) =>
  (await (await server.fetch(`/api/v1/buckets/${bucket}/files/${key}?info`)).json()) as File

beforeAll(async () => {
  server = await startCutty()
  for (const bucket of ['logs', 'other', 'mine']) await server.run(['buckets', 'create', bucket])
})
afterAll(() => server.stop())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutty-cli-compression-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('what an upload is stored as', () => {
  test.each([
    ['off', { codec: 'identity', compression: { reason: 'off' } }],
    ['gzip', { codec: 'gzip', compression: { level: 6 } }],
    ['zstd;level=9', { codec: 'zstd', compression: { level: 9 } }],
    ['auto', { codec: 'brotli', compression: { reason: 'compressed' } }],
  ])('--compression %s', async (coding, expected) => {
    writeFileSync(join(folder, 'a.txt'), text(500))
    expect(await run('files', 'put', 'a.txt', 'mine/a.txt', '--compression', coding)).toMatchObject({
      code: 0,
    })
    expect(await infoOf('mine', 'a.txt')).toMatchObject(expected)
  })

  test('a coding that is none is told from one the server does not have', async () => {
    writeFileSync(join(folder, 'a.txt'), 'x')
    const odd = await run('files', 'put', 'a.txt', 'mine/a.txt', '--compression', 'zstd level 9')
    expect(odd).toMatchObject({ code: 2 })
    expect(odd.stderr).toContain('zstd;level=9')
    const unknown = await run('files', 'put', 'a.txt', 'mine/a.txt', '--compression', 'lzma')
    expect(unknown).toMatchObject({ code: 1 })
    expect(unknown.stderr).toContain('invalid_request')
  })

  test('a bucket’s policy, from its beginning or later, and back to the default', async () => {
    const create = ['buckets', 'create', 'policy', '--compression', 'zstd;level=5']
    const [made] = await server.json<{ compression: object }>(create)
    expect(made?.compression).toMatchObject({ mode: 'zstd', level: 5 })
    const change = ['buckets', 'change', 'policy', '--compression', 'off']
    const [off] = await server.json(change)
    expect(off).toMatchObject({ compression: { mode: 'off' }, visibility: 'private' })
    const types = ['--no-compression-for', 'image/tiff, model/*', '--visibility', 'public']
    const [denied] = await server.json(['buckets', 'change', 'policy', ...types])
    expect(denied).toMatchObject({
      visibility: 'public',
      compression: {
        mode: 'auto',
        denyTypes: ['image/tiff', 'model/*'],
      },
    })
    const [back] = await server.json<object>(['buckets', 'change', 'policy', '--default-compression'])
    expect(back).toMatchObject({ visibility: 'public', compression: { mode: 'auto', denyTypes: [] } })
    expect(await run('buckets', 'change', 'policy')).toMatchObject({ code: 2 })
    const both = ['--default-compression', '--compression', 'off']
    expect(await run('buckets', 'change', 'policy', ...both)).toMatchObject({ code: 2 })
  })
})

describe('compress and what it says beforehand', () => {
  beforeAll(async () => {
    await server.store('logs', 'a.log', text(2000))
    await server.store('logs', 'b/c.log', text(3000))
    await server.store('other', 'x.txt', text(100))
  })

  test('--dry-run estimates, and changes nothing', async () => {
    const before = await infoOf('logs', 'a.log')
    const ran = await run('compress', '--dry-run', 'logs')
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    const shown = ran.stdout.toString()
    expect(shown).toContain('Estimates')
    expect(shown).toMatch(/^ *2 +2 .* brotli-11 +- +text\/plain$/m)
    expect(shown).toMatch(/^2 files: .* now, .* after `compress`; saves .* %\)\.$/m)
    expect(shown).toContain('At 0.015 USD per GB and month: saves ')
    expect(shown).toContain('Recommended for logs: {"mode":"auto"}')
    expect(await infoOf('logs', 'a.log')).toEqual(before)
  })

  test('--json is the result of the job, of a prefix, at prices of one’s own', async () => {
    const prices = ['--storage-price', '23', '--write-price', '5', '--read-price', '0']
    const args = ['compress', '--dry-run', 'logs/b/', ...prices]
    const [report] = await server.json<{ job: string; totals: object; money: object }>(args)
    expect(report).toMatchObject({
      totals: { files: 1, logicalBytes: text(3000).length },
      byType: [{ mediaType: 'text/plain', measuredFiles: 1 }],
      money: {
        storageUsdPerGbMonth: 23,
        classAUsdPerMillion: 5,
        classBUsdPerMillion: 0,
        operationsUsd: 5e-6,
      },
    })
    const [job] = await server.json<{ result: object }>(['jobs', report?.job as string])
    expect(job).toMatchObject({ kind: 'compression_report', state: 'done' })
    expect({ job: report?.job, ...job?.result }).toEqual(report)
  })

  test('of nothing says so', async () => {
    const ran = await run('compress', '--dry-run', 'logs/none/')
    expect(ran.stdout.toString()).toBe('There are no files here.\n')
  })

  test('compress does it, recompress is the same, and readers see no difference', async () => {
    const before = await infoOf('logs', 'a.log')
    const ran = await run('compress', 'logs', '--rate', '20MiB')
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(ran.stdout.toString()).toMatch(/^Looked at 2 files, stored 2 again: .* saved/)
    const after = await infoOf('logs', 'a.log')
    expect(after.storedBytes).toBeLessThan(before.storedBytes)
    expect(await (await server.fetch('/api/v1/buckets/logs/files/a.log')).text()).toBe(text(2000))
    const [again] = await server.json(['recompress', 'logs'])
    expect(again).toMatchObject({ recompressed: { blobs: 0 }, skipped: { strong: 2 }, damagedCount: 0 })
  })

  test('--detach prints the id, which `jobs` knows', async () => {
    const ran = await run('recompress', 'other', '--detach')
    const id = ran.stdout.toString().trim()
    expect(id).toMatch(/^\w{26}$/)
    const [job] = await server.json<{ id: string; kind: string }>(['jobs', id])
    expect(job).toMatchObject({ id, kind: 'recompress', params: { bucket: 'other' } })
    const list = await server.json<{ id: string }>(['jobs'])
    expect(list[0]?.id).toBe(id)
    const shown = (await run('jobs')).stdout.toString()
    expect(shown).toMatch(/^ID +KIND +STATE +DONE +CREATED +WHERE$/m)
    expect(shown).toMatch(new RegExp(`^${id} +recompress .* other$`, 'm'))
    expect((await run('jobs', id)).stdout.toString()).toMatch(/^kind +recompress$/m)
  })

  test('a job that is over, or was never there, cannot be cancelled', async () => {
    const [done] = await server.json<{ job: string }>(['recompress', 'other'])
    const over = await run('jobs', 'cancel', done?.job as string)
    expect(over).toMatchObject({ code: 1 })
    expect(over.stderr).toContain('(conflict,')
    expect((await run('jobs', 'cancel', 'no/such')).stderr).toContain('(job_not_found,')
    expect((await run('jobs', 'cancel')).code).toBe(2)
  })

  test.each([
    [['compress', '--storage-price', '1'], 'Prices go with --dry-run'],
    [['compress', '--dry-run', '--storage-price', 'free'], 'must be an amount'],
    [['compress', '--rate', 'fast'], 'must be a number of bytes'],
    [['recompress', '--rate', '0'], 'must be a number of bytes'],
    [['compress', '/x'], 'names no bucket'],
  ])('%j is not understood', async (args, message) => {
    const ran = await run(...args)
    expect(ran).toMatchObject({ code: 2 })
    expect(ran.stderr).toContain(message)
  })

  test('a bucket that is not there, and a rate below what the server takes, are the server’s to refuse', async () => {
    expect((await run('compress', 'nowhere')).stderr).toContain('(bucket_not_found,')
    expect((await run('compress', '--rate', '1')).stderr).toContain('(invalid_request,')
  })
})

describe('Ctrl-C and failures', () => {
  /** A server whose job goes on until it is cancelled. */
  const startJobServer = async (finish: (cancelled: boolean) => object) => {
    let cancelled = false
    const asked: string[] = []
    const listener = await startListener((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      if (request.url === '/api/v1/jobs/one/cancel') cancelled = true
      const job = {
        id: 'one',
        kind: 'recompress',
        state: 'running',
        cancelRequested: cancelled,
        params: {},
        progress: {
          files: 0,
          bytes: 0,
          filesTotal: 1,
          bytesTotal: 1,
        },
        result: null,
        error: null,
        createdAt: '',
        startedAt: null,
        finishedAt: null,
        ...finish(cancelled),
      }
      request.resume().on('end', () => {
        response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(job))
      })
    })
    return { ...listener, asked }
  }

  test('Ctrl-C asks the server to cancel the job', async () => {
    const jobs = await startJobServer((cancelled) => (cancelled ? { state: 'cancelled' } : {}))
    const child = spawnCutty(['recompress'], { env: { CUTTY_URL: jobs.url }, cwd: folder })
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.stdin.end()
    // It waits as soon as it has asked once.
    await expect.poll(() => jobs.asked.length, { timeout: 20_000 }).toBeGreaterThan(1)
    child.kill('SIGINT')
    const [code] = (await once(child, 'close')) as [number]
    await jobs.stop()
    expect(code).toBe(1)
    expect(stderr).toContain('The job was cancelled (one).')
    expect(jobs.asked.filter((line) => line.endsWith('/cancel'))).toEqual(['POST /api/v1/jobs/one/cancel'])
  })

  test('a job that fails ends the command with its reason', async () => {
    const error = { code: 'storage_full', detail: 'There is no room left.' }
    const jobs = await startJobServer(() => ({ state: 'failed', error }))
    const ran = await runCutty(['compress'], { env: { CUTTY_URL: jobs.url }, cwd: folder })
    await jobs.stop()
    expect(ran).toMatchObject({ code: 1, stderr: 'cutty: There is no room left. (storage_full, job one)\n' })
  })

  test('damage that a scrub finds is named, and is a failure', async () => {
    const files = [{ bucket: 'b', key: 'evil\u001b[2J' }]
    const damaged = [{ blobId: 'blob', what: 'is not in the store', files }]
    const result = { blobs: 3, bytes: 2048, damaged, damagedCount: 1, healed: 1 }
    const jobs = await startJobServer(() => ({ state: 'done', result }))
    const ran = await runCutty(['scrub'], { env: { CUTTY_URL: jobs.url }, cwd: folder })
    await jobs.stop()
    expect(ran.code).toBe(1)
    expect(ran.stdout.toString()).toContain('Read 3 blobs, 2.0 KiB: 1 damaged.\n')
    expect(ran.stdout.toString()).toContain('blob is not in the store\n  b/evil\\u001b[2J\n')
    expect(ran.stderr).toContain('Restore it from a backup')
  })
})

describe('scrub, stats, analyze', () => {
  test('a scrub of a sound store finds nothing', async () => {
    const ran = await run('scrub')
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(ran.stdout.toString()).toMatch(/^Read \d+ blobs, .*: 0 damaged\.$/m)
  })

  test('stats show what a bucket takes', async () => {
    await server.json(['buckets', 'create', 'counted'])
    await server.store('counted', 'x.txt', text(400))
    const [stats] = await server.json<{ totals: object }>(['stats', 'counted'])
    expect(stats).toMatchObject({
      totals: { files: 1, logicalBytes: text(400).length },
      byBucket: [{ bucket: 'counted' }],
      byMediaType: [{ mediaType: 'text/plain', files: 1 }],
    })
    const shown = (await run('stats')).stdout.toString()
    expect(shown).toMatch(/^FILES +SIZE +STORED +SAVED +OF SIZE +BUCKET$/m)
    expect(shown).toMatch(/ counted$/m)
    expect((await run('stats', 'nowhere')).stderr).toContain('(bucket_not_found,')
  })

  test('analyze measures a local file and stores nothing', async () => {
    writeFileSync(join(folder, 'ä b.log'), text(1000))
    const ran = await run('analyze', 'ä b.log')
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    const shown = ran.stdout.toString()
    expect(shown).toMatch(/of text\/plain\. An upload would be stored with brotli-5, saves [\d.]+ %\.$/m)
    expect(shown).toMatch(/zstd-19 \(strong\)$/m)
    const off = ['analyze', 'ä b.log', '--type', 'image/png']
    expect((await run(...off)).stdout.toString()).toContain('stored as it is: type.')
  })

  test('of a file that is longer than a sample, pieces are sent, its last byte among them', async () => {
    const path = join(folder, 'long.bin')
    writeFileSync(path, generateBytes(1024))
    truncateSync(path, 40 * 1024 ** 2)
    const [analysis] = await server.json(['analyze', path])
    expect(analysis).toMatchObject({ sizeBytes: 16 * 1024 ** 2, verdict: { codec: 'zstd' } })
    expect((await run('analyze', path)).stdout.toString()).toContain('A sample of 16.0 MiB out of 40.0 MiB:')
  })

  test('an empty file, a folder, and one that is not there', async () => {
    writeFileSync(join(folder, 'empty'), '')
    expect((await run('analyze', 'empty')).stdout.toString()).toContain('stored as it is: small.')
    expect(await run('analyze', '.')).toMatchObject({ code: 1, stderr: 'cutty: . is not a file.\n' })
    expect((await run('analyze', 'gone')).stderr).toContain('ENOENT')
  })
})
