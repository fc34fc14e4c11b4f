import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { generatedFiles, generateFile } from '../../bench/corpus/generate.ts'
import { shippedTable } from '../../bench/corpus/policy-totals.ts'
import { renderReadme } from '../../bench/corpus/render.ts'
import { sources } from '../../bench/corpus/sources.ts'
import type { Manifest } from '../../bench/corpus/corpus.ts'
import type { CorpusResult } from '../../bench/corpus/result.ts'

const folder = join(import.meta.dirname, '../../bench/corpus')
const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const result = JSON.parse(read('result.json')) as CorpusResult
const manifest = JSON.parse(read('manifest.json')) as Manifest
const generatedKinds = [...new Set(generatedFiles.map(({ kind }) => kind))]

describe('the corpus', () => {
  test('is large and mixed enough, and every package in it is pinned by a digest', () => {
    expect(manifest.bytes).toBeGreaterThan(100 * 2 ** 20)
    expect(manifest.kinds.length).toBeGreaterThanOrEqual(10)
    for (const { version, integrity } of sources) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/)
      expect(integrity).toMatch(/^sha512-[\w+/]{86}==$/)
    }
  })

  test('names no generated file twice, nor gives two the same seed', () => {
    expect(new Set(generatedFiles.map(({ path }) => path)).size).toBe(generatedFiles.length)
    expect(new Set(generatedFiles.map(({ seed }) => seed)).size).toBe(generatedFiles.length)
  })
})

describe('a generated file', () => {
  test('has the same bytes for a seed, never more than asked for, and whole lines', () => {
    const content = fc.record({
      kind: fc.constantFrom(...generatedKinds),
      seed: fc.nat(),
      sizeBytes: fc.integer({ min: 0, max: 5000 }),
    })
    fc.assert(
      fc.property(content, (asked) => {
        const bytes = generateFile(asked)
        expect(Buffer.compare(bytes, generateFile(asked))).toBe(0)
        expect(bytes.length).toBeLessThanOrEqual(asked.sizeBytes)
        if (asked.kind === 'random') expect(bytes.length).toBe(asked.sizeBytes)
        else if (bytes.length > 0) expect(bytes.at(-1)).toBe(0x0a)
        if (asked.sizeBytes > 2000) {
          expect(bytes.length).toBeGreaterThan(1000)
          expect(Buffer.compare(bytes, generateFile({ ...asked, seed: asked.seed + 1 }))).not.toBe(0)
        }
      }),
      { seed: 7, numRuns: 40 },
    )
  })

  test.each(generatedKinds)('of kind %s begins as a longer one of the same seed does', (kind) => {
    const long = generateFile({ kind, seed: 1, sizeBytes: 20_000 })
    const short = generateFile({ kind, seed: 1, sizeBytes: 3000 })
    expect(Buffer.compare(short, long.subarray(0, short.length))).toBe(0)
  })

  test('has the bytes that it had when the corpus was measured', () => {
    const total = createHash('sha256')
    for (const kind of generatedKinds) total.update(generateFile({ kind, seed: 42, sizeBytes: 10_000 }))
    expect(total.digest('hex')).toBe('1cada0bc464a800deb2e16b98a457af436e42f004989aa6eb7e96a48fbdefaa9')
  })
})

describe('what was measured', () => {
  test('is what the README says', () => {
    expect(read('README.md')).toBe(renderReadme(result))
  })

  test('is the corpus that its sources make', () => {
    expect(result.corpus).toEqual(manifest)
  })

  test('is the policy that is shipped: after a change, `node bench/corpus/measure.ts --part policy`', () => {
    expect(result.policy.table).toEqual(shippedTable())
  })

  test('reaches the goal: 0.70 of the plaintext, less than gzip-6 for each file and zstd-1 in blocks (R21)', () => {
    const { logicalBytes, storedBytes, gzipBytes, blocksBytes } = result.policy
    expect(logicalBytes).toBe(manifest.bytes)
    expect(storedBytes / logicalBytes).toBeLessThanOrEqual(0.7)
    expect(storedBytes).toBeLessThan(gzipBytes)
    expect(storedBytes).toBeLessThan(blocksBytes)
  })
})
