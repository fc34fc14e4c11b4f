import { describe, expect, test } from 'vitest'
import { bind, type Database } from '../../src/core/ports/database.ts'
import * as sql from './database-statements.ts'
import { expectKind } from './expect-kind.ts'

type Subject = () => Database

const putSetting = (name: string, value: string) => bind(sql.putSetting, { name, value })
const addUser = (id: string) => bind(sql.addUser, { id, name: 'Ada', email: `${id}@example.org` })

/** Of several reads in one round trip, and of those that a copy may answer. */
export function readsContract(subject: Subject): void {
  describe('several statements together', () => {
    test('give the rows of each, in their order', async () => {
      await subject().batch([addUser('a'), putSetting('s', '1'), putSetting('t', '2')])
      const reads = [
        bind(sql.settingsAfter, { after: '', limit: 10 }),
        bind(sql.findSetting, { name: 'never' }),
        bind(sql.findUser, { id: 'a' }),
        bind(sql.findSetting, { name: 's' }),
      ]
      const rows = [[{ name: 's' }, { name: 't' }], [], [{ name: 'Ada' }], [{ value: '1' }]]
      expect(await subject().queryTogether(reads)).toEqual(rows)
      expect(await subject().queryTogether(reads, { mayLag: true })).toEqual(rows)
      expect(await subject().queryTogether(reads.slice(0, 1))).toEqual(rows.slice(0, 1))
      expect(await subject().queryTogether([])).toEqual([])
    })

    test('give bytes as a Uint8Array of the same', async () => {
      const bytes = new Uint8Array([0, 255])
      await roundTripped('x', bytes)
      const [[row]] = (await subject().queryTogether([
        bind(sql.findBlob, { id: 'x' }),
        bind(sql.findBlob, { id: 'y' }),
      ])) as [[sql.ThingValues], []]
      expect(row.bytes).toBeInstanceOf(Uint8Array)
      expect([...row.bytes]).toEqual([...bytes])
    })
    const roundTripped = (id: string, bytes: Uint8Array) =>
      subject().batch([bind(sql.addBlob, { id, text: 'x', number: 1, bytes, nullable: null })])

    test('fail as a whole', async () => {
      await subject().batch([putSetting('s', '1')])
      const find = bind(sql.findSetting, { name: 's' })
      const wrong = bind(sql.findSetting, { name: { a: 1 } as unknown as string })
      await expectKind(subject().queryTogether([find, wrong, find]), 'unavailable')
      await expectKind(subject().queryTogether([wrong]), 'unavailable')
      // And nothing is left of it.
      expect(await subject().queryTogether([find, find])).toEqual([[{ value: '1' }], [{ value: '1' }]])
      await subject().batch([putSetting('s', '2')])
      expect(await subject().queryTogether([find, find])).toEqual([[{ value: '2' }], [{ value: '2' }]])
    })

    test('are of one moment', async () => {
      await subject().batch([putSetting('s', '0'), putSetting('t', '0')])
      const reads = ['s', 't'].map((name) => bind(sql.findSetting, { name }))
      for (let round = 1; round <= 60; round++) {
        const writing = subject().batch([putSetting('s', String(round)), putSetting('t', String(round))])
        const looks = await Promise.all([1, 2, 3].map(() => subject().queryTogether(reads)))
        for (const [s, t] of looks) expect(s).toEqual(t)
        await writing
      }
    })

    test('a query that may lag sees what this process has written', async () => {
      for (let round = 0; round < 20; round++) {
        await subject().batch([putSetting('s', String(round))])
        expect(await subject().query(sql.findSetting, { name: 's' }, { mayLag: true })).toEqual([
          { value: String(round) },
        ])
      }
    })
  })
  bookmarksContract(subject)
}

/** Of bookmarks where there are any: where there are none, every query is of the present. */
function bookmarksContract(subject: Subject) {
  test('bookmarks grow with what is written, and stay known', async () => {
    const { bookmarks, capabilities } = subject()
    if (!bookmarks) {
      expect(capabilities.staleMsMax).toBe(0)
      return
    }
    expect(capabilities.staleMsMax).toBeGreaterThan(0)
    const seen: string[] = []
    for (let round = 0; round < 20; round++) {
      await subject().batch([putSetting('s', String(round))])
      seen.push(bookmarks.latest() as string)
      expect(seen.at(-1)).toMatch(/^[!-~]{1,200}$/)
      await subject().query(sql.findSetting, { name: 's' }, { mayLag: true })
      expect((bookmarks.latest() as string) >= (seen.at(-1) as string)).toBe(true)
    }
    expect(seen).toEqual([...new Set(seen)].toSorted())
    expect(bookmarks.atLeast(seen[10] as string)).toBe(true)
    expect(bookmarks.atLeast(seen[10] as string)).toBe(false)
    expect(bookmarks.atLeast(seen[9] as string)).toBe(false)
    // Of a moment that is not yet: nothing waits for it.
    expect(bookmarks.atLeast('~')).toBe(true)
    await subject().batch([putSetting('s', 'last')])
    const how = { mayLag: true }
    expect(await subject().query(sql.findSetting, { name: 's' }, how)).toEqual([{ value: 'last' }])
  })
}
