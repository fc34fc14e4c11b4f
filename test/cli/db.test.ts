import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

describe('the access log of a data folder', () => {
  /** Of the server's folder, with this in place of its access log. */
  async function withLog(content: string | undefined, work: (data: string) => Promise<void>): Promise<void> {
    const data = mkdtempSync(join(tmpdir(), 'cutty-db-'))
    try {
      expect(await runCutty(['db', 'backup', join(data, 'backup'), '--data', server.folder])).toMatchObject({
        code: 0,
      })
      const restored = join(data, 'restored')
      expect(await runCutty(['db', 'restore', join(data, 'backup'), '--data', restored])).toMatchObject({
        code: 0,
      })
      if (content !== undefined) writeFileSync(join(restored, 'access-log.db'), content)
      await work(restored)
    } finally {
      rmSync(data, { recursive: true })
    }
  }
  const onFolder = (command: string, data: string, ...more: string[]) =>
    runCutty(['db', command, '--data', data, ...more])

  test('is in the status, of a running server too', async () => {
    // Which writes down what it noted.
    await server.run(['log'])
    const shown = text(await onFolder('status', server.folder))
    expect(shown).toMatch(
      /^access log  about \d+ requests, [\d.]+ KiB in \d+ pages, 0 of them free; log [\d.]+ KiB$/m,
    )
    expect(shown).toMatch(/^access-log\/0001_access_log\.sql +applied /m)
    const [status] = await server.json<object>(['db', 'status', '--data', server.folder])
    expect(status).toMatchObject({ accessLog: { failure: null, rows: expect.any(Number) } })
    await withLog(undefined, async (data) => {
      expect(text(await onFolder('status', data))).toMatch(/^access log  none$/m)
      expect(text(await onFolder('status', data, '--json'))).toContain('"accessLog":null')
      expect(text(await onFolder('migrate', data))).toBe('Nothing to apply.\n')
    })
  })

  test('is migrated by its own name', () =>
    withLog('', async (data) => {
      const dry = await onFolder('migrate', data, '--dry-run')
      expect(text(dry)).toBe('Would apply access-log/0001_access_log.sql.\n')
      expect(text(await onFolder('migrate', data))).toBe('Applied access-log/0001_access_log.sql.\n')
      expect(text(await onFolder('migrate', data))).toBe('Nothing to apply.\n')
    }))

  test('that is damaged is told by each command, which ends with 1 where that matters', () =>
    withLog('This is long enough to be looked at, and no database.', async (data) => {
      const status = await onFolder('status', data)
      expect([status.code, text(status)]).toEqual([
        0,
        expect.stringMatching(/^access log  53 B, CANNOT BE READ: file is not a database$/m),
      ])
      const migrated = await onFolder('migrate', data)
      expect([migrated.code, migrated.stderr]).toEqual([
        1,
        expect.stringContaining('Move it away to begin another.'),
      ])
      const checked = await onFolder('check', data)
      expect([checked.code, text(checked)]).toEqual([
        1,
        expect.stringMatching(
          /^access_log: 1\. .*move access-log\.db away[^]*^ {2}file is not a database$[^]*^1 kinds of damage/m,
        ),
      ])
    }))
})
