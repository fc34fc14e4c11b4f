/**
 * All that a signed request says, as text: equal for two requests that mean the same to Signature Version 4. A second, plain
 * reading of it, which shares nothing with the one under test.
 */
import { parseChunks, sha256 } from './aws-chunks.ts'
import type { Message } from './send.ts'

export function meaningOf(message: Message): string {
  const { method, headers } = message
  const mark = message.target.indexOf('?')
  // RFC 9110 §4.2.3: the empty path is the root's.
  const path = (mark < 0 ? message.target : message.target.slice(0, mark)) || '/'
  const pairs = readQuery(mark < 0 ? '' : message.target.slice(mark + 1))
  const query = new Map(pairs)
  const credentials = (headers['authorization'] ?? '').trim()
  // Those of another scheme say nothing.
  const authorization = /^AWS/i.test(credentials) ? credentials : ''
  const field = (name: string) => {
    const inHeader = new RegExp(`[ ,\t]${name}=([^, ]*)`).exec(authorization)?.[1]
    const parameter = name === 'Credential' || name === 'SignedHeaders' ? `X-Amz-${name}` : 'X-Amz-Signature'
    return inHeader ?? decode(query.get(parameter) ?? '').toString('latin1')
  }
  const signedHeaders = field('SignedHeaders').split(';').toSorted()
  // Signed or not: whoever adds one must have signed it. Of our own that holds for URLs, which go from hand to hand.
  const semantic = authorization === '' ? /^x-(amz|cutty)-/ : /^x-amz-/
  const names = new Set([...signedHeaders, ...Object.keys(headers).filter((name) => semantic.test(name))])
  names.delete('x-amz-content-sha256')
  const payload = headers['x-amz-content-sha256'] ?? query.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD'
  return JSON.stringify([
    method,
    encode(decode(path), '/'),
    pairs
      .filter(([name]) => name !== 'X-Amz-Signature')
      .map(([name, value]) => `${name}\u0000${value}`)
      .toSorted(),
    signedHeaders,
    [...names].toSorted().map((name) => [name, headers[name]?.replace(/[ \t]+/g, ' ').trim()]),
    payload.toLowerCase(),
    headers['x-amz-date'] ?? query.get('X-Amz-Date'),
    field('Credential'),
    field('Signature'),
    authorization === '' ? 'query' : authorization.split(/\s/, 1)[0],
    meaningOfBody(message, payload),
  ])
}

function meaningOfBody({ body, declaredBytes = body.length }: Message, payload: string): unknown {
  if (payload === 'UNSIGNED-PAYLOAD') return 'any'
  const bytes = body.subarray(0, declaredBytes)
  // What is missing is what was announced.
  const whole = [bytes.length < declaredBytes, sha256(bytes)]
  if (!payload.startsWith('STREAMING-')) return whole
  const chunked = parseChunks(bytes)
  if (!chunked) return whole
  const trailers = chunked.trailers.map((line) => {
    const [name = '', ...value] = line.split(':')
    return [name.toLowerCase(), value.join(':').trim()]
  })
  const all = sha256(Buffer.concat(chunked.chunks.map(({ data }) => data)))
  const signed = chunked.chunks.map(({ data, extension }) => [extension, sha256(data)])
  return [whole[0], payload.startsWith('STREAMING-UNSIGNED') ? all : signed, trailers]
}

function readQuery(query: string): (readonly [string, string])[] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', ...rest] = pair.replaceAll('+', '%20').split('=')
      return [encode(decode(name)), encode(decode(rest.join('=')))] as const
    })
}

function decode(text: string): Buffer {
  const pieces = text.match(/%[0-9A-Fa-f]{2}|[^%]+|%/g) ?? []
  return Buffer.concat(
    pieces.map((piece) => (/^%..$/.test(piece) ? Buffer.from(piece.slice(1), 'hex') : Buffer.from(piece))),
  )
}

/** RFC 3986's unreserved characters stay, and what else is named. */
function encode(bytes: Uint8Array, kept = ''): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte)
    const stays = byte < 128 && (/[\w.~-]/.test(character) || (kept !== '' && kept.includes(character)))
    return stays ? character : `%${(byte + 256).toString(16).slice(1).toUpperCase()}`
  }).join('')
}
