import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bind, type Database, type DatabaseFailure, type Statement } from '../../src/core/ports/database.ts'
import { defineStatement } from '../../src/core/statements/define.ts'
import { readsContract } from './database-reads.ts'
import { expectKind } from './expect-kind.ts'
import * as sql from './database-statements.ts'

type Create = (
  statements: readonly Statement[],
) => Promise<{ subject: Database; cleanup: () => Promise<void> }>

/** What every database promises: the sentences of `core/ports/database.ts`, over the tables of `migrations/`. */
export function databaseContract(name: string, create: Create): void {
  describe(`${name} as a Database`, () => {
    let database: Database
    let cleanup: () => Promise<void>
    beforeEach(async () => {
      ;({ subject: database, cleanup } = await create(sql.contractStatements))
    })
    afterEach(() => cleanup())

    const subject = () => database
    valuesContract(subject)
    orderContract(subject)
    batchContract(subject)
    failureContract(subject)
    concurrencyContract(subject)
    readsContract(subject)

    test('answers a ping', async () => {
      await database.ping()
    })

    test('close waits for a batch under way', async () => {
      const writing = database.batch([putSetting('a', '1')])
      await database.close()
      expect(await writing).toMatchObject([{ changes: 1 }])
    })
  })
}

type Subject = () => Database

const putSetting = (name: string, value: string) => bind(sql.putSetting, { name, value })
const addSetting = (name: string, value: string) => bind(sql.addSetting, { name, value })
const addUser = (id: string, name = 'Ada') => bind(sql.addUser, { id, name, email: `${id}@example.org` })

async function settingOf(database: Database, name: string): Promise<string | undefined> {
  return (await database.query(sql.findSetting, { name }))[0]?.value
}

const text = fc.string({ unit: 'binary', maxLength: 40 })

function valuesContract(subject: Subject) {
  describe('values', () => {
    const roundTrip = async (id: string, values: sql.ThingValues) => {
      await subject().batch([bind(sql.addBlob, { id, ...values })])
      const rows = await subject().query(sql.findBlob, { id })
      expect(rows).toHaveLength(1)
      return rows[0] as sql.ThingValues
    }
    const plain: sql.ThingValues = { text: 'x', number: 1, bytes: new Uint8Array([1]), nullable: null }

    test.each([
      ['nothing', ''],
      ['spaces', '  a  '],
      ['control characters', '\u0001\t\r\n\u001f\u007f\u0085'],
      ['a zero character', 'a\u0000b'],
      ['quotes and SQL', `'; DROP TABLE files; -- "?1" \\ %_`],
      ['accents, composed and not', 'é e\u0301'],
      ['emoji with joiners', '👩‍👩‍👧 🏳️‍🌈'],
      ['the end of each plane', '\uFFFD\uFFFF\u{1F600}\u{10FFFF}'],
      ['digits', '007'],
      ['64 KiB', 'ü'.repeat(32_768)],
    ])('text comes back as it went: %s', async (_name, value) => {
      expect((await roundTrip('t', { ...plain, text: value })).text).toBe(value)
    })

    test.each([
      0,
      -1,
      1.5,
      2 ** 31,
      2 ** 32 + 1,
      Date.UTC(9999, 0),
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
    ])('the number %d comes back as it went', async (value) => {
      expect((await roundTrip('n', { ...plain, number: value })).number).toBe(value)
    })

    test.each([
      ['none', new Uint8Array(0)],
      ['one', new Uint8Array([0])],
      ['each there is', Uint8Array.from({ length: 256 }, (_, index) => index)],
      ['a view into others', Uint8Array.from({ length: 64 }, (_, index) => index).subarray(9, 21)],
      ['64 KiB', new Uint8Array(65_536).fill(255)],
    ])('bytes come back as a Uint8Array of the same: %s', async (_name, value) => {
      const before = new Uint8Array(value)
      const { bytes, nullable } = await roundTrip('b', { ...plain, bytes: value, nullable: value })
      for (const stored of [bytes, nullable]) {
        expect(stored).toBeInstanceOf(Uint8Array)
        expect([...(stored as Uint8Array)]).toEqual([...before])
      }
      expect([...value], 'what was given is still the caller’s').toEqual([...before])
    })

    test('null comes back as null', async () => {
      expect((await roundTrip('0', plain)).nullable).toBeNull()
    })

    test('any row comes back as it went', async () => {
      let count = 0
      const values = fc.record({
        text,
        number: fc.maxSafeInteger(),
        bytes: fc.uint8Array({ maxLength: 100 }),
        nullable: fc.option(fc.uint8Array({ maxLength: 10 })),
      })
      await fc.assert(
        fc.asyncProperty(values, async (value) => {
          const row = await roundTrip(`p${count++}`, value)
          expect({ ...row, bytes: [...row.bytes], nullable: row.nullable && [...row.nullable] }).toEqual({
            ...value,
            bytes: [...value.bytes],
            nullable: value.nullable && [...value.nullable],
          })
        }),
        { seed: 20_261_121, numRuns: 60 },
      )
    })

    test('a parameter that is used twice is given once', async () => {
      await subject().batch([addUser('a'), addUser('b')])
      const rows = await subject().query(sql.usersWithEmailOf, { id: 'b' })
      expect(rows).toEqual([{ id: 'b', email: 'b@example.org' }])
    })
  })

  describe('query', () => {
    test('gives no rows where there are none', async () => {
      expect(await subject().query(sql.findSetting, { name: 'never' })).toEqual([])
    })

    test('gives many rows', async () => {
      const names = Array.from({ length: 300 }, (_, index) => `n${String(index).padStart(4, '0')}`)
      await subject().batch(names.map((name) => putSetting(name, 'x')))
      expect(
        (await subject().query(sql.settingsAfter, { after: '', limit: 1000 })).map((row) => row.name),
      ).toEqual(names)
      expect(await subject().query(sql.settingsAfter, { after: 'n0100', limit: 2 })).toEqual([
        { name: 'n0101' },
        { name: 'n0102' },
      ])
    })

    test('runs nothing that is not registered', async () => {
      const stranger = defineStatement<{ name: string }, { name: string }>({
        ...sql.findSetting,
        name: 'x.y',
      })
      await expectKind(subject().query(stranger, { name: 'a' }), 'unavailable')
      await expectKind(subject().batch([bind(stranger, { name: 'a' })]), 'unavailable')
      await expectKind(
        subject().queryTogether([bind(sql.findSetting, { name: 'a' }), bind(stranger, { name: 'a' })]),
        'unavailable',
      )
    })
  })
}

function orderContract(subject: Subject) {
  const utf8 = new TextEncoder()
  const byBytes = (a: string, b: string) => {
    const [left, right] = [utf8.encode(a), utf8.encode(b)]
    const index = left.findIndex((byte, at) => byte !== right[at])
    return index === -1 ? left.length - right.length : (left[index] as number) - (right[index] ?? -1)
  }
  const listed = async (after: string) =>
    (await subject().query(sql.settingsAfter, { after, limit: 1000 })).map((row) => row.name)

  describe('text is ordered by the bytes of UTF-8 (R48)', () => {
    test('where the order of UTF-16 is another: U+FFFD comes before a surrogate pair', async () => {
      const names = [
        '\uFFFD',
        '\u{1F600}',
        '\uE000',
        'Z',
        'a',
        'é',
        'e\u0301',
        'a\u0000',
        'a/b',
        'a b',
        'ab',
        '\u007f',
        '\u{10FFFF}',
      ]
      await subject().batch(names.map((name) => putSetting(name, 'x')))
      const ordered = names.toSorted(byBytes)
      expect(ordered, 'the order of UTF-16').not.toEqual(names.toSorted())
      expect(await listed('')).toEqual(ordered)
      for (const [index, name] of ordered.entries())
        expect(await listed(name)).toEqual(ordered.slice(index + 1))
    })

    test('for any text', async () => {
      const names = fc.sample(
        text.filter((name) => name !== ''),
        { seed: 20_261_121, numRuns: 200 },
      )
      const distinct = [...new Set(names)]
      await subject().batch(distinct.map((name) => putSetting(name, 'x')))
      expect(await listed('')).toEqual(distinct.toSorted(byBytes))
    })
  })
}

function batchContract(subject: Subject) {
  describe('batch', () => {
    test('of nothing does nothing', async () => {
      expect(await subject().batch([])).toEqual([])
    })

    test('runs in order: each statement sees those before it', async () => {
      await subject().batch([
        addUser('a', 'first'),
        bind(sql.renameUsers, { from: 'first', to: 'second' }),
        bind(sql.renameUsers, { from: 'second', to: 'third' }),
      ])
      expect(await subject().query(sql.findUser, { id: 'a' })).toEqual([{ name: 'third' }])
    })

    test('counts the changes of each statement by itself', async () => {
      const results = await subject().batch([
        addUser('a', 'n'),
        addUser('b', 'n'),
        addUser('c', 'n'),
        bind(sql.renameUsers, { from: 'n', to: 'm' }),
        bind(sql.renameUsers, { from: 'n', to: 'm' }),
        putSetting('s', '1'),
        putSetting('s', '2'),
        bind(sql.guardSettingExists, { name: 's' }),
        bind(sql.deleteUser, { id: 'a' }),
        bind(sql.deleteUser, { id: 'a' }),
        bind(sql.deleteUsersNamed, { name: 'm' }),
      ])
      expect(results.map(({ changes }) => changes)).toEqual([1, 1, 1, 3, 0, 1, 1, 0, 1, 0, 2])
      expect(results.every(({ rows }) => rows.length === 0)).toBe(true)
    })

    test('an upsert that leaves the row as it is changes nothing', async () => {
      await subject().batch([putSetting('s', 'mine')])
      expect(await subject().batch([bind(sql.addSettingOnce, { name: 's', value: 'yours' })])).toMatchObject([
        { changes: 0 },
      ])
      expect(await settingOf(subject(), 's')).toBe('mine')
    })

    test('gives the rows of RETURNING, and counts them as changes', async () => {
      const hash = new Uint8Array([0, 255])
      await subject().batch([
        addUser('a'),
        bind(sql.addToken, { id: 't1', userId: 'a', hash }),
        bind(sql.addToken, { id: 't2', userId: 'a', hash: new Uint8Array([1]) }),
      ])
      const results = await subject().batch([
        bind(sql.takeTokens, { userId: 'a' }),
        bind(sql.takeTokens, { userId: 'a' }),
      ])
      expect(results[0]?.changes).toBe(2)
      const rows = results[0]?.rows as { id: string; hash: Uint8Array; expiresAtMs: number | null }[]
      expect(rows.map(({ id }) => id).toSorted()).toEqual(['t1', 't2'])
      const first = rows.find(({ id }) => id === 't1')
      expect(first?.hash).toBeInstanceOf(Uint8Array)
      expect([...(first?.hash ?? [])]).toEqual([0, 255])
      expect(first?.expiresAtMs).toBeNull()
      expect(results[1]).toEqual({ changes: 0, rows: [] })
    })

    test('removes what refers with ON DELETE CASCADE', async () => {
      await subject().batch([
        addUser('a'),
        bind(sql.addToken, { id: 't', userId: 'a', hash: new Uint8Array([1]) }),
      ])
      await subject().batch([bind(sql.deleteUser, { id: 'a' })])
      expect(await subject().batch([bind(sql.takeTokens, { userId: 'a' })])).toMatchObject([{ changes: 0 }])
    })

    test('takes as many statements as a thousand deletes need at a time', async () => {
      const names = Array.from({ length: 800 }, (_, index) => `n${index}`)
      const results = await subject().batch(names.map((name) => putSetting(name, name)))
      expect(results).toHaveLength(800)
      expect(await settingOf(subject(), 'n799')).toBe('n799')
    })

    test('is seen by the next query', async () => {
      for (let round = 0; round < 60; round++) {
        await subject().batch([putSetting('s', String(round))])
        expect(await settingOf(subject(), 's')).toBe(String(round))
      }
    })
  })
}

function failureContract(subject: Subject) {
  const token = (id: string, userId: string, byte: number) =>
    bind(sql.addToken, { id, userId, hash: new Uint8Array([byte]) })

  describe('a batch that fails takes nothing with it', () => {
    test('when a guard stops it, which it names', async () => {
      const error = await expectKind(
        subject().batch([
          putSetting('before', '1'),
          bind(sql.guardSettingExists, { name: 'missing' }),
          putSetting('after', '1'),
        ]),
        'guard',
      )
      expect(error.constraint).toBe('destination')
      expect(await settingOf(subject(), 'before')).toBeUndefined()
      expect(await settingOf(subject(), 'after')).toBeUndefined()
    })

    test('each guard by its own name; one that holds lets the batch pass', async () => {
      const error = await expectKind(subject().batch([bind(sql.guardNever, {})]), 'guard')
      expect(error.constraint).toBe('source')
      await subject().batch([putSetting('s', '1')])
      await subject().batch([bind(sql.guardSettingExists, { name: 's' }), putSetting('s', '2')])
      expect(await settingOf(subject(), 's')).toBe('2')
    })

    test('a guard sees what its own batch did before it', async () => {
      await subject().batch([putSetting('s', '1'), bind(sql.guardSettingExists, { name: 's' })])
      expect(await settingOf(subject(), 's')).toBe('1')
    })

    test('when a unique key exists already, whose columns it lists', async () => {
      await subject().batch([addUser('a')])
      const error = await expectKind(
        subject().batch([
          putSetting('s', '1'),
          bind(sql.addUser, { id: 'b', name: 'B', email: 'a@example.org' }),
        ]),
        'unique',
      )
      expect(error.constraint).toBe('users.email')
      expect(await settingOf(subject(), 's')).toBeUndefined()
    })

    test('when a primary key exists already', async () => {
      await subject().batch([addSetting('s', '1')])
      const error = await expectKind(subject().batch([addSetting('s', '2')]), 'unique')
      expect(error.constraint).toBe('settings.name')
      expect(await settingOf(subject(), 's')).toBe('1')
    })

    test('when a row that is referred to does not exist', async () => {
      await expectKind(subject().batch([putSetting('s', '1'), token('t', 'nobody', 1)]), 'foreign_key')
      expect(await settingOf(subject(), 's')).toBeUndefined()
    })

    test('when a row is removed that another refers to', async () => {
      await subject().batch([addUser('a'), bind(sql.addBucket, { id: 'b', name: 'bucket', ownerId: 'a' })])
      await expectKind(subject().batch([bind(sql.deleteUser, { id: 'a' })]), 'foreign_key')
      expect(await subject().query(sql.findUser, { id: 'a' })).toHaveLength(1)
    })

    test('when anything else is wrong', async () => {
      const nameless = {
        statement: sql.addUser as unknown as Statement,
        values: ['n', null, 'n@example.org'],
      }
      await expectKind(subject().batch([putSetting('s', '1'), nameless]), 'unavailable')
      expect(await settingOf(subject(), 's')).toBeUndefined()
    })
  })
}

function concurrencyContract(subject: Subject) {
  test('of 200 concurrent batches those that fail fail alone, and all the others take effect', async () => {
    await subject().batch([addSetting('taken', 'x')])
    const failures: Record<number, DatabaseFailure> = { 3: 'guard', 7: 'unique', 9: 'foreign_key' }
    const stop = {
      guard: bind(sql.guardSettingExists, { name: 'missing' }),
      unique: addSetting('taken', 'y'),
      foreign_key: bind(sql.addToken, { id: 't', userId: 'nobody', hash: new Uint8Array([1]) }),
    }
    const expected = Array.from({ length: 200 }, (_, index) => failures[index % 10])
    const outcomes = await Promise.allSettled(
      expected.map((failure, index) => {
        const first = addSetting(`first ${index}`, String(index))
        const second = addSetting(`second ${index}`, String(index))
        return subject().batch(
          failure ? [first, stop[failure as keyof typeof stop], second] : [first, second],
        )
      }),
    )
    for (const [index, outcome] of outcomes.entries()) {
      const failure = expected[index]
      if (failure) expect((outcome as PromiseRejectedResult).reason).toMatchObject({ kind: failure })
      else expect(outcome).toMatchObject({ status: 'fulfilled', value: [{ changes: 1 }, { changes: 1 }] })
      const stored = failure ? undefined : String(index)
      expect(await settingOf(subject(), `first ${index}`)).toBe(stored)
      expect(await settingOf(subject(), `second ${index}`)).toBe(stored)
    }
  })

  test('of many who add the same row at once one succeeds', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 30 }, (_, index) => subject().batch([addSetting('one', String(index))])),
    )
    const winners = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [String(index)] : []))
    expect(winners).toHaveLength(1)
    expect(await settingOf(subject(), 'one')).toBe(winners[0])
  })

  test('no change is lost when many count up at once', async () => {
    await subject().batch([putSetting('count', '0')])
    await Promise.all(
      Array.from({ length: 100 }, () => subject().batch([bind(sql.countUp, { name: 'count' })])),
    )
    expect(Number(await settingOf(subject(), 'count'))).toBe(100)
  })
}
