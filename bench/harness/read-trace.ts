import { setTimeout as sleep } from 'node:timers/promises'
import type { ByteCache } from '../../src/core/cache/byte-cache.ts'
import type { Trace } from '../cache/traces.ts'
import type { Measurement } from './scenario.ts'

export const readers = 64
export const frameBytes = 2 ** 20

/** A frame of a file, as the source gives it. */
function frameOf(trace: Trace, file: number, frame: number): Uint8Array {
  const sizeBytes = trace.sizes[file] as number
  const bytes = new Uint8Array(Math.min(frameBytes, sizeBytes - frame * frameBytes))
  bytes[0] = (file + frame) & 0xff
  return bytes
}

/** Reads the files of a part of a trace, each frame by frame, and throws when a byte that tells them apart is another. */
export async function readAll(
  trace: Trace,
  of: { from: number; to: number; sourceMs: number; cache: ByteCache | undefined },
): Promise<Measurement> {
  const { cache } = of
  const latencies = new Float64Array(of.to - of.from)
  let next = of.from

  async function load(file: number, frame: number): Promise<Uint8Array> {
    if (of.sourceMs > 0) await sleep(of.sourceMs)
    return frameOf(trace, file, frame)
  }
  async function readFile(file: number): Promise<void> {
    const frames = Math.ceil((trace.sizes[file] as number) / frameBytes)
    for (let frame = 0; frame < frames; frame++) {
      const bytes = cache
        ? await cache.read(['frame', String(file), String(frame)], () => load(file, frame))
        : await load(file, frame)
      const expected = Math.min(frameBytes, (trace.sizes[file] as number) - frame * frameBytes)
      if (bytes.length !== expected || bytes[0] !== ((file + frame) & 0xff)) {
        throw new Error(`frame ${frame} of file ${file} came back with other bytes`)
      }
    }
  }
  async function reader(): Promise<void> {
    while (next < of.to) {
      const request = next++
      const startedMs = performance.now()
      await readFile(trace.requests[request] as number)
      latencies[request - of.from] = performance.now() - startedMs
    }
  }
  await Promise.all(Array.from({ length: readers }, reader))

  const sorted = latencies.toSorted()
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] as number
  const meanMs = latencies.reduce((sum, ms) => sum + ms, 0) / latencies.length
  return { meanMs, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) }
}
