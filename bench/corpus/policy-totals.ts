/** The policy as a whole over all of the corpus, beside what others do, and beside other tables. */
import { gzipSync } from 'node:zlib'
import { codecs } from '../../src/core/compression/codecs.ts'
import { encodeFrames } from '../../src/core/compression/encode.ts'
import { codingRules, defaultPolicy, frameBytesDefault } from '../../src/core/compression/policy.ts'
import { selfTestCodecs } from '../../src/core/compression/self-test.ts'
import { type Candidate, chooseCoding } from '../../src/core/compression/verdict.ts'
import { describeMachine } from '../harness/machine.ts'
import { type CorpusFile, corpusFolder } from './corpus.ts'
import type { KindFigure, MeasuredTable, PolicyPart } from './result.ts'
import { measureAlternatives } from './tables.ts'
import { candidateOf, chunksOf } from './upload.ts'

export interface PolicyOptions {
  readonly repeats: number
  readonly say: (text: string) => void
}

export async function measurePolicy(
  files: readonly CorpusFile[],
  { repeats, say }: PolicyOptions,
): Promise<PolicyPart> {
  const { working: available } = await selfTestCodecs()
  const kinds = new Map<string, KindFigure>()
  const verdicts = new Map<string, PolicyPart['verdicts'][number]>()
  for (const [turn, file] of files.entries()) {
    const logicalBytes = file.bytes.length
    const { storedBytes, verdict } = await store(
      candidateOf(file, { available, policy: defaultPolicy }),
      file,
    )
    const before = kinds.get(file.kind)
    kinds.set(file.kind, {
      kind: file.kind,
      logicalBytes: logicalBytes + (before?.logicalBytes ?? 0),
      storedBytes: storedBytes + (before?.storedBytes ?? 0),
      gzipBytes: gzipPerFile(file.bytes) + (before?.gzipBytes ?? 0),
      blocksBytes: (await zstdInBlocks(file.bytes)) + (before?.blocksBytes ?? 0),
      compressedFiles: (verdict.startsWith('identity') ? 0 : 1) + (before?.compressedFiles ?? 0),
    })
    const counted = verdicts.get(verdict)
    verdicts.set(verdict, {
      verdict,
      files: 1 + (counted?.files ?? 0),
      logicalBytes: logicalBytes + (counted?.logicalBytes ?? 0),
      storedBytes: storedBytes + (counted?.storedBytes ?? 0),
    })
    if (turn % 2000 === 0) say(`policy: ${turn} of ${files.length} files`)
  }
  const figures = [...kinds.values()]
  const sum = (member: 'logicalBytes' | 'storedBytes' | 'gzipBytes' | 'blocksBytes') =>
    figures.reduce((total, figure) => total + figure[member], 0)
  const storedBytes = sum('storedBytes')
  return {
    machine: describeMachine(corpusFolder),
    table: shippedTable(),
    logicalBytes: sum('logicalBytes'),
    storedBytes,
    gzipBytes: sum('gzipBytes'),
    blocksBytes: sum('blocksBytes'),
    kinds: figures,
    verdicts: [...verdicts.values()].toSorted((a, b) => b.logicalBytes - a.logicalBytes),
    alternatives: await measureAlternatives(files, { available, storedBytes, repeats, say }),
  }
}

/** What a result says it measured, and a test holds against the source. */
export function shippedTable(): MeasuredTable {
  return {
    minimumBytes: defaultPolicy.minimumBytes,
    minimumGain: defaultPolicy.minimumGain,
    frameBytes: frameBytesDefault,
    rules: codingRules.map((rule) => ({
      ...rule,
      sizeBytesMax: Number.isFinite(rule.sizeBytesMax) ? rule.sizeBytesMax : null,
    })),
  }
}

/** With the index. */
async function store(
  candidate: Candidate,
  { bytes }: CorpusFile,
): Promise<{ storedBytes: number; verdict: string }> {
  const { verdict, blob } = await chooseCoding(candidate)
  const { codec, level, frameBytes, reason } = verdict
  if (codec === 'identity') return { storedBytes: bytes.length, verdict: `identity: ${reason}` }
  const name = `${codec}-${level}`
  if (blob) return { storedBytes: blob.bytes.length, verdict: name }
  const encoded = encodeFrames(chunksOf(bytes), { codec: codecs[codec], level, frameBytes, parallel: 2 })
  let storedBytes = 0
  for await (const part of encoded.body) storedBytes += part.length
  return { storedBytes, verdict: name }
}

/** The policy's own rule. */
function keepIfWorth(plainBytes: number, codedBytes: number): number {
  return codedBytes <= plainBytes * (1 - defaultPolicy.minimumGain) ? codedBytes : plainBytes
}

function gzipPerFile(bytes: Uint8Array): number {
  return keepIfWorth(bytes.length, gzipSync(bytes, { level: 6 }).length)
}

async function zstdInBlocks(bytes: Uint8Array): Promise<number> {
  let storedBytes = 0
  for (let at = 0; at < bytes.length; at += 2 ** 20) {
    const block = bytes.subarray(at, at + 2 ** 20)
    storedBytes += keepIfWorth(block.length, (await codecs.zstd.compressFrame(block, 1)).length)
  }
  return storedBytes
}
