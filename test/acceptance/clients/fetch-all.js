/**
 * Runs in the clients themselves: in browsers, and in the releases of Node under test. Downloads one after another with
 * `fetch`, and reports what it gave out: see `Download` in stored-files.ts.
 */
export async function fetchAll(requests) {
  const downloads = []
  for (const request of requests) downloads.push(await fetchOne(request))
  return downloads
}

/** Node 22 neither fulfils nor rejects a body that it cannot decode: after some seconds that is an error too. */
async function fetchOne({ url, headers, timeoutSeconds = 20 }) {
  const { promise, reject } = Promise.withResolvers()
  const timer = setTimeout(() => reject(new Error('no end')), timeoutSeconds * 1000)
  try {
    return await Promise.race([promise, digestOf(url, headers)])
  } catch (error) {
    return { error: String(error) }
  } finally {
    clearTimeout(timer)
  }
}

async function digestOf(url, headers) {
  const response = await fetch(url, { headers, cache: 'no-store' })
  if (!response.ok) throw new Error(`status ${response.status}`)
  const bytes = new Uint8Array(await response.arrayBuffer())
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return { sha256, sizeBytes: bytes.length, contentEncoding: response.headers.get('content-encoding') ?? '' }
}
