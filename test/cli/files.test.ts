import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  statSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { generateBytes } from './bytes.ts'
import { runCutty, spawnCutty, startCutty, type TestServer } from './cutty.ts'

let server: TestServer
let folder: string
const options = () => ({ env: server.env, cwd: folder })
const run = (...args: string[]) => runCutty(args, options())

beforeAll(async () => {
  server = await startCutty()
  for (const bucket of ['files', 'odd', 'many']) await server.run(['buckets', 'create', bucket])
  await server.run(['buckets', 'create', 'open', '--public'])
})
afterAll(() => server.stop())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutty-cli-files-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('put and get', () => {
  test.each([0, 1, 16 * 1024, 16 * 1024 + 1, 1024 ** 2, 5 * 1024 ** 2 + 3])(
    '%d bytes come back as they were',
    async (sizeBytes) => {
      const bytes = generateBytes(sizeBytes)
      writeFileSync(join(folder, 'in.bin'), bytes)
      expect(await run('files', 'put', 'in.bin', 'files/sized')).toMatchObject({ code: 0 })
      expect(await run('files', 'get', 'files/sized', 'out.bin')).toMatchObject({ code: 0, stderr: '' })
      expect(readFileSync(join(folder, 'out.bin')).equals(bytes)).toBe(true)
      expect((await run('files', 'get', 'files/sized', '-')).stdout.equals(bytes)).toBe(true)
      expect(readdirSync(folder).toSorted()).toEqual(['in.bin', 'out.bin'])
    },
  )

  test('a pipe of unknown length goes in', async () => {
    const input = generateBytes(3 * 1024 ** 2)
    const put = await runCutty(['files', 'put', '-', 'files/piped'], { ...options(), input })
    expect(put).toMatchObject({ code: 0, stderr: '' })
    expect((await run('files', 'get', 'files/piped', '-')).stdout.equals(input)).toBe(true)
  })

  test('an empty pipe makes an empty file', async () => {
    await runCutty(['files', 'put', '-', 'files/nothing'], { ...options(), input: '' })
    const [file] = await server.json<{ sizeBytes: number }>(['files', 'list', 'files/nothing'])
    expect(file).toMatchObject({ sizeBytes: 0 })
  })

  test('type and cache-control are kept; a type left out is found', async () => {
    writeFileSync(join(folder, 'a.json'), '{}')
    await run('files', 'put', 'a.json', 'files/a.json', '--cache-control', 'max-age=5')
    const first = await server.fetch('/api/v1/buckets/files/files/a.json')
    expect(first.headers.get('content-type')).toBe('application/json')
    expect(first.headers.get('cache-control')).toContain('max-age=5')
    await run('files', 'put', 'a.json', 'files/a.json', '--type', 'text/x-own')
    const second = await server.fetch('/api/v1/buckets/files/files/a.json')
    expect(second.headers.get('content-type')).toBe('text/x-own')
  })

  test('a place that ends with a slash, or is a bucket, takes the local name', async () => {
    mkdirSync(join(folder, 'sub'))
    writeFileSync(join(folder, 'sub', 'photo 1.jpg'), 'x')
    const local = join('sub', 'photo 1.jpg')
    expect((await run('files', 'put', local, 'files/named/')).stdout.toString()).toContain(
      'files/named/photo 1.jpg',
    )
    expect((await run('files', 'put', local, 'files')).stdout.toString()).toContain('files/photo 1.jpg')
    await run('files', 'get', 'files/named/photo 1.jpg', '.')
    await run('files', 'get', 'files/named/photo 1.jpg')
    expect(readdirSync(folder)).toEqual(['photo 1.jpg', 'sub'])
  })

  test('--create-only leaves what is there', async () => {
    writeFileSync(join(folder, 'long'), generateBytes(4 * 1024 ** 2))
    await server.store('files', 'taken', 'first')
    const { code, stderr } = await run('files', 'put', 'long', 'files/taken', '--create-only')
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('precondition_failed') as string,
    })
    expect((await run('files', 'get', 'files/taken', '-')).stdout.toString()).toBe('first')
  })

  test('refusals name what is wrong, and leave nothing behind', async () => {
    writeFileSync(join(folder, 'a'), 'a')
    const cases: [string[], string][] = [
      [['put', 'a', 'no-such-bucket/a'], 'bucket_not_found'],
      [['put', 'absent', 'files/a'], 'ENOENT'],
      [['put', '.', 'files/a'], 'is a folder'],
      [['get', 'files/absent', 'b'], 'file_not_found'],
      [['get', 'no-such-bucket/a', 'b'], 'bucket_not_found'],
      [['get', 'files/taken', 'absent/b'], 'ENOENT'],
    ]
    for (const [args, message] of cases) {
      const { code, stderr } = await run('files', ...args)
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(message) as string })
      expect(stderr).not.toContain(' at ')
    }
    expect(readdirSync(folder)).toEqual(['a'])
  })

  test('of a public bucket a file can be had without credentials', async () => {
    await server.store('open', 'a', 'for all')
    const { stdout } = await runCutty(['files', 'get', 'open/a', '-'], { env: { CUTTY_URL: server.url } })
    expect(stdout.toString()).toBe('for all')
  })

  test('get replaces the file that a link leads to, and writes to a pipe as it is', async () => {
    await server.store('files', 'new', 'new')
    writeFileSync(join(folder, 'real'), 'old')
    symlinkSync('real', join(folder, 'link'))
    await run('files', 'get', 'files/new', 'link')
    expect(readFileSync(join(folder, 'real'), 'utf8')).toBe('new')
    const pipe = join(folder, 'pipe')
    spawnSync('mkfifo', [pipe])
    const [{ code }, read] = await Promise.all([
      run('files', 'get', 'files/new', 'pipe'),
      readFile(pipe, 'utf8'),
    ])
    expect({ code, read }).toEqual({ code: 0, read: 'new' })
    expect(statSync(pipe).isFIFO()).toBe(true)
  })

  test('get --json tells what was written, where', async () => {
    await server.store('files', 'told', 'told')
    const [told] = await server.json(['files', 'get', 'files/told', join(folder, 't')])
    expect(told).toMatchObject({ bucket: 'files', key: 'told', path: join(folder, 't'), sizeBytes: 4 })
  })

  test('a file that gets shorter while it is sent is not stored', async () => {
    const local = join(folder, 'shrinking')
    writeFileSync(local, generateBytes(64 * 1024 ** 2))
    const sending = run('files', 'put', 'shrinking', 'files/shrinking')
    // It may win the race; then the file was whole. Either way nothing short is stored.
    truncateSync(local, 1024 ** 2)
    const { code } = await sending
    const [stored] = await server.json<{ sizeBytes: number }>(['files', 'list', 'files/shrinking'])
    expect([undefined, 64 * 1024 ** 2, 1024 ** 2]).toContain(stored?.sizeBytes)
    expect(code === 0).toBe(stored !== undefined)
  })
})

/** Some at a time: each is a process. */
async function inGroups<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += 6) {
    await Promise.all(items.slice(start, start + 6).map(work))
  }
}

describe('keys of any character', () => {
  const keys = [
    'a b+c%20d.txt',
    'ünï/日本語/🎉.txt',
    '../escape',
    'a/../b',
    './.',
    '..',
    'a//b',
    '/leading',
    'trailing/',
    'question?mark#hash&and=equals',
    'back\\slash',
    'new\nline\tand\u001b[31mred',
    '%2e%2e/%2F',
    'quote\'"quote',
    '--option',
    'é-composed é-decomposed',
    'x'.repeat(1024),
  ]

  test('go in, are listed, come out and go, exactly', async () => {
    await inGroups(keys, async (key) => {
      // A key that ends with a slash cannot be put by that name: it means a folder.
      if (key.endsWith('/')) await server.store('odd', key, key)
      else {
        const put = await runCutty(['files', 'put', '-', `odd/${key}`], { ...options(), input: key })
        expect({ key, ...put }).toMatchObject({ code: 0 })
      }
    })
    const listed = await server.json<{ key: string }>(['files', 'list', 'odd'])
    expect(listed.map(({ key }) => key)).toEqual(
      keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    )
    await inGroups(keys, async (key) => {
      const { stdout } = await run('files', 'get', `odd/${key}`, '-')
      expect(stdout.toString()).toBe(key)
    })
    const table = await run('files', 'list', 'odd')
    expect(table.stdout.toString()).toContain('new\\u000aline\\u0009and\\u001b[31mred')
    expect(table.stdout.includes(0x1b)).toBe(false)
    expect(await run('files', 'rm', ...keys.map((key) => `odd/${key}`))).toMatchObject({ code: 0 })
    expect(await server.json(['files', 'list', 'odd'])).toEqual([])
  })
})

const total = 1203
const keyOf = (i: number) => `${i % 3}/${String(i).padStart(5, '0')}${i % 2 ? '.txt' : '.png'}`
const all = Array.from({ length: total }, (_, i) => keyOf(i)).toSorted()
const keysOf = async (...args: string[]) =>
  (await server.json<{ key?: string; prefix?: string }>(['files', 'list', ...args])).map(
    ({ key, prefix }) => key ?? prefix,
  )

describe('list', () => {
  beforeAll(async () => {
    for (let start = 0; start < total; start += 50) {
      await Promise.all(
        Array.from({ length: Math.min(50, total - start) }, (_, i) =>
          server.store('many', keyOf(start + i), 'x'),
        ),
      )
    }
  }, 60_000)

  test('follows the pages to the end, in order (R48)', async () => {
    expect(await keysOf('many')).toEqual(all)
    expect(await keysOf('many', '--descending')).toEqual(all.toReversed())
  })

  test('prefix, type, folders and limit', async () => {
    expect(await keysOf('many/1/')).toEqual(all.filter((key) => key.startsWith('1/')))
    expect(await keysOf('many', '--type', 'image/*')).toEqual(all.filter((key) => key.endsWith('.png')))
    expect(await keysOf('many', '--folders')).toEqual(['0/', '1/', '2/'])
    expect(await keysOf('many', '--limit', '1001')).toEqual(all.slice(0, 1001))
    expect(await keysOf('many', '--limit', '1')).toEqual(all.slice(0, 1))
    expect(await keysOf('many/none')).toEqual([])
  })

  test('the table has its titles once', async () => {
    const lines = (await server.run(['files', 'list', 'many'])).stdout.toString().trimEnd().split('\n')
    expect(lines[0]).toMatch(/^SIZE +MODIFIED +TYPE +KEY$/)
    expect(lines).toHaveLength(total + 1)
    expect(lines[1]).toMatch(/^ +1 B {2}\d{4}-\d\d-\d\d \S+Z +image\/png +0\/00000\.png$/)
  })

  test('a reader that has seen enough is no failure', async () => {
    const child = spawnCutty(['files', 'list', 'many'], { env: server.env })
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.stdout.once('data', () => child.stdout.destroy())
    const [code] = (await once(child, 'close')) as [number]
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})

describe('rm', () => {
  test('deletes what is there and tells what is not', async () => {
    for (const key of ['r1', 'r2']) await server.store('files', key, 'x')
    const { code, stdout, stderr } = await run(
      'files',
      'rm',
      'files/r1',
      'files/absent',
      'files/r2',
      'open/absent',
    )
    expect(code).toBe(1)
    expect(stdout.toString()).toBe('Deleted files/r1.\nDeleted files/r2.\n')
    expect(stderr).toBe('cutty: There is no file files/absent, open/absent.\n')
  })
})
