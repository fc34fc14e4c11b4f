import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { countRead, readMostRead, saveReads } from '../../../src/core/cache/read-counts.ts'
import type { Core } from '../../../src/core/core.ts'
import { type BoundStatement, type Database, DatabaseError } from '../../../src/core/ports/database.ts'
import { openTestCore, type TestCore } from '../test-core.ts'

const dayMs = 86_400_000
const noonMs = Date.UTC(2026, 10, 21, 12)

let opened: TestCore
let batches: number[]

beforeEach(async () => {
  opened = await openTestCore()
  opened.clock.stopAt(noonMs)
  batches = []
})
afterEach(() => opened.close())

/** A core of another process over the same database; `remote`: as a Worker has it. */
function another(options: { remote?: boolean; fail?: () => boolean } = {}): Core {
  const { remote = false, fail = () => false } = options
  const { core } = opened
  const database: Database = {
    ...core.database,
    capabilities: remote
      ? { embedded: false, exclusive: false, inlineBlobBytesMax: 0, staleMsMax: 0 }
      : core.database.capabilities,
    async batch(statements: readonly BoundStatement[]) {
      batches.push(statements.length)
      if (fail()) throw new DatabaseError('unavailable', 'out of reach')
      return core.database.batch(statements)
    },
  }
  return { ...core, database }
}

function read(core: Core, key: string, times = 1): void {
  for (let count = 0; count < times; count++) countRead(core, { bucket: 'b', key })
}

const most = async (core: Core, limit = 10) =>
  (await readMostRead(core, { limit })).map(({ key, count }) => [key, count])

describe('what is read most', () => {
  test('is known after a restart, and over several processes', async () => {
    const first = another()
    read(first, 'a', 3)
    read(first, 'b', 5)
    await saveReads(first)
    const second = another()
    read(second, 'a', 4)
    read(second, 'c')
    expect(await most(second)).toEqual([
      ['a', 7],
      ['b', 5],
      ['c', 1],
    ])
    expect(await most(second, 1)).toEqual([['a', 7]])
  })

  test('is written in one batch, and not at all where nothing was read', async () => {
    const core = another()
    await saveReads(core)
    read(core, 'a', 1000)
    read(core, 'b')
    await saveReads(core)
    await saveReads(core)
    // Two rows, and what is beyond the most read goes.
    expect(batches).toEqual([3])
  })

  test('halves with every midnight, in memory as in the table; a clock that goes back changes nothing', async () => {
    const core = another()
    read(core, 'a', 80)
    read(core, 'once')
    await saveReads(core)
    opened.clock.advance(dayMs)
    expect(await most(another())).toEqual([
      ['a', 40],
      ['once', 0],
    ])
    read(core, 'a', 2)
    expect(await most(core)).toContainEqual(['a', 42])
    opened.clock.advance(-5 * dayMs)
    expect(await most(core)).toContainEqual(['a', 42])
    opened.clock.advance(365 * dayMs)
    expect(await most(core)).toContainEqual(['a', 0])
  })

  test('is kept to 2,000 rows, the least read going first', async () => {
    for (let round = 0; round < 3; round++) {
      const core = another()
      for (let index = 0; index < 1000; index++) read(core, `${round}/${index}`, round + 1)
      await saveReads(core)
    }
    const kept = await most(another(), 5000)
    expect(kept).toHaveLength(2000)
    expect(new Set(kept.map(([, count]) => count))).toEqual(new Set([2, 3]))
  })

  test('that could not be written is written the next time', async () => {
    let down = true
    const core = another({ fail: () => down })
    read(core, 'a', 3)
    await expect(saveReads(core)).rejects.toThrow('out of reach')
    read(core, 'a')
    down = false
    expect(await most(core)).toEqual([['a', 4]])
  })

  test('two who save at once do not write the same reads', async () => {
    const core = another()
    read(core, 'a', 3)
    await Promise.all([saveReads(core), saveReads(core)])
    expect(await most(core)).toEqual([['a', 3]])
  })

  test('on a Worker is written by a request a minute later, or after 10,000, a hundred files at a time', async () => {
    const core = another({ remote: true })
    for (let index = 0; index < 150; index++) read(core, `${index}`, index < 100 ? 2 : 1)
    await opened.settled()
    expect(batches).toEqual([])
    opened.clock.advance(60_000)
    read(core, '0')
    await opened.settled()
    expect(batches).toEqual([101])
    read(core, 'busy', 10_000)
    await opened.settled()
    // What waited goes along.
    expect(batches).toEqual([101, 52])
    opened.clock.advance(-3_600_000)
    read(core, 'busy')
    read(core, 'busy')
    await opened.settled()
    expect(batches.length).toBeLessThanOrEqual(3)
  })

  test('on a server is left to its house-keeping', async () => {
    const core = another()
    read(core, 'a', 20_000)
    opened.clock.advance(600_000)
    read(core, 'a')
    await opened.settled()
    expect(batches).toEqual([])
  })
})
