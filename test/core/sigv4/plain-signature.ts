/** A second, plain reading of Signature Version 4, which shares nothing with ours: the model of the property tests. */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { SigV4Request } from '../../../src/core/sigv4/canonical-request.ts'

/** RFC 3986's unreserved characters stay, and what else is named. */
export function plainEncode(bytes: Uint8Array, kept = ''): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte)
    const stays = byte < 128 && (/[\w.~-]/.test(character) || (kept !== '' && kept.includes(character)))
    return stays ? character : `%${(byte + 256).toString(16).slice(1).toUpperCase()}`
  }).join('')
}

function decode(text: string): Uint8Array {
  const pieces = text.match(/%[0-9A-Fa-f]{2}|[^%]+|%/g) ?? []
  return Buffer.concat(
    pieces.map((piece) => (/^%..$/.test(piece) ? Buffer.from(piece.slice(1), 'hex') : Buffer.from(piece))),
  )
}

/** All that a signature depends on, and the signature; equal for two requests that mean the same. */
export function plainSummary(request: SigV4Request): string {
  const pairs = request.query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', ...rest] = pair.replaceAll('+', '%20').split('=')
      return [plainEncode(decode(name)), plainEncode(decode(rest.join('=')))] as const
    })
  const query = new Map(pairs)
  const authorization = String(request.header('authorization') ?? '')
  const field = (name: string) =>
    new RegExp(`[\\s,]${name}=([^,]*)`).exec(authorization)?.[1]?.trim() ??
    Buffer.from(
      decode(query.get(name === 'Signature' ? 'X-Amz-Signature' : `X-Amz-${name}`) ?? ''),
    ).toString()
  const signedHeaders = field('SignedHeaders').split(';').toSorted()
  const payload =
    request.header('x-amz-content-sha256') ?? query.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD'
  return JSON.stringify([
    request.method,
    plainEncode(decode(request.path), '/'),
    pairs
      .filter(([name]) => name !== 'X-Amz-Signature')
      .map(([name, value]) => `${name}=${value}`)
      .toSorted((a, b) => {
        const [x, y] = [a, b].map((text) => text.replace('=', '\u0000')) as [string, string]
        return x < y ? -1 : x > y ? 1 : 0
      }),
    signedHeaders.map((name) => [
      name,
      [request.header(name)].flat().map((value) =>
        value
          ?.split(/[ \t]+/)
          .join(' ')
          .trim(),
      ),
    ]),
    payload,
    request.header('x-amz-date') ?? query.get('X-Amz-Date'),
    field('Credential'),
    field('Signature'),
  ])
}

export function plainSha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
