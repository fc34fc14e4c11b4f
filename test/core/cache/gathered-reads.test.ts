import { describe, expect, test } from 'vitest'
import { gatherReads } from '../../../src/core/cache/gathered-reads.ts'
import { DatabaseError } from '../../../src/core/ports/database.ts'
import { createStage, find } from './books.ts'

const shared = { exclusive: false }

describe('reads that are asked for in one turn', () => {
  test('R30: asked for together, they cost one round trip; what was written meanwhile is not kept', async () => {
    const { cache, namespace, read, put: write, hold, asked } = createStage(shared)
    for (const key of ['a', 'b', 'c']) await write(key, 'old')
    await read('c')
    expect(asked()).toEqual(['primary'])
    const release = hold()
    const ask = gatherReads(cache.database)
    const reading = Promise.all(
      ['a', 'b', 'c', 'none'].map(async (key) => (await namespace.read({ shelf: 's', key }, { ask }))?.text),
    )
    // They are sent at the end of this turn.
    await Promise.resolve()
    await write('a', 'new')
    release()
    expect(await reading).toEqual(['old', 'old', 'old', undefined])
    expect(asked()).toEqual(['3 of primary'])
    for (const key of ['b', 'c', 'none']) await read(key)
    expect(asked()).toEqual([])
    expect(await read('a')).toBe('new')
    expect(asked()).toEqual(['primary'])
  })

  test('R33: asked for together, one failure is that of all, and what is kept is used by each', async () => {
    const { cache, namespace, read, put: write, clock, fail } = createStage(shared)
    await write('a', 'one')
    await read('a')
    clock.advance(10_000)
    fail(new DatabaseError('unavailable', 'gone'))
    const ask = gatherReads(cache.database)
    const [known, unknown] = await Promise.allSettled(
      ['a', 'b'].map(async (key) => namespace.read({ shelf: 's', key }, { ask })),
    )
    expect(known).toMatchObject({ value: { text: 'one' } })
    expect(unknown).toMatchObject({ reason: { kind: 'unavailable' } })
  })

  test('and those of the next turn are two round trips; nothing asked for is none', async () => {
    const { cache, asked, put: write } = createStage(shared)
    await write('a', 'one')
    const ask = gatherReads(cache.database)
    expect(asked()).toEqual([])
    const rows = await Promise.all(['a', 'b', 'a'].map((key) => ask(find, { shelf: 's', key })))
    expect(rows).toEqual([[{ text: 'one' }], [], [{ text: 'one' }]])
    await ask(find, { shelf: 's', key: 'a' })
    expect(asked()).toEqual(['3 of primary', '1 of primary'])
  })

  test('may lag if each of them may', async () => {
    const { cache, asked } = createStage({ ...shared, staleMsMax: 1000 })
    const ask = gatherReads(cache.database)
    const one = (mayLag?: boolean) =>
      ask(find, { shelf: 's', key: 'a' }, mayLag === undefined ? undefined : { mayLag })
    await Promise.all([one(true), one(true)])
    await Promise.all([one(true), one()])
    await Promise.all([one(true), one(false)])
    expect(asked()).toEqual(['2 of any', '2 of primary', '2 of primary'])
  })
})
