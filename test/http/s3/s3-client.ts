import { createHash } from 'node:crypto'
import type { Core } from '../../../src/core/core.ts'
import { encodePart, encodePath } from '../../../src/core/sigv4/percent.ts'
import { signRequest } from '../../../src/core/sigv4/sign-request.ts'
import { createSigningKeys } from '../../../src/core/sigv4/signing-keys.ts'
import { createApp } from '../../../src/http/app.ts'
import { child, readXml, type XmlElement } from '../../../src/http/s3/xml-read.ts'
import type { HttpAnswer, HttpCredentials, HttpFetch, HttpInit } from '../../contracts/http/subject.ts'
import { createInProcessFetch } from '../in-process.ts'

export const region = 'us-east-1'
export const host = 'cutty.test'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface S3Init {
  /** `{ acl: '' }` is sent as `?acl=`, which is how SDKs ask for a subresource; what is undefined is left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>
  /** All signed. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Sent for the hash of the body: `UNSIGNED-PAYLOAD`, say. */
  readonly payload?: string
}

export interface S3Answer extends HttpAnswer {
  readonly text: string
  /** The document of the body; an empty element where there is none. */
  readonly xml: XmlElement
  /** The code of an error, `''` of anything else. */
  readonly code: string
  /** The text of the elements along a path, each the first of its name. */
  of(...path: string[]): string | undefined
}

export interface S3Client {
  /** Empty `bucket` and `key` are left out. Keys are encoded as S3's clients do it. */
  call(method: string, bucket?: string, key?: string, init?: S3Init): Promise<S3Answer>
}

/** A client that signs every request in its headers; without `credentials` it is the public's. */
export function createS3Client(
  fetch: HttpFetch,
  credentials: HttpCredentials | undefined,
  now = Date.now,
): S3Client {
  const signingKeys = createSigningKeys()
  return {
    async call(method, bucket = '', key = '', { query = {}, headers = {}, body, payload } = {}) {
      const path = bucket === '' ? '/' : `/${bucket}${key === '' ? '' : `/${encodePath(key)}`}`
      const pairs = Object.entries(query).flatMap(([name, value]) =>
        value === undefined ? [] : `${encodePart(name)}=${encodePart(String(value))}`,
      )
      const text = pairs.join('&')
      const bytes = typeof body === 'string' ? encoder.encode(body) : body
      const signed = credentials
        ? signRequest({
            method,
            host,
            path,
            query: text,
            headers,
            payload:
              payload ??
              createHash('sha256')
                .update(bytes ?? '')
                .digest('hex'),
            signedAtMs: now(),
            region,
            accessKey: { accessKeyId: credentials.accessKeyId, secret: credentials.secretAccessKey },
            signingKeys,
          }).headers
        : {}
      const target = text === '' ? path : `${path}?${text}`
      const init: HttpInit = { method, headers: { host, ...headers, ...signed }, body: bytes }
      return readAnswer(await fetch(target, init))
    },
  }
}

/** The same over an application of its own in this process. */
export function createInProcessS3(core: Core, credentials: HttpCredentials | undefined): S3Client {
  return createS3Client(createInProcessFetch(createApp(core)), credentials, core.clock.now)
}

function readAnswer(answer: HttpAnswer): S3Answer {
  const text = decoder.decode(answer.bytes)
  const isXml = text !== '' && answer.headers.get('content-type') === 'application/xml'
  const xml = isXml ? readXml(text) : { name: '', text: '', children: [] }
  const of = (...path: string[]) => {
    let element: XmlElement | undefined = xml
    for (const name of path) element = element && child(element, name)
    return element?.text
  }
  return { ...answer, text, xml, of, code: xml.name === 'Error' ? (of('Code') ?? '') : '' }
}
