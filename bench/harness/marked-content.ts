import { generateBytes } from './bytes.ts'
import type { Content } from './bytes.ts'

/** A part's bytes, of which any number of parts are made that differ in a mark each few KiB. */
export interface MarkedContent {
  readonly base: Buffer
}

const pieceBytes = 2 ** 18
const markEveryBytes = 2 ** 14

/** `sizeBytes` are of one part, a whole number of 256 KiB. */
export function markedContent(content: Content): MarkedContent {
  return { base: generateBytes(content) }
}

/** The bytes of parts `first` to `first + parts`, in pieces that stay as they are: making them costs a copy. */
export function* generateMarked({ base }: MarkedContent, first: number, parts: number): Generator<Buffer> {
  for (let part = first; part < first + parts; part += 1) {
    for (let at = 0; at < base.length; at += pieceBytes) {
      const piece = Buffer.from(base.subarray(at, at + pieceBytes))
      for (let mark = 0; mark < piece.length; mark += markEveryBytes) {
        piece.write(String(part).padStart(8, '0'), mark, 'latin1')
      }
      yield piece
    }
  }
}
