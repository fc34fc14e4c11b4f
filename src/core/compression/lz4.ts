import type { Codec } from './codec.ts'
import { compressBlock, decompressBlock } from './lz4-block.ts'

/**
 * The LZ4 frame format, https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md: magic; FLG, version 01 and independent
 * blocks, neither checksums nor content size; BD, blocks of at most 4 MiB; HC, the second byte of XXH32 of the two before
 * it, `xxh32([0x60, 0x70], 0)` = 0x789f73aa.
 */
const head = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73)
const endMark = new Uint8Array(4)

const blockBytesMax = 4 * 1024 ** 2
const blockHeaderBytes = 4
/** Of a block's size: the block is kept as it is. */
const plainFlag = 0x8000_0000
/** An empty block: a token without literals. For a frame of nothing, since no block at all would be no frame. */
const emptyBlock = Uint8Array.of(1, 0, 0, 0, 0)

/**
 * LZ4. A stream is one LZ4 frame; each frame of ours is a run of its blocks. No HTTP coding (R15), and on every count behind
 * zstd's fastest level: here because the plan names it, never chosen by itself. Runs on the caller's thread: no runtime has it.
 */
export const lz4: Codec = Object.freeze({
  name: 'lz4',
  contentCoding: undefined,
  severalFrames: true,
  levels: Object.freeze({ min: 1, max: 1, fast: 1, ratio: 1, strong: 1 }),
  compressFrame: async (plain: Uint8Array) => compressBlocks(plain),
  decompressFrame: async (stored: Uint8Array, plainBytes: number) => decompressBlocks(stored, plainBytes),
  createEnvelope: () => ({ head, update: () => {}, tail: () => endMark }),
})

function compressBlocks(plain: Uint8Array): Uint8Array {
  if (plain.length === 0) return emptyBlock.slice()
  const blocks = Math.ceil(plain.length / blockBytesMax)
  const out = new Uint8Array(plain.length + blocks * blockHeaderBytes)
  const view = new DataView(out.buffer)
  let at = 0
  for (let taken = 0; taken < plain.length; taken += blockBytesMax) {
    const part = plain.subarray(taken, taken + blockBytesMax)
    const start = at + blockHeaderBytes
    const end = compressBlock(part, out, start)
    if (end === undefined) out.set(part, start)
    view.setUint32(at, end === undefined ? plainFlag + part.length : end - start, true)
    at = end ?? start + part.length
  }
  return out.slice(0, at)
}

function decompressBlocks(stored: Uint8Array, plainBytes: number): Uint8Array {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength)
  const plain = new Uint8Array(plainBytes)
  let at = 0
  let filled = 0
  do {
    // RangeError where the frame ends before it.
    const size = view.getUint32(at, true)
    const isPlain = size >= plainFlag
    const start = at + blockHeaderBytes
    at = start + (isPlain ? size - plainFlag : size)
    if (at > stored.length) throw new Error('an LZ4 block is cut short')
    const block = stored.subarray(start, at)
    const out = plain.subarray(filled, filled + blockBytesMax)
    if (!isPlain) decompressBlock(block, out)
    else if (block.length > 0 && block.length === out.length) out.set(block)
    else throw new Error(`the LZ4 block holds ${block.length} bytes, not ${out.length}`)
    filled += out.length
  } while (filled < plainBytes)
  if (at !== stored.length) throw new Error(`the frame ends ${stored.length - at} bytes early`)
  return plain
}
