import { createCipheriv, createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** What files are made of: `random` cannot be compressed (media, archives), `text` can (about 3 : 1). */
export type ContentKind = 'random' | 'text'

export interface Content {
  readonly seed: number
  readonly sizeBytes: number
  readonly kind: ContentKind
  /** Not made, but read from here: what only another program can make. The seed is added to the name. */
  readonly path?: string
}

/** The bytes that belong to a seed; the same in every process. */
export function generateBytes({ seed, sizeBytes, kind, path }: Content): Buffer {
  if (path !== undefined) return readFileSync(`${path}${seed}`)
  return kind === 'random' ? randomBytesOf(seed, sizeBytes) : textOf(seed, sizeBytes)
}

/**
 * Bytes that belong to a seed, in pieces, for content that is too large to hold: a gibibyte costs the memory of
 * one piece. A piece is valid until the next one is asked for.
 */
export function* generatePieces({ seed, sizeBytes, kind }: Content, pieceBytes = 2 ** 18): Generator<Buffer> {
  const cipher = keystream(seed)
  const zeros = Buffer.alloc(pieceBytes)
  // Longer than a frame, or frames would hold one text many times.
  const pages = kind === 'text' ? textOf(seed, pagesOfText * pieceBytes) : undefined
  for (let at = 0; at < sizeBytes; at += pieceBytes) {
    const length = Math.min(pieceBytes, sizeBytes - at)
    if (pages) {
      // Some pages over and over, numbered: a compressor whose window is smaller sees text, not repetition.
      const start = at % pages.length
      yield Buffer.concat([Buffer.from(`page ${at}\n`), pages.subarray(start, start + pieceBytes)]).subarray(
        0,
        length,
      )
    } else {
      yield cipher.update(zeros.subarray(0, length))
    }
  }
}

const pagesOfText = 16

function randomBytesOf(seed: number, sizeBytes: number): Buffer {
  return keystream(seed).update(Buffer.alloc(sizeBytes))
}

/** AES-CTR of zeros: seeded, as good as random to any codec, and gigabytes per second. */
function keystream(seed: number) {
  const key = createHash('sha256').update(`cutty bench ${seed}`).digest().subarray(0, 16)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
}

function textOf(seed: number, sizeBytes: number): Buffer {
  const dice = randomBytesOf(seed, 4096 + sizeBytes)
  const words = Array.from({ length: 512 }, (_, word) => wordOf(dice.subarray(word * 8, word * 8 + 8)))
  const text = Buffer.alloc(sizeBytes)
  let at = 0
  for (let turn = 4096; at < sizeBytes; turn += 2) {
    // Multiplying two dice prefers low numbers: a few words are frequent, as in a language.
    const word = words[((dice[turn]! * dice[turn + 1]!) >> 7) & 511]!
    at += text.write(word, at, 'latin1')
  }
  return text
}

function wordOf(dice: Buffer): string {
  const length = 2 + (dice[0]! & 7)
  const letters = Array.from({ length }, (_, letter) => String.fromCharCode(97 + (dice[letter % 8]! % 26)))
  return `${letters.join('')} `
}
