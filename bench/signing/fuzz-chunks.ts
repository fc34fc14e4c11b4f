/** One change of the chunks or of the trailers of an aws-chunked body. */
import { formatChunks, parseChunks, signatureTrailer } from './aws-chunks.ts'
import { mutateHex, mutateText, pick } from './mutate-text.ts'
import type { Chunk, Chunks } from './aws-chunks.ts'
import type { Dice } from './mutate-text.ts'
import type { Message } from './send.ts'

type MutateChunks = (body: Chunks, dice: Dice) => Chunks

const swap = <T>(items: readonly T[], a: number, b: number) => items.with(a, items[b]!).with(b, items[a]!)

const structural: Readonly<Record<string, MutateChunks>> = {
  'order of chunks': ({ chunks, trailers }, dice) => ({
    chunks: swap(chunks, dice(chunks.length), dice(chunks.length)),
    trailers,
  }),

  'a chunk less': ({ chunks, trailers }, dice) => ({
    chunks: chunks.toSpliced(dice(chunks.length), 1),
    trailers,
  }),

  'a chunk twice': ({ chunks, trailers }, dice) => {
    const at = dice(chunks.length)
    return { chunks: chunks.toSpliced(at, 0, chunks[at]!), trailers }
  },

  "another chunk's signature": ({ chunks, trailers }, dice) => {
    const at = dice(chunks.length)
    const { extension } = pick(dice, chunks)
    return { chunks: chunks.with(at, { ...chunks[at]!, extension }), trailers }
  },

  "a chunk's signature": ({ chunks, trailers }, dice) => {
    const at = dice(chunks.length)
    const chunk = chunks[at]!
    const extension =
      chunk.extension === ''
        ? `;chunk-signature=${'0'.repeat(64)}`
        : pick(dice, [
            '',
            ';chunk-signature=',
            chunk.extension.replace(/[0-9a-f]{64}/, (text) => mutateHex(text, dice)),
            mutateText(chunk.extension, dice),
          ])
    return { chunks: chunks.with(at, { ...chunk, extension }), trailers }
  },

  "a chunk's bytes": ({ chunks, trailers }, dice) => {
    const at = dice(chunks.length - 1)
    const data = Buffer.from(chunks[at]!.data)
    data[dice(data.length)]! ^= 1 << dice(8)
    return { chunks: chunks.with(at, { ...chunks[at]!, data }), trailers }
  },

  'a border between chunks': ({ chunks, trailers }, dice) => {
    const at = dice(Math.max(1, chunks.length - 2))
    const [one, two] = [chunks[at]!, chunks[at + 1]!]
    const both = Buffer.concat([one.data, two.data])
    const border = dice(3) === 0 ? both.length : 1 + dice(both.length)
    const first = resized(one, both.subarray(0, border))
    const second = both.length === border ? [] : [resized(two, both.subarray(border))]
    return { chunks: chunks.toSpliced(at, 2, first, ...second), trailers }
  },

  "a chunk's size": ({ chunks, trailers }, dice) => {
    const at = dice(chunks.length)
    const { size } = chunks[at]!
    const other = pick(dice, [
      mutateText(size, dice),
      size.toUpperCase(),
      `0${size}`,
      '-1',
      'ffffffffffffffff',
      '',
    ])
    return { chunks: chunks.with(at, { ...chunks[at]!, size: other }), trailers }
  },

  'a chunk more after the last': ({ chunks, trailers }, dice) => ({
    chunks: [...chunks, pick(dice, chunks)],
    trailers,
  }),

  trailers: ({ chunks, trailers }, dice) => {
    const at = dice(Math.max(1, trailers.length))
    const added = pick(dice, [
      'x-amz-checksum-crc32:AAAAAA==',
      'x-amz-meta-a:b',
      `${signatureTrailer}:00`,
      'a',
    ])
    const others: readonly (readonly string[])[] = [
      trailers.toSpliced(at, 1),
      [...trailers, added],
      [added, ...trailers],
      trailers.map((line, index) => (index === at ? mutateText(line, dice) : line)),
      trailers.flatMap((line, index) => (index === at ? [line, line] : [line])),
      [],
    ]
    return { chunks, trailers: pick(dice, others) }
  },
}

function resized({ extension }: Chunk, data: Buffer): Chunk {
  return { size: data.length.toString(16), extension, data }
}

function mutateBytes(body: Uint8Array, dice: Dice): Buffer {
  const bytes = Buffer.from(body)
  const at = dice(bytes.length)
  switch (dice(4)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([dice(256)]), bytes.subarray(at)])
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
    default:
      bytes[at]! ^= 1 << dice(8)
      return bytes
  }
}

export const chunkMutations: Readonly<Record<string, (message: Message, dice: Dice) => Message>> = {
  'any byte': (message, dice) => ({ ...message, body: mutateBytes(message.body, dice) }),
  ...Object.fromEntries(
    Object.entries(structural).map(([name, mutate]) => [
      name,
      (message: Message, dice: Dice) => ({
        ...message,
        body: formatChunks(mutate(parseChunks(message.body)!, dice)),
      }),
    ]),
  ),
}
