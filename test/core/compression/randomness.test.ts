import { deflateRawSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codecs } from '../../../src/core/compression/codecs.ts'
import { looksRandom } from '../../../src/core/compression/randomness.ts'

/** xorshift32: the same bytes everywhere. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed | 1
  return Uint8Array.from({ length }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 24
  })
}

describe('what looks random', () => {
  test.each([512, 1000, 1024, 4096])('noise of %i bytes does', (length) => {
    for (let seed = 1; seed < 50; seed++) expect(looksRandom(noise(length, seed * 7919))).toBe(true)
  })

  test('what is compressed does', () => {
    const text = new TextEncoder().encode(Array.from({ length: 3000 }, (_, i) => `${i * i} `).join(''))
    expect(looksRandom(deflateRawSync(text).subarray(0, 4096))).toBe(true)
  })

  test.each([
    ['nothing', new Uint8Array()],
    ['one byte', Uint8Array.of(7)],
    ['more than is looked at', noise(4097, 7)],
    ['zeros', new Uint8Array(1000)],
    ['all values in order, twice', Uint8Array.from({ length: 512 }, (_, i) => i)],
    ['noise that comes again', new Uint8Array([...noise(700, 3), ...noise(700, 3)])],
    ['noise in base64', new TextEncoder().encode(Buffer.from(noise(900, 5)).toString('base64'))],
    ['noise in half of the values', noise(1000, 9).map((byte) => byte & 0x7f)],
  ])('%s does not', (_name, bytes) => expect(looksRandom(bytes)).toBe(false))

  test('nothing that brotli makes a tenth smaller does, whatever it is made of', async () => {
    const piece = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      fc.string({ maxLength: 400 }).map((text) => new TextEncoder().encode(text)),
      fc.integer({ min: 1, max: 1 << 30 }).map((seed) => noise(seed % 900, seed)),
      fc.nat(255).map((byte) => new Uint8Array(100).fill(byte)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 12 }), async (pieces) => {
        const bytes = new Uint8Array(pieces.flatMap((each) => [...each])).subarray(0, 4096)
        if (bytes.length < 256 || !looksRandom(bytes)) return
        const stored = await codecs.brotli.compressFrame(bytes, 5)
        expect(1 - stored.length / bytes.length).toBeLessThan(0.1)
      }),
      { seed: 20_261_121, numRuns: 500 },
    )
  })
})
