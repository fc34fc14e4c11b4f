import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BesideHash, Hasher } from '../../src/core/ports/hasher.ts'

/** As long as what goes to another thread at a time, and how much may wait for it. */
export interface HasherSubject {
  readonly hasher: Hasher
  readonly pieceBytes: number
  readonly waitingBytesMax: number
  close(): Promise<void>
}

export const md5Of = (...parts: readonly Uint8Array[]) => {
  const hash = createHash('md5')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
export const hexOf = (digest: Uint8Array) => Buffer.from(digest).toString('hex')

/** No two of them alike. */
export function bytesOf(seed: number, length: number): Uint8Array {
  const made = new Uint8Array(length)
  for (let at = 0, value = seed + 1; at < length; at++) made[at] = value = (value * 73 + 11) & 255
  return made
}

async function feed(hash: BesideHash, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) await hash.update(part)
}

export function hasherContract(name: string, open: () => HasherSubject): void {
  describe(`${name} takes hashes that`, () => {
    let subject: HasherSubject
    let hasher: Hasher
    beforeAll(() => {
      subject = open()
      ;({ hasher } = subject)
    })
    afterAll(() => subject.close())

    test('are those of the bytes, however they are cut, of several at one time', async () => {
      const sizes = fc.array(fc.constantFrom(0, 1, 63, 64, 1000, 65_535, 65_536, 65_537, 200_000))
      await fc.assert(
        fc.asyncProperty(fc.array(sizes, { minLength: 1, maxLength: 5 }), async (bodies) => {
          const digests = await Promise.all(
            bodies.map(async (lengths, seed) => {
              const parts = lengths.map((length, at) => bytesOf(seed * 31 + at, length))
              const hash = hasher.begin('md5')
              await feed(hash, parts)
              return [hexOf(await hash.digest()), md5Of(...parts)]
            }),
          )
          for (const [digest, expected] of digests) expect(digest).toBe(expected)
        }),
        { seed: 7, numRuns: 60 },
      )
    })

    test('takes a copy: what it was given may be used again at once', async () => {
      const hash = hasher.begin('md5')
      const chunk = bytesOf(1, 1000)
      const before = chunk.slice()
      await hash.update(chunk)
      chunk.fill(0)
      expect(hexOf(await hash.digest())).toBe(md5Of(before))
    })

    test('whoever is faster than the other thread waits, and the ring is used again and again', async () => {
      const chunk = bytesOf(3, subject.pieceBytes)
      const rounds = Math.ceil((5 * subject.waitingBytesMax) / chunk.length)
      const hashes = Array.from({ length: 4 }, () => hasher.begin('md5'))
      let waits = 0
      await Promise.all(
        hashes.map(async (hash) => {
          for (let round = 0; round < rounds; round++) {
            const wait = hash.update(chunk)
            if (wait) waits++
            await wait
          }
        }),
      )
      expect(waits).toBeGreaterThan(0)
      const expected = md5Of(...Array.from({ length: rounds }, () => chunk))
      for (const hash of hashes) expect(hexOf(await hash.digest())).toBe(expected)
    })

    test('one that is given up disturbs no other', async () => {
      const kept = hasher.begin('md5')
      const givenUp = hasher.begin('md5')
      const chunk = bytesOf(5, 100_000)
      await Promise.all([feed(kept, [chunk]), feed(givenUp, [chunk, chunk])])
      givenUp.abandon()
      await feed(kept, [chunk])
      expect(hexOf(await kept.digest())).toBe(md5Of(chunk, chunk))
      kept.abandon()
    })
  })
}
