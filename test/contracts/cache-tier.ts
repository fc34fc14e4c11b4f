import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CacheEntry, CacheTier } from '../../src/core/ports/cache-tier.ts'
import { patternBytes } from './http/bytes.ts'

/** A tier that is empty, with room for 4 MiB at least, and the time it goes by, which tests turn. */
export interface CacheTierStage {
  readonly subject: CacheTier
  readonly clock: { nowMs: number }
  readonly cleanup: () => Promise<void>
}

const startMs = Date.UTC(2026, 0, 1)
/** Longer than the least life that any tier asks for. */
const lifeMs = 3_600_000

/** Where the test stands: what `create` gave for it. */
interface Stage {
  readonly tier: () => CacheTier
  readonly clock: () => { nowMs: number }
}

/** What every tier promises: the sentences of `core/ports/cache-tier.ts`, in any runtime. `create` is given its first time. */
export function cacheTierContract(name: string, create: (startMs: number) => Promise<CacheTierStage>): void {
  describe(`${name} as a CacheTier`, () => {
    let stage: CacheTierStage
    beforeEach(async () => {
      stage = await create(startMs)
    })
    afterEach(() => stage.cleanup())

    const at: Stage = { tier: () => stage.subject, clock: () => stage.clock }
    capabilityContract(at)
    valueContract(at)
    fieldContract(at)
    replaceContract(at)
    togetherContract(at)
    expiryContract(at)
    sizeContract(at)
    deleteContract(at)
  })
}

function entryOf(bytes: Uint8Array, more: Partial<CacheEntry> = {}): CacheEntry {
  return { bytes, metadata: '{}', bornMs: startMs - 5000, expiresAtMs: startMs + lifeMs, ...more }
}

const oddKeys = [
  '',
  ' ',
  '/',
  '..',
  'a/../b',
  'a%2Fb',
  'a b',
  'a+b',
  'a?b=c&d#e',
  '__proto__',
  'constructor',
  '\u0000',
  'line\nline\r\n',
  '\u00e9',
  'e\u0301',
  '\u0444\u0430\u0439\u043b',
  '\u{1f600}',
  '\ud800',
  '\ud801',
  '\ufffd',
  'A',
  'a',
  'x'.repeat(600),
  `${'x'.repeat(600)}y`,
  'https://example.org/a',
]

function capabilityContract({ tier }: Stage) {
  test('has a name that may label a metric, and says what it can', () => {
    expect(tier().name).toMatch(/^[a-z][a-z0-9-]*$/)
    const { valueBytesMax, ttlSecondsMin, shared, persistent } = tier().capabilities
    expect(valueBytesMax).toBeGreaterThanOrEqual(1)
    expect(ttlSecondsMin).toBeGreaterThanOrEqual(0)
    expect(Number.isFinite(ttlSecondsMin)).toBe(true)
    expect([typeof shared, typeof persistent]).toEqual(['boolean', 'boolean'])
  })
}

function valueContract({ tier }: Stage) {
  describe('get', () => {
    test('gives nothing where nothing was set', async () => {
      expect(await tier().get('never')).toBeUndefined()
      for (const key of oddKeys) expect(await tier().get(key)).toBeUndefined()
    })

    test('gives what was set, with all that belongs to it (R36)', async () => {
      const entry = entryOf(patternBytes(1000), {
        metadata: '{"type":"text/plain; charset=utf-8","name":"\u0444 \u{1f600} \\u0000"}',
        tags: ['bucket:1', 'user:\u00e9', ''],
      })
      await tier().set('a', entry)
      expectSame(await tier().get('a'), entry)
    })

    test.each([0, 1, 2, 255, 65_536, 300_001])('gives all %i bytes', async (size) => {
      const entry = entryOf(patternBytes(size))
      await tier().set('sized', entry)
      expectSame(await tier().get('sized'), entry)
    })

    test('takes for values: no bytes, no metadata, one zero, no tags, a birth of 0', async () => {
      const entries = {
        nothing: entryOf(new Uint8Array(0), { metadata: '' }),
        zero: entryOf(new Uint8Array(1), { metadata: '0' }),
        untagged: entryOf(patternBytes(3), { tags: [] }),
        old: entryOf(patternBytes(3), { bornMs: 0 }),
      }
      for (const [key, entry] of Object.entries(entries)) await tier().set(key, entry)
      for (const [key, entry] of Object.entries(entries)) expectSame(await tier().get(key), entry)
    })

    test('keeps keys apart that look alike, whatever is in them (R28)', async () => {
      for (const [index, key] of oddKeys.entries())
        await tier().set(key, entryOf(patternBytes(10, index + 1)))
      for (const [index, key] of oddKeys.entries())
        expectSame(await tier().get(key), entryOf(patternBytes(10, index + 1)))
    })

    test('takes any string for a key (R28)', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 40 }), { maxLength: 5 }),
          async (keys) => {
            for (const [index, key] of keys.entries())
              await tier().set(key, entryOf(patternBytes(9, index + 1)))
            for (const [index, key] of keys.entries())
              expectSame(await tier().get(key), entryOf(patternBytes(9, index + 1)))
            await tier().delete(keys)
          },
        ),
        { seed: 27, numRuns: 20 },
      )
    })

    test('gives a view without what lies around it', async () => {
      const around = patternBytes(5000)
      const bytes = around.subarray(1000, 1777)
      await tier().set('view', entryOf(bytes))
      const got = await tier().get('view')
      expectSame(got, entryOf(around.slice(1000, 1777)))
      expect(got!.bytes.buffer.byteLength).toBeLessThan(5000)
    })

    test('answers many at once', async () => {
      const keys = Array.from({ length: 40 }, (_, index) => `many ${index}`)
      await Promise.all(keys.map((key, index) => tier().set(key, entryOf(patternBytes(500, index + 1)))))
      const got = await Promise.all(keys.map((key) => tier().get(key)))
      for (const [index, entry] of got.entries()) expectSame(entry, entryOf(patternBytes(500, index + 1)))
    })
  })
}

function fieldContract({ tier }: Stage) {
  describe('what belongs to the bytes', () => {
    test('comes back whatever characters it has, lone surrogates and controls too (R36)', async () => {
      const text = fc.string({ unit: 'binary', maxLength: 60 })
      const anyUnit = fc.string({
        unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
        maxLength: 60,
      })
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(text, anyUnit),
          fc.option(fc.array(fc.oneof(text, anyUnit), { maxLength: 4 }), { nil: undefined }),
          async (metadata, tags) => {
            const entry = entryOf(patternBytes(9), { metadata, ...(tags ? { tags } : {}) })
            await tier().set('text', entry)
            expectSame(await tier().get('text'), entry)
          },
        ),
        { seed: 36, numRuns: 60 },
      )
    })

    test('comes back with times that are no whole numbers, before 1970 or very late', async () => {
      for (const [bornMs, expiresAtMs] of [
        [-1, startMs + lifeMs + 0.5],
        [startMs - 0.25, Number.MAX_SAFE_INTEGER],
        [startMs + lifeMs, 8.64e15],
        [Number.MIN_SAFE_INTEGER, Number.MAX_VALUE],
      ] as const) {
        const entry = entryOf(patternBytes(9), { bornMs, expiresAtMs })
        await tier().set('times', entry)
        expectSame(await tier().get('times'), entry)
      }
    })

    test.each([1023, 1025, 10_000, 200_000])(
      'of %i characters comes back whole, or the entry is not kept: never cut, never an error (R36)',
      async (length) => {
        for (const entry of [
          entryOf(patternBytes(10), { metadata: '\u00e9'.repeat(length) }),
          entryOf(patternBytes(10), {
            tags: Array.from({ length: length / 10 }, (_, index) => `tag:${index}`),
          }),
        ]) {
          await tier().set('long', entryOf(patternBytes(20)))
          await tier().set('long', entry)
          const got = await tier().get('long')
          if (got) expectSame(got, entry)
        }
        await tier().delete(['long'])
        expect(await tier().get('long')).toBeUndefined()
      },
    )
  })
}

function togetherContract({ tier }: Stage) {
  describe('at once', () => {
    test('sets of one key leave one of them, whole', async () => {
      const entries = Array.from({ length: 20 }, (_, index) =>
        entryOf(patternBytes(1 + index * 700, index + 1), { metadata: `"${index}"` }),
      )
      await Promise.all(entries.map((entry) => tier().set('a', entry)))
      const got = await tier().get('a')
      expectSame(got, entries[Number(JSON.parse(got!.metadata))] as CacheEntry)
    })

    test('sets, gets and deletes of a few keys never give half an entry, or that of another key (R28)', async () => {
      const written = (key: number, version: number) =>
        entryOf(patternBytes(100 + key * 1000 + version * 10, key * 100 + version + 1), {
          metadata: JSON.stringify([key, version]),
        })
      const work = Array.from({ length: 120 }, async (_, index) => {
        const key = index % 3
        if (index % 7 === 6) return tier().delete([`key ${key}`])
        if (index % 2) return tier().set(`key ${key}`, written(key, index))
        const got = await tier().get(`key ${key}`)
        if (!got) return
        const [ofKey, version] = JSON.parse(got.metadata) as [number, number]
        expect(ofKey).toBe(key)
        expectSame(got, written(key, version))
      })
      await Promise.all(work)
      await tier().delete(['key 0', 'key 1', 'key 2'])
      for (const key of [0, 1, 2]) expect(await tier().get(`key ${key}`)).toBeUndefined()
    })

    test('who has an entry keeps it as it was, whatever happens to its key', async () => {
      await tier().set('a', entryOf(patternBytes(5000, 1)))
      const got = await tier().get('a')
      await tier().set('a', entryOf(patternBytes(5000, 2)))
      expectSame(got, entryOf(patternBytes(5000, 1)))
      await tier().delete(['a'])
      expectSame(got, entryOf(patternBytes(5000, 1)))
    })
  })
}

function replaceContract({ tier }: Stage) {
  describe('set', () => {
    test('replaces all of an entry, by larger, smaller and empty ones', async () => {
      for (const [index, size] of [10, 5000, 0, 70_000, 1].entries()) {
        const entry = entryOf(patternBytes(size, index + 1), {
          metadata: `"${index}"`,
          bornMs: startMs - index,
          ...(index % 2 ? { tags: [`${index}`] } : {}),
        })
        await tier().set('a', entry)
        expectSame(await tier().get('a'), entry)
      }
    })

    test('is not changed by whoever changes the object it was given', async () => {
      const tags = ['one']
      const entry = { ...entryOf(patternBytes(10)), tags }
      await tier().set('a', entry)
      Object.assign(entry, { metadata: 'other', expiresAtMs: 0 })
      tags.push('two')
      expectSame(await tier().get('a'), { ...entryOf(patternBytes(10)), tags: ['one'] })
    })
  })
}

function expiryContract({ tier, clock }: Stage) {
  describe('expiry', () => {
    test('is at its millisecond: the one before still gets, it and those after get nothing', async () => {
      await tier().set('a', entryOf(patternBytes(10)))
      clock().nowMs = startMs + lifeMs - 1
      expectSame(await tier().get('a'), entryOf(patternBytes(10)))
      clock().nowMs = startMs + lifeMs
      expect(await tier().get('a')).toBeUndefined()
      clock().nowMs = startMs + 10 * lifeMs
      expect(await tier().get('a')).toBeUndefined()
    })

    test('is never for what never changes', async () => {
      const entry = entryOf(patternBytes(10), { expiresAtMs: Infinity })
      await tier().set('a', entry)
      clock().nowMs = startMs + 50 * 365 * 86_400_000
      expectSame(await tier().get('a'), entry)
    })

    test('is by the clock also when that goes back', async () => {
      await tier().set('a', entryOf(patternBytes(10)))
      clock().nowMs = startMs - 10 * lifeMs
      expectSame(await tier().get('a'), entryOf(patternBytes(10)))
      clock().nowMs = startMs + lifeMs + 1
      expect(await tier().get('a')).toBeUndefined()
    })

    test('of what has expired already is at once, and of what there was before too', async () => {
      for (const expiresAtMs of [startMs, startMs - 1, 0, -Infinity]) {
        await tier().set('a', entryOf(patternBytes(10)))
        await tier().set('a', entryOf(patternBytes(20), { expiresAtMs }))
        expect(await tier().get('a')).toBeUndefined()
      }
    })

    test('is moved by a later set', async () => {
      await tier().set('a', entryOf(patternBytes(10)))
      const longer = entryOf(patternBytes(10), { expiresAtMs: startMs + 2 * lifeMs })
      await tier().set('a', longer)
      clock().nowMs = startMs + lifeMs
      expectSame(await tier().get('a'), longer)
    })

    test('of less than the tier asks for is never stored wrongly (R36)', async () => {
      const leastMs = tier().capabilities.ttlSecondsMin * 1000
      expect(leastMs).toBeLessThan(lifeMs)
      await tier().set('a', entryOf(patternBytes(10)))
      const short = entryOf(patternBytes(20), { expiresAtMs: startMs + Math.max(1, leastMs - 1) })
      await tier().set('a', short)
      const got = await tier().get('a')
      if (leastMs > 0) expect(got).toBeUndefined()
      else expectSame(got, short)
    })
  })
}

function sizeContract({ tier }: Stage) {
  test('keeps a value as large as it says; none that is larger, and none of what there was before (R36)', async () => {
    const { valueBytesMax } = tier().capabilities
    expect(valueBytesMax).toBeGreaterThan(0)
    // What would not fit in a test's memory is not tried.
    if (valueBytesMax > 64 * 2 ** 20) return
    await tier().set('a', entryOf(patternBytes(10)))
    await tier().set('b', entryOf(patternBytes(10)))
    const largest = entryOf(new Uint8Array(valueBytesMax).fill(7))
    await tier().set('a', largest)
    expectSame(await tier().get('a'), largest)
    await tier().set('a', entryOf(new Uint8Array(valueBytesMax + 1)))
    expect(await tier().get('a')).toBeUndefined()
    expectSame(await tier().get('b'), entryOf(patternBytes(10)))
  })
}

function deleteContract({ tier }: Stage) {
  describe('delete', () => {
    test('removes what it is given and nothing else', async () => {
      for (const key of ['a', 'a/b', 'ab', '']) await tier().set(key, entryOf(patternBytes(10)))
      await tier().delete(['a', ''])
      for (const key of ['a', '']) expect(await tier().get(key)).toBeUndefined()
      for (const key of ['a/b', 'ab']) expectSame(await tier().get(key), entryOf(patternBytes(10)))
    })

    test('ignores keys without an entry, keys that come twice, and no keys at all', async () => {
      await tier().set('a', entryOf(patternBytes(10)))
      await tier().delete([])
      await tier().delete(['never', 'a', 'a', ''])
      await tier().delete(['a'])
      expect(await tier().get('a')).toBeUndefined()
    })

    test('takes every odd key, and a thousand at once', async () => {
      const keys = [...oddKeys, ...Array.from({ length: 1000 }, (_, index) => `key ${index}`)]
      for (const key of oddKeys) await tier().set(key, entryOf(patternBytes(10)))
      await tier().delete(keys)
      for (const key of oddKeys) expect(await tier().get(key)).toBeUndefined()
    })

    test('leaves a place that can be set again', async () => {
      await tier().set('a', entryOf(patternBytes(10, 1)))
      await tier().delete(['a'])
      await tier().set('a', entryOf(patternBytes(10, 2)))
      expectSame(await tier().get('a'), entryOf(patternBytes(10, 2)))
    })
  })
}

/** `toEqual` takes an absent `tags` for one that is undefined, and another view for the same bytes. */
function expectSame(actual: CacheEntry | undefined, expected: CacheEntry): void {
  expect(actual).toBeDefined()
  const { bytes, ...rest } = actual!
  const { bytes: expectedBytes, ...expectedRest } = expected
  expect(rest).toEqual(expectedRest)
  expect(bytes).toBeInstanceOf(Uint8Array)
  expect(bytes.length).toBe(expectedBytes.length)
  const other = bytes.findIndex((byte, index) => byte !== expectedBytes[index])
  expect(other, 'the first byte that is another').toBe(-1)
}
