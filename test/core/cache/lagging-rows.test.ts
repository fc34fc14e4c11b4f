import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lifetimes } from '../../../src/core/cache/lifetimes.ts'
import { DatabaseError } from '../../../src/core/ports/database.ts'
import { createStage, lifetime } from './books.ts'

const lagging = { exclusive: false, staleMsMax: 1000 }

describe('rows of a database whose copies lag', () => {
  test('are as much less fresh as a copy may be old, and no older in the end', async () => {
    const { read, put: write, putElsewhere, copy, clock, settled } = createStage(lagging)
    await write('a', 'one')
    copy()
    await putElsewhere('a', 'two')
    // It was “two” for nearly a second already.
    clock.advance(999)
    expect(await read('a')).toBe('one')
    copy()
    clock.advance(999)
    expect(await read('a')).toBe('one')
    clock.advance(3001)
    expect(await read('a')).toBe('two')
    await settled()
  })

  test('that were asked for of the present are fresh for all of their time', async () => {
    const { read, put: write, clock, asked } = createStage(lagging)
    await write('a', 'one')
    expect(await read('a', { upToDate: true })).toBe('one')
    clock.advance(1999)
    expect(await read('a')).toBe('one')
    expect(asked()).toEqual(['primary'])
  })

  test('R35: that there is none is believed of the primary only, if it is to be known that soon', async () => {
    const { read, put: write, copy, asked, clock } = createStage(lagging)
    copy()
    await write('a', 'one')
    expect(await read('a')).toBe('one')
    expect(asked()).toEqual(['any', 'primary'])
    expect(await read('none')).toBeUndefined()
    clock.advance(999)
    expect(await read('none')).toBeUndefined()
    expect(asked()).toEqual(['any', 'primary'])
  })

  test('R35: else it is kept for as much less', async () => {
    const { read, putElsewhere, copy, asked, clock } = createStage({ ...lagging, life: lifetimes.link })
    copy()
    expect(await read('a')).toBeUndefined()
    expect(asked()).toEqual(['any'])
    await putElsewhere('a', 'revoked')
    copy()
    clock.advance(999)
    expect(await read('a')).toBeUndefined()
    clock.advance(1)
    expect(await read('a')).toBe('revoked')
  })

  test('R33: are used for as much less when the database cannot be reached', async () => {
    const { read, put: write, clock, fail } = createStage(lagging)
    await write('a', 'one')
    await read('a')
    fail(new DatabaseError('unavailable', 'gone'))
    clock.advance(58_999)
    expect(await read('a')).toBe('one')
    clock.advance(1)
    await expect(read('a')).rejects.toThrow('gone')
  })

  test.each([
    ['pointer', lifetimes.pointer],
    ['credential', lifetimes.credential],
    ['totals', lifetimes.totals],
  ])('are never older than the bound of a %s, however old the copy', async (_name, life) => {
    const bound = life.freshMs + life.staleWhileRevalidateMs
    const { staleMsMax } = lagging
    const round = fc.record({
      idleMs: fc.constantFrom(0, bound),
      writes: fc.boolean(),
      lagMs: fc.constantFrom(0, 500, staleMsMax),
      beforeMs: fc.nat(1200),
      // Most defects show where the bound is nearly over.
      laterMs: fc.oneof(fc.nat(bound), fc.integer({ min: bound - staleMsMax, max: bound - 1 })),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(round, { maxLength: 30 }), async (rounds) => {
        const { read, putElsewhere, copyAs, clock, settled } = createStage({ ...lagging, life })
        const written = [{ text: undefined as string | undefined, atMs: clock.now() }]
        const look = async (lagMs: number) => {
          copyAs('a', written.findLast(({ atMs }) => atMs <= clock.now() - lagMs)?.text)
          const text = await read('a')
          await settled()
          const at = written.findLastIndex((each) => each.text === text)
          for (const { atMs } of written.slice(at + 1)) expect(clock.now() - atMs).toBeLessThanOrEqual(bound)
        }
        for (const [index, { idleMs, writes, lagMs, beforeMs, laterMs }] of rounds.entries()) {
          clock.advance(idleMs)
          if (writes) {
            await putElsewhere('a', `${index}`)
            written.push({ text: `${index}`, atMs: clock.now() })
          }
          clock.advance(beforeMs)
          await look(lagMs)
          clock.advance(laterMs)
          await look(lagMs)
        }
      }),
      { seed: 23, numRuns: 300 },
    )
  })
})

describe('a bookmark from elsewhere', () => {
  test('makes all that was read before it be read again, once', async () => {
    const { cache, read, put: write, asked } = createStage({ ...lagging, bookmarks: true })
    for (const key of ['a', 'b']) await write(key, 'one')
    for (const key of ['a', 'b', 'a', 'b']) await read(key)
    expect(asked()).toHaveLength(2)
    const { bookmarks } = cache.database
    expect(bookmarks?.atLeast('2')).toBe(true)
    for (const key of ['a', 'b']) await read(key)
    expect(asked()).toHaveLength(2)
    expect(bookmarks?.atLeast('2')).toBe(false)
    expect(bookmarks?.atLeast('1')).toBe(false)
    for (const key of ['a', 'b']) await read(key)
    expect(asked()).toEqual([])
    expect(bookmarks?.latest()).toBe('0')
  })

  test('R30: what was asked for before it is not kept', async () => {
    const { cache, read, put: write, putElsewhere, hold } = createStage({ ...lagging, bookmarks: true })
    await write('a', 'old')
    const release = hold()
    const reading = read('a')
    await putElsewhere('a', 'new')
    cache.database.bookmarks?.atLeast('1')
    const after = read('a')
    release()
    expect(await reading).toBe('old')
    expect(await after).toBe('new')
    expect(await read('a')).toBe('new')
  })

  test('there are none where nothing lags', () => {
    expect(createStage({ exclusive: true }).cache.database.bookmarks).toBeUndefined()
    expect(lifetime.absentMs).toBeLessThanOrEqual(lagging.staleMsMax)
  })
})
