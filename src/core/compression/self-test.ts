import { Buffer } from 'node:buffer'
import type { CodecName } from './codec.ts'
import { codecs } from './codecs.ts'

/** More than one chunk of any zlib, and nothing that it could make smaller: where broken builds were found out. */
const sampleBytes = 300_000

export interface SelfTest {
  readonly working: ReadonlySet<CodecName>
  /** What is out of service in this runtime, and why. */
  readonly broken: ReadonlyMap<CodecName, string>
}

/**
 * Puts random bytes through every codec of this runtime (R23). A runtime can bring a codec that is broken for some inputs: a
 * codec that does not give back what it got, or takes half a frame for a whole one, must not be given anybody's files.
 */
export async function selfTestCodecs(): Promise<SelfTest> {
  const sample = new Uint8Array(sampleBytes)
  for (let at = 0; at < sampleBytes; at += 65_536) crypto.getRandomValues(sample.subarray(at, at + 65_536))
  const working = new Set<CodecName>()
  const broken = new Map<CodecName, string>()
  for (const name of Object.keys(codecs) as CodecName[]) {
    const problem = await test(name, sample).catch((error: unknown) => String(error))
    if (problem === undefined) working.add(name)
    else broken.set(name, problem)
  }
  return { working, broken }
}

async function test(name: CodecName, sample: Uint8Array): Promise<string | undefined> {
  const codec = codecs[name]
  // The second is done on this thread, and does not fit into one chunk of zlib's.
  const plains = [sample, sample.subarray(0, 50_000), sample.subarray(0, 1000), new Uint8Array(sampleBytes)]
  for (const plain of plains) {
    const stored = await codec.compressFrame(plain, codec.levels.fast)
    const back = await codec.decompressFrame(stored, plain.length)
    if (Buffer.compare(back, plain) !== 0) return `does not give back ${plain.length} bytes`
    const half = stored.subarray(0, Math.floor(stored.length / 2))
    const cut = await codec.decompressFrame(half, plain.length).catch(() => undefined)
    if (cut !== undefined) return 'takes half a frame for a whole one'
  }
  return undefined
}
