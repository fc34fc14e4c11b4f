import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { expect } from 'vitest'
import { indexBytes } from '../../../src/core/compression/frame-index.ts'
import { admin, startTestServer } from '../../entry/test-server.ts'

/** A file of the store under test, as a client sees it. */
export interface StoredFile {
  /** `CODEC BODY`, such as `gzip 1 MiB`. */
  readonly name: string
  readonly url: string
  readonly sizeBytes: number
  /** Of the plaintext, in hexadecimal. */
  readonly sha256: string
  /** What it was found to be stored as; `undefined` for what no client decodes. */
  readonly coding: string | undefined
  readonly frames: number
}

/** What a client made of one file. */
export interface Download {
  /** Of the bytes that it handed to its user; absent where it told of an error. */
  readonly sha256?: string | undefined
  readonly sizeBytes?: number | undefined
  /** What the reply declared, empty for none. */
  readonly contentEncoding?: string | undefined
  readonly error?: string | undefined
}

export interface Store {
  readonly url: string
  readonly files: readonly StoredFile[]
  /**
   * Stores one more in a coding, and changes a byte in the middle of its blob before anybody has read it. What is stored of
   * the small one is kept in memory, and checked before (R23); of the large one it is not.
   */
  storeDamaged(compression: string, body?: 'small' | 'large'): Promise<StoredFile>
  stop(): Promise<void>
}

const mebibyte = 1024 ** 2
const contentCodings: Readonly<Record<string, string>> = {
  zstd: 'zstd',
  gzip: 'gzip',
  brotli: 'br',
  deflate: 'deflate',
}

/** How uploads ask to be stored. Brotli of more than one frame becomes zstd, and what cannot be made smaller stays as it is. */
const compressions = ['zstd', 'gzip', 'brotli', 'deflate', 'off'] as const

/**
 * A server with a public bucket, in which every body is stored in every coding. Frames have 1 MiB of plaintext: the sizes
 * stand around their end. Five frames of zeros fit into one segment of TCP; of noise, frames end inside of segments.
 */
export async function startStore(): Promise<Store> {
  const server = await startTestServer()
  const authorization = `Basic ${btoa(`${admin.accessKeyId}:${admin.secretAccessKey}`)}`
  const created = await fetch(`${server.url}/api/v1/buckets`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'clients', visibility: 'public' }),
  })
  if (!created.ok) throw new Error(`the bucket was answered ${created.status}`)

  const store = async (
    name: string,
    body: Uint8Array<ArrayBuffer>,
    compression: string,
  ): Promise<StoredFile> => {
    const url = `${server.url}/api/v1/buckets/clients/files/${encodeURIComponent(name)}`
    const headers = { authorization, 'x-cutty-compression': compression }
    const answer = await fetch(url, { method: 'PUT', headers, body })
    if (!answer.ok) throw new Error(`${name} was answered ${answer.status}: ${await answer.text()}`)
    const file = (await answer.json()) as { codec: string; compression: { frameBytes: number } }
    const { frameBytes } = file.compression
    return {
      name,
      url,
      sizeBytes: body.length,
      sha256: createHash('sha256').update(body).digest('hex'),
      coding: contentCodings[file.codec],
      frames: frameBytes === 0 ? 0 : Math.ceil(body.length / frameBytes),
    }
  }
  const files: StoredFile[] = []
  for (const compression of compressions) {
    for (const [name, body] of Object.entries(bodies)) {
      files.push(await store(`${compression} ${name}`, body, compression))
    }
  }
  // Or there would be nothing to show.
  for (const coding of ['zstd', 'gzip', 'deflate']) {
    const severalFrames = files.filter((file) => file.coding === coding && file.frames > 1)
    if (severalFrames.length < 4) throw new Error(`too few files in several frames of ${coding}`)
  }
  if (!files.some((file) => file.coding === 'br')) throw new Error('no file in brotli')
  return {
    url: server.url,
    files,
    async storeDamaged(compression, body = 'small') {
      const blobs = () => listFiles(join(server.folder, 'blobs'))
      const before = new Set(await blobs())
      const bytes = makeText(body === 'small' ? mebibyte : 8 * mebibyte, 9)
      const file = await store(`${compression} damaged ${before.size}`, bytes, compression)
      if (file.coding !== contentCodings[compression]) throw new Error(`${file.name} is stored otherwise`)
      const path = (await blobs()).find((each) => !before.has(each)) as string
      const stored = await readFile(path)
      await writeFile(path, damage(stored, compression))
      return file
    },
    stop: () => server.stop(),
  }
}

/** One byte is another. In brotli it is one that a decoder does not notice: no client could tell. */
function damage(stored: Buffer, compression: string): Buffer {
  for (let at = stored.length >> 1; at < stored.length; at++) {
    const damaged = Buffer.from(stored)
    damaged[at] = (damaged[at] as number) ^ 0x55
    if (compression !== 'brotli' || isDecodable(damaged.subarray(0, -indexBytes(1)))) return damaged
  }
  throw new Error('every change is noticed')
}

function isDecodable(stream: Buffer): boolean {
  try {
    return brotliDecompressSync(stream).length > 0
  } catch {
    return false
  }
}

/** Brotli has one frame, so it is small. */
export const damages = [
  ['zstd', 'small'],
  ['zstd', 'large'],
  ['gzip', 'small'],
  ['gzip', 'large'],
  ['deflate', 'small'],
  ['deflate', 'large'],
  ['brotli', 'small'],
] as const

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
}

/** Each file by its name, with what must have come out. */
export function expectWhole(files: readonly StoredFile[], downloads: readonly Download[]): void {
  const seen = files.map(({ name }, i) => ({ name, ...onlyContent(downloads[i]) }))
  expect(seen).toEqual(files.map(({ name, sha256, sizeBytes }) => ({ name, sha256, sizeBytes })))
}

/**
 * Which codings went out: the stored one where the client accepts it, none otherwise. Several frames of zstd go only to those
 * that are known to read them.
 */
export function expectPassedThrough(
  files: readonly StoredFile[],
  downloads: readonly Download[],
  client: { accepts: readonly string[]; readsSeveralFrames?: boolean },
): void {
  const isDue = ({ coding, frames }: StoredFile) =>
    coding !== undefined &&
    client.accepts.includes(coding) &&
    (coding !== 'zstd' || frames === 1 || client.readsSeveralFrames === true)
  const seen = files.map(({ name }, i) => `${name}: ${downloads[i]?.contentEncoding}`)
  const due = files.map((file) => `${file.name}: ${isDue(file) ? file.coding : ''}`)
  expect(seen).toEqual(due)
}

function onlyContent(download: Download | undefined) {
  const { sha256, sizeBytes, error } = download ?? { error: 'no reply' }
  return error === undefined ? { sha256, sizeBytes } : { error }
}

/** Words in an order that does not repeat, from mulberry32: the same bytes in every run. */
function makeText(sizeBytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = mulberry32(seed)
  const words =
    'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor ut labore'.split(' ')
  let text = ''
  while (text.length < sizeBytes) {
    text +=
      random() < 0.1 ? `${Math.floor(random() * 1e6)}\n` : `${words[Math.floor(random() * words.length)]} `
  }
  return new TextEncoder().encode(text.slice(0, sizeBytes))
}

/** 64 of 256 bytes, at random: a quarter can be saved, no more. */
function makeNoise(sizeBytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = mulberry32(seed)
  return Uint8Array.from({ length: sizeBytes }, () => 128 + Math.floor(random() * 64))
}

function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const bodies: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  empty: new Uint8Array(0),
  '1 byte': makeText(1, 1),
  '1 KiB': makeText(1024, 2),
  '1 MiB - 1': makeText(mebibyte - 1, 3),
  '1 MiB': makeText(mebibyte, 4),
  '1 MiB + 1': makeText(mebibyte + 1, 5),
  '5 MiB': makeText(5 * mebibyte, 6),
  '5 MiB of zeros': new Uint8Array(5 * mebibyte),
  '3 MiB of noise': makeNoise(3 * mebibyte, 7),
}
