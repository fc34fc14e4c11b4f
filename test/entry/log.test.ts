import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CuttyError } from '../../src/core/errors.ts'
import type { Event, RequestEvent } from '../../src/core/ports/observer.ts'
import { createLog } from '../../src/entry/log.ts'

const request: RequestEvent = {
  type: 'request',
  requestId: 'abc-1',
  method: 'GET',
  route: '/api/v1/buckets/{bucket}/files/{key…}',
  path: '/api/v1/buckets/b/files/a%20b',
  bucket: 'b',
  status: 200,
  bytesReceived: 0,
  bytesSent: 12,
  durationMs: 1.23456,
  userId: undefined,
  errorCode: undefined,
  aborted: false,
}
const failure: Event = {
  type: 'failure',
  requestId: 'abc-1',
  during: 'GET /',
  error: new CuttyError('internal', undefined, {
    cause: Object.assign(new Error('the inside'), { code: 'EIO' }),
  }),
}
const lifecycle: Event = { type: 'lifecycle', message: 'started', details: { pid: 7, url: 'http://x' } }
const slow: Event = {
  type: 'slow_statement',
  statement: 'files.find',
  durationMs: 61.23456,
  rowsRead: 3,
  rowsWritten: 0,
  times: 2,
  plan: ['SCAN files'],
}
const storage: Event = { type: 'storage', action: 'collected', blobs: 3 }

describe('the log', () => {
  let text: string
  const create = (level: 'requests' | 'errors' | 'none' = 'requests') =>
    createLog({ level, write: (lines) => void (text += lines), now: () => 1_760_000_000_123 })
  const lines = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>)

  beforeEach(() => {
    text = ''
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('is lines of JSON with a time', () => {
    const log = create()
    const all = [
      request,
      { ...request, userId: 'u1', errorCode: 'conflict', aborted: true },
      failure,
      lifecycle,
      storage,
      slow,
    ]
    for (const event of all) log.observe(event)
    log.flush()
    expect(lines()).toMatchObject([
      {
        time: '2025-10-09T08:53:20.123Z',
        level: 'info',
        event: 'request',
        requestId: 'abc-1',
        method: 'GET',
        path: request.path,
        status: 200,
        bytesSent: 12,
        durationMs: 1.23,
      },
      { event: 'request', userId: 'u1', error: 'conflict', aborted: true },
      {
        level: 'error',
        event: 'failure',
        during: 'GET /',
        error: { name: 'CuttyError', code: 'internal', cause: { message: 'the inside', code: 'EIO' } },
      },
      { event: 'lifecycle', message: 'started', pid: 7, url: 'http://x' },
      { event: 'storage', action: 'collected', blobs: 3 },
      {
        level: 'warning',
        event: 'slow_statement',
        statement: 'files.find',
        durationMs: 61.23,
        rowsRead: 3,
        rowsWritten: 0,
        times: 2,
        plan: ['SCAN files'],
      },
    ])
  })

  test('is one line for each event, whatever a client sends', () => {
    const log = create()
    for (const path of ['/a"b\\c', '/a\nb\r', '/\u2028\u0000\u001b[31m', '/\ud800', '/}{"x":1']) {
      log.observe({ ...request, path, method: 'BR"EW' })
    }
    log.observe({ type: 'failure', requestId: undefined, during: 'a\nb', error: 'text\nwith lines' })
    log.flush()
    expect(text.split('\n')).toHaveLength(7)
    expect(lines().map(({ path }) => path)).toEqual([
      '/a"b\\c',
      '/a\nb\r',
      '/\u2028\u0000\u001b[31m',
      '/\ud800',
      '/}{"x":1',
      undefined,
    ])
  })

  test('leaves out what its level says', () => {
    for (const [level, events] of [
      ['requests', ['request', 'failure', 'lifecycle', 'storage']],
      ['errors', ['failure', 'lifecycle', 'storage']],
      ['none', []],
    ] as const) {
      text = ''
      const log = create(level)
      for (const event of [request, failure, lifecycle, storage]) log.observe(event)
      log.flush()
      expect(lines().map(({ event }) => event)).toEqual(events)
    }
  })

  test('is written soon, at once when there is much, and on demand', () => {
    const log = create()
    log.observe(request)
    expect(text).toBe('')
    vi.advanceTimersByTime(100)
    expect(lines()).toHaveLength(1)
    for (let i = 0; i < 1000; i++) log.observe(request)
    expect(lines().length).toBeGreaterThan(200)
    log.flush()
    expect(lines()).toHaveLength(1001)
    vi.advanceTimersByTime(10_000)
    expect(lines()).toHaveLength(1001)
  })
})
