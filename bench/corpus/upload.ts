/** A file of the corpus as an upload brings it. */
import { type CompressionPolicy, frameBytesDefault } from '../../src/core/compression/policy.ts'
import type { Candidate } from '../../src/core/compression/verdict.ts'
import type { CorpusFile } from './corpus.ts'

/** As the network gives them. */
const chunkBytes = 64 * 1024

export async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
}

/** An upload that declares its length, as nearly all do. */
export function candidateOf(
  { path, contentType, bytes }: CorpusFile,
  { available, policy }: { available: Candidate['available']; policy: CompressionPolicy },
): Candidate {
  return {
    contentType,
    key: path,
    clientEncoded: false,
    head: bytes.subarray(0, frameBytesDefault),
    whole: bytes.length <= frameBytesDefault,
    sizeBytes: bytes.length,
    available,
    compressBytesMax: Number.POSITIVE_INFINITY,
    policy,
  }
}
