import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeCursor, encodeCursor } from '../../src/core/files/cursor.ts'
import type { ListRequest } from '../../src/core/files/list.ts'

const seed = 4_200_001
const request = (cursor?: string, more: Partial<ListRequest> = {}): ListRequest => ({
  bucket: 'bucket',
  prefix: '',
  sort: 'size',
  order: 'asc',
  limit: 10,
  cursor,
  ...more,
})
const types = ['number', 'string'] as const
const refusal = expect.objectContaining({ code: 'invalid_request' }) as Error

describe('cursors', () => {
  test(`come back as they were, in text that a URL takes (seed ${seed})`, () => {
    fc.assert(
      fc.property(fc.integer(), fc.string({ unit: 'binary' }), (value, key) => {
        const cursor = encodeCursor(request(), [value, key])
        expect(cursor).toMatch(/^[\w-]+$/)
        expect(decodeCursor(request(cursor), types)).toEqual([value, key])
      }),
      { seed, numRuns: 300 },
    )
  })

  test('say nothing on a first page', () => {
    expect(decodeCursor(request(), types)).toEqual([])
  })

  test(`that nobody made are refused (seed ${seed})`, () => {
    const json = fc.json().map((text) => Buffer.from(text).toString('base64url'))
    const bytes = fc.uint8Array().map((each) => Buffer.from(each).toString('base64url'))
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), json, bytes), (garbage) => {
        expect(() => decodeCursor(request(garbage), types)).toThrow(refusal)
      }),
      { seed, numRuns: 500 },
    )
  })

  test('of another order or kind of listing are refused', () => {
    const cursor = encodeCursor(request(), [1, 'a'])
    for (const more of [{ sort: 'modified' }, { order: 'desc' }, { delimiter: '/' }] as const) {
      expect(() => decodeCursor(request(cursor, more), types)).toThrow(refusal)
    }
    expect(() => decodeCursor(request(cursor), ['string', 'string'])).toThrow(refusal)
    expect(() => decodeCursor(request(cursor), ['number'])).toThrow(refusal)
  })
})
