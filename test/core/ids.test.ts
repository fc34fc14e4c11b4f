import { describe, expect, test } from 'vitest'
import { createIdSource, idTimeMs, idTimePrefix } from '../../src/core/ids.ts'
import { createTestClock } from './test-clock.ts'

describe('ids', () => {
  test('are 26 characters of Crockford base32 that say when they were made', () => {
    const clock = createTestClock()
    clock.stopAt(1_750_000_000_123)
    const id = createIdSource(clock).next()
    expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/)
    expect(idTimeMs(id)).toBe(1_750_000_000_123)
    expect(id.startsWith(idTimePrefix(1_750_000_000_123))).toBe(true)
  })

  test('never repeat', () => {
    const ids = createIdSource(createTestClock())
    const made = Array.from({ length: 100_000 }, () => ids.next())
    expect(new Set(made).size).toBe(made.length)
  })

  test('never go back in time, whatever the clock does', () => {
    const clock = createTestClock()
    clock.stopAt(1_750_000_000_000)
    const ids = createIdSource(clock)
    let last = idTimeMs(ids.next())
    for (const jumpMs of [5, -10_000, 3, -1, 20_000, -31_536_000_000, 0, 1]) {
      clock.advance(jumpMs)
      const next = idTimeMs(ids.next())
      expect(next).toBeGreaterThanOrEqual(last)
      expect(next).toBe(Math.max(last, clock.now()))
      last = next
    }
  })

  test('begin no earlier than they were told', () => {
    const clock = createTestClock()
    clock.stopAt(1000)
    const ids = createIdSource(clock, { notBeforeMs: 5000 })
    expect(idTimeMs(ids.next())).toBe(5000)
    clock.stopAt(6000)
    expect(idTimeMs(ids.next())).toBe(6000)
  })

  test('sort by time, and after the prefix of their time', () => {
    const times = [0, 1, 31, 32, 1023, 1024, 1_750_000_000_000, 1_750_000_000_001, 2 ** 48 - 1]
    const prefixes = times.map(idTimePrefix)
    expect(prefixes.toSorted()).toEqual(prefixes)
    const clock = createTestClock()
    for (const [index, time] of times.entries()) {
      clock.stopAt(time)
      const id = createIdSource(clock).next()
      expect(id > (prefixes[index] as string)).toBe(true)
      const following = prefixes[index + 1]
      if (following !== undefined) expect(id < following).toBe(true)
    }
  })

  test('of fractions of milliseconds are those of the millisecond', () => {
    expect(idTimePrefix(1.9)).toBe(idTimePrefix(1))
  })
})
