import { Buffer } from 'node:buffer'
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { decompress as decompressZstd } from 'fzstd'
import { expect } from 'vitest'
import type { Answer } from './client.ts'
import type { Stage } from './stage.ts'

/** Files that are stored in some codec, and what an answer with them must be like in either form. */

export const mebibyte = 1024 ** 2

export interface Form {
  readonly codec: string
  /** Its name in HTTP. */
  readonly coding: string
  readonly suffix: string
  readonly decode: (coded: Uint8Array) => Uint8Array
}

export const forms: readonly Form[] = [
  { codec: 'gzip', coding: 'gzip', suffix: '-gz', decode: (coded) => gunzipSync(coded) },
  { codec: 'deflate', coding: 'deflate', suffix: '-df', decode: (coded) => inflateSync(coded) },
  { codec: 'brotli', coding: 'br', suffix: '-br', decode: (coded) => brotliDecompressSync(coded) },
  // Node’s own call is broken in some builds of workerd.
  { codec: 'zstd', coding: 'zstd', suffix: '-zst', decode: (coded) => decompressZstd(coded) },
]

export const formOf = (codec: string) => forms.find((form) => form.codec === codec) as Form

export type Headers = Record<string, string>

export const accepting = (value: string | undefined): Headers =>
  value === undefined ? {} : { 'Accept-Encoding': value }

/** A file of Alice's that is stored in that codec; its tag without quotes. */
export async function store(
  { api, alice }: Stage,
  file: { bucket: string; key: string; codec: string; body: Uint8Array; headers?: Headers },
): Promise<string> {
  const headers = { 'Content-Type': 'text/plain', 'X-Cutty-Compression': file.codec, ...file.headers }
  const put = await api.put(file.bucket, file.key, file.body, { as: alice, headers })
  expect(put.json()).toMatchObject({ codec: file.codec, sizeBytes: file.body.length })
  return (put.header('etag') as string).slice(1, -1)
}

export function expectIdentity(answer: Answer, tag: string, body: Uint8Array): void {
  expect(answer.status).toBe(200)
  expect(answer.header('content-encoding')).toBeUndefined()
  expect(answer.header('etag')).toBe(`"${tag}"`)
  expect(answer.header('content-length')).toBe(String(body.length))
  expect(answer.header('cache-control')).not.toMatch(/no-transform/)
  expect(Buffer.compare(answer.bytes, body)).toBe(0)
}

/** Raw bytes: nobody on the way may have decoded them, or encoded them again (R17). */
export function expectCoded(
  answer: Answer,
  { coding, suffix, decode }: Form,
  tag: string,
  body: Uint8Array,
): void {
  expect(answer.status).toBe(200)
  expect(answer.header('content-encoding')).toBe(coding)
  expect(answer.header('etag')).toBe(`"${tag}${suffix}"`)
  expect(answer.header('content-length')).toBe(String(answer.bytes.length))
  expect(answer.bytes.length).toBeLessThan(body.length)
  expect(answer.header('cache-control')).toMatch(/(^|, )no-transform$/)
  expect(Buffer.compare(decode(answer.bytes), body)).toBe(0)
}
