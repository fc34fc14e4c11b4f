/**
 * Reads HTTP/1.1 responses from a byte stream, only as much as a load generator needs: the status, the
 * length, and where the body lies. Bodies must have a Content-Length; chunked ones are refused, since none of
 * the measured routes should send them. Interim responses (1xx) are skipped.
 */
export interface ResponseListener {
  /** A piece of a body: `bytes[start..end)` stands at `offset` of the body. Valid during the call only. */
  onBody(bytes: Buffer, start: number, end: number, offset: number): void
  /** A response is complete. `head` is its status line and fields, as text. */
  onEnd(status: number, bodyBytes: number, head: string): void
}

export interface ResponseParser {
  /** Takes the next bytes of the stream. Throws `Error` where they are not a response that it can read. */
  push(bytes: Buffer, length?: number): void
  /** True between the first byte of a response and its last one. */
  readonly midway: boolean
}

const headBytesMax = 64 * 1024
const contentLength = /\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n/i
const transferEncoding = /\r\ntransfer-encoding:/i

export function createResponseParser(
  listener: ResponseListener,
  options: { bodyless?: boolean } = {},
): ResponseParser {
  let partialHead: Buffer | undefined
  let inBody = false
  let status = 0
  let head = ''
  let bodyBytes = 0
  let received = 0

  /** Reads a head that ends at `end` (after the empty line). */
  function readHead(bytes: Buffer, start: number, end: number): void {
    head = bytes.toString('latin1', start, end)
    if (!/^HTTP\/1\.[01] \d{3}[ \r]/.test(head)) throw new Error(`not a response: ${head.slice(0, 60)}`)
    status = Number(head.slice(9, 12))
    if (status < 200) return
    if (transferEncoding.test(head)) throw new Error(`response ${status} has no fixed length`)
    const length = contentLength.exec(head)
    const empty = options.bodyless === true || status === 204 || status === 304
    if (!length && !empty) throw new Error(`response ${status} has no Content-Length`)
    bodyBytes = empty ? 0 : Number(length![1])
    received = 0
    inBody = true
  }

  function push(chunk: Buffer, chunkLength = chunk.length): void {
    let bytes = chunk
    let length = chunkLength
    if (partialHead) {
      bytes = Buffer.concat([partialHead, chunk.subarray(0, chunkLength)])
      length = bytes.length
      partialHead = undefined
    }
    let at = 0
    while (at < length || inBody) {
      if (!inBody) {
        const blank = bytes.indexOf('\r\n\r\n', at, 'latin1')
        // The buffer may be larger than what was read into it, so a match behind `length` is old bytes.
        if (blank < 0 || blank + 4 > length) {
          if (length - at > headBytesMax) throw new Error('response head is too long')
          partialHead = Buffer.from(bytes.subarray(at, length))
          return
        }
        readHead(bytes, at, blank + 4)
        at = blank + 4
        continue
      }
      const end = Math.min(length, at + bodyBytes - received)
      if (end > at) listener.onBody(bytes, at, end, received)
      received += end - at
      at = end
      if (received < bodyBytes) return
      inBody = false
      listener.onEnd(status, bodyBytes, head)
    }
  }

  return {
    push,
    get midway() {
      return inBody || partialHead !== undefined
    },
  }
}
