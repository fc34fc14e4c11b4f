import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bind, type Database, type Statement, type StatementRun } from '../../src/core/ports/database.ts'
import { defineStatement } from '../../src/core/statements/define.ts'
import * as sql from './database-statements.ts'

type Create = (options: {
  statements: readonly Statement[]
  onRun: (run: StatementRun) => void
}) => Promise<{ subject: Database; cleanup: () => Promise<void> }>

const putSetting = (name: string, value = 'x') => bind(sql.putSetting, { name, value })
const addSetting = (name: string) => bind(sql.addSetting, { name, value: 'x' })
const guard = (name: string) => bind(sql.guardSettingExists, { name })
const stranger = defineStatement<{ name: string }>({ ...sql.findSetting, name: 'contract.stranger' })

/** What every adapter of a database tells of the statements that it runs, and how it would run them. */
export function databaseRunsContract(name: string, create: Create): void {
  describe(`${name}, what it tells of its statements`, () => {
    let database: Database
    let cleanup: () => Promise<void>
    let runs: StatementRun[]
    beforeEach(async () => {
      runs = []
      const onRun = (run: StatementRun) => void runs.push(run)
      ;({ subject: database, cleanup } = await create({ statements: sql.contractStatements, onRun }))
    })
    afterEach(() => cleanup())

    /** In short; durations are looked at by themselves. */
    const told = () =>
      runs
        .splice(0)
        .map(({ statement, failed }) => `${statement.name.split('.')[1]}${failed ? ' failed' : ''}`)

    test('each query, with the rows that were read', async () => {
      await database.batch(['a', 'b', 'c'].map((each) => putSetting(each)))
      runs = []
      await database.query(sql.settingsAfter, { after: '', limit: 10 })
      await database.query(sql.findSetting, { name: 'never' })
      expect(runs).toMatchObject([
        { statement: { name: 'contract.settings_after' }, rowsWritten: 0, failed: false },
        { statement: { name: 'contract.find_setting' }, rowsRead: 0, rowsWritten: 0, failed: false },
      ])
      // D1 counts what it looks at, the row that ends the range among it or not.
      expect(runs[0]?.rowsRead).toBeGreaterThanOrEqual(3)
      for (const { durationMs } of runs) {
        expect(durationMs).toBeGreaterThanOrEqual(0)
        expect(durationMs).toBeLessThan(10_000)
      }
    })

    test('each statement of a batch by itself, in order, with the rows that it wrote', async () => {
      await database.batch([
        putSetting('a'),
        guard('a'),
        bind(sql.countUp, { name: 'none' }),
        putSetting('b'),
      ])
      const written = runs.map(({ rowsWritten }) => rowsWritten)
      expect(told()).toEqual(['put_setting', 'guard_setting_exists', 'count_up', 'put_setting'])
      // D1 counts rows of indexes besides.
      expect(written.map((rows) => rows > 0)).toEqual([true, false, false, true])
    })

    test('of many batches at once each of its own', async () => {
      await Promise.all(Array.from({ length: 40 }, (_, index) => database.batch([putSetting(`n${index}`)])))
      expect(told()).toEqual(Array(40).fill('put_setting'))
    })

    test('a statement that fails, and at most those of its batch that may have', async () => {
      await database.batch([addSetting('taken')])
      runs = []
      await expect(database.batch([putSetting('a'), guard('never'), putSetting('b')])).rejects.toMatchObject({
        kind: 'guard',
      })
      expect(told().filter((each) => each.includes('failed'))).toEqual(['guard_setting_exists failed'])
      await expect(database.batch([addSetting('taken')])).rejects.toMatchObject({ kind: 'unique' })
      expect(runs).toMatchObject([{ rowsRead: 0, rowsWritten: 0, failed: true }])
      expect(told()).toEqual(['add_setting failed'])
      await expect(
        database.batch([bind(sql.addToken, { id: 't', userId: 'nobody', hash: new Uint8Array(1) })]),
      ).rejects.toMatchObject({ kind: 'foreign_key' })
      expect(told()).toEqual(['add_token failed'])
    })

    test('a query that fails', async () => {
      const failing = database.query(sql.findSetting, { name: { a: 1 } as unknown as string })
      await expect(failing).rejects.toMatchObject({ kind: 'unavailable' })
      expect(told()).toEqual(['find_setting failed'])
    })

    test('each of several queries that run together, and of those that fail at most all', async () => {
      await database.batch([putSetting('a'), putSetting('b')])
      runs = []
      const all = bind(sql.settingsAfter, { after: '', limit: 10 })
      await database.queryTogether([all, bind(sql.findSetting, { name: 'never' }), all])
      expect(runs.map(({ rowsRead }) => rowsRead > 0)).toEqual([true, false, true])
      expect(runs.every(({ rowsWritten, durationMs }) => rowsWritten === 0 && durationMs >= 0)).toBe(true)
      expect(told()).toEqual(['settings_after', 'find_setting', 'settings_after'])
      const wrong = bind(sql.findSetting, { name: { a: 1 } as unknown as string })
      await expect(database.queryTogether([all, wrong])).rejects.toMatchObject({ kind: 'unavailable' })
      const last = told()
      expect(last).toContain('find_setting failed')
      expect(last).toHaveLength(2)
    })

    test('nothing of what it does not run: a batch of nothing, a ping, a plan, a stranger', async () => {
      await database.batch([])
      await database.queryTogether([])
      await database.ping()
      await database.explain(sql.putSetting as unknown as Statement)
      await expect(database.query(stranger, { name: 'a' })).rejects.toThrow('not registered')
      expect(told()).toEqual([])
    })

    test('how it would run a statement, of reads and writes, with whatever parameters', async () => {
      const explain = (statement: unknown) => database.explain(statement as Statement)
      expect((await explain(sql.findSetting)).join('\n')).toMatch(/^SEARCH settings USING .*\(name=\?\)$/)
      expect((await explain(sql.settingsAfter)).join('\n')).toMatch(/^SEARCH settings USING .*\(name>\?\)$/)
      expect((await explain(sql.renameUsers)).join('\n')).toMatch(/SCAN users/)
      expect((await explain(sql.deleteUser)).join('\n')).toMatch(/SEARCH users/)
      expect(await explain(sql.addSetting)).toEqual([])
      // A plan writes nothing.
      await explain(sql.putSetting)
      expect(await database.query(sql.settingsAfter, { after: '', limit: 10 })).toEqual([])
    })

    test('no plan of what is not registered', async () => {
      await expect(database.explain(stranger as unknown as Statement)).rejects.toMatchObject({
        kind: 'unavailable',
      })
    })
  })
}
