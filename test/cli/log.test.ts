import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCutty, type TestServer } from './cutty.ts'

interface Entry {
  status: number
  path: string
  operation: string
  errorCode: string | null
}

let server: TestServer
beforeAll(async () => {
  server = await startCutty()
  for (const args of [
    ['buckets', 'create', 'logged'],
    ['files', 'get', 'logged/none', '-'],
  ])
    await server.run(args)
})
afterAll(() => server.stop())

describe('log', () => {
  test('shows requests, the newest first', async () => {
    const { code, stdout } = await server.run(['log'])
    expect(code).toBe(0)
    const [titles = '', newest = '', before = ''] = stdout.toString().split('\n')
    expect(titles).toMatch(/^TIME +STATUS +ms +IN +OUT +USER +REQUEST$/)
    expect(newest).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ +404 file_not_found +\d+\.\d +0 +\d+ +\w{26} +GET \/api\/v1\/buckets\/logged\/files/,
    )
    expect(before).toMatch(/ 201 .* POST \/api\/v1\/buckets$/)
  })

  test('filters, and prints JSON', async () => {
    const refused = await server.json<Entry>(['log', '--refused', '--bucket', 'logged', '--since', '1h'])
    expect(refused.map(({ status, errorCode }) => [status, errorCode])).toEqual([[404, 'file_not_found']])
    expect(await server.json<Entry>(['log', '--until', '1h', '--limit', '0'])).toEqual([])
    expect(await server.json<Entry>(['log', '--limit', '2'])).toHaveLength(2)
    expect(await server.json<Entry>(['log', '--user', 'nobody', '--since', '2026-01-01T00:00:00Z'])).toEqual(
      [],
    )
  })

  test('says what is accepted', async () => {
    for (const [option, value, accepted] of [
      ['--since', 'yesterday', 'must be a duration such as 90m, or a time'],
      ['--until', '2026-99-99', 'must be a duration such as 90m, or a time'],
      ['--limit', 'many', 'must be a whole number'],
    ] as const) {
      const { code, stderr } = await server.run(['log', option, value])
      expect([code, stderr]).toEqual([2, expect.stringContaining(`${option} ${accepted}`)])
    }
  })
})
