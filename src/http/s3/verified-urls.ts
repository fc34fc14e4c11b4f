import { LRUCache } from 'lru-cache'
import type { ChunkSigning } from '../../core/sigv4/chunk-signature.ts'
import type { SignedRequest } from '../../core/sigv4/signed-request.ts'
import type { HttpRequest } from '../exchange.ts'

/** What a signature says, without the request that brought it. */
export type Signed = Omit<SignedRequest, 'request'>

interface VerifiedUrl {
  readonly signed: Signed
  readonly secret: string
  readonly chunkSigning: ChunkSigning
}

/** Some 3 MB. What is asked for often is asked for by URLs that are the same: those of a page, or of a stable window. */
const urlsMax = 2000

/**
 * Signed URLs that were verified, as they were sent: the same method, host and target are signed rightly again by the same
 * secret. That is all that is kept; whether the key still is one, the time and revocations are asked again with each request.
 * Saves a third of what a small object costs.
 */
export function createVerifiedUrls() {
  const urls = new LRUCache<string, VerifiedUrl>({ max: urlsMax })
  return {
    find(request: HttpRequest, query: string): VerifiedUrl | undefined {
      if (!query.includes('X-Amz-Signature=') || !isPlain(request)) return undefined
      return urls.get(nameOf(request))
    },
    add(request: HttpRequest, url: VerifiedUrl & { signed: SignedRequest }): void {
      const { form, signedHeaders } = url.signed
      // Only of what its name says all.
      if (form !== 'query' || signedHeaders.length > 1 || !isPlain(request)) return
      // Whoever has the request has its connection.
      const { request: _sent, ...signed } = url.signed
      urls.set(nameOf(request), { ...url, signed })
    },
  }
}

/** Whether nothing but method, host and target has to do with the signature. */
function isPlain(request: HttpRequest): boolean {
  if (request.header('authorization') !== undefined) return false
  for (const [name] of request.headers()) if (name.startsWith('x-amz-')) return false
  return true
}

function nameOf(request: HttpRequest): string {
  return `${request.method} ${request.header('host')} ${request.target}`
}
