import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseLines, runCutty, startCutty, startListener, type TestServer } from './cutty.ts'

let server: TestServer
const text = ({ stdout }: { stdout: Buffer }) => stdout.toString()

beforeAll(async () => {
  server = await startCutty()
  await server.run(['buckets', 'create', 'photos'])
  for (const key of ['a', 'p/1', 'p/2']) await server.store('photos', key, key)
})
afterAll(() => server.stop())

const read = async (key: string) => {
  const answer = await server.fetch(`/api/v1/buckets/photos/files/${key}`)
  expect(await answer.text()).toBe(key)
  return answer.headers.get('cache-status')
}

describe('cache', () => {
  test('stats shows tiers and rows, or all of it as JSON', async () => {
    await read('a')
    await read('a')
    const shown = await server.run(['cache', 'stats'])
    expect(shown).toMatchObject({ code: 0, stderr: '' })
    expect(text(shown)).toMatch(/^ *50\.0 % +1 +1 +0 +0 +0 .* memory$/m)
    expect(text(shown)).toMatch(/ files\.find$/m)
    const [stats] = await server.json<object>(['cache', 'stats', '--window', '5m'])
    expect(stats).toMatchObject({ windowSeconds: 300, scope: 'process', bytes: { reads: 2, hitRate: 0.5 } })
  })

  test('invalidate takes a file, a prefix, or a tag', async () => {
    for (const key of ['a', 'p/1', 'p/2']) await read(key)
    const json = (...args: string[]) => server.json<object>(['cache', 'invalidate', ...args])
    expect(await json('photos/a')).toEqual([{ files: 1, rows: 1, entries: 1 }])
    expect(await read('a')).toContain('fwd=miss')
    expect(await read('p/1')).toContain('hit')
    expect(await json('photos/p/', '--prefix')).toEqual([{ files: 2, rows: 2, entries: 2 }])
    expect(await json('photos', '--prefix')).toMatchObject([{ files: 3 }])
    expect(await json('photos', '--tag', 'kind=a=b')).toEqual([{ files: 0, rows: 0, entries: 0 }])
    const said = await server.run(['cache', 'invalidate', 'photos/none'])
    expect(text(said)).toBe('Forgot what was cached of 0 files: 0 names in memory, bytes under 0 keys.\n')
    const gone = await server.run(['cache', 'invalidate', 'no-such-bucket', '--prefix'])
    expect(gone).toMatchObject({ code: 1 })
    expect(gone.stderr).toContain('bucket_not_found')
  })

  test('invalidate goes on until the server has nothing left, and adds up', async () => {
    const bodies: string[] = []
    const { url, stop } = await startListener((request, response) => {
      request.setEncoding('utf8').on('data', (body: string) => {
        bodies.push(body)
        const next = bodies.length < 3 ? `step-${bodies.length}` : null
        response.setHeader('Content-Type', 'application/json')
        response.end(JSON.stringify({ scope: 'isolate', files: 2, rows: 1, entries: 5, next }))
      })
    })
    const ran = await runCutty(['cache', 'invalidate', 'b', '--tag', 'kind=x', '--json', '--url', url])
    await stop()
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(parseLines(ran.stdout)).toEqual([{ files: 6, rows: 3, entries: 15 }])
    const tag = { name: 'kind', value: 'x' }
    expect(bodies.map((body) => JSON.parse(body) as object)).toEqual([
      { bucket: 'b', tag },
      { bucket: 'b', tag, after: 'step-1' },
      { bucket: 'b', tag, after: 'step-2' },
    ])
  })

  test('clear empties, warm loads what is read most', async () => {
    for (let count = 0; count < 3; count++) await read('a')
    const cleared = await server.run(['cache', 'clear'])
    expect(text(cleared)).toMatch(/^rows: \d+ forgotten\nmemory: [1-9]\d* entries before, 0 now\n$/)
    const [warmed] = await server.json<object>(['cache', 'warm', '--files', '1'])
    expect(warmed).toMatchObject({ files: 1, known: 1, loaded: 1, bytes: 1 })
    expect(await read('a')).toContain('hit')
    const again = await server.run(['cache', 'warm', '--files', '1'])
    expect(text(again)).toMatch(/^Of the 1 files read most, loaded 0 \(0 B\) in .* s; 1 were in memory\.\n$/)
  })

  test('are for administrators', async () => {
    const [user] = await server.json<{ id: string }>([
      'users',
      'create',
      '--name',
      'u',
      '--email',
      'u@example.org',
    ])
    const [key] = await server.json<Record<string, string>>(['keys', 'create', '--user', user?.id as string])
    const env = {
      ...server.env,
      CUTTY_ACCESS_KEY_ID: key?.['accessKeyId'] as string,
      CUTTY_SECRET_ACCESS_KEY: key?.['secretAccessKey'] as string,
    }
    for (const args of [['stats'], ['clear'], ['warm'], ['invalidate', 'photos/a']]) {
      const refused = await server.run(['cache', ...args], { env })
      expect(refused).toMatchObject({ code: 1 })
      expect(refused.stderr).toContain('access_denied')
    }
  })

  test.each([
    [['invalidate', 'photos'], 'names no file'],
    [['invalidate', 'photos/a', '--tag', 'x=y'], '--tag goes with a bucket alone'],
    [['invalidate', 'photos', '--tag', 'x=y', '--prefix'], 'do not go together'],
    [['invalidate', 'photos', '--tag', '=y'], 'must be a tag, as name=value'],
    [['stats', '--window', '59s'], 'must be from 1m to 1h'],
    [['warm', '--files', '1001'], 'must be a whole number from 1 to 1000'],
  ])('%j is not understood', async (args, message) => {
    const outcome = await runCutty(['cache', ...args])
    expect(outcome).toMatchObject({ code: 2 })
    expect(outcome.stderr).toContain(message)
  })
})
