import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSqliteDatabase } from '../../../src/adapters/sqlite/database.ts'
import { bind, type Database } from '../../../src/core/ports/database.ts'
import type { DatabaseInspector } from '../../../src/core/ports/database-inspector.ts'
import { findSetting, putSetting } from '../../../src/core/statements/settings.ts'
import { statements } from '../../../src/core/statements/registry.ts'
import { migrationsFolder } from '../../core/test-core.ts'

let folder: string
let database: Database
let inspector: DatabaseInspector
const open = () =>
  openSqliteDatabase({
    file: join(folder, 'cutty.db'),
    statements,
    migrationsFolder,
    inlineBlobBytesMax: 4096,
    nowMs: Date.UTC(2026, 0, 1),
  })
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutty-inspector-'))
  database = await open()
  inspector = database.inspector as DatabaseInspector
})
afterEach(async () => {
  await database.close().catch(() => {})
  await rm(folder, { recursive: true, force: true })
})

const put = (value: string) => database.batch([bind(putSetting, { name: 's', value })])
const index = { name: 'advised_settings_by_value', table: 'settings', columns: ['value'] }
const indexNames = async () => (await inspector.inspect([])).indexes.map(({ name }) => name)

test('upkeep waits for the writes before it and those after it wait for it, in whatever order they are asked', async () => {
  const done: string[] = []
  const note = (name: string) => () => void done.push(name)
  await Promise.all([
    ...Array.from({ length: 300 }, (_, at) => put(String(at)).then(note('write'))),
    inspector.createIndex?.(index).then(note('index')),
    ...Array.from({ length: 300 }, (_, at) => put(String(at)).then(note('write'))),
    inspector.analyze(['settings', 'files']).then(note('count')),
    inspector.dropIndex?.(index.name).then(note('drop')),
    database.ping(),
  ])
  expect(done.filter((name) => name === 'write')).toHaveLength(600)
  expect(done.filter((name) => name !== 'write')).toEqual(['index', 'count', 'drop'])
  expect(await database.query(findSetting, { name: 's' })).toEqual([{ value: '299' }])
  expect(await indexNames()).not.toContain(index.name)
})

test('upkeep that fails harms no write', async () => {
  const failing = inspector.createIndex?.({ ...index, table: 'nowhere' })
  const [outcome, written] = await Promise.allSettled([failing, put('x')])
  expect(outcome).toMatchObject({
    status: 'rejected',
    reason: { name: 'DatabaseError', kind: 'unavailable' },
  })
  expect(written.status).toBe('fulfilled')
  await expect(inspector.analyze(['nowhere'])).rejects.toMatchObject({ kind: 'unavailable' })
  await expect(inspector.analyze(['files; DROP TABLE files'])).rejects.toMatchObject({ kind: 'unavailable' })
  expect(await database.query(findSetting, { name: 's' })).toEqual([{ value: 'x' }])
})

test('an index that two ask for is made once, and stays over a restart, which migrates beside it', async () => {
  await Promise.all([inspector.createIndex?.(index), inspector.createIndex?.(index)])
  await database.close()
  database = await open()
  inspector = database.inspector as DatabaseInspector
  expect((await indexNames()).filter((name) => name === index.name)).toHaveLength(1)
})

test('a trial leaves nothing behind, in the database as in the next trial', async () => {
  const trial = { statement: findSetting as never, index: { ...index, columns: ['name', 'value'] } }
  const before = await indexNames()
  const plans = await inspector.tryIndexes?.([trial, trial, trial])
  expect(new Set(plans?.map(({ plan }) => plan.join())).size).toBe(1)
  expect(await inspector.tryIndexes?.([])).toEqual([])
  expect(await indexNames()).toEqual(before)
})

test('explain tells what the next statement does, also after another connection has changed the schema', async () => {
  const explain = () => database.explain(findSetting as never)
  const before = await explain()
  await inspector.createIndex?.({ ...index, columns: ['name', 'value'] })
  const { plans } = await inspector.inspect(statements.filter(({ name }) => name === findSetting.name))
  expect(await explain()).toEqual(plans.get(findSetting.name))
  await inspector.dropIndex?.(index.name)
  expect(await explain()).toEqual(before)
})

test('a database that closes ends a look that is under way, and takes no more', async () => {
  const looks = [inspector.inspect(statements), inspector.inspect(statements), inspector.analyze(['files'])]
  const outcomes = Promise.allSettled(looks)
  await database.close()
  // What was done by then is done.
  for (const outcome of await outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ kind: 'unavailable' })
  }
  await expect(inspector.inspect([])).rejects.toMatchObject({ kind: 'unavailable' })
  await expect(inspector.createIndex?.(index)).rejects.toMatchObject({ kind: 'unavailable' })
})
