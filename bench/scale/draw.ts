import { createDice } from '../harness/many-keys.ts'
import { kindsOfBuckets } from './kinds.ts'
import { idTimePrefix } from '../../src/core/ids.ts'

/** What a database holds that has been used for two years: drawn by a seed, each user's part by itself, so that it can go on anywhere. */
export interface ScaleOptions {
  readonly seed: number
  readonly files: number
  readonly users: number
  /** All files in the first user's only bucket, `bench`, in so many folders. */
  readonly folders?: number | undefined
}

export interface DrawnUser {
  readonly id: string
  readonly number: number
  readonly createdAtMs: number
  readonly buckets: readonly DrawnBucket[]
}

export interface DrawnBucket {
  readonly id: string
  readonly name: string
  readonly visibility: 'private' | 'public'
  readonly createdAtMs: number
  /** In no order that an index has. */
  files(): Generator<DrawnFile>
}

export interface DrawnFile {
  readonly key: string
  readonly contentType: string
  readonly sizeBytes: number
  /** Of the plaintext; 1 where nothing compresses. */
  readonly storedShare: number
  readonly createdAtMs: number
  readonly modifiedAtMs: number
  readonly versionId: string
  /** The same as of the file before: a copy. */
  readonly blobId: string
  readonly isCopy: boolean
  readonly sha256: Uint8Array
}

/** Fixed, or no two runs would be alike. */
export const nowMs = Date.UTC(2026, 10, 1)
const yearMs = 365 * 86_400_000
export const sinceMs = nowMs - 2 * yearMs

export type Dice = (sides: number) => number

/** A stream of its own for each purpose. */
export function diceFor(seed: number, purpose: number): Dice {
  const dice = createDice(Math.imul(seed, 0x9e3779b1) ^ Math.imul(purpose + 1, 0x85ebca6b))
  // Neighbouring seeds begin alike.
  for (let thrown = 0; thrown < 4; thrown += 1) dice(2)
  return dice
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

export function drawId(dice: Dice, timeMs: number): string {
  let id = idTimePrefix(timeMs)
  for (let block = 0; block < 4; block += 1) {
    for (let bits = dice(2 ** 20), char = 0; char < 4; char += 1, bits >>>= 5) id += alphabet[bits & 31]
  }
  return id
}

export function drawBytes(dice: Dice, count: number): Uint8Array {
  const words = Uint32Array.from({ length: Math.ceil(count / 4) }, () => dice(2 ** 32))
  return new Uint8Array(words.buffer).slice(0, count)
}

/** How many files each user has: a few have many, most have few (Zipf with exponent 0.8), together all. */
export function shareFiles({ seed, files, users, folders }: ScaleOptions): number[] {
  if (folders !== undefined) return [files]
  const dice = diceFor(seed, -1)
  const ranks = Array.from({ length: users }, (_, rank) => rank)
  for (let at = users - 1; at > 0; at -= 1) {
    const other = dice(at + 1)
    ;[ranks[at], ranks[other]] = [ranks[other]!, ranks[at]!]
  }
  return split(
    files,
    ranks.map((rank) => (rank + 1) ** -0.8),
  )
}

/** Whole parts of a whole, by weight; what rounding leaves goes to the heaviest. */
function split(whole: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  const parts = weights.map((weight) => Math.floor((whole * weight) / sum))
  const left = whole - parts.reduce((total, part) => total + part, 0)
  parts[weights.indexOf(Math.max(...weights))]! += left
  return parts
}

export function drawUser(options: ScaleOptions, number: number, files: number): DrawnUser {
  const { seed, folders } = options
  const dice = diceFor(seed, number)
  const createdAtMs = sinceMs + dice(2 * yearMs - 86_400_000)
  const id = drawId(dice, createdAtMs)
  const count = folders === undefined ? 1 + dice(5) : 1
  const shares = split(
    files,
    Array.from({ length: count }, (_, at) => 1 / (at + 1)),
  )
  const buckets = shares.map((share, at): DrawnBucket => {
    const bornMs = createdAtMs + dice(nowMs - createdAtMs)
    const kind = kindsOfBuckets[dice(kindsOfBuckets.length)]!
    return {
      id: drawId(dice, bornMs),
      name: folders === undefined ? `${kind.name}-${number}-${at}` : 'bench',
      visibility: dice(5) === 0 ? 'public' : 'private',
      createdAtMs: bornMs,
      *files() {
        const own = diceFor(seed ^ 0x5ca1e, number * 8 + at)
        let last: DrawnFile | undefined
        for (let place = 0; place < share; place += 1) {
          last = drawFile(own, { kind, place, share, bornMs, folders, last })
          yield last
        }
      },
    }
  })
  return { id, number, createdAtMs, buckets }
}

interface FileContext {
  readonly kind: (typeof kindsOfBuckets)[number]
  readonly place: number
  readonly share: number
  readonly bornMs: number
  readonly folders: number | undefined
  readonly last: DrawnFile | undefined
}

function drawFile(dice: Dice, { kind, place, share, bornMs, folders, last }: FileContext): DrawnFile {
  const createdAtMs = bornMs + Math.floor(((nowMs - bornMs) * place) / share) + dice(1000)
  // One in ten was written again.
  const modifiedAtMs = dice(10) === 0 ? createdAtMs + dice(nowMs - createdAtMs + 1) : createdAtMs
  const drawn = kind.draw(dice, place, createdAtMs)
  const key =
    folders === undefined
      ? drawn.key
      : `${String(place % folders).padStart(3, '0')}/${String(Math.floor(place / folders)).padStart(8, '0')}.bin`
  const isCopy = last !== undefined && dice(50) === 0
  return {
    ...drawn,
    key,
    createdAtMs,
    modifiedAtMs,
    versionId: drawId(dice, modifiedAtMs),
    isCopy,
    ...(isCopy
      ? {
          blobId: last.blobId,
          sha256: last.sha256,
          sizeBytes: last.sizeBytes,
          storedShare: last.storedShare,
        }
      : { blobId: drawId(dice, modifiedAtMs), sha256: drawBytes(dice, 32) }),
  }
}
