/**
 * One request and its reply, as the application sees them. An entry makes the one from whatever its runtime gives it
 * and sends the other in the way that is fastest there: bytes as a Buffer or an ArrayBuffer, chunks without a detour
 * over a stream of another kind.
 */
export interface HttpRequest {
  readonly method: string
  /**
   * The request target as it was sent: path and query, nothing decoded and no dot segment folded, where the
   * runtime shows it. Anything else could name another key than the client meant.
   */
  readonly target: string
  /** Left out where the entry speaks no TLS: a proxy in front of it may, but then only the configuration knows. */
  readonly scheme?: 'http' | 'https'
  /** Value of a field by its lower-case name; several are joined with `, `. */
  header(name: string): string | undefined
  /** What a character beyond ASCII in a field's value was as bytes; that decides whether a signature over it is right. */
  readonly headerCharset?: 'latin1' | 'utf8'
  /** All fields, names in lower case. */
  headers(): Iterable<readonly [name: string, value: string]>
  /**
   * The content, once. Throws `body_incomplete` when the client ends before it has sent what it announced.
   */
  readonly body: AsyncIterable<Uint8Array>
  /** Of the content, so far. */
  readonly bytesReceived: number
  /** From Content-Length; `undefined` when the length is not declared. */
  readonly bodyBytes: number | undefined
}

/** The same request, but for what is given. Spread by hand, it would lose what an entry's class has in its prototype. */
export function changedRequest(request: HttpRequest, changes: Partial<HttpRequest>): HttpRequest {
  const { method, target, scheme, headerCharset, body, bodyBytes } = request
  return {
    method,
    target,
    ...(scheme && { scheme }),
    ...(headerCharset && { headerCharset }),
    header: (name) => request.header(name),
    headers: () => request.headers(),
    body,
    get bytesReceived() {
      return request.bytesReceived
    },
    bodyBytes,
    ...changes,
  }
}

export interface HttpReply {
  readonly status: number
  /** Names in the case in which they are sent. The application adds to this object, so a handler makes a new one. */
  readonly headers: Record<string, string>
  /** Chunks belong to the entry until it asks for the next one. Content-Length is set by who knows it. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined
}

/** What became of a reply, told to the application once when its last byte was handed over or it broke off. */
export interface Delivery {
  readonly bytesSent: number
  /** Why it broke off; left out when it did not. */
  readonly failure?: unknown
  /** True when the client went away. */
  readonly clientGone?: boolean
}

export interface HandledRequest {
  readonly reply: HttpReply
  readonly delivered: (delivery: Delivery) => void
}
