import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCacheStats } from '../../../src/core/cache/cache-stats.ts'

const minuteMs = 60_000

function stage(startMs = -12_345.6) {
  const clock = { nowMs: startMs, monotonic: () => clock.nowMs }
  const contents = { entries: 3, bytes: 300, evictions: 0 }
  return { clock, contents, stats: createCacheStats({ clock, contents: { memory: () => contents } }) }
}

describe('counts of the cache', () => {
  test('are nothing where nothing was', () => {
    const { stats } = stage()
    stats.tier('memory')
    stats.tier('__proto__')
    const nothing = { hits: 0, misses: 0, sets: 0, errors: 0, skipped: 0, bytesIn: 0, bytesOut: 0 }
    const report = stats.read(minuteMs)
    expect(report.reads).toEqual({ hit: 0, load: 0, collapsed: 0, failed: 0 })
    expect(report.tiers['memory']).toEqual({
      ...nothing,
      ageMsMean: undefined,
      ageMsMax: undefined,
      evictions: 0,
      entries: 3,
      bytes: 300,
    })
    expect(Object.hasOwn(report.tiers, '__proto__')).toBe(true)
  })

  test('of a tier: each is where it belongs', () => {
    const { stats, contents } = stage()
    const tier = stats.tier('memory')
    expect(stats.tier('memory')).toBe(tier)
    tier.hit(100, 1000)
    tier.hit(50, 3000)
    tier.hit(0, -5)
    for (let count = 0; count < 5; count++) tier.miss()
    tier.failed('get')
    tier.skipped('get')
    for (const during of ['set', 'delete', 'clear'] as const) {
      tier.failed(during)
      tier.skipped(during)
    }
    tier.set(7)
    contents.evictions = 4
    expect(stats.read(minuteMs).tiers['memory']).toEqual({
      hits: 3,
      misses: 3,
      sets: 1,
      errors: 4,
      skipped: 4,
      bytesIn: 7,
      bytesOut: 150,
      ageMsMean: 4000 / 3,
      ageMsMax: 3000,
      evictions: 4,
      entries: 3,
      bytes: 300,
    })
  })

  test('of evictions are those of the window', () => {
    const { stats, contents, clock } = stage()
    const tier = stats.tier('memory')
    tier.set(1)
    contents.evictions = 10
    clock.nowMs += minuteMs
    tier.set(1)
    contents.evictions = 13
    expect(stats.read(minuteMs).tiers['memory']?.evictions).toBe(3)
    expect(stats.read(2 * minuteMs).tiers['memory']?.evictions).toBe(13)
    clock.nowMs += 5 * minuteMs
    expect(stats.read(minuteMs).tiers['memory']?.evictions).toBe(0)
  })

  test('are those of the last minutes, as a list of all of them has it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ waitMs: fc.oneof(fc.nat(200), fc.nat(90_000), fc.nat(9_000_000)) }), {
          maxLength: 80,
        }),
        fc.array(fc.nat(5_000_000), { minLength: 1, maxLength: 5 }),
        (counts, windows) => {
          const { stats, clock } = stage()
          const startMs = clock.nowMs
          const minutes: number[] = []
          for (const { waitMs } of counts) {
            clock.nowMs += waitMs
            stats.reads.count('load')
            stats.tier('disk').hit(2, waitMs)
            minutes.push(Math.floor((clock.nowMs - startMs) / minuteMs))
          }
          for (const windowMs of windows) {
            const now = Math.floor((clock.nowMs - startMs) / minuteMs)
            const width = Math.min(60, Math.max(1, Math.ceil(windowMs / minuteMs)))
            const expected = minutes.filter((minute) => minute > now - width).length
            const { reads, tiers, spanMs } = stats.read(windowMs)
            expect(reads.load).toBe(expected)
            expect(tiers['disk']?.bytesOut ?? 0).toBe(2 * expected)
            expect(spanMs).toBeLessThanOrEqual(width * minuteMs + 1e-3)
            expect(spanMs).toBeGreaterThanOrEqual(
              Math.min((width - 1) * minuteMs, clock.nowMs - startMs) - 1e-3,
            )
          }
        },
      ),
      { seed: 60, numRuns: 200 },
    )
  })
})
