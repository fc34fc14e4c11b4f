import { createHash } from 'node:crypto'
import { Agent, request } from 'node:http'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { signRequest } from '../../src/core/sigv4/sign-request.ts'
import { createSigningKeys } from '../../src/core/sigv4/signing-keys.ts'
import { generateMarked } from './marked-content.ts'
import type { IncomingMessage } from 'node:http'
import type { AccessKey } from '../../src/core/sigv4/credential.ts'
import type { MarkedContent } from './marked-content.ts'

export interface Upload {
  readonly path: string
  readonly content: MarkedContent
  /** Number of the first part of the content. */
  readonly first: number
  readonly parts: number
}

/** Uploads what is too large to be held, in parts to S3 or in one to REST. */
export interface Uploader {
  /** Hashes the parts; the function that it resolves with uploads them and resolves with the seconds that took. */
  inParts(upload: Upload & { partsAtOnce: number }): Promise<() => Promise<number>>
  inOne(upload: Upload): Promise<number>
  /** Throws unless the file has this SHA-256. */
  check(path: string, sha256: string): Promise<void>
  close(): void
}

interface Sent {
  readonly method: string
  readonly path: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly sizeBytes: number
  readonly body: Iterable<Buffer>
}

export function createUploader(options: {
  host: string
  port: number
  accessKey: AccessKey
  restHeaders: Readonly<Record<string, string>>
}): Uploader {
  const { host, port, accessKey, restHeaders } = options
  const agent = new Agent({ keepAlive: true })
  const signingKeys = createSigningKeys()

  async function send({
    method,
    path,
    query = '',
    headers,
    sizeBytes,
    body,
  }: Sent): Promise<IncomingMessage> {
    const outgoing = request({
      host,
      port,
      agent,
      method,
      path: query === '' ? path : `${path}?${query}`,
      headers: { ...headers, 'content-length': sizeBytes },
    })
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve)
      outgoing.once('error', reject)
    })
    await Promise.all([pipeline(Readable.from(body, { objectMode: false }), outgoing), answered])
    const answer = await answered
    if (answer.statusCode !== 200 && answer.statusCode !== 201) {
      throw new Error(`${method} ${path}: ${answer.statusCode} ${(await text(answer)).slice(0, 500)}`)
    }
    return answer
  }

  async function sendSigned(sent: Sent & { sha256: string }): Promise<IncomingMessage> {
    const { headers } = signRequest({
      method: sent.method,
      host: `${host}:${port}`,
      path: sent.path,
      query: sent.query ?? '',
      payload: sent.sha256,
      signedAtMs: Date.now(),
      region: 'us-east-1',
      accessKey,
      signingKeys,
    })
    return await send({ ...sent, headers })
  }

  const sendText = async (method: string, path: string, query: string, content: string): Promise<string> => {
    const body = Buffer.from(content)
    const sha256 = createHash('sha256').update(body).digest('hex')
    return await text(await sendSigned({ method, path, query, sizeBytes: body.length, body: [body], sha256 }))
  }

  async function uploadParts(
    { path, content, first, parts, partsAtOnce }: Upload & { partsAtOnce: number },
    hashes: readonly string[],
  ): Promise<void> {
    const uploadId = elementOf(await sendText('POST', path, 'uploads=', ''), 'UploadId')
    const etags: string[] = []
    let next = 0
    async function workOff(): Promise<void> {
      for (let part = next++; part < parts; part = next++) {
        const answer = await sendSigned({
          method: 'PUT',
          path,
          query: `partNumber=${part + 1}&uploadId=${encodeURIComponent(uploadId)}`,
          sizeBytes: content.base.length,
          body: generateMarked(content, first + part, 1),
          sha256: hashes[part]!,
        })
        etags[part] = String(answer.headers.etag)
        await buffer(answer)
      }
    }
    await Promise.all(Array.from({ length: partsAtOnce }, workOff))
    const list = etags.map(
      (etag, part) => `<Part><PartNumber>${part + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
    )
    const document = `<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`
    const completed = await sendText('POST', path, `uploadId=${encodeURIComponent(uploadId)}`, document)
    // S3 may begin with 200 and fail afterwards.
    elementOf(completed, 'ETag')
  }

  return {
    async inParts(upload) {
      const hashes = Array.from({ length: upload.parts }, (_, part) => {
        const hash = createHash('sha256')
        for (const piece of generateMarked(upload.content, upload.first + part, 1)) hash.update(piece)
        return hash.digest('hex')
      })
      return async () => await secondsOf(uploadParts(upload, hashes))
    },

    async inOne({ path, content, first, parts }) {
      const sizeBytes = parts * content.base.length
      const body = generateMarked(content, first, parts)
      const sent = send({ method: 'PUT', path, headers: restHeaders, sizeBytes, body })
      return await secondsOf(sent.then(buffer))
    },

    async check(path, sha256) {
      const hash = createHash('sha256')
      const answer = await send({ method: 'GET', path, headers: restHeaders, sizeBytes: 0, body: [] })
      for await (const chunk of answer as AsyncIterable<Buffer>) hash.update(chunk)
      if (hash.digest('hex') !== sha256) throw new Error(`${path} came back with other bytes than were put`)
    },

    close: () => agent.destroy(),
  }
}

async function secondsOf(work: Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work
  return (performance.now() - began) / 1000
}

function elementOf(xml: string, name: string): string {
  const value = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]
  if (value === undefined) throw new Error(`no ${name} in ${xml.slice(0, 500)}`)
  return value
}
