import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { lockFolder } from '../../src/adapters/disk/folder-lock.ts'
import { collectGarbage } from '../../src/core/files/collect.ts'
import { migrateFolder } from '../../src/entry/database-tools.ts'
import { patternBytes } from '../contracts/http/bytes.ts'
import { blobsIn, type DataFolder, kindsOf, openDataFolder } from './data-folder.ts'

let at: DataFolder
beforeEach(async () => {
  at = await openDataFolder()
})
afterEach(() => at.remove())

describe('backup and restore', () => {
  test('bring back every file, byte for byte, and all that check asks for', async () => {
    await at.fill()
    writeFileSync(join(at.folder, 'master.key'), 'a key')
    const made = await at.backUp()
    expect(made).toMatchObject({
      files: 5,
      masterKey: 'included',
      blobs: { added: made.blobs.count, lost: 0 },
    })
    const result = await at.restore()
    expect(result).toMatchObject({ restored: true, files: 5, check: { ok: true, contentsRead: true } })
    const target = at.restored
    expect(readFileSync(join(target, 'master.key'), 'utf8')).toBe('a key')
    expect(statSync(join(target, 'master.key')).mode & 0o777).toBe(0o600)
    const relative = (root: string) =>
      blobsIn(root).map((path) => [path.slice(root.length), readFileSync(path)])
    expect(relative(target)).toEqual(relative(at.folder))
    expect(readdirSync(target).toSorted()).toEqual(['blobs', 'cutty.db', 'lock', 'master.key', 'owner'])
    // A release that is newer than the backup finds it as it would find the original.
    expect(await migrateFolder(target, { dryRun: false, nowMs: 0 })).toEqual({ applied: [], pending: [] })
  })

  test('a folder without any file', async () => {
    expect(await at.backUp()).toMatchObject({ files: 0, masterKey: 'absent', blobs: { count: 0 } })
    expect(await at.restore()).toMatchObject({ restored: true, files: 0, check: { ok: true } })
  })

  test('again into the same folder copies what is new and removes what is old', async () => {
    await at.fill()
    await at.backUp()
    const kept = (await at.pathOf('text')).replace(at.folder, at.target)
    const before = statSync(kept)
    await at.put('more', patternBytes(70_000, 9))
    await at.delete('large')
    at.clock.advance(1000)
    await collectGarbage(at.core, { graceMs: 0 })
    const again = await at.backUp()
    expect(again.blobs).toMatchObject({ added: 1, addedBytes: 70_000, removed: 1 })
    expect(statSync(kept)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs })
    expect(readdirSync(at.target).filter((name) => name.endsWith('.db'))).toHaveLength(1)
    expect(await at.restore()).toMatchObject({ restored: true, files: 5, check: { ok: true } })
  })

  test('--link takes no room, --without-key leaves it out, also one that was there', async () => {
    await at.fill()
    writeFileSync(join(at.folder, 'master.key'), 'a key')
    await at.backUp({ link: true })
    for (const path of blobsIn(at.target)) expect(statSync(path).nlink).toBe(2)
    expect(await at.backUp({ withoutKey: true })).toMatchObject({ masterKey: 'left_out' })
    expect(existsSync(join(at.target, 'master.key'))).toBe(false)
    await expect(
      at.backUp({ withoutKey: true, link: true, target: join(at.beside, 'other') }),
    ).resolves.toBeDefined()
  })

  test('what is deleted while it is copied is not in the backup, and no damage (R47)', async () => {
    for (let index = 0; index < 30; index++) await at.put(`file ${index}`, patternBytes(20_000, index + 1))
    const victims = ['file 28', 'file 29']
    const paths = await Promise.all(victims.map(at.pathOf))
    const rounds: string[] = []
    // As the server would, but in the midst of a round: the row first.
    const remove = (index: number) => {
      at.sqlite(`UPDATE blobs SET references_count = 0, garbage_since_ms = 1
        WHERE id = (SELECT blob_id FROM files WHERE key = '${victims[index]}') RETURNING id`)
      at.sqlite(`DELETE FROM files WHERE key = '${victims[index]}' RETURNING key`)
      unlinkSync(paths[index] as string)
    }
    const made = await at.backUp({
      stage(name) {
        rounds.push(name)
        const round = rounds.length
        let first = true
        return {
          advance() {
            // Later ones of the page have been listed by now.
            if (first && name === 'blobs' && round <= 2) remove(round - 1)
            first = false
          },
          end() {
            // As if it had been stored since.
            if (round === 1) rmSync((paths[1] as string).replace(at.folder, at.target))
          },
        }
      },
    })
    // At leisure, at a moment that could not be caught, at one that was.
    expect(rounds).toEqual(['blobs', 'blobs', 'blobs', 'database', 'checking'])
    expect(made).toMatchObject({ files: 28, blobs: { count: 28, lost: 0 } })
    expect(await at.restore()).toMatchObject({ restored: true, files: 28, check: { ok: true } })
  })

  test('what is lost is an error, unless that was asked for', async () => {
    await at.fill()
    unlinkSync(await at.pathOf('large'))
    truncateSync(await at.pathOf('text'), 5)
    await expect(at.backUp()).rejects.toThrow(/damaged: 2 blobs[^]*bucket\/large/)
    await expect(at.restore()).rejects.toThrow('holds no whole backup')
    expect(await at.backUp({ despiteDamage: true })).toMatchObject({ blobs: { lost: 2 } })
    await expect(at.restore()).rejects.toThrow('2 blobs were lost already')
    expect(existsSync(at.restored)).toBe(false)
    const result = await at.restore({ despiteDamage: true })
    expect(kindsOf(result.check)).toEqual(['missing_blob'])
    expect(result.restored).toBe(true)
  })

  test('a backup that is broken off leaves the one before as it was, and is gone on with', async () => {
    await at.fill()
    await at.backUp()
    const manifest = readFileSync(join(at.target, 'manifest.json'), 'utf8')
    await at.put('more', patternBytes(70_000, 9))
    for (const during of ['blobs', 'database', 'checking']) {
      const controller = new AbortController()
      const stage = (name: string) => {
        if (name === during) controller.abort()
        return { advance() {}, end() {} }
      }
      await expect(at.backUp({ stage, signal: controller.signal }), during).rejects.toThrow('Cancelled.')
      expect(readFileSync(join(at.target, 'manifest.json'), 'utf8')).toBe(manifest)
      expect(await at.restore()).toMatchObject({ restored: true, files: 5, check: { ok: true } })
      rmSync(at.restored, { recursive: true })
    }
    expect(await at.backUp()).toMatchObject({ files: 6 })
    expect(await at.restore()).toMatchObject({ files: 6, check: { ok: true } })
    // Drafts and databases of the ones that were broken off.
    const names = readdirSync(at.target).filter((name) => /^(tmp|database)/.test(name))
    expect(names).toHaveLength(1)
  })

  test('a restore that is broken off is gone on with, also between the renames', async () => {
    await at.fill()
    await at.backUp()
    const controller = new AbortController()
    const stage = (name: string) => ({ advance: () => name === 'blobs' && controller.abort(), end() {} })
    await expect(at.restore({ stage, signal: controller.signal })).rejects.toThrow('Cancelled.')
    const data = at.restored
    expect(readdirSync(data)).toContain('restoring')
    expect(existsSync(join(data, 'cutty.db'))).toBe(false)
    // As far as the first of three.
    cpSync(join(data, 'restoring/blobs'), join(data, 'blobs'), { recursive: true })
    rmSync(join(data, 'restoring/blobs'), { recursive: true })
    expect(await at.restore()).toMatchObject({ restored: true, check: { ok: true } })
    expect(existsSync(join(data, 'restoring'))).toBe(false)
  })

  test.each<[string, (path: string) => void, RegExp]>([
    ['without a manifest', (path) => rmSync(join(path, 'manifest.json')), /no whole backup/],
    [
      'whose manifest is cut off',
      (path) => truncateSync(join(path, 'manifest.json'), 100),
      /is damaged: it is not JSON/,
    ],
    [
      'whose manifest lacks something',
      (path) => writeFileSync(join(path, 'manifest.json'), '{}'),
      /it lacks something/,
    ],
    ['of a newer release', (path) => edit(path, { format: 2 }), /newer cutty/],
    ['without its database', (path) => rmSync(databaseIn(path)), /is not there/],
    ['whose database has another bit', (path) => flip(databaseIn(path)), /is not what the manifest says/],
    [
      'whose database is cut off',
      (path) => truncateSync(databaseIn(path), 4096),
      /is not what the manifest says/,
    ],
    ['that lacks a blob', (path) => unlinkSync(blobsIn(path)[0] as string), /1 blobs are not there/],
    [
      'with a short blob',
      (path) => truncateSync(blobsIn(path)[0] as string, 3),
      /1 blobs are not there, or not whole/,
    ],
    ['with another number of files', (path) => edit(path, { files: 17 }), /not as many files/],
    ['without the key that it had', (path) => rmSync(join(path, 'master.key')), /master\.key is not there/],
  ])('a backup %s is refused, and leaves no trace', async (_what, damage, message) => {
    await at.fill()
    writeFileSync(join(at.folder, 'master.key'), 'a key')
    await at.backUp()
    damage(at.target)
    await expect(at.restore()).rejects.toThrow(message)
    expect(existsSync(at.restored)).toBe(false)
  })

  test('a backup with another bit in a blob is restored to look at, and not put in place', async () => {
    await at.fill()
    await at.backUp()
    flip(blobsIn(at.target)[0] as string)
    const result = await at.restore()
    expect(result.restored).toBe(false)
    expect(kindsOf(result.check)).toEqual(['content'])
    expect(existsSync(join(at.restored, 'cutty.db'))).toBe(false)
    expect(await at.restore({ despiteDamage: true })).toMatchObject({ restored: true, check: { ok: false } })
  })

  test('nothing is restored over anything', async () => {
    await at.fill()
    await at.backUp()
    await expect(at.restore({ data: at.folder })).rejects.toThrow(/is not empty/)
    mkdirSync(at.restored)
    writeFileSync(join(at.restored, 'notes.txt'), '')
    await expect(at.restore()).rejects.toThrow(/is not empty \(notes\.txt\)/)
    rmSync(join(at.restored, 'notes.txt'))
    const lock = lockFolder(at.restored)
    await expect(at.restore()).rejects.toThrow(/is in use by process/)
    lock.release()
    expect(await at.restore()).toMatchObject({ restored: true })
  })

  test('a backup goes into a folder of its own', async () => {
    await at.fill()
    await expect(at.backUp({ target: at.folder })).rejects.toThrow('must lie beside one another')
    await expect(at.backUp({ target: join(at.folder, 'backup') })).rejects.toThrow('must lie beside')
    await expect(at.backUp({ target: at.beside, data: join(at.beside, 'none') })).rejects.toThrow(
      'is no data folder',
    )
    mkdirSync(join(at.beside, 'other'))
    writeFileSync(join(at.beside, 'other/cutty.db'), '')
    await expect(at.backUp({ target: join(at.beside, 'other') })).rejects.toThrow(
      'holds other things (cutty.db)',
    )
    await at.backUp()
    const lock = lockFolder(at.target, 'backup')
    await expect(at.backUp()).rejects.toThrow(/The backup .* is in use by process/)
    lock.release()
    const another = await openDataFolder()
    await expect(at.backUp({ data: another.folder })).rejects.toThrow('is the backup of another cutty')
    await another.remove()
  })
})

function edit(path: string, values: object): void {
  const file = join(path, 'manifest.json')
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...values }))
}

function databaseIn(path: string): string {
  return join(path, readdirSync(path).find((name) => name.endsWith('.db')) as string)
}

/** A bit in the middle. */
function flip(path: string): void {
  const bytes = readFileSync(path)
  const at = Math.floor(bytes.length / 2)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(path, bytes)
}
