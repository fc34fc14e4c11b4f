import type { SigV4Request } from '../../../src/core/sigv4/canonical-request.ts'
import { readSignedRequest } from '../../../src/core/sigv4/signed-request.ts'
import { SigV4Error } from '../../../src/core/sigv4/errors.ts'
import { createSigningKeys } from '../../../src/core/sigv4/signing-keys.ts'
import { verifySignature } from '../../../src/core/sigv4/verify.ts'
import { accessKey, exampleMs } from './example-keys.ts'

export const signingKeys = createSigningKeys()

/** A request with plain headers. */
export function makeRequest(options: {
  method?: string
  path: string
  query?: string
  headers: Record<string, string | readonly string[]>
}): SigV4Request {
  const { method = 'GET', path, query = '', headers } = options
  return {
    method,
    path,
    query,
    header: (name) => (Object.hasOwn(headers, name) ? headers[name] : undefined),
    headers: () => Object.entries(headers),
  }
}

/** The request that a URL makes. */
export function requestOf(url: string, headers: Record<string, string> = {}, method = 'GET'): SigV4Request {
  const [, host = '', path = '', query = ''] = /^https?:\/\/([^/]*)(\/[^?]*)\??(.*)$/s.exec(url) ?? []
  return makeRequest({ method, path, query, headers: { host, ...headers } })
}

/** Reads and verifies; what it returns is what verifySignature returns. */
export function verify(
  request: SigV4Request,
  options: { secret?: string; hosts?: readonly string[]; nowMs?: number } = {},
) {
  const signed = readSignedRequest(request, { api: 's3' })
  if (!signed) throw new SigV4Error('malformed', 'The request is not signed')
  if (signed.accessKeyId !== accessKey.accessKeyId) throw new SigV4Error('mismatch', 'Another access key')
  return verifySignature(signed, {
    secret: options.secret ?? accessKey.secret,
    signingKeys,
    hosts: options.hosts ?? [String(request.header('host'))],
    nowMs: options.nowMs ?? exampleMs,
  })
}

/** The error that it throws; fails when it throws none, or another one. */
export function sigV4Error(action: () => unknown): SigV4Error {
  try {
    action()
  } catch (error) {
    if (error instanceof SigV4Error) return error
    throw error
  }
  throw new Error('It was accepted')
}

export function reasonOf(action: () => unknown): string {
  return sigV4Error(action).reason
}
