import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createD1Database } from '../../../src/adapters/d1/database.ts'
import { bind, type Database, type QueryHow } from '../../../src/core/ports/database.ts'
import { defineStatement } from '../../../src/core/statements/define.ts'
import { bookmarkOf, createLaggingD1, type LaggingD1 } from './lagging-d1.ts'

const schema = 'CREATE TABLE counts (name TEXT PRIMARY KEY, count INTEGER NOT NULL)'
const find = defineStatement<{ name: string }, { count: number }>({
  name: 'counts.find',
  text: 'SELECT count FROM counts WHERE name = ?1',
  params: ['name'],
  reads: ['counts'],
  writes: [],
})
const add = defineStatement<{ name: string }>({
  name: 'counts.add',
  text: 'INSERT INTO counts (name, count) VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET count = count + 1',
  params: ['name'],
  reads: [],
  writes: ['counts'],
})
const renewMs = 1000
const late: QueryHow = { mayLag: true }

/** An isolate, that counts one thing: how many batches there were, as it is told. */
function createIsolate(d1: LaggingD1, clock: { ms: number }) {
  const database = createD1Database(d1, {
    statements: [find, add] as never,
    replicas: { renewMs, monotonic: () => clock.ms },
  })
  return {
    database,
    write: () => database.batch([bind(add, { name: 'x' })]),
    async read(how?: QueryHow): Promise<number> {
      const [row] = await database.query(find, { name: 'x' }, how)
      return row?.count ?? 0
    },
    async readTwice(how?: QueryHow): Promise<number> {
      const read = bind(find, { name: 'x' })
      const [first, second] = (await database.queryTogether([read, read], how)) as { count: number }[][]
      expect(first).toEqual(second)
      return first?.[0]?.count ?? 0
    },
  }
}

describe('reads that may lag', () => {
  let d1: LaggingD1
  const clock = { ms: 0 }
  beforeEach(() => {
    clock.ms = 5000
    d1 = createLaggingD1({ schema, copies: 1, random: () => 0 })
  })
  afterEach(() => d1.close())

  test('are answered by a copy once the primary was asked, and by the primary once in a second', async () => {
    const { read, write } = createIsolate(d1, clock)
    await write()
    d1.replicate(0)
    d1.answered()
    for (let ms = 0; ms < 10_000; ms += 10) {
      expect(await read(late)).toBe(1)
      clock.ms += 10
    }
    // The batch counts as a question to the primary.
    expect(d1.answered()).toEqual({ primary: 9, copies: 991 })
  })

  test('see what the same isolate has written, whatever the copy knows', async () => {
    const { read, readTwice, write } = createIsolate(d1, clock)
    for (let count = 1; count <= 5; count++) {
      await write()
      expect(await read(late)).toBe(count)
      expect(await readTwice(late)).toBe(count)
    }
    expect(d1.answered().copies).toBe(0)
    d1.replicate(0)
    expect(await readTwice(late)).toBe(5)
    expect(d1.answered()).toEqual({ primary: 0, copies: 1 })
  })

  test('are at most a second old, and others not at all', async () => {
    const [one, other] = [createIsolate(d1, clock), createIsolate(d1, clock)]
    expect(await other.read(late)).toBe(0)
    await one.write()
    clock.ms += 999
    expect(await other.read(late)).toBe(0)
    expect(await other.read()).toBe(1)
    await one.write()
    expect(await other.readTwice()).toBe(2)
    await one.write()
    clock.ms += renewMs
    expect(await other.read(late)).toBe(3)
  })

  test('after a bookmark from elsewhere see at least that', async () => {
    const [one, other] = [createIsolate(d1, clock), createIsolate(d1, clock)]
    expect(await other.read(late)).toBe(0)
    await one.write()
    expect(await other.read(late)).toBe(0)
    expect(other.database.bookmarks?.atLeast(one.database.bookmarks?.latest() as string)).toBe(true)
    expect(await other.read(late)).toBe(1)
    d1.answered()
    d1.replicate(0)
    expect(await other.read(late)).toBe(1)
    expect(d1.answered()).toEqual({ primary: 0, copies: 1 })
  })

  test('after a bookmark that is of no moment are answered by the primary, and D1 is never told of it', async () => {
    const { read, write, database } = createIsolate(d1, clock)
    await write()
    d1.replicate(0)
    expect(database.bookmarks?.atLeast(bookmarkOf(99))).toBe(true)
    d1.answered()
    for (let i = 0; i < 10; i++) expect(await read(late)).toBe(1)
    expect(d1.answered()).toEqual({ primary: 10, copies: 0 })
  })

  test('after a failure are answered by the primary', async () => {
    const { read, write } = createIsolate(d1, clock)
    await write()
    d1.replicate(0)
    d1.failNext('after')
    await expect(write()).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await read(late)).toBe(2)
  })

  test('are answered by the primary when the clock went back, until it was asked again', async () => {
    const { read, write } = createIsolate(d1, clock)
    await write()
    d1.replicate(0)
    clock.ms -= 4000
    d1.answered()
    expect(await read(late)).toBe(1)
    expect(await read(late)).toBe(1)
    expect(d1.answered()).toEqual({ primary: 1, copies: 1 })
  })

  test('are answered by the primary where D1 tells no bookmarks', async () => {
    const mute = {
      ...d1,
      withSession: (constraint: string) => ({ ...d1.withSession(constraint), getBookmark: () => null }),
    }
    const { read, write, database } = createIsolate(mute, clock)
    await write()
    expect(await read(late)).toBe(1)
    await write()
    expect(await read(late)).toBe(2)
    expect(database.bookmarks?.latest()).toBeUndefined()
  })

  test('without replicas there is no session at all', async () => {
    const refusing = {
      ...d1,
      withSession: () => {
        throw new Error('a session')
      },
    }
    const database = createD1Database(refusing, { statements: [find] as never })
    expect(await database.query(find, { name: 'x' }, late)).toEqual([])
    expect(database.bookmarks).toBeUndefined()
    expect(database.capabilities.staleMsMax).toBe(0)
  })
})

const isolates = 2
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('read' as const), at: fc.nat(1), how: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('write' as const), at: fc.nat(1) }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('go on' as const), which: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(700) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('replicate' as const), copy: fc.nat(1), behind: fc.nat(3) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('carry' as const), from: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), before: fc.boolean() }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What a database of two isolates says while calls arrive and are answered in any order. */
async function play(steps: readonly Step[], seed: number) {
  let random = seed
  const clock = { ms: 0 }
  const waiting: (() => void)[] = []
  const d1 = createLaggingD1({
    schema,
    copies: 2,
    random: () => (random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32,
    pace: () => new Promise((resolve) => waiting.push(resolve)),
  })
  const all = Array.from({ length: isolates }, () => ({
    ...createIsolate(d1, clock),
    /** Batches that this isolate was told of, in one way or another. */
    known: 0,
  }))
  /** When there were how many. */
  const history: [ms: number, version: number][] = [[0, 0]]
  const versionAt = (ms: number) => history.findLast(([at]) => at <= ms)?.[1] ?? 0
  const seen = { reads: 0, late: 0, carried: 0 }
  const tasks: Promise<void>[] = []
  const versionIn = (database: Database) => Number(database.bookmarks?.latest() ?? 0)

  const begin = {
    async read(isolate: (typeof all)[number], how: number) {
      const least = Math.max(isolate.known, how === 0 ? d1.version() : versionAt(clock.ms - renewMs))
      const call = how === 2 ? isolate.readTwice : isolate.read
      const count = await call(how === 0 ? undefined : late).catch(() => undefined)
      if (count === undefined) return
      expect(count).toBeGreaterThanOrEqual(least)
      seen.reads++
      if (count < d1.version()) seen.late++
      isolate.known = Math.max(isolate.known, count)
    },
    async write(isolate: (typeof all)[number]) {
      await isolate.write().then(
        () => (isolate.known = Math.max(isolate.known, versionIn(isolate.database))),
        () => {},
      )
    },
  }
  const goOn = async (which: number) => {
    waiting.splice(which % waiting.length, 1)[0]?.()
    // Lets it arrive, or be answered.
    await new Promise((resolve) => setImmediate(resolve))
    if (d1.version() > (history.at(-1)?.[1] ?? 0)) history.push([clock.ms, d1.version()])
  }
  for (const each of steps) {
    if (each.kind === 'read') tasks.push(begin.read(all[each.at]!, each.how))
    else if (each.kind === 'write') tasks.push(begin.write(all[each.at]!))
    else if (each.kind === 'go on') await goOn(each.which)
    else if (each.kind === 'wait') clock.ms += each.ms
    else if (each.kind === 'replicate') d1.replicate(each.copy, each.behind)
    else if (each.kind === 'fail') d1.failNext(each.before ? 'before' : 'after')
    else {
      const [from, to] = [all[each.from]!, all[1 - each.from]!]
      const bookmark = from.database.bookmarks?.latest()
      if (bookmark === undefined) continue
      if (to.database.bookmarks?.atLeast(bookmark)) seen.carried++
      to.known = Math.max(to.known, Number(bookmark))
    }
  }
  while (waiting.length > 0) await goOn(0)
  await Promise.all(tasks)
  const answered = d1.answered()
  d1.close()
  return { ...seen, ...answered }
}

test('two isolates read what they have written, nothing older than before, and nothing older than a second', async () => {
  const sum = { reads: 0, late: 0, carried: 0, primary: 0, copies: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }),
      fc.nat(),
      async (steps, seed) => {
        const played = await play(steps, seed)
        for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += played[name]
      },
    ),
    { seed: 20_261_121, numRuns: 400 },
  )
  // And it was put to the test.
  expect(sum.reads).toBeGreaterThan(3000)
  expect(sum.late).toBeGreaterThan(200)
  expect(sum.copies).toBeGreaterThan(500)
  expect(sum.carried).toBeGreaterThan(100)
})
