import { CuttyError } from '../../src/core/errors.ts'
import type { App } from '../../src/http/app.ts'
import type { HttpReply } from '../../src/http/exchange.ts'

/** A request as an entry would have read it. */
export interface Message {
  readonly method: string
  /** Path and query, raw. */
  readonly target: string
  /** Names in lower case, without Content-Length: that is of the body. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** What Content-Length says, where that is not the body's length. */
  readonly declaredBytes?: number | undefined
}

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** Lets the application answer, in this process, and reads the answer to its end. */
export async function send(app: App, message: Message): Promise<Answered> {
  const { method, target, headers, body } = message
  const bodyBytes = message.declaredBytes ?? body.length
  const fields: Record<string, string> = { ...headers, 'content-length': String(bodyBytes) }
  const handled = await app.handle({
    method,
    target,
    header: (name) => (Object.hasOwn(fields, name) ? fields[name] : undefined),
    headers: () => Object.entries(fields),
    bytesReceived: 0,
    bodyBytes,
    body: inPieces(body, bodyBytes),
  })
  const { status, headers: answered, body: content } = handled.reply
  const bytes = await readAll(content)
  handled.delivered({ bytesSent: bytes.length })
  return { status, headers: answered, text: bytes.toString() }
}

/** Of an odd size, so that pieces end anywhere: within the line of a chunk, within a signature. */
const pieceBytes = 997

async function* inPieces(body: Uint8Array, declaredBytes: number): AsyncGenerator<Uint8Array> {
  const sent = body.subarray(0, declaredBytes)
  for (let at = 0; at < sent.length; at += pieceBytes) yield sent.slice(at, at + pieceBytes)
  if (body.length < declaredBytes) throw new CuttyError('body_incomplete')
}

async function readAll(body: HttpReply['body']): Promise<Buffer> {
  if (body === undefined) return Buffer.alloc(0)
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body as string)
  const chunks: Buffer[] = []
  // The memory of a chunk is used again for the next one.
  for await (const chunk of body) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}
