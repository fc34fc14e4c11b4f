import { spawnSync } from 'node:child_process'
import { decompress as decompressBrotli } from 'brotli/decompress'
import { gunzipSync, unzlibSync } from 'fflate'
import { decompress as decompressZstd } from 'fzstd'
import { decompress as decompressLz4 } from 'lz4js'
import { describe, expect, test } from 'vitest'
import type { CodecName } from '../../src/core/compression/codec.ts'
import { codecs } from '../../src/core/compression/codecs.ts'
import { encodeFrames } from '../../src/core/compression/encode.ts'
import { frameBytesMax, streamBytes } from '../../src/core/compression/frame-index.ts'
import { collect, randomBytes, reusedChunks, textBytes } from './compression/samples.ts'

/**
 * The streams of stored blobs, decoded whole by the programs of others (Debian's packages of these names), and by JavaScript
 * of others, which is always there. A program that is not installed is reported; with CUTTY_TEST_ALL it is a failure.
 */
interface Decoders {
  readonly program: string
  readonly args: readonly string[]
  readonly decode: (stream: Uint8Array, sizeBytes: number) => Uint8Array
}

/** No program of Debian's reads a zlib stream by itself. One that ends early, or is followed by anything, is an error. */
const inflate = `
import sys, zlib
inflater = zlib.decompressobj()
sys.stdout.buffer.write(inflater.decompress(sys.stdin.buffer.read()))
sys.exit(0 if inflater.eof and not inflater.unused_data else 1)
`

const decoders: Readonly<Record<CodecName, Decoders>> = {
  zstd: { program: 'zstd', args: ['-dc'], decode: (stream) => decompressZstd(stream) },
  gzip: { program: 'gzip', args: ['-dc'], decode: (stream) => gunzipSync(stream) },
  brotli: { program: 'brotli', args: ['-dc'], decode: (stream, size) => decompressBrotli(stream, size) },
  deflate: { program: 'python3', args: ['-c', inflate], decode: (stream) => unzlibSync(stream) },
  lz4: { program: 'lz4', args: ['-dc'], decode: (stream, size) => decompressLz4(stream, size) },
}

const mebibyte = 1024 ** 2
const frameBytes = 64 * 1024

interface Content {
  readonly what: string
  readonly plain: () => Uint8Array
  readonly frameBytes?: number
}

/** Compresses to a third, so that decoders have something to do. */
function largeText(sizeBytes: number): Uint8Array {
  const plain = new Uint8Array(sizeBytes)
  const text = textBytes(5_000_011)
  for (let at = 0; at < sizeBytes; at += text.length) plain.set(text.subarray(0, sizeBytes - at), at)
  return plain
}

/** What is made smaller and what is not by turns, some of it for longer than a frame. */
function mixed(sizeBytes: number): Uint8Array {
  const plain = largeText(sizeBytes)
  for (let at = 1000; at < sizeBytes; at += 900_000) {
    plain.set(randomBytes(Math.min(400_000, sizeBytes - at), at), at)
  }
  return plain
}

const contents: readonly Content[] = [
  { what: 'nothing', plain: () => new Uint8Array(0) },
  { what: 'one byte', plain: () => Uint8Array.of(7) },
  { what: 'a byte less than a frame', plain: () => textBytes(frameBytes - 1) },
  { what: 'a frame', plain: () => textBytes(frameBytes) },
  { what: 'a byte more than a frame', plain: () => textBytes(frameBytes + 1) },
  { what: 'what cannot be made smaller', plain: () => randomBytes(300_000) },
  { what: 'zeros', plain: () => new Uint8Array(mebibyte) },
  { what: 'text of several frames', plain: () => textBytes(500_000) },
  { what: 'a mixture', plain: () => mixed(3_000_000) },
  { what: 'a mixture in the largest frames', plain: () => mixed(20 * mebibyte), frameBytes: frameBytesMax },
  { what: 'a large text', plain: () => largeText(64 * mebibyte), frameBytes: mebibyte },
]

async function streamOf(name: CodecName, plain: Uint8Array, size: number): Promise<Uint8Array> {
  const codec = codecs[name]
  const encoded = encodeFrames(reusedChunks(plain, 100_000), {
    codec,
    level: codec.levels.fast,
    frameBytes: codec.severalFrames ? size : frameBytesMax,
    parallel: 2,
  })
  const blob = await collect(encoded.body)
  return blob.subarray(0, streamBytes(encoded.result().index))
}

describe.each(Object.keys(codecs) as CodecName[])('a stream of %s', (name) => {
  const { program, args, decode } = decoders[name]
  const isInstalled = spawnSync(program, ['--version']).status === 0
  const isSkipped = !isInstalled && process.env['CUTTY_TEST_ALL'] !== '1'
  const note = isSkipped ? ` (${program} is not installed: not run)` : ''

  describe.each(contents)('of $what', (content) => {
    /** One frame of the largest size is all that brotli can have. */
    const plainOf = () => content.plain().subarray(0, codecs[name].severalFrames ? undefined : frameBytesMax)

    test('is read by JavaScript of others', async () => {
      const plain = plainOf()
      const stream = await streamOf(name, plain, content.frameBytes ?? frameBytes)
      expect(Buffer.compare(decode(stream, plain.length), plain)).toBe(0)
    })

    test.skipIf(isSkipped)(`is read by ${program}, which finds no fault with it${note}`, async () => {
      const plain = plainOf()
      const input = await streamOf(name, plain, content.frameBytes ?? frameBytes)
      const options = { input, maxBuffer: plain.length + mebibyte }
      const { status, stdout, stderr } = spawnSync(program, args, options)
      expect({ status, stderr: String(stderr) }).toEqual({ status: 0, stderr: '' })
      expect(Buffer.compare(stdout, plain)).toBe(0)
    })
  })

  test.skipIf(isSkipped)(`that is damaged is refused by ${program}${note}`, async () => {
    const stream = await streamOf(name, textBytes(500_000), frameBytes)
    const { status } = spawnSync(program, args, { input: stream.subarray(0, -1), maxBuffer: mebibyte })
    expect(status).toBeGreaterThan(0)
  })
})
