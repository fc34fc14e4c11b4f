import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createResponseParser } from '../../bench/harness/response-parser.ts'

interface Seen {
  readonly status: number
  readonly body: string
}

/** Parses a stream cut into pieces, each given in the front of a larger buffer full of old bytes. */
function parse(pieces: readonly Buffer[]): { seen: Seen[]; midway: boolean } {
  const seen: Seen[] = []
  let body: Buffer[] = []
  const parser = createResponseParser({
    onBody(bytes, start, end, offset) {
      expect(offset).toBe(body.reduce((sum, piece) => sum + piece.length, 0))
      body.push(Buffer.from(bytes.subarray(start, end)))
    },
    onEnd(status, bodyBytes) {
      const whole = Buffer.concat(body)
      expect(whole.length).toBe(bodyBytes)
      seen.push({ status, body: whole.toString('latin1') })
      body = []
    },
  })
  for (const piece of pieces) {
    parser.push(Buffer.concat([piece, Buffer.from('\r\n\r\nold bytes')]), piece.length)
  }
  return { seen, midway: parser.midway }
}

function wire({ status, body }: Seen): string {
  return `HTTP/1.1 ${status} Reason\r\nDate: now\r\ncontent-LENGTH: ${body.length}\r\n\r\n${body}`
}

const response = fc.record({
  status: fc.constantFrom(200, 201, 404, 500),
  body: fc.oneof(
    fc.string({ unit: 'binary-ascii', maxLength: 40 }),
    fc.constant('\r\n\r\nHTTP/1.1 200 OK\r\n'),
  ),
})

describe('response parser', () => {
  test('reads the same responses however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(response, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat({ max: 400 }), { maxLength: 30 }),
        (responses, cuts) => {
          const stream = Buffer.from(responses.map(wire).join(''), 'latin1')
          const ends = [...cuts.filter((cut) => cut < stream.length), stream.length].toSorted((a, b) => a - b)
          const pieces = ends.map((end, index) => stream.subarray(ends[index - 1] ?? 0, end))
          expect(parse(pieces)).toEqual({ seen: responses, midway: false })
        },
      ),
      { seed: 11, numRuns: 500 },
    )
  })

  test('knows when a response is not whole', () => {
    expect(parse([Buffer.from('HTTP/1.1 200 OK\r\nContent-')]).midway).toBe(true)
    expect(parse([Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab')])).toEqual({
      seen: [],
      midway: true,
    })
  })

  test('skips interim responses and expects no body of 204 and 304', () => {
    const stream =
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n'
    expect(parse([Buffer.from(stream)]).seen).toEqual([
      { status: 204, body: '' },
      { status: 304, body: '' },
    ])
  })

  test.each([
    ['no length', 'HTTP/1.1 200 OK\r\nDate: now\r\n\r\n'],
    ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['a head without end', 'HTTP/1.1 200 OK\r\n'.padEnd(70_000, 'x')],
  ])('refuses %s', (_, stream) => {
    expect(() => parse([Buffer.from(stream)])).toThrow()
  })
})
