import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { beladySize, bestStatic } from '../../bench/cache/offline.ts'
import { lru, ours, publishedS3Fifo, sieve } from '../../bench/cache/policies.ts'
import { missesOf, renderReadme } from '../../bench/cache/render.ts'
import { createTrace, kinds, objectCount } from '../../bench/cache/traces.ts'
import { entryOverheadBytes, s3FifoPolicy } from '../../src/core/cache/s3-fifo.ts'
import type { CacheResult } from '../../bench/cache/result.ts'
import type { Trace } from '../../bench/cache/traces.ts'

const folder = join(import.meta.dirname, '../../bench/cache')
const result = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as CacheResult

describe('the result of the cache simulator', () => {
  test('is what the README says', () => {
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe(renderReadme(result))
  })

  test('is of the policy that is shipped, and of whole traces: after a change, `node bench/cache/simulate.ts`', () => {
    expect(result.policy).toEqual(s3FifoPolicy)
    expect(result.quick).toBe(false)
  })

  test('is above LRU everywhere, and near the best static choice wherever popularity does not shift', () => {
    const { belowLru, belowStatic, belowEighty } = missesOf(result.cells)
    expect([belowLru, belowEighty]).toEqual([[], []])
    expect(belowStatic.filter(({ kind }) => kind !== 'shifting')).toEqual([])
  })

  test('counts no less for an entry than it was measured to take', () => {
    expect(result.memory.entryBytes).toBeLessThanOrEqual(entryOverheadBytes)
  })
})

describe('a trace', () => {
  test.each(kinds)('$name is the same for a seed, of files that have a size', ({ name: kind }) => {
    const options = { kind, zipf: 1, zipfRequests: 60_000, seed: 5 }
    const trace = createTrace(options)
    expect(trace).toEqual(createTrace(options))
    expect(trace.sizes.length).toBeGreaterThanOrEqual(objectCount)
    const sizes = trace.requests.map((object) => trace.sizes[object] ?? 0)
    expect(Math.min(...sizes.subarray(0, 50_000))).toBeGreaterThanOrEqual(64)
  })
})

describe('what knows the future', () => {
  const traceOf = (requests: number[], sizes: number[]): Trace => ({
    requests: Int32Array.from(requests),
    sizes: Int32Array.from(sizes),
    totalBytes: 0,
    measuredFrom: 2,
  })

  test('chooses by hits per byte, and gives no hit for a first request', () => {
    const trace = traceOf([0, 1, 0, 1, 0, 1, 2, 2], [1000, 10_000, 10])
    const room = (bytes: number, files: number) => bytes + files * entryOverheadBytes
    expect(bestStatic(trace, room(10, 1))).toMatchObject({ requests: 1 / 6 })
    expect(bestStatic(trace, room(1010, 2))).toMatchObject({ requests: 3 / 6 })
    expect(bestStatic(trace, room(11_010, 3))).toMatchObject({ requests: 5 / 6 })
    expect(beladySize(trace, room(11_010, 3))).toMatchObject({ requests: 5 / 6 })
    expect(beladySize(trace, room(1010, 2))).toMatchObject({ requests: 3 / 6 })
    expect(beladySize(trace, 100)).toEqual({ requests: 0, bytes: 0 })
  })
})

describe('the policies that are compared', () => {
  test.each(Object.entries({ ours, lru, sieve, publishedS3Fifo }))(
    '%s: has what fits, and never more than fits',
    (_, create) => {
      const bytesMax = 100_000
      const policy = create(bytesMax)
      const keys = Array.from({ length: 500 }, (_, index) => `key ${index}`)
      for (const key of keys.slice(0, 50)) policy.set(key, 500)
      expect(keys.slice(0, 50).filter((key) => !policy.get(key))).toEqual([])
      for (const key of keys) if (!policy.get(key)) policy.set(key, 2000)
      const kept = keys.filter((key) => policy.get(key)).length
      expect(kept).toBeGreaterThan(30)
      expect(kept).toBeLessThanOrEqual(130)
    },
  )
})
