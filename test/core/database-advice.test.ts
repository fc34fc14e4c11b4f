import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { applyAdvice } from '../../src/core/database-advice/apply.ts'
import { readAdvice } from '../../src/core/database-advice/read.ts'
import { listTokens } from '../../src/core/statements/accounts.ts'
import { listByType, listGrouped } from '../../src/core/statements/listing.ts'
import { blobIsUsed } from '../../src/core/statements/rewrite.ts'
import { listPlantedTypes, plantFilesIn, plantIn } from './planted.ts'
import { openTestCore, type TestCore } from './test-core.ts'

const windowSeconds = 3600
let opened: TestCore
beforeEach(async () => {
  opened = await openTestCore()
})
afterEach(() => opened.close())

const advise = () => readAdvice(opened.core, opened.admin, { windowSeconds })
const apply = (id: string) => applyAdvice(opened.core, opened.admin, { id, windowSeconds })
const only = async (id: string) => {
  const { advice } = await advise()
  const found = advice.find((each) => each.id === id)
  if (!found) throw new Error(`no ${id} among ${advice.map((each) => each.id).join(', ')}`)
  return found
}

const plant = (text: string) => plantIn(opened.folder, text)
const plantFiles = (count: number) => plantFilesIn(opened.folder, { count })

const listTypes = () => listPlantedTypes(opened.core)
const counted = 'ANALYZE'

describe('advice about the database', () => {
  test('nothing to do is an answer, with what was looked at', async () => {
    plantFiles(2000)
    plant(counted)
    await listTypes()
    const { advice, applied, lookedAt } = await advise()
    expect({ advice, applied, not: lookedAt.not }).toEqual({ advice: [], applied: [], not: [] })
    expect(lookedAt.plans).toBe(lookedAt.statements)
    const files = lookedAt.inspection.tables.find(({ name }) => name === 'files')
    expect(files).toMatchObject({ rows: 2000, analyzedRows: 2000 })
    expect(files?.sizeBytes).toBeGreaterThan(2000 * 50)
    const index = lookedAt.inspection.indexes.find(({ name }) => name === 'files_by_size')
    expect(index?.sizeBytes).toBeGreaterThan(2000 * 10)
    expect(index?.isAnalyzed).toBe(true)
  })

  test('an index that is missing: what was run sorts, the very index is proposed, tried, made, and dropped again', async () => {
    plantFiles(5000)
    plant(`DROP INDEX files_by_type; ${counted}`)
    await listTypes()
    const sort = await only('temporary_sort.listing.by_type')
    expect(sort.action).toMatchObject({
      text: 'CREATE INDEX "advised_files_by_bucket_id_media_type_key" ON "files" ("bucket_id", "media_type", "key")',
      change: { kind: 'create_index', table: 'files', columns: ['bucket_id', 'media_type', 'key'] },
    })
    const [evidence] = sort.statements
    expect(evidence?.costs).toMatchObject({ runs: 1, rowsRead: 10 })
    expect(evidence?.plan).toContain('USE TEMP B-TREE FOR ORDER BY')
    expect(evidence?.planAfter?.join()).toMatch(
      /^SEARCH files USING INDEX advised_\w+ \(bucket_id=\? AND \(media_type/,
    )
    // Of the other direction nobody asked: what is not run costs nothing.
    expect((await advise()).advice.map(({ id }) => id)).toEqual(['temporary_sort.listing.by_type'])

    const before = await listTypes()
    const done = await apply(sort.id)
    expect(done.durationMs).toBeGreaterThanOrEqual(0)
    const changed = done.changedPlans.find(({ statement }) => statement === 'listing.by_type')
    expect(changed?.before).toEqual(evidence?.plan)
    expect(changed?.after).toEqual(evidence?.planAfter)
    expect(changed?.durations.runs).toBeGreaterThan(0)
    expect(await opened.core.database.explain(listByType as never)).toEqual(changed?.after)
    expect(await listTypes()).toEqual(before)
    const after = await advise()
    expect(after.advice).toEqual([])
    expect(after.applied).toMatchObject([
      {
        index: 'advised_files_by_bucket_id_media_type_key',
        statement: 'listing.by_type',
        before: { runs: 2 },
        after: undefined,
      },
    ])
    await expect(apply(sort.id)).rejects.toMatchObject({ code: 'not_found' })

    // In another hour it can be told what came of it.
    opened.clock.advance(2 * 3_600_000)
    opened.core.statementRuns.turn()
    await listTypes()
    expect((await advise()).applied[0]?.after).toMatchObject({ runs: 1 })

    // A release brings the index back: the advised one is not needed, and goes by a call.
    plant(`CREATE INDEX files_by_type ON files (bucket_id, media_type, key); ${counted}`)
    const surplus = (await advise()).advice.filter(({ kind }) => kind === 'unused_index')
    for (const { id, action } of surplus.filter((each) => each.action.change)) {
      expect(action.text).toMatch(/^DROP INDEX "advised_/)
      await apply(id)
    }
    expect(opened.events).toContainEqual(expect.objectContaining({ message: 'advice applied' }))
  })

  test('a full scan of a table; none of a small one, of one that nobody ran, or of what is bounded', async () => {
    plantFiles(5000)
    plant(`DROP INDEX files_by_blob; ${counted}`)
    expect((await advise()).advice).toEqual([])
    await opened.core.database.query(listGrouped, {
      bucketId: 'b',
      from: '',
      to: '\u{10FFFF}',
      limit: 10,
      prefixChars: 0,
      delimiter: '/',
      delimiterSuccessor: '0',
    })
    expect((await advise()).advice).toEqual([])
    await opened.core.database.batch([{ statement: blobIsUsed as never, values: ['o'] }]).catch(() => {})
    const scan = await only('full_scan.rewrite.blob_is_used')
    expect(scan.finding).toContain('reads all of files, 5000 rows')
    expect(scan.action.change).toMatchObject({ table: 'files', columns: ['blob_id'] })
    expect(scan.statements[0]?.plan.join()).toContain('SCAN files')
    expect(scan.statements[0]?.planAfter?.join()).toContain('INDEX advised_files_by_blob_id (blob_id=?)')
    plant(`DELETE FROM files WHERE key > '00000999'; ${counted}`)
    expect((await advise()).advice).toEqual([])
  })

  test('what an index would be worth is counted: none is proposed where all rows have one value', async () => {
    const { userId } = opened.adminKey
    plant(`DROP INDEX api_tokens_by_user;
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
      INSERT INTO api_tokens (id, user_id, label, token_hash, created_at_ms)
      SELECT printf('%08d', i), '${userId}', 'l', CAST(i AS BLOB), 0 FROM n; ${counted}`)
    await opened.core.database.query(listTokens, { userId })
    const scan = await only('full_scan.api_tokens.list')
    expect(scan.action).toMatchObject({ text: undefined, change: undefined })
    expect(scan.action.description).toContain('No index is proposed')
    await expect(apply(scan.id)).rejects.toMatchObject({ code: 'conflict' })
    // Made by hand all the same, it is not proposed again but to be dropped.
    plant('CREATE INDEX advised_api_tokens_by_user_id ON api_tokens (user_id); ANALYZE')
    expect((await only('full_scan.api_tokens.list')).action.change).toBeUndefined()
  })

  test('an index that an operator added and nothing reads by is told, and left to people', async () => {
    plantFiles(2000)
    plant(`CREATE INDEX by_etag ON files (etag); ${counted}`)
    const unused = await only('unused_index.by_etag')
    expect(unused.action).toMatchObject({ text: 'DROP INDEX "by_etag"', change: undefined })
    expect(unused.measured['sizeBytes']).toBeGreaterThan(1000)
    await expect(apply(unused.id)).rejects.toMatchObject({ code: 'conflict' })
    plant('DROP INDEX by_etag; CREATE INDEX advised_files_by_etag ON files (etag); ANALYZE')
    const done = await apply('unused_index.advised_files_by_etag')
    expect(done.changedPlans).toEqual([])
    const { advice, lookedAt } = await advise()
    expect(advice).toEqual([])
    expect(lookedAt.inspection.indexes.map(({ name }) => name)).not.toContain('advised_files_by_etag')
  })

  test('statistics that were never taken, that are old, and of a new index', async () => {
    plantFiles(3000)
    const never = await only('statistics_due')
    expect(never.finding).toContain('files was never counted and has 3000 rows')
    expect(never.action.text).toBe('ANALYZE "files"')
    await apply(never.id)
    expect((await advise()).advice).toEqual([])
    plant(`DELETE FROM files WHERE key > '00001400'`)
    const old = await only('statistics_due')
    expect(old.finding).toContain('files has shrunk from 3000 rows to 1400')
    expect(old.measured).toEqual({ 'files.rows': 1400, 'files.analyzedRows': 3000 })
    await apply(old.id)
    plant('CREATE INDEX by_etag ON files (etag)')
    expect((await only('statistics_due')).finding).toContain('never counted (by_etag)')
  })

  test('what the planner is told, reads of this process use at once', async () => {
    plantFiles(3000)
    // Statistics of another world: that all files are of one blob is not so.
    plant(`ANALYZE; UPDATE sqlite_stat1 SET stat = '9000000 9000000' WHERE idx = 'files_by_blob'`)
    await apply('statistics_due')
    const inspected = await advise()
    const plan = inspected.lookedAt.inspection.plans.get(blobIsUsed.name)
    expect(await opened.core.database.explain(blobIsUsed as never)).toEqual(plan)
  })

  test('free pages are told', async () => {
    plantFiles(60_000)
    plant(`${counted}; DELETE FROM files; DELETE FROM sqlite_stat1`)
    const space = await only('free_space')
    expect(space.measured['freeBytes']).toBeGreaterThan(4 * 1024 ** 2)
    expect(space.action.change).toBeUndefined()
    await expect(apply(space.id)).rejects.toMatchObject({ code: 'conflict' })
  })

  test('writes and reads go on beside it, and those that wait are done', async () => {
    plantFiles(20_000)
    plant('DROP INDEX files_by_type')
    await listTypes()
    const read = () => listTypes().then((rows) => rows.length)
    const [done, ...reads] = await Promise.all([
      apply('temporary_sort.listing.by_type'),
      read(),
      read(),
      opened.core.database.batch([]).then(() => 10),
      opened.core.database.ping().then(() => 10),
    ])
    expect(done.changedPlans.length).toBeGreaterThan(0)
    expect(reads).toEqual([10, 10, 10, 10])
  })

  test('is for administrators', async () => {
    const nobody = { role: 'user', userId: 'u' } as const
    await expect(readAdvice(opened.core, nobody, { windowSeconds })).rejects.toMatchObject({
      code: 'access_denied',
    })
    await expect(
      applyAdvice(opened.core, nobody, { id: 'statistics_due', windowSeconds }),
    ).rejects.toMatchObject({ code: 'access_denied' })
  })

  test('the adapter makes and drops only what is called advised, of plain names', async () => {
    const inspector = opened.core.database.inspector!
    const columns = ['etag']
    for (const name of ['files_by_type', 'x', 'advised_"', 'advised_a; DROP TABLE files'])
      await expect(inspector.createIndex?.({ name, table: 'files', columns })).rejects.toThrow()
    await expect(
      inspector.createIndex?.({ name: 'advised_x', table: 'files', columns: ['no_such'] }),
    ).rejects.toMatchObject({ kind: 'unavailable' })
    await expect(inspector.dropIndex?.('files_by_type')).rejects.toMatchObject({ kind: 'unavailable' })
    await inspector.dropIndex?.('advised_none')
    expect((await advise()).advice).toEqual([])
  })
})
