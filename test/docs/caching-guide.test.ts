import { describe, expect, test } from 'vitest'
import { lifetimes } from '../../src/core/cache/lifetimes.ts'
import { settings } from '../../src/entry/config.ts'
import { readGuide, testCommands } from './guide.ts'

const guide = readGuide('docs/guides/caching.md')

describe('the guide to caching', () => {
  test('has the lifetimes that the code has', () => {
    const rows = Object.entries(lifetimes).map(([name, lifetime]) => {
      const { freshMs, staleWhileRevalidateMs, staleIfErrorMs, absentMs } = lifetime
      const seconds = [freshMs, staleWhileRevalidateMs, staleIfErrorMs, absentMs].map(
        (ms) => `${ms / 1000} s`,
      )
      return [name, ...seconds]
    })
    const table = guide.text
      .split('\n')
      .filter((line) => /\d s *\|$/.test(line))
      .map((line) => line.split('|').map((cell) => cell.trim()))
      .map((cells) => cells.slice(1, -1))
    expect(table).toEqual(rows)
    const { freshMs, staleWhileRevalidateMs, staleIfErrorMs } = lifetimes.pointer
    expect(guide.text.replaceAll('\n', ' ')).toContain(
      `at most ${(freshMs + staleWhileRevalidateMs) / 1000} seconds late, or ${staleIfErrorMs / 1000} while D1`,
    )
    expect(guide.text.replaceAll('\n', ' ')).toContain(
      `everywhere within ${lifetimes.credential.freshMs / 1000} seconds`,
    )
  })

  test('names the settings of caches', () => {
    const named = Object.values(settings)
      .map(({ env }) => env)
      .filter((env) => env.startsWith('CUTTY_CACHE'))
    for (const env of named) expect(guide.text).toContain(`\`${env}\``)
  })

  testCommands('its commands do what it says', guide, {
    files: { 'beach.jpg': Uint8Array.of(0xff, 0xd8, 0xff, 0xe0) },
    check({ of }) {
      expect(of('curl -fsS -o first.jpg')).toContain('Cache-Status: cutty; fwd=miss; stored')
      const shown = /^Cache-Status: .*$/m.exec(guide.text)?.[0] as string
      expect(of('curl -fsS -o again.jpg')).toContain(shown)
      expect(of('curl -fsS -o again.jpg')).toMatch(/^Server-Timing: total;dur=/m)
      expect(of('cutty cache stats')).toContain('hit rate 50.0 %')
      expect(JSON.parse(of('cutty cache stats --window'))).toMatchObject({ windowSeconds: 300 })
      expect(JSON.parse(of('curl -fsS -u "$KEY" "$CUTTY_URL/api/v1/cache/stats'))).toMatchObject({
        scope: 'process',
        bytes: { reads: 2, hits: 1, hitRate: 0.5 },
      })
      expect(of('cutty cache invalidate photos/2026/beach.jpg')).toContain('of 1 files: 1 names in memory')
      expect(of('cutty cache invalidate photos/2026/ --prefix')).toContain('of 1 files: 0 names')
      expect(of('cutty cache invalidate photos --tag')).toContain('of 0 files')
      expect(JSON.parse(of('curl -fsS -u "$KEY" -H'))).toMatchObject({ files: 1, next: null })
      expect(of('cutty cache clear')).toMatch(/^memory: \d+ entries before, 0 now$/m)
      expect(of('cutty cache warm')).toMatch(/^Of the 1 files read most, loaded 1 \(4 B\) in /)
    },
  })
})
