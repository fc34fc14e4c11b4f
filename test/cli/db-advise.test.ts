import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCutty, type TestServer } from './cutty.ts'

let server: TestServer
const text = ({ stdout }: { stdout: Buffer }) => stdout.toString()

interface Report {
  readonly windowSeconds: number
  readonly advice: readonly { readonly id: string; readonly action: { readonly sql: string | null } }[]
}

beforeAll(async () => {
  server = await startCutty()
})
afterAll(() => server.stop())

/** Beside the running server. */
function plant(sql: string): void {
  const database = new DatabaseSync(join(server.folder, 'cutty.db'), { timeout: 5000 })
  database.exec(sql)
  database.close()
}

const advised = async () => {
  const [report] = await server.json<Report>(['db', 'advise'])
  return (report as Report).advice
}

describe('db advise', () => {
  test('says that there is nothing to do, and what it looked at', async () => {
    const ran = await server.run(['db', 'advise', '--window', '2h'])
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(text(ran)).toMatch(
      /^Nothing to do\.\n\nLooked at (\d+) plans of \1 statements, of which \d+ were run in 0\.0 h; \d+ tables, \d+ indexes; database .*, free .*, log .*\.\n$/,
    )
    const [report] = await server.json<Report>(['db', 'advise', '--window', '2h'])
    expect(report).toMatchObject({ windowSeconds: 7200, advice: [] })
  })

  test('shows what a missing index costs, makes it, and tells what came of it', async () => {
    plant(`DROP INDEX api_tokens_by_user;
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
      INSERT INTO users (id, name, email, role, created_at_ms) SELECT printf('u%08d', i), 'n', i, 'user', 0 FROM n;
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
      INSERT INTO api_tokens (id, user_id, label, token_hash, created_at_ms)
      SELECT printf('%08d', i), printf('u%08d', i % 300 + 1), 'l', CAST(i AS BLOB), 0 FROM n; ANALYZE`)
    const listed = await server.fetch('/api/v1/tokens')
    expect(listed.status).toBe(200)
    await listed.arrayBuffer()

    const shown = text(await server.run(['db', 'advise']))
    expect(shown).toMatch(/^full_scan\.api_tokens\.list$/m)
    expect(shown).toMatch(/reads all of api_tokens, 3000 rows, and was run 1 times/)
    expect(shown).toMatch(
      /^ {4}SCAN api_tokens$[\s\S]*^ {3}with it$[\s\S]*^ {4}SEARCH api_tokens USING INDEX advised_/m,
    )
    expect(shown).toMatch(/^ {2}cutty db advise --apply full_scan\.api_tokens\.list$/m)
    const [advice] = await advised()
    // Of a table without row ids each index ends with its key: this one is the one that was dropped.
    expect(advice?.action.sql).toBe(
      'CREATE INDEX "advised_api_tokens_by_user_id" ON "api_tokens" ("user_id")',
    )

    const done = text(await server.run(['db', 'advise', '--apply', 'full_scan.api_tokens.list']))
    expect(done).toMatch(/^full_scan\.api_tokens\.list: done in [\d.]+ ms\.$/m)
    expect(done).toMatch(/^api_tokens\.list \(until now: 1 runs, p50 .* ms, p95 .* ms\)$/m)
    expect(done).toMatch(/^ {2}now\n {4}SEARCH api_tokens USING INDEX advised_\w+ \(user_id=\?\)$/m)
    const after = text(await server.run(['db', 'advise']))
    expect(after).toContain('Nothing to do.')
    expect(after).toMatch(/^Made by advice at .*: advised_api_tokens_by_user_id, for api_tokens\.list$/m)
    expect(after).toMatch(/^ {2}since +not known yet$/m)
    const again = await server.run(['db', 'advise', '--apply', 'full_scan.api_tokens.list'])
    expect(again.code).not.toBe(0)
    expect(again.stderr).toContain('is not advised now')
  })

  test('leaves what it did not make to people; counts tables anew', async () => {
    plant(`CREATE INDEX tokens_by_label ON api_tokens (label)`)
    expect((await advised()).map(({ id }) => id).toSorted()).toEqual([
      'statistics_due',
      'unused_index.tokens_by_label',
    ])
    const refused = await server.run(['db', 'advise', '--apply', 'unused_index.tokens_by_label'])
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('left to people')
    const counted = await server.run(['db', 'advise', '--apply', 'statistics_due'])
    expect(text(counted)).toContain('ANALYZE "api_tokens"')
    plant('DROP INDEX tokens_by_label')
    expect(await advised()).toEqual([])
  })

  test('a server that starts on it again migrates beside indexes that were advised', async () => {
    const ran = await server.run(['db', 'migrate', '--dry-run', '--data', server.folder])
    expect(text(ran)).toContain('Nothing to apply.')
  })

  test.each(['59m', '31d', '1x'])('refuses the window %s', async (window) => {
    const ran = await server.run(['db', 'advise', '--window', window])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('--window')
  })
})
