import { type Codec, noEnvelope } from './codec.ts'

/**
 * LZ4 blocks, https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md. Each frame is one block. No HTTP coding
 * (R15), and on every count behind zstd's fastest level: here because the plan names it, never chosen by itself.
 */
export const lz4: Codec = Object.freeze({
  name: 'lz4',
  contentCoding: undefined,
  severalFrames: true,
  levels: Object.freeze({ min: 1, max: 1, fast: 1, ratio: 1, strong: 1 }),
  compressFrame: async (plain: Uint8Array) => compressBlock(plain),
  decompressFrame: async (stored: Uint8Array, plainBytes: number) => decompressBlock(stored, plainBytes),
  createEnvelope: () => noEnvelope,
})

const hashBits = 14
const minMatch = 4
/** The format's end: the last five bytes are literals, and no match begins in the last twelve. */
const lastLiterals = 5
const matchLimit = 12

function compressBlock(plain: Uint8Array): Uint8Array {
  const { length } = plain
  const block = new Uint8Array(length + Math.floor(length / 255) + 16)
  const view = new DataView(plain.buffer, plain.byteOffset, length)
  // Position + 1 of the last place with that hash.
  const table = new Int32Array(1 << hashBits)
  let out = 0
  let anchor = 0

  const writeLength = (rest: number) => {
    for (; rest >= 255; rest -= 255) block[out++] = 255
    block[out++] = rest
  }
  const writeSequence = (literalEnd: number, matchLength: number, offset: number) => {
    const literals = literalEnd - anchor
    const extra = matchLength - minMatch
    block[out++] = (Math.min(literals, 15) << 4) | (matchLength === 0 ? 0 : Math.min(extra, 15))
    if (literals >= 15) writeLength(literals - 15)
    block.set(plain.subarray(anchor, literalEnd), out)
    out += literals
    if (matchLength === 0) return
    block[out++] = offset & 0xff
    block[out++] = offset >>> 8
    if (extra >= 15) writeLength(extra - 15)
  }

  for (let at = 0; at < length - matchLimit;) {
    const hash = Math.imul(view.getUint32(at, true), 2654435761) >>> (32 - hashBits)
    const candidate = (table[hash] as number) - 1
    table[hash] = at + 1
    if (candidate < 0 || at - candidate > 0xffff || view.getUint32(candidate) !== view.getUint32(at)) {
      at++
      continue
    }
    let end = at + minMatch
    while (end < length - lastLiterals && plain[end] === plain[candidate + end - at]) end++
    writeSequence(at, end - at, at - candidate)
    at = end
    anchor = end
  }
  writeSequence(length, 0, 0)
  return block.slice(0, out)
}

function decompressBlock(block: Uint8Array, plainBytes: number): Uint8Array {
  const plain = new Uint8Array(plainBytes)
  let at = 0
  let out = 0

  const readByte = () => {
    if (at >= block.length) throw new Error('the LZ4 block ends early')
    return block[at++] as number
  }
  const readLength = (start: number) => {
    let length = start
    if (start < 15) return length
    for (let byte = 255; byte === 255;) {
      byte = readByte()
      length += byte
      if (length > plainBytes) throw new Error('the LZ4 block holds more than its frame')
    }
    return length
  }

  for (;;) {
    const token = readByte()
    const literals = readLength(token >>> 4)
    if (at + literals > block.length || out + literals > plainBytes)
      throw new Error('LZ4 literals beyond the end')
    plain.set(block.subarray(at, at + literals), out)
    at += literals
    out += literals
    if (at === block.length) break
    const offset = readByte() | (readByte() << 8)
    const length = readLength(token & 15) + minMatch
    if (offset === 0 || offset > out || out + length > plainBytes)
      throw new Error('an LZ4 match beyond the end')
    // Byte by byte, since a match may run into what it makes.
    for (const end = out + length; out < end; out++) plain[out] = plain[out - offset] as number
  }
  if (out !== plainBytes) throw new Error(`the LZ4 block holds ${out} bytes, not ${plainBytes}`)
  return plain
}
