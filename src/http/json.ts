import { Buffer } from 'node:buffer'
import { z } from 'zod'
import { CuttyError } from '../core/errors.ts'
import { concatBytes } from '../core/bytes.ts'
import { limits } from '../core/limits.ts'
import type { HttpReply, HttpRequest } from './exchange.ts'

/** A JSON reply. Nothing of the API may be kept by a cache unless a route says so. */
export function jsonReply(status: number, value: unknown, headers: Record<string, string> = {}): HttpReply {
  return {
    status,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers },
    body: JSON.stringify(value),
  }
}

export const noContent = (): HttpReply => ({ status: 204, headers: {} })

/** Reads a bounded JSON body and validates it. */
export async function readJson<T>(request: HttpRequest, schema: z.ZodType<T>): Promise<T> {
  const type = request.header('content-type')
  if (type !== undefined && !/^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(type)) {
    throw new CuttyError('unsupported_media_type', `Send JSON (application/json), not ${type}.`)
  }
  return validate(schema, parseJson(await readText(request)), 'body')
}

async function readText(request: HttpRequest): Promise<string> {
  const tooLarge = new CuttyError(
    'too_large',
    `A JSON body may have at most ${limits.jsonBodyBytesMax} bytes.`,
  )
  if ((request.bodyBytes ?? 0) > limits.jsonBodyBytesMax) throw tooLarge
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of request.body) {
    sizeBytes += chunk.length
    if (sizeBytes > limits.jsonBodyBytesMax) throw tooLarge
    chunks.push(new Uint8Array(chunk))
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(concatBytes(chunks))
  } catch (cause) {
    throw new CuttyError('invalid_request', 'The body is not valid UTF-8.', { cause })
  }
}

function parseJson(text: string): unknown {
  // No body is an answer too, where a schema has defaults for all.
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CuttyError('invalid_request', `The body is not valid JSON: ${(cause as Error).message}.`, {
      cause,
    })
  }
}

/** Throws `invalid_request` that lists what is wrong, and where. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, where: 'body' | 'query' | 'headers'): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const errors = result.error.issues.map((issue) => ({
    field: issue.path.join('.') || where,
    problem: issue.message,
  }))
  const detail = errors.map(({ field, problem }) => `${field}: ${problem}`).join('; ')
  throw new CuttyError('invalid_request', `The request’s ${where} is not valid. ${detail}.`, {
    extras: { errors },
  })
}

/** Length in bytes of what a reply sends. */
export function byteLength(body: string | Uint8Array): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
}
