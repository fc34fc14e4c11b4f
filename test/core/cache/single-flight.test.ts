import { describe, expect, test } from 'vitest'
import { createSingleFlight } from '../../../src/core/cache/single-flight.ts'
import { createManualTime, turn } from './manual-time.ts'

function stage(timeoutMs = 100) {
  const time = createManualTime()
  return { time, flight: createSingleFlight<string>({ timeoutMs, timer: time.timer }) }
}

describe('R31: single flight', () => {
  test('1,000 at once: one load, one leader; nothing and no timer is left', async () => {
    const { flight, time } = stage()
    const gate = Promise.withResolvers<string>()
    let loads = 0
    const load = () => {
      loads++
      return gate.promise
    }
    const all = Array.from({ length: 1000 }, () => flight.run('a', load))
    await turn()
    expect([loads, flight.size]).toEqual([1, 1])
    gate.resolve('value')
    const flown = await Promise.all(all)
    expect(new Set(flown.map(({ value }) => value))).toEqual(new Set(['value']))
    expect(flown.filter(({ collapsed }) => !collapsed)).toHaveLength(1)
    expect([flight.size, time.timers]).toEqual([0, 0])
    expect((await flight.run('a', async () => 'next')).value).toBe('next')
  })

  test('keys have nothing to do with each other', async () => {
    const { flight } = stage()
    const hung = flight.run('a', () => new Promise<string>(() => {}))
    expect(await flight.run('', async () => 'b')).toEqual({ value: 'b', collapsed: false })
    expect(await flight.run('__proto__', async () => 'c')).toEqual({ value: 'c', collapsed: false })
    expect(flight.size).toBe(1)
    void hung
  })

  test.each([
    ['rejects', () => Promise.reject(new Error('source'))],
    [
      'throws',
      () => {
        throw new Error('source')
      },
    ],
  ])('a load that %s fails all who wait, and the next asks anew', async (_, fail) => {
    const { flight, time } = stage()
    const gate = Promise.withResolvers<void>()
    const load = async () => {
      await gate.promise
      return fail()
    }
    const all = [flight.run('a', load), flight.run('a', load), flight.run('a', async () => 'never')]
    gate.resolve()
    for (const outcome of await Promise.allSettled(all))
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'source' } })
    expect([flight.size, time.timers]).toEqual([0, 0])
    expect((await flight.run('a', async () => 'again')).value).toBe('again')
    await expect(flight.run('b', fail as () => Promise<string>)).rejects.toThrow('source')
    expect(flight.size).toBe(0)
  })

  test('who joins waits from when it joined, then loads itself; newcomers join that', async () => {
    const { flight, time } = stage(100)
    const hung = Promise.withResolvers<string>()
    const second = Promise.withResolvers<string>()
    const first = flight.run('a', () => hung.promise)
    await time.advance(80)
    const joined = flight.run('a', () => second.promise)
    await time.advance(99)
    const third = flight.run('a', async () => 'never')
    await time.advance(1)
    const fourth = flight.run('a', async () => 'never')
    second.resolve('second')
    expect(await joined).toEqual({ value: 'second', collapsed: false })
    expect(await fourth).toEqual({ value: 'second', collapsed: true })
    // That one joined the first, and waits for it still.
    hung.resolve('first')
    expect(await third).toEqual({ value: 'first', collapsed: true })
    expect(await first).toEqual({ value: 'first', collapsed: false })
    expect([flight.size, time.timers]).toEqual([0, 0])
  })

  test('a first load that ends late does not take away the one that came in its place', async () => {
    const { flight, time } = stage(100)
    const hung = Promise.withResolvers<string>()
    const first = flight.run('a', () => hung.promise)
    const second = Promise.withResolvers<string>()
    const joined = flight.run('a', () => second.promise)
    await time.advance(100)
    hung.reject(new Error('gone'))
    await expect(first).rejects.toThrow('gone')
    const newcomer = flight.run('a', async () => 'never')
    second.resolve('second')
    expect([(await joined).value, (await newcomer).value]).toEqual(['second', 'second'])
    expect(flight.size).toBe(0)
  })

  test('a failure after its waiters have gone on is nobody else’s', async () => {
    const { flight, time } = stage(100)
    const hung = Promise.withResolvers<string>()
    const first = flight.run('a', () => hung.promise)
    const joined = flight.run('a', async () => 'own')
    await time.advance(100)
    expect((await joined).value).toBe('own')
    hung.reject(new Error('late'))
    await expect(first).rejects.toThrow('late')
  })

  test('R30: nobody joins what was detached', async () => {
    const { flight } = stage()
    const old = Promise.withResolvers<string>()
    const first = flight.run('a', () => old.promise)
    flight.detach(['a', 'b'])
    const second = flight.run('a', async () => 'new')
    expect((await second).value).toBe('new')
    const third = flight.run('b', () => old.promise)
    flight.detachAll()
    expect(flight.size).toBe(0)
    old.resolve('old')
    expect([(await first).value, (await third).value]).toEqual(['old', 'old'])
  })
})
