import {
  mkdirSync,
  readFileSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  existsSync,
  cpSync,
  readdirSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { lockFolder } from '../../src/adapters/disk/folder-lock.ts'
import { migrate } from '../../src/adapters/sqlite/migrate.ts'
import { folderStatus, migrateFolder, ToolError } from '../../src/entry/database-tools.ts'
import { migrationsFolder } from '../core/test-core.ts'
import { blobsIn, type DataFolder, filesIn, kindsOf, openDataFolder } from './data-folder.ts'

const migrationNames = readdirSync(migrationsFolder)
  .filter((name) => name.endsWith('.sql'))
  .toSorted()

let at: DataFolder
beforeEach(async () => {
  at = await openDataFolder()
})
afterEach(() => at.remove())

describe('check', () => {
  test('finds nothing where nothing is wrong, an empty folder included, and changes nothing', async () => {
    expect(await at.check()).toMatchObject({ ok: true, files: 0, blobs: { count: 0, bytes: 0 } })
    await at.fill()
    await at.delete('large')
    const before = filesIn(at.folder).map((path) => [path, statSync(path).mtimeMs])
    const result = await at.check()
    expect(result).toMatchObject({ ok: true, files: 4, contentsRead: true, leftovers: { count: 0 } })
    expect(result.findings.length).toBeGreaterThan(12)
    expect(filesIn(at.folder).map((path) => [path, statSync(path).mtimeMs])).toEqual(before)
  })

  const blobOf = (key: string) => `(SELECT blob_id FROM files WHERE key = '${key}')`

  test.each([
    ['references_count', `UPDATE blobs SET references_count = 2 WHERE id = ${blobOf('large')}`],
    [
      'references_count',
      `UPDATE blobs SET references_count = 2 WHERE id = (SELECT part_blob_id FROM blob_parts)`,
    ],
    [
      'references_count',
      `UPDATE blobs SET references_count = 2 WHERE id = (SELECT blob_id FROM upload_parts)`,
    ],
    ['garbage_mark', `UPDATE blobs SET garbage_since_ms = 1 WHERE id = ${blobOf('large')}`],
    ['storage_totals', `UPDATE storage_totals SET stored_bytes = stored_bytes + 1`],
    ['storage_totals', `DELETE FROM storage_totals`],
    ['storage_totals', `INSERT INTO storage_totals SELECT id, 'a/b', 'zstd', 'media', 1, 1, 1 FROM buckets`],
    ['file_size', `UPDATE files SET size_bytes = 1 WHERE key = 'large'`],
    ['location', `UPDATE blobs SET location = 'moon' WHERE id = ${blobOf('large')}`],
    ['missing_body', `DELETE FROM blob_bodies WHERE blob_id = ${blobOf('small')}`],
    ['missing_body', `UPDATE blob_bodies SET bytes = x'00' WHERE blob_id = ${blobOf('small')}`],
    ['content', `UPDATE blob_bodies SET bytes = zeroblob(700) WHERE blob_id = ${blobOf('small')}`],
    ['orphan_body', `INSERT INTO blob_bodies VALUES (${blobOf('large')}, x'00')`],
    ['foreign_key', `UPDATE buckets SET owner_id = 'nobody'`],
    ['parts_of_blob', `UPDATE blob_parts SET end_bytes = end_bytes + 1 WHERE number = 2`],
    ['content', `UPDATE blobs SET frame_index = x'00' WHERE id = ${blobOf('text')}`],
  ])('finds %s: %s', async (kind, sql) => {
    await at.fill()
    const database = new DatabaseSync(join(at.folder, 'cutty.db'))
    database.exec(`PRAGMA foreign_keys = OFF; ${sql}`)
    database.close()
    const result = await at.check()
    expect(kindsOf(result)).toEqual([kind])
    const finding = result.findings.find((each) => each.kind === kind)
    expect(finding?.examples.length).toBe(Math.min(10, finding?.count ?? 0))
    expect(result.ok).toBe(false)
  })

  test('finds blobs without a row, of files and of parts', async () => {
    await at.fill()
    const database = new DatabaseSync(join(at.folder, 'cutty.db'))
    database.exec(`PRAGMA foreign_keys = OFF; DELETE FROM blobs`)
    database.close()
    const kinds = kindsOf(await at.check())
    expect(kinds).toEqual(expect.arrayContaining(['file_without_blob', 'part_without_blob', 'foreign_key']))
  })

  test.each([
    ['missing_blob', (path: string) => unlinkSync(path)],
    ['blob_size', (path: string) => truncateSync(path, 299_999)],
    ['blob_size', (path: string) => writeFileSync(path, new Uint8Array(300_001))],
    ['content', (path: string) => writeFileSync(path, new Uint8Array(300_000))],
  ])('finds %s, and names the file', async (kind, damage) => {
    await at.fill()
    damage(await at.pathOf('large'))
    const result = await at.check()
    expect(kindsOf(result)).toEqual([kind])
    expect(result.findings.find((each) => each.kind === kind)?.examples[0]).toContain('bucket/large')
    // Without the bytes, sizes are all that can be seen.
    expect((await at.check({ contents: false })).ok).toBe(kind === 'content')
  })

  test('finds a page that is damaged', async () => {
    await at.fill()
    await at.backUp()
    const [file] = filesIn(at.target).filter((path) => path.endsWith('.db'))
    const data = join(at.beside, 'damaged')
    mkdirSync(data)
    const bytes = readFileSync(file as string)
    bytes.fill(0xff, 8192, bytes.length - 4096)
    writeFileSync(join(data, 'cutty.db'), bytes)
    await expect(at.check({ data: data })).rejects.toThrow(ToolError)
  })

  test('takes neither garbage whose bytes are gone for damage, nor an upload that never ended', async () => {
    await at.fill()
    const path = await at.pathOf('large')
    await at.delete('large')
    unlinkSync(path)
    await at.core.blobs.put('01m7z000000000000000000000', [Uint8Array.of(1)] as never)
    expect(await at.check()).toMatchObject({
      ok: true,
      leftovers: { count: 1, examples: ['01m7z000000000000000000000'] },
    })
  })
})

describe('releases', () => {
  /** A folder as an older release left it. */
  function openOld(): string {
    const data = join(at.beside, 'old')
    const migrations = join(at.beside, 'migrations')
    mkdirSync(data)
    mkdirSync(migrations)
    for (const name of migrationNames.slice(0, 1))
      cpSync(join(migrationsFolder, name), join(migrations, name))
    const database = new DatabaseSync(join(data, 'cutty.db'))
    expect(migrate(database, { folder: migrations, nowMs: 1 })).toEqual(['0001_files.sql'])
    database.exec(`INSERT INTO blobs VALUES ('b', 'row', 'identity', 1, 1, 0, NULL, x'', 2, NULL, 1);
      INSERT INTO blob_bodies VALUES ('b', x'00')`)
    database.close()
    return data
  }

  test('what an older one left can be backed up, checked, restored, and migrated', async () => {
    const data = openOld()
    expect(kindsOf(await at.check({ data: data, contents: false }))).toEqual(['references_count'])
    expect(await at.backUp({ data })).toMatchObject({ files: 0 })
    await at.restore({ despiteDamage: true, contents: false })
    const pending = migrationNames.slice(1)
    const old = at.restored
    expect(await folderStatus(old)).toMatchObject({
      migrations: [{ state: 'applied', appliedAtMs: 1 }, { state: 'pending' }, {}, {}, {}, {}] as never,
    })
    expect(await migrateFolder(old, { dryRun: true, nowMs: 2 })).toEqual({ applied: [], pending })
    expect(await migrateFolder(old, { dryRun: false, nowMs: 2 })).toEqual({ applied: pending, pending: [] })
    expect(await migrateFolder(old, { dryRun: false, nowMs: 3 })).toEqual({ applied: [], pending: [] })
    const { migrations } = await folderStatus(old)
    expect(migrations.map(({ appliedAtMs }) => appliedAtMs)).toEqual([1, ...pending.map(() => 2)])
  })

  test('what a newer one left is told, and left alone', async () => {
    await at.backUp()
    at.sqlite(`INSERT INTO schema_migrations VALUES ('9999_later.sql', 'x', 1) RETURNING name`)
    const { migrations } = await folderStatus(at.folder)
    expect(migrations.at(-1)).toEqual({
      name: '9999_later.sql',
      state: 'unknown',
      checksum: 'x',
      appliedAtMs: 1,
    })
    const refusal = 'migrated by a newer cutty (9999_later.sql)'
    await expect(at.check()).rejects.toThrow(refusal)
    await expect(migrateFolder(at.folder, { dryRun: true, nowMs: 1 })).rejects.toThrow(refusal)
    await expect(migrateFolder(at.folder, { dryRun: false, nowMs: 1 })).rejects.toThrow(refusal)
    await at.backUp()
    await expect(at.restore()).rejects.toThrow(refusal)
    expect(existsSync(at.restored)).toBe(false)
  })

  test('a migration that was changed afterwards is told, and refused', async () => {
    at.sqlite(
      `UPDATE schema_migrations SET checksum = 'x' WHERE name = '0002_compression.sql' RETURNING name`,
    )
    expect((await folderStatus(at.folder)).migrations[1]).toMatchObject({ state: 'changed' })
    const migrating = migrateFolder(at.folder, { dryRun: false, nowMs: 1 })
    await expect(migrating).rejects.toThrow('0002_compression.sql was changed')
  })

  test('while somebody has the folder, nothing is migrated, and all others can be asked', async () => {
    await at.fill()
    const lock = lockFolder(at.folder)
    await expect(migrateFolder(at.folder, { dryRun: false, nowMs: 1 })).rejects.toThrow(
      `is in use by process ${process.pid}`,
    )
    expect(await migrateFolder(at.folder, { dryRun: true, nowMs: 1 })).toEqual({
      applied: [],
      pending: [],
    })
    expect((await folderStatus(at.folder)).server).toContain(`process ${process.pid}`)
    expect(await at.check()).toMatchObject({ ok: true })
    expect(await at.backUp()).toMatchObject({ files: 5 })
    lock.release()
    expect((await folderStatus(at.folder)).server).toBe(null)
  })
})

describe('status', () => {
  test('says how large everything is, and which numbers are estimates', async () => {
    await at.fill()
    at.sqlite(`INSERT INTO file_reads WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100001)
      SELECT 'bucket', i, 1, 1 FROM n RETURNING 1`)
    const rowsOf = async (table: string) =>
      (await folderStatus(at.folder)).rows.find((each) => each.table === table)
    expect(await rowsOf('files')).toEqual({ table: 'files', rows: 5, by: 'totals' })
    expect(await rowsOf('users')).toEqual({ table: 'users', rows: 1, by: 'counted' })
    expect(await rowsOf('file_reads')).toEqual({ table: 'file_reads', rows: 100_000, by: 'at_least' })
    at.sqlite('ANALYZE')
    expect(await rowsOf('file_reads')).toEqual({ table: 'file_reads', rows: 100_001, by: 'statistics' })
    const { database, blobs } = await folderStatus(at.folder)
    expect(database.sizeBytes).toBe(database.pages * 4096)
    expect(database.logBytes).toBe(statSync(join(at.folder, 'cutty.db-wal')).size)
    expect(blobs.count).toBe(blobsIn(at.folder).length)
  })

  test('of a folder that is none is an error, and makes nothing', async () => {
    await expect(folderStatus(join(at.beside, 'none'))).rejects.toThrow('is no data folder')
    expect(existsSync(join(at.beside, 'none'))).toBe(false)
    mkdirSync(join(at.beside, 'odd'))
    writeFileSync(
      join(at.beside, 'odd/cutty.db'),
      'this is no database, but a text that is long enough to be read',
    )
    await expect(folderStatus(join(at.beside, 'odd'))).rejects.toThrow('The database cannot be read')
  })
})

describe('the access log', () => {
  const migrations = ['access-log/0001_access_log.sql']
  const columns = `at_ms, request_id, method, operation, path, status, bytes_received, bytes_sent, duration_ms, aborted`

  function changeLog(sql: string): void {
    const database = new DatabaseSync(join(at.folder, 'access-log.db'), { defensive: false })
    try {
      database.exec(sql)
    } finally {
      database.close()
    }
  }

  /** As a server leaves it that was stopped. */
  function makeLog(rows: number): string {
    const file = join(at.folder, 'access-log.db')
    const database = new DatabaseSync(file)
    database.exec('PRAGMA journal_mode = WAL')
    migrate(database, { folder: join(migrationsFolder, 'access-log'), nowMs: 1 })
    database.exec(`INSERT INTO access_log (number, ${columns})
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
      SELECT 1000 + i, i, 'id', 'GET', 'GetObject', '/bucket/key', 200 + 204 * (i % 2), 0, 1, 1.5, 0 FROM n WHERE i <= ${rows}`)
    database.close()
    return file
  }

  const status = async () => (await folderStatus(at.folder)).accessLog
  const found = async (quick = false) =>
    (await at.check({ quick })).findings.find(({ kind }) => kind === 'access_log')
  const migrating = (dryRun: boolean) => migrateFolder(at.folder, { dryRun, nowMs: 2 })
  /** So that something is pending in the database of files. */
  const makeOlder = () =>
    at.sqlite(`DELETE FROM schema_migrations WHERE name = '0006_statement_stats.sql' RETURNING name`)
  const isPending = async () => (await folderStatus(at.folder)).migrations.at(-1)?.state === 'pending'

  const unreadable: [string, (file: string) => void, RegExp][] = [
    [
      'is no database',
      (file) => writeFileSync(file, 'a text that is long enough to be looked at'),
      /not a database/,
    ],
    ['is cut off', () => truncateSync(makeLog(1000), 5000), /malformed/],
    ['is a folder', (file) => mkdirSync(file), /I\/O error|unable to open/],
  ]

  test('that there is none is no damage, and nothing is pending in it', async () => {
    expect(await status()).toBe(null)
    expect(await found()).toBe(undefined)
    expect(await migrating(true)).toEqual({ applied: [], pending: [] })
    expect(await migrating(false)).toEqual({ applied: [], pending: [] })
    expect(existsSync(join(at.folder, 'access-log.db'))).toBe(false)
  })

  test.each([0, 1, 1000])('of %i entries: its status, and nothing is wrong', async (rows) => {
    const file = makeLog(rows)
    const { size } = statSync(file)
    expect(await status()).toEqual({
      sizeBytes: size,
      logBytes: 0,
      pages: size / 4096,
      freePages: 0,
      rows,
      migrations: [{ name: migrations[0], state: 'applied', appliedAtMs: 1, checksum: expect.any(String) }],
      failure: null,
    })
    const right = { count: 0, examples: [] }
    expect(await found()).toMatchObject(right)
    expect(await found(true)).toMatchObject(right)
    expect(await migrating(false)).toEqual({ applied: [], pending: [] })
    if (rows < 1000) return
    changeLog('DELETE FROM access_log WHERE number <= 1600')
    expect(await status()).toMatchObject({ rows: 400, freePages: expect.toSatisfy((pages) => pages > 5) })
  })

  test('while a server writes to it, what is in its write-ahead log counts', async () => {
    const writer = new DatabaseSync(makeLog(0))
    writer.exec(
      `INSERT INTO access_log (${columns}) VALUES (1, 'id', 'GET', 'unknown', '/', 404, 0, 0, 1, 0)`,
    )
    writer.exec('BEGIN IMMEDIATE')
    expect(await status()).toMatchObject({ rows: 1, logBytes: expect.toSatisfy((bytes) => bytes > 4096) })
    expect(await found()).toMatchObject({ count: 0 })
    writer.close()
  })

  test('of which nothing was made yet, by a start that was broken off, is migrated', async () => {
    writeFileSync(join(at.folder, 'access-log.db'), '')
    expect(await status()).toMatchObject({ sizeBytes: 0, rows: 0, migrations: [{ state: 'pending' }] })
    expect(await found()).toMatchObject({ count: 0 })
    expect(await migrating(true)).toEqual({ applied: [], pending: migrations })
    expect(await migrating(false)).toEqual({ applied: migrations, pending: [] })
    expect(await migrating(false)).toEqual({ applied: [], pending: [] })
  })

  test.each(unreadable)(
    'that %s is found, and keeps from nothing but migrating',
    async (_what, damage, message) => {
      await at.fill()
      makeOlder()
      const file = join(at.folder, 'access-log.db')
      damage(file)
      expect(await status()).toMatchObject({
        rows: null,
        migrations: null,
        failure: expect.stringMatching(message),
      })
      for (const quick of [false, true]) {
        const result = await at.check({ quick })
        expect(result).toMatchObject({ ok: false, files: 5 })
        expect(kindsOf(result)).toEqual(['access_log'])
        expect(result.findings.at(-1)?.examples.join()).toMatch(message)
      }
      for (const dryRun of [true, false]) {
        await expect(migrating(dryRun)).rejects.toThrow(
          /^The access log .* cannot be read: .*Move it away to begin another/,
        )
        expect(await isPending()).toBe(true)
      }
      expect(await at.backUp()).toMatchObject({ files: 5 })
    },
  )

  test('whose pages are damaged is found', async () => {
    const file = makeLog(1000)
    const bytes = readFileSync(file)
    bytes.fill(0xff, bytes.length - 8192)
    writeFileSync(file, bytes)
    for (const quick of [false, true]) {
      expect(kindsOf(await at.check({ quick }))).toEqual(['access_log'])
      expect((await found(quick))?.examples.length).toBeGreaterThan(0)
    }
  })

  test('whose index is not of its table is found, though not by the quick check', async () => {
    makeLog(1000)
    changeLog(`PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '>= 400', '>= 200')
      WHERE name = 'access_log_refused'`)
    expect((await found())?.examples[0]).toBe('row 2 missing from index access_log_refused')
    expect(await found(true)).toMatchObject({ count: 0 })
  })

  test('that a newer release has migrated is checked as it is, and neither database is migrated', async () => {
    makeLog(3)
    makeOlder()
    changeLog(`INSERT INTO schema_migrations VALUES ('9999_later.sql', 'x', 1)`)
    expect((await status())?.migrations?.at(-1)).toMatchObject({
      name: 'access-log/9999_later.sql',
      state: 'unknown',
    })
    expect(await found()).toMatchObject({ count: 0 })
    for (const dryRun of [true, false]) {
      await expect(migrating(dryRun)).rejects.toThrow('by a newer cutty (access-log/9999_later.sql)')
      expect(await isPending()).toBe(true)
    }
  })

  test('while somebody has the folder, it is not migrated', async () => {
    writeFileSync(join(at.folder, 'access-log.db'), '')
    const lock = lockFolder(at.folder)
    await expect(migrating(false)).rejects.toThrow('is in use by process')
    expect(statSync(join(at.folder, 'access-log.db')).size).toBe(0)
    lock.release()
  })

  test('is in no backup, and comes with none', async () => {
    await at.fill()
    const file = makeLog(1000)
    await at.backUp()
    expect(readdirSync(at.target).join()).not.toContain('access-log')
    // Put there by somebody who wants to have it at hand.
    cpSync(file, join(at.target, 'access-log.db'))
    expect(await at.restore()).toMatchObject({ restored: true, check: { ok: true } })
    expect(readdirSync(at.restored).join()).not.toContain('access-log')
    await expect(at.backUp()).rejects.toThrow('holds other things (access-log.db)')

    // And into the folder that was restored.
    cpSync(file, join(at.restored, 'access-log.db'))
    expect(await at.check({ data: at.restored })).toMatchObject({ ok: true })
    expect(await folderStatus(at.restored)).toMatchObject({ accessLog: { rows: 1000 } })
    const alone = join(at.beside, 'alone')
    mkdirSync(alone)
    cpSync(file, join(alone, 'access-log.db'))
    await expect(at.restore({ data: alone })).rejects.toThrow('is not empty (access-log.db)')
    expect(readdirSync(alone)).toEqual(['access-log.db'])
  })
})
