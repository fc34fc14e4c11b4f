import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseDuration } from '../../src/cli/command.ts'
import { filePath, localName, parsePlace } from '../../src/cli/file-place.ts'
import { nearest } from '../../src/cli/nearest.ts'
import { formatBytes, formatTime, jsonLine, printable } from '../../src/cli/output.ts'
import { createProgress, formatProgress } from '../../src/cli/progress.ts'

describe('the place of a file', () => {
  test('a path that no URL parser folds, for any key', () => {
    const character = fc.constantFrom(
      '.',
      '..',
      '/',
      '%',
      '%2e',
      '?',
      '#',
      '+',
      ' ',
      '\\',
      'a',
      'é',
      '🎉',
      '\n',
    )
    const key = fc
      .oneof(
        fc.array(character, { minLength: 1 }).map((parts) => parts.join('')),
        fc.string({ minLength: 1, unit: 'grapheme' }),
      )
      .filter((text) => text.isWellFormed())
    fc.assert(
      fc.property(key, (text) => {
        const path = filePath({ bucket: 'b', key: text })
        const url = new URL(path, 'http://host')
        expect(url.pathname + url.search).toBe(path.replaceAll("'", url.search ? '%27' : "'"))
        const fromPath = decodeURIComponent(url.pathname.slice('/api/v1/buckets/b/files/'.length))
        expect(url.searchParams.get('key') ?? fromPath).toBe(text)
        expect(parsePlace(`b/${text}`)).toEqual({ bucket: 'b', key: text })
      }),
      { seed: 7, numRuns: 2000 },
    )
  })

  test('further parameters follow', () => {
    expect(filePath({ bucket: 'b', key: 'k' }, ['info'])).toBe('/api/v1/buckets/b/files/k?info')
    expect(filePath({ bucket: 'b', key: '..' }, ['info'])).toBe('/api/v1/buckets/b/files?key=..&info')
  })

  test('a local name is the last part, where it can be one', () => {
    expect(localName('a/b c.txt')).toBe('b c.txt')
    expect(localName('a\\b:c', 'linux')).toBe('a\\b:c')
    for (const key of ['a/', 'a/..', '.', '..']) expect(() => localName(key)).toThrow('say where')
    for (const key of ['a\\b', 'c:d', 'e.', 'f ', 'g\n'])
      expect(() => localName(key, 'win32')).toThrow('say where')
  })
})

describe('the nearest word', () => {
  const words = ['list', 'create', 'disable', 'enable', 'rm']
  test.each([
    ['lsit', 'list'],
    ['creat', 'create'],
    ['disabel', 'disable'],
    ['enabled', 'enable'],
    ['mr', 'rm'],
    ['frobnicate', undefined],
    ['', undefined],
  ])('%s: %s', (word, expected) => expect(nearest(word, words)).toBe(expected))
})

describe('what is printed', () => {
  test('nothing in it steers a terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
        const line = jsonLine({ text })
        expect(line).not.toMatch(/\p{Cc}/u)
        expect(JSON.parse(line)).toEqual({ text })
      }),
      { seed: 8, numRuns: 1000 },
    )
    expect(printable('a\u001b]0;x\u0007\u009b31m\u202eb')).toBe('a\\u001b]0;x\\u0007\\u009b31m\\u202eb')
  })

  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [1.5 * 1024 ** 3, '1.5 GiB'],
    [5 * 1024 ** 5, '5120.0 TiB'],
  ])('%d bytes: %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  test('times are to the second, in UTC', () => {
    expect(formatTime('2026-11-21T08:51:11.244Z')).toBe('2026-11-21 08:51:11Z')
    expect(formatTime(null)).toBe('-')
  })

  test.each([
    ['90', 90],
    ['90s', 90],
    ['15m', 900],
    ['12h', 43_200],
    ['30d', 2_592_000],
    ['2w', 1_209_600],
  ])('the duration %s', (text, seconds) => expect(parseDuration(text)).toBe(seconds))
})

describe('progress', () => {
  const state = { name: 'a.bin', doneBytes: 512, totalBytes: 1024, elapsedMs: 1000, columns: 80 }

  test('a bar, the speed and the time that is left', () => {
    expect(formatProgress(state)).toBe('a.bin   50 % [##########----------]  512 B/s  0:01 left')
    expect(formatProgress({ ...state, totalBytes: undefined })).toBe('a.bin  512 B  512 B/s')
    expect(formatProgress({ ...state, doneBytes: 0 })).toContain('  0 % [----')
    expect(formatProgress({ ...state, totalBytes: 512 * 3700 })).toContain('1:01:39 left')
    // The server announced less than it sends.
    expect(formatProgress({ ...state, doneBytes: 4096 })).toContain('100 % [####################]')
  })

  test('is never wider than the terminal', () => {
    for (const columns of [0, 1, 10, 40, 80]) {
      expect(formatProgress({ ...state, name: 'n'.repeat(99), columns }).length).toBeLessThanOrEqual(
        Math.max(0, columns - 1),
      )
    }
  })

  test('appears on a terminal only, after a while, not at every chunk, and goes away', () => {
    let nowMs = 0
    const written: string[] = []
    const stream = { isTTY: true, columns: 80, write: (text: string) => written.push(text) }
    const progress = createProgress({ stream, name: 'a', totalBytes: 1000, now: () => nowMs })
    for (; nowMs < 1000; nowMs += 10) progress.advance(10)
    expect(written).toHaveLength(7)
    progress.end()
    expect(written.at(-1)).toBe('\r\u001b[K')

    const silent = createProgress({
      stream: { ...stream, isTTY: false },
      name: 'a',
      totalBytes: 1,
      now: () => 1e9,
    })
    silent.advance(1)
    silent.end()
    expect(written).toHaveLength(8)
  })
})
