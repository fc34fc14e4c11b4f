import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Connection } from './connection.ts'
import { CommandError } from './failure.ts'
import { filePath, type Place } from './file-place.ts'
import type { Target } from './partial-file.ts'
import type { Progress } from './progress.ts'

/** A file as the API describes it: what the command line needs of it. */
export interface FileDetails {
  readonly bucket: string
  readonly key: string
  readonly sizeBytes: number
  readonly etag: string
  /** Null where it is not known. */
  readonly sha256: string | null
  readonly contentType: string
}

/**
 * Sends a body while it is read. What the server says it has stored is compared with what was read. Throws
 * `CommandError` when the two differ.
 */
export async function upload(
  connection: Connection,
  request: {
    place: Place
    headers: Readonly<Record<string, string>>
    body: AsyncIterable<Uint8Array>
    sizeBytes: number | undefined
    progress: Progress
  },
): Promise<FileDetails> {
  const hash = createHash('sha256')
  let readBytes = 0
  async function* observed() {
    for await (const chunk of request.body) {
      hash.update(chunk)
      readBytes += chunk.length
      request.progress.advance(chunk.length)
      yield chunk
    }
    if (request.sizeBytes !== undefined && readBytes !== request.sizeBytes) {
      throw new CommandError('The local file became shorter while it was being sent; nothing was stored.')
    }
  }
  const { headers, sizeBytes } = request
  try {
    const file = await connection.send<FileDetails>('PUT', filePath(request.place), {
      headers,
      body: observed(),
      sizeBytes,
    })
    if (file.sha256 !== hash.digest('hex')) {
      throw new CommandError('What the server stored is not what was sent: its SHA-256 differs.')
    }
    return file
  } finally {
    request.progress.end()
  }
}

export interface Downloaded {
  readonly sizeBytes: number
  readonly sha256: string
  readonly contentType: string
}

/**
 * Receives a file into a target, and commits that only when length and SHA-256 are what they should be; else
 * discards it and throws `CommandError`.
 */
export async function download(
  connection: Connection,
  request: { place: Place; target: Target; progress: (totalBytes: number | undefined) => Progress },
): Promise<Downloaded> {
  const { place, target } = request
  try {
    const reply = await connection.open(filePath(place))
    const received = await receive(reply, target, request.progress(lengthOf(reply)))
    const expected = await expectedSha256(connection, place, reply.headers.etag)
    if (expected !== null && received.sha256 !== expected) {
      throw new CommandError('The content is damaged: its SHA-256 is not that of the file.')
    }
    await target.commit()
    return { ...received, contentType: reply.headers['content-type'] ?? '' }
  } catch (error) {
    await target.discard()
    throw error
  }
}

async function receive(reply: IncomingMessage, target: Target, progress: Progress) {
  const hash = createHash('sha256')
  let sizeBytes = 0
  try {
    const chunks = reply[Symbol.asyncIterator]() as AsyncIterableIterator<Uint8Array>
    for (;;) {
      const next = await chunks.next().catch((cause: Error) => {
        throw new CommandError(
          `The connection ended after ${sizeBytes} of ${lengthOf(reply) ?? '?'} bytes.`,
          {
            cause,
          },
        )
      })
      if (next.done) break
      hash.update(next.value)
      sizeBytes += next.value.length
      progress.advance(next.value.length)
      await target.write(next.value)
    }
  } finally {
    progress.end()
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}

function lengthOf(reply: IncomingMessage): number | undefined {
  const value = reply.headers['content-length']
  return value === undefined ? undefined : Number(value)
}

/** The ETag tells it; where a file has another kind of ETag, its description does. Of what was uploaded in parts nobody knows it. */
async function expectedSha256(
  connection: Connection,
  place: Place,
  etag: string | undefined,
): Promise<string | null> {
  const told = /^"sha256-([0-9a-f]{64})"$/.exec(etag ?? '')?.[1]
  if (told !== undefined) return told
  const file = await connection.call<FileDetails>('GET', filePath(place, ['info']))
  if (file.etag === etag) return file.sha256
  throw new CommandError('The file was replaced while it was being received. Try again.')
}
