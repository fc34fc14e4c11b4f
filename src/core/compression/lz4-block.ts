/**
 * The LZ4 block format, https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md: sequences of a token, literals, and a
 * match of at least four bytes at most 64 KiB back. The last sequence has literals only.
 */
const minMatch = 4
/** The format's end: the last five bytes are literals, and no match begins in the last twelve. */
const lastLiterals = 5
const matchLimit = 12
const offsetMax = 0xffff

const hashBits = 14
/** After 2⁶ misses the search takes steps of two bytes, and so on: what cannot be made smaller is soon passed. */
const skipBits = 6
/** Below this a loop is done before a call has begun. */
const shortCopyBytes = 32

/**
 * Writes `plain` into `out` at `start` as a block, greedily, with one candidate for each hash of four bytes. Returns where the
 * block ends; `undefined` unless it is surely shorter than `plain`, which is as much room as `out` must have.
 */
export function compressBlock(plain: Uint8Array, out: Uint8Array, start: number): number | undefined {
  const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength)
  // Position + 1 of the last place with that hash.
  const table = new Int32Array(1 << hashBits)
  const room = start + plain.length
  const matchEnd = plain.length - lastLiterals
  let at = start
  let anchor = 0
  let misses = 1 << skipBits

  for (let position = 0; position < plain.length - matchLimit;) {
    const word = view.getUint32(position, true)
    const hash = Math.imul(word, 0x9e3779b1) >>> (32 - hashBits)
    const candidate = (table[hash] as number) - 1
    table[hash] = position + 1
    if (candidate < 0 || position - candidate > offsetMax || view.getUint32(candidate, true) !== word) {
      position += misses++ >>> skipBits
      continue
    }
    misses = 1 << skipBits
    let end = position + minMatch
    for (let from = candidate + minMatch; end < matchEnd && plain[end] === plain[from]; from++) end++
    const extra = end - position - minMatch
    if (at + sequenceBytesMax(position - anchor, extra) >= room) return undefined
    at = writeLiterals(out, at, plain, { from: anchor, to: position, matchNibble: Math.min(extra, 15) })
    out[at++] = (position - candidate) & 0xff
    out[at++] = (position - candidate) >>> 8
    if (extra >= 15) at = writeLength(out, at, extra - 15)
    position = end
    anchor = end
  }
  if (at + sequenceBytesMax(plain.length - anchor, 0) >= room) return undefined
  return writeLiterals(out, at, plain, { from: anchor, to: plain.length, matchNibble: 0 })
}

/** Token, literals and their length, offset, length of the match. */
function sequenceBytesMax(literals: number, extra: number): number {
  return 1 + literals + Math.ceil(literals / 255) + 2 + Math.ceil(extra / 255)
}

function writeLiterals(
  out: Uint8Array,
  start: number,
  plain: Uint8Array,
  sequence: { from: number; to: number; matchNibble: number },
): number {
  const { from, to } = sequence
  const literals = to - from
  let at = start
  out[at++] = (Math.min(literals, 15) << 4) | sequence.matchNibble
  if (literals >= 15) at = writeLength(out, at, literals - 15)
  if (literals > shortCopyBytes) out.set(plain.subarray(from, to), at)
  else for (let i = 0; i < literals; i++) out[at + i] = plain[from + i] as number
  return at + literals
}

function writeLength(out: Uint8Array, start: number, length: number): number {
  let at = start
  let rest = length
  for (; rest >= 255; rest -= 255) out[at++] = 255
  out[at++] = rest
  return at
}

/** Fills `out` from all of `block`, exactly, or throws. Never writes past `out` (R24), nor reads past `block` (R25). */
export function decompressBlock(block: Uint8Array, out: Uint8Array): void {
  let at = 0
  let filled = 0
  const readByte = () => {
    if (at >= block.length) throw new Error('the LZ4 block ends early')
    return block[at++] as number
  }
  const readLength = (nibble: number) => {
    let length = nibble
    if (nibble < 15) return length
    for (let byte = 255; byte === 255;) {
      byte = readByte()
      length += byte
    }
    return length
  }

  for (;;) {
    const token = readByte()
    const literals = readLength(token >>> 4)
    if (at + literals > block.length || filled + literals > out.length) {
      throw new Error('LZ4 literals beyond the end')
    }
    if (literals > shortCopyBytes) out.set(block.subarray(at, at + literals), filled)
    else for (let i = 0; i < literals; i++) out[filled + i] = block[at + i] as number
    at += literals
    filled += literals
    if (at === block.length) {
      if ((token & 15) !== 0) throw new Error('the LZ4 block ends before a match')
      break
    }
    const offset = readByte() | (readByte() << 8)
    const end = filled + readLength(token & 15) + minMatch
    if (offset === 0 || offset > filled || end > out.length) throw new Error('an LZ4 match beyond the end')
    const length = end - filled
    if (length > shortCopyBytes && offset >= length) {
      out.copyWithin(filled, filled - offset, end - offset)
      filled = end
    }
    // Byte by byte, since a match may run into what it makes.
    for (; filled < end; filled++) out[filled] = out[filled - offset] as number
  }
  if (filled !== out.length) throw new Error(`the LZ4 block holds ${filled} bytes, not ${out.length}`)
}
