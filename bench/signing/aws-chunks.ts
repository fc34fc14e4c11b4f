/** Bodies of aws-chunked, written and read plainly: shares nothing with the reader under test but the signatures it makes. */
import { createChecksum } from '../../src/core/checksums/checksum.ts'
import {
  type ChunkSigning,
  hashTrailers,
  signChunk,
  signTrailers,
} from '../../src/core/sigv4/chunk-signature.ts'
import { createHash } from 'node:crypto'

export interface Chunk {
  /** In hexadecimal digits, as it is written. */
  readonly size: string
  /** What follows the size in its line: `;chunk-signature=…` or nothing. */
  readonly extension: string
  readonly data: Buffer
}

export interface Chunks {
  /** The last one is empty. */
  readonly chunks: readonly Chunk[]
  /** Lines, without their ends. */
  readonly trailers: readonly string[]
}

export const signatureTrailer = 'x-amz-trailer-signature'

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** `signing` for signed chunks; with `trailer`, the CRC32C of all comes last. */
export function writeChunks(
  data: Buffer,
  options: { chunkBytes: number; signing: ChunkSigning | undefined; trailer: boolean },
): Chunks {
  const { chunkBytes, signing, trailer } = options
  const chunks: Chunk[] = []
  let previousSignature = signing?.seedSignature ?? ''
  for (let at = 0; ; at += chunkBytes) {
    const piece = data.subarray(at, at + chunkBytes)
    if (signing) previousSignature = signChunk({ ...signing, previousSignature, sha256: sha256(piece) })
    const extension = signing ? `;chunk-signature=${previousSignature}` : ''
    chunks.push({ size: piece.length.toString(16), extension, data: piece })
    if (piece.length === 0) break
  }
  if (!trailer) return { chunks, trailers: [] }
  const checksum = createChecksum('CRC32C')
  checksum.update(data)
  const value = Buffer.from(checksum.digest()).toString('base64')
  const trailers = [`x-amz-checksum-crc32c:${value}`]
  if (signing) {
    const hash = hashTrailers(new Map([['x-amz-checksum-crc32c', value]]))
    trailers.push(`${signatureTrailer}:${signTrailers({ ...signing, previousSignature, sha256: hash })}`)
  }
  return { chunks, trailers }
}

export function formatChunks({ chunks, trailers }: Chunks): Buffer {
  const parts = chunks.map(({ size, extension, data }) => [
    Buffer.from(`${size}${extension}\r\n`, 'latin1'),
    data,
    Buffer.from(data.length > 0 ? '\r\n' : ''),
  ])
  const end = [...trailers, ''].map((line) => Buffer.from(`${line}\r\n`, 'latin1'))
  return Buffer.concat([...parts.flat(), ...end])
}

/** `undefined` for what is not of that form. */
export function parseChunks(body: Uint8Array): Chunks | undefined {
  const bytes = Buffer.from(body)
  const chunks: Chunk[] = []
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const line = /^([0-9a-fA-F]+)(;.*)?$/.exec(bytes.toString('latin1', at, lineEnd))
    if (!line) return undefined
    const sizeBytes = Number.parseInt(line[1]!, 16)
    const data = bytes.subarray(lineEnd + 2, lineEnd + 2 + sizeBytes)
    if (data.length < sizeBytes) return undefined
    chunks.push({ size: line[1]!, extension: line[2] ?? '', data })
    at = lineEnd + 2 + sizeBytes
    if (sizeBytes === 0) {
      const lines = bytes.toString('latin1', at).split(/\r?\n/)
      return { chunks, trailers: lines.filter((each) => each !== '') }
    }
    if (bytes.toString('latin1', at, at + 2) !== '\r\n') return undefined
    at += 2
  }
}
