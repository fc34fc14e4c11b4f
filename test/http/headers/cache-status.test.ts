import { describe, expect, test } from 'vitest'
import { createTrace, type Found } from '../../../src/core/cache/trace.ts'
import { formatCacheStatus, formatServerTiming } from '../../../src/http/headers/cache-status.ts'

const trace = (rows: Found, bytes: Found = {}) => ({ rows, bytes })
const memory: Found = { tier: 'memory' }
const source: Found = { tier: 'source', ms: 1.234_56 }

describe('R34: Cache-Status', () => {
  test.each<[string, string, Found, Found, string]>([
    ['GET', 'all from memory', memory, memory, 'cutty; hit; detail="rows=memory bytes=memory"'],
    ['GET', 'a lower tier', memory, { tier: 'edge' }, 'cutty; hit; detail="rows=memory bytes=edge"'],
    ['HEAD', 'no bytes', memory, {}, 'cutty; hit; detail="rows=memory"'],
    ['GET', 'rows that were read', source, memory, 'cutty; fwd=miss; detail="rows=source bytes=memory"'],
    [
      'GET',
      'bytes that were read',
      memory,
      source,
      'cutty; fwd=miss; stored; detail="rows=memory bytes=source"',
    ],
    [
      'GET',
      'bytes too large to keep',
      memory,
      { tier: 'store' },
      'cutty; fwd=bypass; detail="rows=memory bytes=store"',
    ],
    ['GET', 'both', source, { tier: 'store' }, 'cutty; fwd=miss; detail="rows=source bytes=store"'],
    [
      'GET',
      'a read shared with others',
      memory,
      { tier: 'source', collapsed: true },
      'cutty; fwd=miss; stored; collapsed; detail="rows=memory bytes=source"',
    ],
    [
      'GET',
      'rows no longer fresh',
      { tier: 'memory', stale: true },
      memory,
      'cutty; hit; detail="rows=memory stale bytes=memory"',
    ],
    ['GET', 'nothing that is cached', {}, {}, 'cutty; fwd=bypass'],
    ['PUT', 'whatever was looked up', memory, {}, 'cutty; fwd=method'],
  ])('of a %s: %s', (method, _what, rows, bytes, expected) => {
    expect(formatCacheStatus(method, trace(rows, bytes))).toBe(expected)
  })
})

describe('Server-Timing', () => {
  test('has the parts that took any time, to the hundredth of a millisecond', () => {
    expect(formatServerTiming(createTrace(), 0.126)).toBe('total;dur=0.13')
    expect(formatServerTiming(trace(source, { tier: 'memory', ms: 0 }), 12)).toBe(
      'rows;dur=1.23, bytes;dur=0.00, total;dur=12.00',
    )
  })
})
