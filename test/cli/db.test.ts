import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCutty, startCutty, startListener, type TestServer } from './cutty.ts'

let server: TestServer
const text = ({ stdout }: { stdout: Buffer }) => stdout.toString()

beforeAll(async () => {
  server = await startCutty()
  await server.run(['buckets', 'create', 'photos'])
  await server.store('photos', 'a', 'a')
})
afterAll(() => server.stop())

const costs = {
  count: 0,
  errors: 0,
  perSecond: null,
  totalMs: 0,
  p50Ms: null,
  p95Ms: null,
  p99Ms: null,
  rowsRead: 0,
  rowsWritten: 0,
  cacheHits: null,
  cacheMisses: null,
}

/** Runs `db stats` against a server that answers so. */
async function shown(answer: object): Promise<string> {
  const { url, stop } = await startListener((request, response) => {
    request.resume()
    response.setHeader('Content-Type', 'application/json')
    const common = { from: '2026-11-21T12:00:00.000Z', spanSeconds: 5400, complete: true, totals: costs }
    response.end(JSON.stringify({ ...common, ...answer }))
  })
  const ran = await runCutty(['db', 'stats', '--url', url])
  await stop()
  expect(ran).toMatchObject({ code: 0, stderr: '' })
  return text(ran)
}

describe('db stats', () => {
  test('shows statements with what they cost, or all of it as JSON', async () => {
    const ran = await server.run(['db', 'stats'])
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(text(ran)).toMatch(/^Statements since .*, 1 min: \d+ runs, of which 0 failed\.$/m)
    expect(text(ran)).toMatch(/^ *TOTAL ms +COUNT .* STATEMENT$/m)
    expect(text(ran)).toMatch(/^ *[\d.]+ +1 .* buckets\.\w+$/m)
    expect(text(ran)).toMatch(/ all$/m)
    const [stats] = await server.json<object>(['db', 'stats', '--window', '24h', '--sort', 'count'])
    expect(stats).toMatchObject({ windowSeconds: 86_400, complete: true, slow: { thresholdMs: 50 } })
  })

  test('says that there is nothing, that something is left out, and what was slow', async () => {
    const slow = { thresholdMs: 50, statements: [] }
    expect(await shown({ statements: [], slow })).toBe('Nothing was counted.\n')
    const statement = { name: 'files.find', ...costs, cacheHits: 7 }
    const cut = await shown({ statements: [statement], complete: false, slow: { ...slow, thresholdMs: 0 } })
    expect(cut).toContain('the oldest is left out')
    expect(cut).toContain('No statement counts as slow.')
    expect(cut).toMatch(/^ +0 +0 +- +- +- +- +0 +0 +7 +- +0 +files\.find$/m)
    const entry = {
      name: 'files.find',
      at: '2026-11-21T12:30:00.000Z',
      durationMs: 123.456,
      rowsRead: 5,
      rowsWritten: 0,
    }
    const statements = [
      { ...entry, plan: ['SCAN files', 'USE TEMP B-TREE FOR ORDER BY'] },
      { ...entry, plan: null },
    ]
    const both = await shown({ statements: [statement], slow: { thresholdMs: 50, statements } })
    expect(both).toContain(
      [
        'The last that took 50 ms:',
        '2026-11-21T12:30:00.000Z  123 ms  files.find, 5 rows read, 0 written',
        '    SCAN files',
        '    USE TEMP B-TREE FOR ORDER BY',
        '2026-11-21T12:30:00.000Z  123 ms  files.find',
      ].join('\n'),
    )
  })

  test.each(['59m', '31d', 'soon'])('refuses the window %s', async (window) => {
    const ran = await server.run(['db', 'stats', '--window', window])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('--window')
  })
})
