import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AccessLog, createAccessLog } from '../../src/core/access-log/access-log.ts'
import { type AccessRequest, readAccesses } from '../../src/core/access-log/read.ts'
import { limits } from '../../src/core/limits.ts'
import { CuttyError } from '../../src/core/errors.ts'
import { DatabaseError } from '../../src/core/ports/database.ts'
import type { Event, RequestEvent } from '../../src/core/ports/observer.ts'
import { endlessRoom, type Room } from '../../src/core/ports/room.ts'
import { accessesAtOnce, accessWidth, insertAll } from '../../src/core/statements/access-log.ts'
import { openTestCore, type TestCore } from './test-core.ts'

const request: RequestEvent = {
  type: 'request',
  requestId: 'id',
  method: 'GET',
  route: 'GetObject',
  path: '/bucket/key',
  bucket: 'bucket',
  status: 200,
  bytesReceived: 0,
  bytesSent: 1,
  durationMs: 1,
  userId: 'u1',
  errorCode: undefined,
  aborted: false,
}

let opened: TestCore
let log: AccessLog

beforeEach(async () => {
  opened = await openTestCore({ accessLog: true })
  log = opened.core.accessLog as AccessLog
})
afterEach(() => opened.close())

const read = (of: Partial<AccessRequest> = {}) =>
  readAccesses(opened.core, opened.admin, { limit: 1000, ...of })

async function readAll(of: Partial<AccessRequest>, as = opened.admin) {
  const seen = []
  let pages = 0
  for (let cursor: string | undefined; ;) {
    const page = await readAccesses(opened.core, as, { limit: 1000, ...of, cursor })
    seen.push(...page.entries)
    pages += 1
    cursor = page.nextCursor
    if (cursor === undefined) return { seen, pages }
  }
}

/** The same log over a database that fails when it is told to. */
function failing(of: Partial<Parameters<typeof createAccessLog>[0]> = {}) {
  const { database } = log
  const events: Event[] = []
  const state = { isFailing: true, batches: 0 }
  const fails = createAccessLog({
    database: {
      ...database,
      async batch(statements) {
        state.batches += 1
        if (state.isFailing) throw new DatabaseError('full', 'no room')
        return database.batch(statements)
      },
    },
    room: endlessRoom,
    clock: opened.clock,
    observe: (event) => events.push(event),
    scope: 'all',
    days: 30,
    rowsMax: 1000,
    ...of,
  })
  return { log: fails, state, events }
}

describe('the access log', () => {
  test('has what was noted, in as few statements as parameters allow, the newest first', async () => {
    opened.clock.stopAt(1_700_000_000_000)
    const count = 3 * accessesAtOnce + 2
    for (let number = 0; number < count; number++) {
      opened.clock.advance(1)
      log.note({ ...request, requestId: `r${number}`, durationMs: 0.126 })
    }
    const { entries, nextCursor } = await read()
    expect(nextCursor).toBeUndefined()
    expect(entries.map(({ requestId }) => requestId)).toEqual(
      Array.from({ length: count }, (_, index) => `r${count - 1 - index}`),
    )
    expect(entries[0]).toMatchObject({ atMs: 1_700_000_000_000 + count, durationMs: 0.13 })
    expect(insertAll(Array.from({ length: count * accessWidth }, () => 0))).toHaveLength(3 + 2)
    expect(insertAll([])).toEqual([])
    expect(log.hasUnsaved()).toBe(false)
  })

  test('keeps nothing longer than its column is for', async () => {
    const long = 'x'.repeat(100_000)
    log.note({ ...request, path: `/${long}`, bucket: long, method: long, userId: undefined })
    const [entry] = (await read()).entries
    expect(entry).toMatchObject({ userId: null, errorCode: null })
    expect([entry?.path.length, entry?.bucket?.length, entry?.method.length]).toEqual([4096, 64, 64])
  })

  test('of changes, leaves out reads that went well', async () => {
    const { log: changes, state } = failing({ scope: 'changes' })
    state.isFailing = false
    for (const [method, status] of [
      ['GET', 200],
      ['GET', 304],
      ['HEAD', 200],
      ['OPTIONS', 204],
      ['GET', 404],
      ['HEAD', 403],
      ['PUT', 201],
      ['POST', 200],
      ['DELETE', 204],
      ['PATCH', 412],
    ] as const)
      changes.note({ ...request, method, status })
    changes.note({ ...request, aborted: true })
    await changes.save()
    expect((await read()).entries.map(({ method, status }) => `${method} ${status}`)).toEqual([
      'GET 200',
      'PATCH 412',
      'DELETE 204',
      'POST 200',
      'PUT 201',
      'HEAD 403',
      'GET 404',
    ])
  })

  test('is of the time at which a request came, whatever the clock does, and shows each once', async () => {
    for (const ms of [1000, 5000, 2000, 2000, 9000]) {
      opened.clock.stopAt(ms)
      log.note({ ...request, requestId: `at ${ms}` })
    }
    const { seen } = await readAll({ limit: 1 })
    expect(seen.map(({ atMs }) => atMs)).toEqual([8999, 4999, 1999, 1999, 999])
    expect((await read({ fromMs: 1999, toMs: 8999 })).entries.map(({ atMs }) => atMs)).toEqual([
      4999, 1999, 1999,
    ])
  })

  test('is what filtering a list gives, for any filter and page size', async () => {
    const users = ['u1', 'u2', undefined]
    const buckets = ['a', 'b', undefined]
    const statuses = [200, 304, 400, 403, 404, 500]
    const drawn = fc.record({
      userId: fc.constantFrom(...users),
      bucket: fc.constantFrom(...buckets),
      status: fc.constantFrom(...statuses),
      atMs: fc.integer({ min: 1, max: 40 }),
    })
    const filter = fc.record({
      userId: fc.constantFrom('u1', 'u2', undefined),
      bucket: fc.constantFrom('a', 'b', undefined),
      statusMin: fc.constantFrom(undefined, 100, 300, 400, 404, 500, 599),
      fromMs: fc.option(fc.integer({ min: 0, max: 42 }), { nil: undefined }),
      toMs: fc.option(fc.integer({ min: 0, max: 42 }), { nil: undefined }),
      limit: fc.integer({ min: 1, max: 9 }),
    })
    const events: { number: number; atMs: number; userId?: string; bucket?: string; status: number }[] = []
    for (const { userId, bucket, status, atMs } of fc.sample(drawn, { seed: 7, numRuns: 300 })) {
      opened.clock.stopAt(atMs)
      log.note({ ...request, requestId: String(events.length), userId, bucket, status, durationMs: 0 })
      events.push({
        number: events.length,
        atMs,
        status,
        ...(userId !== undefined && { userId }),
        ...(bucket !== undefined && { bucket }),
      })
    }
    const newestFirst = events.toSorted((a, b) => b.atMs - a.atMs || b.number - a.number)
    await fc.assert(
      fc.asyncProperty(filter, async (of) => {
        const { userId, bucket, statusMin = 0, fromMs = 0, toMs = Infinity } = of
        const expected = newestFirst.filter(
          (event) =>
            (userId === undefined || event.userId === userId) &&
            (bucket === undefined || event.bucket === bucket) &&
            event.status >= statusMin &&
            event.atMs >= fromMs &&
            event.atMs < toMs,
        )
        const { seen } = await readAll(of)
        expect(seen.map(({ requestId }) => Number(requestId))).toEqual(expected.map(({ number }) => number))
      }),
      { seed: 7, numRuns: 300 },
    )
  })

  test('looks at so many entries for a page and no more', async () => {
    const rows = 2 * limits.accessScanRowsMax + 500
    for (let number = 0; number < rows; number++) {
      const isRare = number === 0 || number === rows - 1
      log.note({ ...request, requestId: String(number), status: isRare ? 500 : 404 })
    }
    const of = { statusMin: 500 }
    const first = await read(of)
    expect(first.entries.map(({ requestId }) => requestId)).toEqual([String(rows - 1)])
    expect(first.nextCursor).toBeDefined()
    for (const more of [{}, { userId: 'u1' }, { bucket: 'bucket' }, { userId: 'u1', bucket: 'bucket' }]) {
      const { seen, pages } = await readAll({ ...of, ...more })
      expect(seen.map(({ requestId }) => requestId)).toEqual([String(rows - 1), '0'])
      expect(pages).toBe(3)
    }
  })

  test('shows users their own only', async () => {
    log.note(request)
    log.note({ ...request, userId: 'u2' })
    const as = { role: 'user', userId: 'u2' } as const
    expect((await readAll({}, as)).seen.map(({ userId }) => userId)).toEqual(['u2'])
    await expect(readAll({ userId: 'u1' }, as)).rejects.toMatchObject({ code: 'access_denied' })
    await expect(readAll({}, { role: 'anonymous', userId: undefined })).rejects.toMatchObject({
      code: 'unauthenticated',
    })
    const without = { ...opened.core, accessLog: undefined }
    await expect(readAccesses(without, opened.admin, { limit: 1 })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  test('removes what is too old, and what is too much, the oldest first', async () => {
    const { log: short, state } = failing({ days: 2, rowsMax: 3 })
    state.isFailing = false
    const dayMs = 86_400_000
    for (let day = 0; day < 6; day++) {
      opened.clock.stopAt(1 + day * dayMs)
      for (let count = 0; count < 2; count++)
        short.note({ ...request, requestId: `${day}.${count}`, durationMs: 0 })
    }
    await short.save()
    await short.removeOld()
    expect((await read()).entries.map(({ requestId }) => requestId)).toEqual(['5.1', '5.0', '4.1'])
    opened.clock.stopAt(1 + 7 * dayMs)
    await short.removeOld()
    expect((await read()).entries.map(({ requestId }) => requestId)).toEqual(['5.1', '5.0'])
    opened.clock.stopAt(1 + 8 * dayMs)
    await short.removeOld()
    expect((await read()).entries).toEqual([])
    await short.removeOld()
  })

  test('keeps what could not be written, says so, and tries again after a minute', async () => {
    let nowMs = 0
    const { log: fails, state, events } = failing({ clock: { now: () => 0, monotonic: () => nowMs } })
    fails.note(request)
    expect(fails.hasUnsaved()).toBe(true)
    await fails.save()
    expect(events).toMatchObject([{ type: 'failure', error: { message: 'no room' } }])
    expect(fails.hasUnsaved()).toBe(false)
    expect(
      (await readAccesses({ ...opened.core, accessLog: fails }, opened.admin, { limit: 1 })).entries,
    ).toEqual([])
    state.isFailing = false
    nowMs = 60_000
    expect(fails.hasUnsaved()).toBe(true)
    await fails.save()
    expect(fails.hasUnsaved()).toBe(false)
    expect((await read()).entries).toHaveLength(1)
    expect(events).toHaveLength(1)
  })

  test('leaves the room that deletions need', async () => {
    let isFull = true
    const room: Room = {
      take() {
        if (isFull) throw new CuttyError('storage_full')
      },
    }
    const { log: waits, state, events } = failing({ room })
    state.isFailing = false
    waits.note(request)
    await waits.save()
    expect(state.batches).toBe(0)
    expect(events).toMatchObject([{ type: 'failure', error: { code: 'storage_full' } }])
    isFull = false
    await waits.save()
    expect((await read()).entries).toHaveLength(1)
  })

  test('is bounded in memory, and says how many are missing', async () => {
    const { log: fails, state, events } = failing()
    for (let count = 0; count < 20_007; count++) fails.note(request)
    await fails.save()
    state.isFailing = false
    await fails.save()
    expect(events.slice(1)).toEqual([
      { type: 'lifecycle', message: 'requests are missing in the access log', details: { lost: 7 } },
    ])
    expect((await readAll({})).seen).toHaveLength(20_000)
  })

  test('writes each once, however many save at one time', async () => {
    const { log: many, state } = failing()
    state.isFailing = false
    for (let count = 0; count < 1000; count++) many.note({ ...request, requestId: String(count) })
    const saves = [many.save(), many.save()]
    many.note({ ...request, requestId: '1000' })
    saves.push(many.save())
    await Promise.all(saves)
    const ids = (await readAll({})).seen.map(({ requestId }) => Number(requestId))
    expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1001 }, (_, index) => index))
  })
})
